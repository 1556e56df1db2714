"""What somebody who trains on a layer ends up with: the classifier's lean between features."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, alone
from primacy.measures.labels import two_valued
from primacy.measures.linalg import qr, solve_positive
from primacy.measures.moments import centered, mean_gap
from primacy.registry import measure

STEPS = 12
"""Newton steps; the loss is then as low as float32 shows (see `probes`)."""

REFERENCE = "downstream classifiers under conflict: Lampinen, Chan, Hermann 2024, arXiv 2405.05847"


def _classifier(
    x: Float[Array, "m r"],
    test: Float[Array, "n r"],
    label: Float[Array, " m"],
    used: Float[Array, " m"],
) -> Float[Array, " n"]:
    """Logits of a logistic regression with |w|^2 / 2 on the examples that are used (C = 1)."""
    m, r = x.shape
    x = jnp.concatenate([x, jnp.ones((m, 1), x.dtype)], axis=1)
    penalty = jnp.full(r + 1, 1.0, x.dtype).at[-1].set(1e-6)

    def cost(w: Float[Array, " r1"]) -> Float[Array, ""]:
        logits = x @ w
        loss = jax.nn.softplus(jnp.where(label > 0, -logits, logits))
        return (used * loss).sum() + (penalty * w**2).sum() / 2

    def step(w: Float[Array, " r1"], _: None) -> tuple[Float[Array, " r1"], None]:
        p = jax.nn.sigmoid(x @ w)
        slope = x.T @ (used * (p - label)) + penalty * w
        bend = (x.T * (used * p * (1 - p))[None]) @ x + jnp.diag(penalty)
        way = -solve_positive(bend, slope)
        lengths = jnp.array([1, 0.5, 0.25, 0.125, 0.03, 0.0], x.dtype)
        costs = jax.vmap(lambda length: cost(w + length * way))(lengths)
        return w + lengths[jnp.argmin(costs)] * way, None

    w = jax.lax.scan(step, jnp.zeros(r + 1, x.dtype), None, length=STEPS)[0]
    return test @ w[:-1] + w[-1]


def _lean(
    fit: Float[Array, "m h"],
    test: Float[Array, "n h"],
    fit_labels: Float[Array, "m k"],
    labels: Float[Array, "n k"],
    two: Bool[Array, " k"],
) -> Float[Array, " k"]:
    m, h = fit.shape
    if h > m:
        directions, _ = qr(fit.T)
        fit, test = fit @ directions, test @ directions
    k = labels.shape[1]

    def against(a: int, b: int) -> Float[Array, ""]:
        agree = (fit_labels[:, a] == fit_labels[:, b]).astype(fit.dtype)
        logits = _classifier(fit, test, fit_labels[:, a], agree)
        conflict = (labels[:, a] != labels[:, b]).astype(fit.dtype)
        follows = ((logits > 0) == (labels[:, a] > 0)).astype(fit.dtype)
        share = (follows * conflict).sum() / jnp.maximum(conflict.sum(), 1)
        known = (conflict.sum() > 0) & jnp.isfinite(logits).all() & two[a] & two[b]
        return jnp.where(known, share, jnp.nan)

    # The share that follows b in a conflict of a with b is the rest, from the same classifier.
    table: list[list[Array]] = [[jnp.asarray(jnp.nan)] * k for _ in range(k)]
    for a in range(k):
        for b in range(a + 1, k):
            table[a][b] = against(a, b)
            table[b][a] = 1 - table[a][b]
    rows = [[table[a][b] for b in range(k) if b != a] for a in range(k)]
    # A feature that has not two values is no rival.
    return jnp.stack([jnp.nanmean(jnp.stack(row)) if row else jnp.asarray(jnp.nan) for row in rows])


def _labels(
    fit_features: Float[Array, "m k"], features: Float[Array, "n k"]
) -> tuple[Float[Array, "m k"], Float[Array, "n k"], Bool[Array, " k"]]:
    labels, two = two_valued(fit_features, features)
    fit_labels, _ = two_valued(fit_features, fit_features)
    return fit_labels, labels, two


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction of examples",
    direction="higher is a feature that a classifier on the layer prefers",
    range=(0.0, 1.0),
    chance=0.5,
    formula="for each other feature: logistic regression (sum of losses + |w|^2 / 2) from the "
    "layer on the fit examples in which the two agree, label their common value; share of the test "
    "examples in which they conflict whose label it gives as this feature's value; mean over the "
    "other features. The layer is centered and not scaled",
    invariance="rotation and shift of the layer; recoding of the features' values",
    misleads="A penalty on weights makes the directions of large activations cheap, so the number "
    "follows the variance that a feature holds, and the scale of the layer counts. Compare with "
    "downstream_lean_standardized, which may lean the other way.",
    reference=REFERENCE,
)
def downstream_lean(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Which of two equally good features a classifier on the layer follows when they conflict.

    .5: neither more than the other. 1: always this one. 0: always the other. Null: fewer than two
    features have just two values, no test example holds a conflict, or the layer is not finite.
    """
    y, test_y = centered(fit_reps), centered(reps)
    test = test_y.deviations + mean_gap(test_y, y)
    return _lean(y.deviations, test, *_labels(alone(fit_features, codes), alone(features, codes)))


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction of examples",
    direction="higher is a feature that a classifier on the layer prefers",
    range=(0.0, 1.0),
    chance=0.5,
    formula="downstream_lean with each unit divided by its standard deviation in the fit examples "
    "first; a unit that never varies is left out",
    invariance="shift and scale of each unit; recoding of the features' values",
    misleads="Units that hardly vary count as much as the others, their noise included. It is no "
    "longer invariant to a rotation of the layer.",
    reference=REFERENCE,
)
def downstream_lean_standardized(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """The same with units of equal size: what a feature's reach over units gives it.

    .5: neither more than the other. 1: always this one. 0: always the other. Null: as for
    downstream_lean.
    """
    y, test_y = centered(fit_reps), centered(reps)
    spread = jnp.sqrt((y.deviations**2).mean(axis=0))
    to_unit = jnp.where(spread > 0, 1 / jnp.where(spread > 0, spread, 1.0), 0.0)[None]
    test = test_y.deviations + mean_gap(test_y, y)
    return _lean(
        y.deviations * to_unit,
        test * to_unit,
        *_labels(alone(fit_features, codes), alone(features, codes)),
    )
