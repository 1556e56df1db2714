"""What the network represents: how much of a hidden layer's variance goes with each feature.

"Variance explained" has several definitions that disagree by a factor of five on the same network,
so each has its own name here and all are stored. In every one the layer is fitted by least squares
(with intercept) on the `fit_` examples and scored on the test examples; SSE_j is the squared error
and SST_j the squared deviation from the test mean, of unit j.

Everything is a sum of products of deviations (moments), never an array of features x examples x
units; the deviations come from `centered`, so float32 is enough where mean >> spread.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, membership, plain, some
from primacy.measures.jointfit import JointFit, explained_of, guess_of, joint_fit, r_squared_of
from primacy.measures.moments import centered, mean_gap, share, variance
from primacy.registry import measure

FLOOR = 1e-6
"""A unit with less than this share of the layer's mean unit variance counts as dead."""


PAPER = "Lampinen, Chan, Hermann 2024, arXiv 2405.05847"


class _Single(NamedTuple):
    """A fit of the layer on each feature alone: the error of example i is
    `reps_i + offset - slope * features_i`."""

    reps: Float[Array, "n h"]  # deviations from the test mean
    features: Float[Array, "n k"]  # the same
    slope: Float[Array, "k h"]
    offset: Float[Array, "k h"]


def _single(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m k"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n k"],
) -> _Single:
    """Fit each feature alone. NaN rows where a feature is constant in the fit or not finite."""
    y, x = centered(fit_reps), centered(fit_features)
    spread = (x.deviations**2).sum(axis=0)[:, None]
    slope = share(
        x.deviations.T @ y.deviations, jnp.broadcast_to(spread, (x.first.size, y.first.size))
    )
    test_y, test_x = centered(reps), centered(features)
    offset = mean_gap(test_y, y) - mean_gap(test_x, x).T * slope
    return _Single(test_y.deviations, test_x.deviations, slope, offset)


def _explained(fit: _Single) -> Float[Array, "k h"]:
    """SST - SSE of every feature and unit, multiplied out so that no `k n h` array is needed."""
    cross = fit.features.T @ fit.reps
    square = (fit.features**2).sum(axis=0)[:, None]
    return fit.slope * (2 * cross - fit.slope * square) - fit.reps.shape[0] * fit.offset**2


def explained_by_unit(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, "k h"]:
    """Squared deviation of each unit that each feature explains: SST_j - SSE_j, on test."""
    if codes is None or plain(codes):
        return _explained(_single(fit_reps, fit_features, reps, features))
    fit = joint_fit(fit_reps, fit_features, reps, features)
    own = jnp.asarray(membership(codes, fit.usable.size))
    found = jax.lax.map(lambda chosen: explained_of(fit, chosen), own)
    return jnp.where(some(fit.usable, codes)[:, None], found, jnp.nan)


def living(spread: Float[Array, " h"]) -> Bool[Array, " h"]:
    """Which units vary, by their variances (or sums of squares)."""
    return spread > FLOOR * spread.mean()


definition = functools.partial(
    measure,
    axes=("feature",),
    unit="fraction of variance",
    range=(None, 1.0),
    family="variance explained",
    section="table",
)
"""Registers one of the definitions of how much of a layer a feature explains."""


