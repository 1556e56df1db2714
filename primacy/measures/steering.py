"""What the network uses of a hidden layer: which answers flip when it is pushed along a feature.

Every example is moved toward the feature's other value by c times the difference of the class
means of the layer: c, the dose, is 1 for the whole way from one class mean to the other. The whole
course over the doses is `dose_curve`; the measures are its summary.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.classes import Widths, alone, answers, finite
from primacy.measures.directions import Directions, Onward, mean_of_draws, moved, of_chance
from primacy.measures.directions import of_features as directions_of
from primacy.registry import measure

DOSES = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.4, 8.0)
"""The grid of c. A decision midway between the class means flips at 0.5, which is therefore not
among them: there rounding would decide."""

HALF = 0.5
"""Share of examples that must flip."""

REFERENCE = (
    "difference-of-means steering: Marks and Tegmark 2023, arXiv 2310.06824; Turner et "
    "al. 2023, arXiv 2308.10248"
)


def _toward_other(
    fit_features: Float[Array, "m c"], features: Float[Array, "n k"]
) -> Float[Array, "n k"]:
    """From each example's value to the feature's other one; NaN unless it has just two values."""
    low, high = fit_features.min(axis=0), fit_features.max(axis=0)

    def either(values: Float[Array, "x k"]) -> Bool[Array, " k"]:
        return ((values == low[None]) | (values == high[None])).all(axis=0)

    two = either(fit_features) & either(features) & (high > low)
    return jnp.where(two[None], low[None] + high[None] - 2 * features, jnp.nan)


def _flipped(
    onward: Onward,
    reps: Float[Array, "n h"],
    outputs: Float[Array, "n o"],
    amounts: Float[Array, "n k"],
    heads: Widths | None,
    directions: Directions,
) -> Float[Array, "k t"]:
    """Share of examples whose answer changes when each moves its amount."""
    now = moved(onward, reps, amounts, directions.move)
    before = answers(outputs, heads)[None]
    share = (jax.vmap(lambda one: answers(one, heads))(now) != before).mean(axis=1)
    known = jax.vmap(lambda one: finite(one, heads))(now) & finite(outputs, heads)[None]
    return jnp.where(known, share, jnp.nan)


def _single(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    features: Float[Array, "n c"],
    codes: Widths | None,
) -> tuple[Directions, Float[Array, "n k"]]:
    """Each feature's direction, and each example's way to the feature's other value."""
    fit_one, one = alone(fit_features, codes), alone(features, codes)
    return directions_of(fit_reps, fit_one), _toward_other(fit_one, one)


def dose_curve(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "x k t"]:
    """Share of examples whose answer flips at each dose of `DOSES`, of every feature and target.

    0: no answer changes. 1: every answer does. NaN: the feature does not have just two values, or
    an output is not finite.
    """
    directions, way = _single(fit_reps, fit_features, features, codes)
    return jax.lax.map(
        lambda dose: _flipped(onward, reps, outputs, dose * way, heads, directions),
        jnp.array(DOSES, reps.dtype),
    )


def _first_dose(curve: Float[Array, "x k t"]) -> Float[Array, "k t"]:
    there = curve >= HALF
    dose = jnp.asarray(np.array(DOSES, np.float32))[there.argmax(axis=0)]
    return jnp.where(there.any(axis=0), dose, jnp.nan)


