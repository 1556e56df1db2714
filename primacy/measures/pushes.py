"""How little of a layer it takes: the push that flips answers, the components that keep them.

`steering_dose` counts in differences of class means, in which two features whose decisions lie
midway are alike by construction. `steering_push` counts in the layer's own spread.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, answers
from primacy.measures.directions import Onward
from primacy.measures.linalg import svd
from primacy.measures.moments import centered, mean_gap
from primacy.measures.steering import HALF, REFERENCE, _flipped, _single
from primacy.registry import measure

FINE = 1.05
"""Factor from one push of the grid to the next."""

LEAST, MOST = 0.02, 8.0
"""Ends of the grid."""

COARSE = 6
"""Steps of the grid that are skipped while looking for the first crossing, then walked."""

KEPT = 0.95
"""The share of a layer's accuracy that components must keep."""

_STEPS = int(np.ceil(np.log(MOST / LEAST) / np.log(FINE) / COARSE)) * COARSE


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="root of the layer's total variance",
    direction="lower is a target that a smaller push along the feature's direction flips",
    range=(0.02, None),
    chance=None,
    formula="smallest p from .02 up, in steps of 5 %, at which the target's answer flips in at "
    "least half the examples when each moves toward the feature's other value by p sqrt(total "
    "variance), along the difference of the class means; crossings are looked for at every sixth p "
    "and then among the five between",
    invariance="rotation, shift and overall scale of the layer, if the network undoes them; "
    "recoding of the feature's two values",
    misleads="A feature with a small share needs a small push, because its class means are near "
    "each other: it says how far apart they are in the layer's spread as much as how sensitive the "
    "rest of the network is. A crossing that is gone again within six steps of the grid is missed.",
    reference=REFERENCE,
)
def steering_push(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How large a push along a feature flips half of a target's answers, in the layer's spread.

    .5: half the root of the total variance. On the targets of other features higher is better: the
    push is specific. Null: never within 8; the feature does not have just two values or is a group
    of columns; the layer is constant; an output is not finite.
    """
    directions, toward = _single(fit_reps, fit_features, features, codes)
    spread = jnp.sqrt((centered(fit_reps).deviations ** 2).mean(axis=0).sum())
    length = jnp.sqrt((directions.move**2).sum(axis=1))  # of one unit of the feature
    way = jnp.sign(toward) * spread
    way = way / jnp.where(length > 0, length, jnp.nan)[None]

    def flips(at: Float[Array, ""]) -> Float[Array, "k t"]:
        return _flipped(onward, reps, outputs, LEAST * FINE**at * way, heads, directions)

    coarse = jnp.arange(0, _STEPS + 1, COARSE, dtype=reps.dtype)
    there = jax.lax.map(flips, coarse) >= HALF
    first = there.argmax(axis=0)
    known = there.any(axis=0) & jnp.isfinite(spread) & (spread > 0)

    def walked(back: Float[Array, ""]) -> Float[Array, "k t"]:
        # Each feature and target has a crossing of its own: one push for each pair.
        at = jnp.maximum(coarse[first] - back, 0.0)
        found = jax.lax.map(
            lambda j: _flipped(
                onward, reps, outputs, LEAST * FINE ** at[:, j][None] * way, heads, directions
            )[:, j],
            jnp.arange(first.shape[1]),
        )
        return found.T

    # From the crossing backward: the smallest step of the cell at which half still flip.
    back = jnp.arange(COARSE, dtype=reps.dtype)
    inside = jax.lax.map(walked, back) >= HALF
    least = (jnp.where(inside, back[:, None, None], 0.0)).max(axis=0)
    push = LEAST * FINE ** jnp.maximum(coarse[first] - least, 0.0)
    return jnp.where(known & (push <= MOST), push, jnp.nan)


@measure(
    axes=("target",),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="principal components",
    direction="lower is a target that the layer's leading directions are enough for",
    range=(1.0, None),
    chance=None,
    formula="smallest r with accuracy(r) >= .95 accuracy(all); accuracy(r): of the "
    "answers that the rest of the network gives when the layer is replaced by its mean and "
    "its r leading principal components. Components and mean from the fit examples, "
    "accuracy on the test examples",
    invariance="rotation, shift and overall scale of the layer, if the network undoes them",
    misleads="A network at chance keeps its accuracy with any component: read it where "
    "the target is learned. Components are in the order of variance, so a target on a "
    "faint direction needs all before it. Accuracy can fall again as components are added; "
    "the first r counts. Compare with components_needed, which asks what a linear probe "
    "needs, not what the network uses.",
    reference="principal components removed in order: Lampinen, Chan, Hermann 2024, "
    "arXiv 2405.05847",
)
def components_for_accuracy(
    fit_reps: Float[Array, "m h"],
    reps: Float[Array, "n h"],
    targets: Float[Array, "n t"],
    onward: Onward,
    heads: Widths | None = None,
) -> Float[Array, " t"]:
    """How many leading principal components of a layer keep 95 % of a target's accuracy.

    1: the direction of largest variance is enough. h: the faintest is needed. Null: the layer is
    not finite.
    """
    y, test_y = centered(fit_reps), centered(reps)
    _, _, axes = svd(y.deviations)
    scores = (test_y.deviations + mean_gap(test_y, y)) @ axes.T
    ranks = jnp.arange(axes.shape[0])

    def right(reps: Float[Array, "n h"]) -> Float[Array, " t"]:
        # Targets are 0 and 1, or the index of a class: what `answers` gives.
        return (answers(onward(reps), heads) == targets).mean(axis=0)

    def of_leading(r: Array) -> Float[Array, " t"]:
        return right(y.mean + jnp.where((ranks <= r)[None], scores, 0.0) @ axes)

    found = jax.lax.map(of_leading, ranks)
    there = found >= KEPT * right(reps)[None]
    known = there.any(axis=0) & jnp.isfinite(scores).all()
    return jnp.where(known, 1.0 + there.argmax(axis=0), jnp.nan)