@definition(
    direction="higher is more strongly represented",
    chance=0.0,
    formula="1 - sum_j SSE_j / sum_j SST_j (pooled over units)",
    invariance="rotation, shift and overall scale of the layer; not the scale of single units",
    misleads="A share can fall while the amount grows, because something else grows faster: see "
    "variance_absolute. It is separation of means, not decodability: a feature with R^2 of .0016 "
    "was read out by a probe without error. Where features are correlated the values overlap and "
    "may add up to more than 1.",
    reference=PAPER,
    label="pooled",
    at_chance=0.0,
)
def variance_explained(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Share of a layer's total variance that a linear function of one feature explains, held out.

    1: the layer is a linear function of this feature. 0: as good as the layer's mean. Below 0
    (slightly): the fit did worse than the mean, as chance does on held-out examples. Null: the
    feature is constant or is a group of columns, or the layer is constant or not finite.
    """
    gained = explained_by_unit(fit_reps, fit_features, reps, features, codes)
    return share(gained.sum(axis=1), (centered(reps).deviations ** 2).sum())


@definition(
    direction="higher is more strongly represented",
    chance=0.0,
    formula="mean over living units j of 1 - SSE_j / SST_j",
    invariance="shift and scale of every unit; not rotation of the layer",
    misleads="A unit that hardly moves counts as much as one that carries the layer, and the value "
    "changes when the layer is rotated. scikit-learn's LinearRegression().score, and so the "
    "paper's demo, count a unit constant at 0 as fully explained (force_finite): 48 dead units of "
    "64 give .75 with no information. Dead units are left out here; see dead_units.",
    reference=f"{PAPER} (its demo); scikit-learn r2_score, uniform_average",
    family_order=1,
    label="unit mean",
    at_chance=0.0,
)
def variance_explained_unit_mean(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Mean over units of the share of a unit's variance that one feature explains, held out.

    1: every living unit is a linear function of this feature. 0: as good as the units' means.
    Below 0: worse than the means. Null: the feature is constant or is a group of columns, or the
    layer is constant or not finite. Equals scikit-learn's `LinearRegression().score` where no unit
    is dead.
    """
    gained = explained_by_unit(fit_reps, fit_features, reps, features, codes)
    total = (centered(reps).deviations ** 2).sum(axis=0)
    alive = living(total)[None]
    each = jnp.where(alive, gained / jnp.where(alive, total[None], 1.0), 0.0)
    return share(each.sum(axis=1), alive.sum().astype(each.dtype))


@definition(
    direction="higher is more strongly represented",
    chance=None,
    formula="mean over examples i of 1 - |error_i|^2 / |rep_i - test mean|^2",
    invariance="rotation, shift and overall scale of the layer; not the scale of single units",
    misleads="Examples near the mean of the layer weigh without bound, so a few of them can carry "
    "it far below 0; one that sits exactly on the mean makes it null.",
    reference=f"{PAPER} (its formula read literally)",
    family_order=2,
    label="example mean",
)
def variance_explained_example_mean(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Mean over examples of the share of an example's deviation that one feature explains.

    1: the layer is a linear function of this feature. 0: no better than the mean, on average over
    examples. Below 0: worse than the mean. Null: the feature is constant or is a group of columns,
    an example sits exactly on the layer's mean, or the layer is not finite.
    """
    if codes is not None and not plain(codes):
        return _example_mean(fit_reps, fit_features, reps, features, codes)
    fit = _single(fit_reps, fit_features, reps, features)
    # |rep|^2 - |rep + offset - slope x|^2, multiplied out over examples and features.
    gained = (
        2 * fit.features * (fit.reps @ fit.slope.T + (fit.slope * fit.offset).sum(axis=1)[None])
        - fit.features**2 * (fit.slope**2).sum(axis=1)[None]
        - 2 * fit.reps @ fit.offset.T
        - (fit.offset**2).sum(axis=1)[None]
    )
    size = (fit.reps**2).sum(axis=1, keepdims=True)
    return share(gained, jnp.broadcast_to(size, gained.shape)).mean(axis=0)


def _example_mean(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """The same of features that are told by several numbers, one feature after the other."""
    fit = joint_fit(fit_reps, fit_features, reps, features)
    y = centered(reps).deviations
    size = (y**2).sum(axis=1)

    def one(chosen: Bool[Array, " c"]) -> Float[Array, ""]:
        guess, offset = guess_of(fit, chosen)
        error = ((y + offset - fit.test_basis @ guess) ** 2).sum(axis=1)
        return share(size - error, size).mean()

    found = jax.lax.map(one, jnp.asarray(membership(codes, fit.usable.size)))
    return jnp.where(some(fit.usable, codes), found, jnp.nan)


def _together(fit: JointFit, codes: Widths | None) -> Float[Array, " k1"]:
    """Pooled held-out R^2 of all features together, then of all but each in turn."""
    columns = fit.usable.size
    own = jnp.asarray(membership(codes, columns))
    chosen = jnp.concatenate([jnp.ones((1, columns), bool), ~own])
    return jax.vmap(lambda these: r_squared_of(fit, these))(chosen)


@measure(
    axes=(),
    unit="fraction of variance",
    direction="higher is more strongly represented",
    range=(None, 1.0),
    chance=0.0,
    formula="1 - sum_j SSE_j / sum_j SST_j of a least-squares fit on all features together",
    invariance="rotation, shift and overall scale of the layer; any invertible linear recoding of "
    "the features",
    misleads="It is linear in the features: a layer that holds only their XOR has 0. What is left "
    "to 1 is everything that is not declared a feature, noise and meaning alike. Features that are "
    "groups of columns are left out.",
    reference="",
    family="variance explained",
    section="summary",
)
def variance_explained_joint(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, ""]:
    """Share of a layer's total variance that all features together explain, held out.

    1: the layer is a linear function of the features. 0: as good as the layer's mean. Below 0: the
    fit did worse than the mean. Null: no feature can be fitted (all constant, or groups of
    columns), or the layer is constant or not finite.
    """
    fit = joint_fit(fit_reps, fit_features, reps, features)
    return jnp.where(fit.usable.any(), _together(fit, codes)[0], jnp.nan)


@definition(
    direction="higher is represented more apart from the others",
    chance=0.0,
    formula="variance_explained_joint - the same of all features but this one",
    invariance="rotation, shift and overall scale of the layer",
    misleads="Of two features that are nearly equal neither has anything of its own, however "
    "strongly both are represented. On held-out examples it may slightly exceed the joint value "
    "or lie below 0.",
    reference="",
    family_order=3,
    label="unique",
    at_chance=0.0,
)
def variance_explained_unique(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Share of a layer's variance that only this feature explains: what is lost without it.

    1: the layer is a linear function of this feature and of no other. 0: the others explain all
    that it does. Below 0 (slightly): the fit is better without it. Null: the feature is constant
    or is a group of columns, or the layer is constant or not finite.
    """
    fit = joint_fit(fit_reps, fit_features, reps, features)
    together = _together(fit, codes)
    lost = together[:1] - together[1:]
    return jnp.where(some(fit.usable, codes), lost, jnp.nan)


@measure(
    axes=(),
    unit="squared activation",
    direction="higher is a layer that varies more",
    range=(0.0, None),
    chance=None,
    formula="sum over units of the variance over test examples (divided by n)",
    invariance="rotation and shift of the layer; it grows with the square of its scale",
    misleads="It has the network's own unit: layers and networks compare only where their scale "
    "means the same.",
    reference="",
)
def total_variance(reps: Float[Array, "n h"]) -> Float[Array, ""]:
    """How much a layer varies over the test examples, all units together.

    0: the layer is constant. Null: the layer is not finite.
    """
    return variance(reps).sum()


@measure(
    axes=(),
    unit="units",
    direction="higher is more of the layer out of use",
    range=(0.0, None),
    chance=None,
    formula="number of units with variance <= 1e-6 of the layer's mean unit variance",
    invariance="shift and overall scale of the layer; not rotation",
    misleads="Leaky units never die exactly, and a layer that is constant as a whole counts all "
    "units as dead. It speaks of the test examples only.",
    reference="",
)
def dead_units(reps: Float[Array, "n h"]) -> Float[Array, ""]:
    """How many units of a layer (as good as) never change over the test examples.

    0: all units vary. All: the layer is constant. Null: the layer is not finite.
    """
    spread = variance(reps)
    dead = (~living(spread)).sum().astype(spread.dtype)
    return jnp.where(jnp.isfinite(spread.sum()), dead, jnp.nan)


@measure(
    axes=(),
    unit="dimensions",
    direction="higher is variance spread over more directions",
    range=(1.0, None),
    chance=None,
    formula="(sum l)^2 / sum l^2, l the eigenvalues of the test covariance",
    invariance="rotation, shift and overall scale of the layer",
    misleads="Large directions decide it: a layer with one loud direction has about 1, however "
    "many quiet ones carry information. It cannot exceed n - 1, so few examples make it too low.",
    reference="Gao et al. 2017, bioRxiv 214262",
)
def participation_ratio(reps: Float[Array, "n h"]) -> Float[Array, ""]:
    """How many directions share a layer's variance.

    1: all variance lies in one direction. h: it is the same in every direction of the h units.
    Null: the layer is constant or not finite.
    """
    deviations = centered(reps).deviations
    total = (deviations**2).sum()
    # trace(C)^2 / |C|^2: the eigenvalues themselves are not needed. Scaled first, so that large
    # activations do not overflow; the smaller of the two products has the same norm.
    unit = jnp.where(total > 0, deviations / jnp.sqrt(total), jnp.nan)
    n, h = unit.shape
    product = unit.T @ unit if h <= n else unit @ unit.T
    return 1 / (product**2).sum()
