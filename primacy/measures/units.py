"""Which single units carry a feature: how selective they are, and how many of them share it.

Everything here is about the coordinates that the network happens to use, so nothing stays when a
layer is rotated. That is the point: these measures ask about units, not about what is represented.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from primacy.measures.classes import Widths, plain, slices
from primacy.measures.labels import two_valued
from primacy.measures.moments import centered, share, variance
from primacy.measures.represented import explained_by_unit, living
from primacy.registry import measure

CARRIES = 0.1
"""A unit carries a feature that explains at least this share of the unit's variance."""


def unit_r_squared(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, "k h"]:
    """Share of each unit's variance that a linear function of each feature explains, held out.

    1: the unit is a linear function of the feature. 0: as good as the unit's mean. Null: a dead
    unit (see dead_units), a constant feature, a group of columns, or a number that is not finite.
    """
    gained = explained_by_unit(fit_reps, fit_features, reps, features, codes)
    total = (centered(reps).deviations ** 2).sum(axis=0)
    total = jnp.where(living(total), total, 0.0)
    return share(gained, jnp.broadcast_to(total[None], gained.shape))


def _finite(reps: Float[Array, "n h"]) -> Bool[Array, ""]:
    return jnp.isfinite(variance(reps)).all()


@measure(
    axes=("feature",),
    by_default=False,
    unit="share of units",
    direction="higher is spread over more units; lower is sparser",
    range=(0.0, 1.0),
    chance=0.0,
    formula="share of living units of whose variance the feature explains at least 10 % (R^2 >= .1 "
    "on the test examples, fitted on the fit examples)",
    invariance="shift and scale of every unit; not rotation of the layer",
    misleads="The 10 % is a convention. A faint unit counts as much as a loud one (see "
    "units_effective), and a unit counts for every feature it carries, so the shares of several "
    "features may add up to more than 1. With correlated features a unit that carries one carries "
    "the other.",
    reference="",
)
def units_carrying(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Share of a layer's living units that carry a feature: how sparse its code is.

    0: no unit carries it (a feature spread thinly over all units counts as absent too). 1: every
    living unit does. Null: the feature is constant or is a group of columns, or the layer is
    constant or not finite.
    """
    each = unit_r_squared(fit_reps, fit_features, reps, features, codes)
    known = jnp.isfinite(each)
    carrying = (known & (each >= CARRIES)).sum(axis=1).astype(reps.dtype)
    return jnp.where(_finite(reps), share(carrying, known.sum(axis=1).astype(reps.dtype)), jnp.nan)


@measure(
    axes=("feature",),
    by_default=False,
    unit="units",
    direction="higher is spread over more units; lower is sparser",
    range=(1.0, None),
    chance=None,
    formula="(sum_j e_j)^2 / sum_j e_j^2, e_j the variance of unit j that the feature explains on "
    "the test examples (0 where the fit does worse than the mean)",
    invariance="shift and overall scale of the layer; not rotation of the layer",
    misleads="It says over how many units the explained variance is spread, however little that "
    "is: where a feature is not represented it describes noise (look at variance_explained "
    "first). Loud units decide it.",
    reference="participation number, the inverse of the sparseness of Treves, Rolls 1991, "
    "Network 2",
)
def units_effective(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """Over how many units a feature's explained variance is spread, without a threshold.

    1: one unit has it all. h: the same amount in each of the layer's h units. Null: no unit's
    variance is explained, the feature is constant or is a group of columns, or the layer is
    constant or not finite.
    """
    gained = explained_by_unit(fit_reps, fit_features, reps, features, codes)
    gained = jnp.where(gained < 0, 0.0, gained)  # keeps NaN
    part = share(gained, jnp.broadcast_to(gained.max(axis=1, keepdims=True), gained.shape))
    return share(part.sum(axis=1) ** 2, (part**2).sum(axis=1))


@measure(
    axes=("feature",),
    by_default=False,
    unit="fraction of variance",
    direction="higher is a unit more selective for the feature",
    range=(None, 1.0),
    chance=0.0,
    formula="R^2 on the test examples of the living unit whose variance the feature explains best "
    "on the fit examples",
    invariance="shift and scale of every unit; not rotation of the layer",
    misleads="One unit of a layer is not the layer: a feature may be read perfectly from many "
    "units none of which is selective. A wider layer has a more selective best unit by chance, "
    "little as that is on held-out examples.",
    reference="",
)
def best_unit_r_squared(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How much of the variance of the most selective unit a feature explains, held out.

    1: some unit is a linear function of the feature. 0: no unit goes with it. Below 0 (slightly):
    chance on held-out examples. Null: the feature is constant or is a group of columns, the unit is
    dead on the test examples, or the layer is constant or not finite.
    """
    within = unit_r_squared(fit_reps, fit_features, fit_reps, fit_features, codes)
    best = jnp.argmax(jnp.where(jnp.isfinite(within), within, -1.0), axis=1)
    held_out = unit_r_squared(fit_reps, fit_features, reps, features, codes)
    known = _finite(reps) & jnp.isfinite(within).any(axis=1)
    return jnp.where(known, jnp.take_along_axis(held_out, best[:, None], axis=1)[:, 0], jnp.nan)


@measure(
    axes=("feature",),
    by_default=False,
    unit="index",
    direction="higher is units more selective for one class",
    range=(0.0, 1.0),
    chance=None,
    formula="mean over living units of |m1 - m0| / (|m1| + |m0|), m1 and m0 the unit's mean "
    "activation over test examples with and without the feature",
    invariance="scale of every unit; not shift, not rotation of the layer",
    misleads="It is meant for activations that are not negative (ReLU): elsewhere a unit whose "
    "mean is near 0 has an index near 1 by chance, and 1 says only that the means have different "
    "signs. It compares means and knows no spread, so a noisy unit counts as a clean one.",
    reference="class selectivity index: Morcos et al. 2018, arXiv 1803.06959",
)
def class_selectivity(
    reps: Float[Array, "n h"], features: Float[Array, "n c"], codes: Widths | None = None
) -> Float[Array, " k"]:
    """How selectively units answer to a feature that has two values.

    0: every unit has the same mean activation with and without it. 1: every unit is silent on one
    side. Null: the feature does not have exactly two values, or the layer is constant or not
    finite.
    """
    label, two = two_valued(features, features)
    ones = label.sum(axis=0)[:, None]
    # Both means from the deviations, so that a small difference of large means is not lost.
    y, x = centered(reps), centered(label)
    difference = (
        x.deviations.T @ y.deviations / jnp.where(two[:, None], ones * (1 - ones / len(reps)), 1.0)
    )
    with_it = y.mean + (1 - ones / len(reps)) * difference
    without = y.mean - ones / len(reps) * difference
    size = jnp.abs(with_it) + jnp.abs(without)
    alive = living((y.deviations**2).sum(axis=0))[None]
    index = jnp.where(alive & (size > 0), jnp.abs(difference) / jnp.where(size > 0, size, 1.0), 0.0)
    index = jnp.minimum(index, 1.0)
    found = share(index.sum(axis=1), jnp.broadcast_to(alive.sum().astype(reps.dtype), two.shape))
    found = jnp.where(two & _finite(reps), found, jnp.nan)
    if codes is None or plain(codes):
        return found
    # Of a class with more values: the mean over them of each against the rest; of a group, none.
    return jnp.stack([found[own].mean() for own in slices(codes)])
