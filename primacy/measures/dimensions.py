"""How many directions a layer uses, and how many of its principal components keep a feature.

`participation_ratio`, the most used effective dimension, is in `represented`; those here need the
singular values themselves.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, summed
from primacy.measures.linalg import singular_values, svd
from primacy.measures.moments import centered, mean_gap, share
from primacy.registry import measure

KEPT = 0.9
"""What counts as keeping: this share of the variance, or of the feature's R^2."""

READABLE = 0.1
"""A feature of which the whole layer predicts less than this R^2 is not there to be kept."""

NONE = 1e-5
"""A direction with less than this share of the largest singular value holds only rounding."""


def _first(reached: Bool[Array, "... r"]) -> Float[Array, "..."]:
    """The number (from 1) of the first that is true."""
    return 1.0 + jnp.argmax(reached, axis=-1).astype(jnp.float32)


def _spectrum(reps: Float[Array, "n h"]) -> Float[Array, " r"]:
    """Singular values of the centered layer over their largest; NaN where it is constant."""
    deviations = centered(reps).deviations
    largest = jnp.abs(deviations).max()
    # Scaled first, so that huge activations do not overflow; a layer that is not finite stays so.
    scaled = jnp.where(largest > 0, deviations / largest, jnp.nan)
    size = singular_values(scaled)
    return jnp.where(size > NONE * size[:1], size, 0.0) / size[:1]


@measure(
    axes=(),
    by_default=False,
    unit="dimensions",
    direction="higher is variance spread over more directions",
    range=(1.0, None),
    chance=None,
    formula="exp(-sum p log p), p the singular values of the layer's deviations over their sum",
    invariance="rotation, shift and overall scale of the layer",
    misleads="It counts faint directions for far more than participation_ratio does (singular "
    "values, not their fourth powers), so a little noise in every unit raises it towards the "
    "number of units. It cannot exceed n - 1, so few examples make it too low.",
    reference="Roy, Vetterli 2007, EUSIPCO (effective rank)",
)
def effective_rank(reps: Float[Array, "n h"]) -> Float[Array, ""]:
    """How many directions a layer uses, by the entropy of its singular values.

    1: all examples lie on one line. h: the layer varies equally in every direction of its h units.
    Null: the layer is constant or not finite.
    """
    size = _spectrum(reps)
    p = size / size.sum()
    return jnp.exp(-jax.scipy.special.xlogy(p, p).sum())


@measure(
    axes=(),
    by_default=False,
    unit="principal components",
    direction="higher is variance spread over more directions",
    range=(1.0, None),
    chance=None,
    formula="smallest r whose r leading principal components hold 90 % of the variance",
    invariance="rotation, shift and overall scale of the layer",
    misleads="A whole number, so it jumps. Variance is not meaning: the components left out may be "
    "the ones that carry a feature, see components_needed.",
    reference="Jolliffe 2002, Principal Component Analysis, section 6.1",
)
def components_of_variance(reps: Float[Array, "n h"]) -> Float[Array, ""]:
    """How many principal components hold 90 % of a layer's variance over the test examples.

    1: one direction holds as much. h: as many as there are units. Null: the layer is constant or
    not finite.
    """
    held = jnp.cumsum(_spectrum(reps) ** 2)
    return jnp.where(jnp.isfinite(held[-1]), _first(held >= KEPT * held[-1]), jnp.nan)


@measure(
    axes=("feature",),
    by_default=False,
    unit="principal components",
    direction="higher is a feature that lies in fainter directions",
    range=(1.0, None),
    chance=None,
    formula="smallest r with R^2(r) >= 0.9 R^2(all); R^2(r): the feature predicted by least "
    "squares from the r leading principal components. Components and fit from the fit examples, "
    "R^2 on the test examples",
    invariance="rotation, shift and overall scale of the layer; shift and scale of the feature",
    misleads="It says where a feature lies in the order of variance, not how many directions hold "
    "it: a feature on the tenth component alone needs ten. Where directions have equal variance "
    "their order is arbitrary, and the number with it. With few examples for many units R^2(all) "
    "is low by overfitting, and fewer components seem enough.",
    reference="principal components removed in order: Lampinen, Chan, Hermann 2024, "
    "arXiv 2405.05847",
)
def components_needed(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How many leading principal components of a layer keep what the whole layer says of a feature.

    1: the direction of largest variance is enough. h: the faintest direction is needed. Null: the
    whole layer predicts less than R^2 = .1 of the feature, so there is nothing to keep; or the
    feature is constant or is a group of columns, or the layer is constant or not finite.
    """
    y, test_y = centered(fit_reps), centered(reps)
    largest = jnp.abs(y.deviations).max()
    left, size, right = svd(jnp.where(largest > 0, y.deviations / largest, jnp.nan))
    there = size > NONE * size[:1]
    to_unit = jnp.where(there, 1 / jnp.where(there, size, 1.0), 0.0)[None] / largest
    gap = mean_gap(test_y, y)
    test_scores = (test_y.deviations + gap) @ right.T * to_unit  # of unit length in the fit
    x, test_x = centered(fit_features), centered(features)
    slopes = left.T @ x.deviations * there[:, None]

    def needed(error: Float[Array, " r"], total: Float[Array, ""]) -> Float[Array, ""]:
        r_squared = 1 - share(error, jnp.broadcast_to(total, error.shape))
        count = _first(r_squared >= KEPT * r_squared[-1])
        return jnp.where(r_squared[-1] >= READABLE, count, jnp.nan)

    def errors(given: tuple) -> tuple[Float[Array, " r"], Float[Array, ""]]:
        slope, actual, gap = given
        # The prediction by the first component, by the first two, and so on.
        guess = jnp.cumsum(test_scores * slope[None], axis=1)
        return ((actual[:, None] + gap - guess) ** 2).sum(axis=0), (actual**2).sum()

    # One column after the other, so that memory does not grow with their number.
    given = slopes.T, test_x.deviations.T, mean_gap(test_x, x)[0]
    error, total = jax.lax.map(errors, given)
    return jax.vmap(needed)(summed(error, codes), summed(total, codes))
