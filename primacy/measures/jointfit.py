"""A least-squares fit of a layer on several columns at once, on any choice of them."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.linalg import qr, svd
from primacy.measures.moments import centered, mean_gap, share

SAME = 1e-5
"""Directions of the features with less than this share (times their number) of the largest one's
standard deviation are left out of a joint fit: features as good as equal are counted once."""


class JointFit(NamedTuple):
    """What a fit on several features at once needs.

    The features' deviations Z, in units of their standard deviation in the fit, are written as
    Q R with orthonormal Q, on both sets: products with Q do not cancel where features are nearly
    equal. A feature that is constant or not finite is 0 everywhere: it neither helps nor harms.
    """

    cross: Float[Array, "r h"]  # Q' layer, of the fit; r is k, or m where there are fewer examples
    factor: Float[Array, "r c"]  # R, of the fit
    test_cross: Float[Array, "q h"]
    test_factor: Float[Array, "q c"]
    test_basis: Float[Array, "n q"]
    feature_gap: Float[Array, "1 c"]  # test mean minus fit mean
    rep_gap: Float[Array, "1 h"]
    n: int
    total: Float[Array, ""]
    usable: Bool[Array, " c"]


def joint_fit(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
) -> JointFit:
    """The features and the layer, ready to be fitted on any choice of features."""
    y, x = centered(fit_reps), centered(fit_features)
    test_y, test_x = centered(reps), centered(features)
    spread = (x.deviations**2).mean(axis=0)
    usable = jnp.isfinite(features).all(axis=0) & jnp.isfinite(spread) & (spread > 0)
    scale = jnp.sqrt(jnp.where(usable, spread, 1.0))[None]
    z, test_z, gap = (
        jnp.where(usable[None], part, 0.0) / scale
        for part in (x.deviations, test_x.deviations, mean_gap(test_x, x))
    )
    (basis, factor), (test_basis, test_factor) = qr(z), qr(test_z)
    return JointFit(
        cross=basis.T @ y.deviations,
        factor=factor,
        test_cross=test_basis.T @ test_y.deviations,
        test_factor=test_factor,
        test_basis=test_basis,
        feature_gap=gap,
        rep_gap=mean_gap(test_y, y),
        n=reps.shape[0],
        total=(test_y.deviations**2).sum(),
        usable=usable,
    )


def guess_of(
    fit: JointFit, chosen: Bool[Array, " c"]
) -> tuple[Float[Array, "q h"], Float[Array, "1 h"]]:
    """What a fit on the chosen columns makes of the layer, and by how much all of it is off.

    On the basis of the test set's columns (`test_basis`).
    """
    chosen = chosen & fit.usable
    left, size, right = svd(fit.factor * chosen[None])
    # The pseudo-inverse: equal features share the credit instead of blowing up.
    kept = size > SAME * chosen.size * size[:1]
    to_unit = (right * chosen[None]).T * jnp.where(kept, 1 / jnp.where(kept, size, 1.0), 0.0)[None]
    slope = left.T @ fit.cross  # on the features' principal directions, of length 1 in the fit
    test_unit = fit.test_factor @ to_unit
    offset = fit.rep_gap - fit.feature_gap @ to_unit @ slope
    return test_unit @ slope, offset


def explained_of(fit: JointFit, chosen: Bool[Array, " c"]) -> Float[Array, " h"]:
    """SST - SSE of every unit, of the chosen columns together."""
    guess, offset = guess_of(fit, chosen)
    return (guess * (2 * fit.test_cross - guess)).sum(axis=0) - fit.n * offset[0] ** 2


def r_squared_of(fit: JointFit, chosen: Bool[Array, " c"]) -> Float[Array, ""]:
    """Pooled held-out R^2 of the chosen columns together.

    Of none it is that of the fit's mean: 0, or slightly below.
    """
    guess, offset = guess_of(fit, chosen)
    explained = (guess * (2 * fit.test_cross - guess)).sum()
    return share(explained - fit.n * (offset**2).sum(), fit.total)