def _of_own(table: Float[Array, "k t"], own_targets: Int[Array, " k"]) -> Float[Array, " k"]:
    """Each feature's number on its own target; NaN without one."""
    own = jnp.take_along_axis(table, jnp.maximum(own_targets, 0)[:, None], axis=1)[:, 0]
    return jnp.where(own_targets >= 0, own, jnp.nan)


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="difference of the class means",
    direction="lower is a target that depends more on the feature's direction",
    range=(0.1, 8.0),
    chance=None,
    formula="smallest c of 0.1 to 8 (16 values) at which the target's answer flips in at least "
    "half the examples when each moves by c (mean of the layer at the feature's other value - "
    "mean at its own)",
    invariance="rotation, shift and overall scale of the layer, if the network undoes them; "
    "recoding of the feature's two values",
    misleads="The class means also differ by whatever correlates with the feature, so steering is "
    "less clean than erasure. Large doses lead far off the data, where any direction may flip an "
    "answer: compare with steering_side_effect_null. It is a value of the grid: 0.6 says that half "
    "had flipped by 0.6 and not by 0.4. A network that always gives the same answer flips at any "
    "small push or never.",
    reference=REFERENCE,
)
def steering_dose(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    outputs: Float[Array, "n o"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How far along a feature a hidden layer must be pushed until half of a target's answers flip.

    0.6: what lies midway between the class means decides. 1: as far as from one class mean to the
    other. On the targets of other features higher is better: the push is specific. Null: never
    within 8; the feature does not have just two values or is a group of columns; an output is not
    finite.
    """
    return _first_dose(
        dose_curve(fit_reps, fit_features, reps, features, outputs, onward, codes, heads)
    )


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction of examples",
    direction="lower on the other targets is more specific",
    range=(0.0, 1.0),
    chance=None,
    formula="share of examples whose answer to the target flips at the feature's steering_dose on "
    "its own target",
    invariance="rotation, shift and overall scale of the layer, if the network undoes them; "
    "recoding of the feature's two values",
    misleads="Where targets depend on each other a flip may be right. The dose is a value of a "
    "grid, so on the feature's own target it may be far above half; and a feature that needs a "
    "large dose has had more chance to disturb the others.",
    reference=REFERENCE,
)
def steering_side_effect(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    outputs: Float[Array, "n o"],
    own_targets: Int[Array, " k"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How many answers flip, target by target, at the dose that flips the feature's own target.

    On its own target at least 0.5. On another, 0: it is left alone; 1: every answer flips with it.
    Null: the feature has no target of its own, or that never flips (see steering_dose).
    """
    curve = dose_curve(fit_reps, fit_features, reps, features, outputs, onward, codes, heads)
    dose = _of_own(_first_dose(curve), own_targets)
    at = (jnp.array(DOSES, dose.dtype)[:, None] == dose[None]).argmax(axis=0)
    found = jnp.take_along_axis(curve, at[None, :, None], axis=0)[0]
    return jnp.where(jnp.isfinite(dose)[:, None], found, jnp.nan)


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction of examples",
    direction="lower is a dose at which it matters which direction is pushed",
    range=(0.0, 1.0),
    chance=None,
    formula="mean over 4 random directions, as long as the feature's and holding as much of the "
    "layer's variance, of the share of examples whose answer flips at the same dose",
    invariance="shift and overall scale of the layer, if the network undoes them; recoding of the "
    "feature's two values",
    misleads="In a layer of few directions a random one is partly the feature's own, and where one "
    "direction holds nearly all variance the match is that direction itself.",
    reference=REFERENCE,
    control_of="steering_side_effect",
)
def steering_side_effect_null(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    outputs: Float[Array, "n o"],
    own_targets: Int[Array, " k"],
    onward: Onward,
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How many answers flip at the feature's dose when random directions are pushed instead.

    The matched control of steering_side_effect, its own target included: there 0 says that it
    takes this direction to flip it, and 0.5 or more that any does. Null: as for
    steering_side_effect.
    """
    curve = dose_curve(fit_reps, fit_features, reps, features, outputs, onward, codes, heads)
    dose = _of_own(_first_dose(curve), own_targets)
    fit_one, one = alone(fit_features, codes), alone(features, codes)
    amounts = dose[None] * _toward_other(fit_one, one)
    value = functools.partial(_flipped, onward, reps, outputs, amounts, heads)
    return mean_of_draws(value, of_chance(fit_reps, fit_one, None))
