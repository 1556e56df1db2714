"""RSA: the distances between examples in a layer, compared with those in a feature or the inputs.

For two layers or two networks see `geometry.rsa`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from primacy.measures.classes import Widths, plain, slices
from primacy.measures.geometry import (
    Comparison,
    Distance,
    Pairs,
    all_pairs,
    compared,
    distances,
    sampled_pairs,
)
from primacy.registry import measure

ALL = 128
"""Up to so many examples every pair is compared."""

PARTNERS = 8
"""With more examples, each is compared with so many others, so that memory stays small."""

PAIRS = (
    f"Pairs: every two test examples, or with more than {ALL} each with {PARTNERS} others (its "
    "donor, that one's donor, and so on)"
)
MISLEADS = (
    "A feature with two values has only two distances, and examples that share its value still "
    "differ in everything else the layer holds: with many features represented, each has a low "
    "value, so compare features and steps, not with 1. Loud units make the distances. It says "
    "nothing of use."
)
PEARSON = "Pearson's r, over pairs of examples, of "
SPEARMAN = "Spearman's rho (equal distances share their mean rank), over pairs of examples, of "
EUCLIDEAN = "|h_i - h_j| in the layer and |f_i - f_j| in the feature. "
CORRELATION = "1 - r(h_i, h_j) over units in the layer and |f_i - f_j| in the feature. "
MOVED = "rotation, shift and overall scale of the layer; shift and scale of the feature"
PATTERN = (
    "overall scale of the layer; any shift and positive scale of single examples; shift and scale "
    "of the feature; not shift of single units, not rotation of the layer"
)
SILENT = (
    " An example whose units are all equal (all silent) has no such distance, and its pairs are "
    "left out; with few units it is coarse, with one there is none."
)
REFERENCE = "Kriegeskorte, Mur, Bandettini 2008, Frontiers in Systems Neuroscience 2"


def pairs_of(donors: Int[Array, " n"]) -> Pairs:
    """The pairs that are compared: all of few examples, a sample of many."""
    return all_pairs(donors.size) if donors.size <= ALL else sampled_pairs(donors, PARTNERS)


def _with_features(
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    donors: Int[Array, " n"],
    codes: Widths | None,
    distance: Distance,
    comparison: Comparison,
) -> Float[Array, " k"]:
    pairs = pairs_of(donors)
    layer = distances(reps, pairs, distance)

    def one(feature: Float[Array, " n"]) -> Float[Array, ""]:
        return compared(layer, distances(feature[:, None], pairs), comparison)

    if codes is not None and not plain(codes):
        return jnp.stack(
            [
                compared(layer, distances(features[:, own], pairs), comparison)
                for own in slices(codes)
            ]
        )
    # One feature after the other, so that memory does not grow with their number.
    return jax.lax.map(one, features.T)


@measure(
    axes=("feature",),
    by_default=False,
    unit="correlation",
    direction="higher is a geometry more like the feature's",
    range=(-1.0, 1.0),
    chance=0.0,
    formula=PEARSON + EUCLIDEAN + PAIRS,
    invariance=MOVED,
    misleads=MISLEADS,
    reference=REFERENCE,
    at_chance=0.0,
)
def rsa_pearson(
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    donors: Int[Array, " n"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How well a layer's distances between examples go with their difference in a feature.

    1: the layer's distances are the feature's differences, but for scale (and a constant). 0: they
    do not go together. Below 0: examples that differ in the feature are nearer. Null: the feature
    is constant or is a group of columns, or the distances are all the same or not defined.
    """
    return _with_features(reps, features, donors, codes, "euclidean", "pearson")


@measure(
    axes=("feature",),
    by_default=False,
    unit="rank correlation",
    direction="higher is a geometry more like the feature's",
    range=(-1.0, 1.0),
    chance=0.0,
    formula=SPEARMAN + EUCLIDEAN + PAIRS,
    invariance=MOVED,
    misleads=MISLEADS,
    reference=REFERENCE,
    at_chance=0.0,
)
def rsa_spearman(
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    donors: Int[Array, " n"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How well the order of a layer's distances goes with that of a feature's differences.

    1: the same order, and ties where the feature has ties. 0: orders that do not go together. Below
    0: examples that differ in the feature are nearer. Null: the feature is constant or is a group
    of columns, or the distances are all the same or not defined.
    """
    return _with_features(reps, features, donors, codes, "euclidean", "spearman")


@measure(
    axes=("feature",),
    by_default=False,
    unit="correlation",
    direction="higher is a geometry more like the feature's",
    range=(-1.0, 1.0),
    chance=0.0,
    formula=PEARSON + CORRELATION + PAIRS,
    invariance=PATTERN,
    misleads=MISLEADS + SILENT,
    reference=REFERENCE,
)
def rsa_correlation_pearson(
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    donors: Int[Array, " n"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How well a layer's correlation distances go with the differences in a feature.

    1: the layer's distances are the feature's differences, but for scale (and a constant). 0: they
    do not go together. Below 0: examples that differ in the feature are nearer. Null: the feature
    is constant or is a group of columns, or the distances are all the same or not defined.
    """
    return _with_features(reps, features, donors, codes, "correlation", "pearson")


@measure(
    axes=("feature",),
    by_default=False,
    unit="rank correlation",
    direction="higher is a geometry more like the feature's",
    range=(-1.0, 1.0),
    chance=0.0,
    formula=SPEARMAN + CORRELATION + PAIRS,
    invariance=PATTERN,
    misleads=MISLEADS + SILENT,
    reference=REFERENCE,
)
def rsa_correlation_spearman(
    reps: Float[Array, "n h"],
    features: Float[Array, "n c"],
    donors: Int[Array, " n"],
    codes: Widths | None = None,
) -> Float[Array, " k"]:
    """How well the order of correlation distances goes with that of a feature's.

    1: the same order, and ties where the feature has ties. 0: orders that do not go together. Below
    0: examples that differ in the feature are nearer. Null: the feature is constant or is a group
    of columns, or the distances are all the same or not defined.
    """
    return _with_features(reps, features, donors, codes, "correlation", "spearman")


@measure(
    axes=(),
    by_default=False,
    unit="correlation",
    direction="higher is a geometry more like that of the inputs",
    range=(-1.0, 1.0),
    chance=0.0,
    formula=f"Pearson's r, over pairs of examples, of |h_i - h_j| and |x_i - x_j|. {PAIRS}",
    invariance="rotation, shift and overall scale of the layer",
    misleads="Inputs enter as they are: columns of large scale make their distances. An untrained "
    "network has a high value already, as random weights keep distances; training may lower it.",
    reference=REFERENCE,
)
def rsa_inputs_pearson(
    reps: Float[Array, "n h"], inputs: Float[Array, "n d"], donors: Int[Array, " n"]
) -> Float[Array, ""]:
    """How well a layer's distances between examples go with the distances of their inputs.

    1: distances are kept but for scale (and a constant). 0: they do not go together. Below 0:
    examples far apart in the input are nearer in the layer. Null: the distances of either are all
    the same, or not finite.
    """
    pairs = pairs_of(donors)
    return compared(distances(reps, pairs), distances(inputs, pairs), "pearson")


@measure(
    axes=(),
    by_default=False,
    unit="rank correlation",
    direction="higher is a geometry more like that of the inputs",
    range=(-1.0, 1.0),
    chance=0.0,
    formula="Spearman's rho (ties share their mean rank), over pairs of examples, of |h_i - h_j| "
    f"and |x_i - x_j|. {PAIRS}",
    invariance="rotation, shift and overall scale of the layer",
    misleads="As rsa_inputs_pearson, but for the order alone: a few far-off examples do not "
    "decide it.",
    reference=REFERENCE,
)
def rsa_inputs_spearman(
    reps: Float[Array, "n h"], inputs: Float[Array, "n d"], donors: Int[Array, " n"]
) -> Float[Array, ""]:
    """How well the order of a layer's distances between examples goes with that of the inputs.

    1: the same order. 0: orders that do not go together. Below 0: examples far apart in the input
    are nearer in the layer. Null: the distances of either are all the same, or not finite.
    """
    pairs = pairs_of(donors)
    return compared(distances(reps, pairs), distances(inputs, pairs), "spearman")


@measure(
    axes=(),
    by_default=False,
    unit="correlation",
    direction="higher is a geometry that depends less on which units are seen",
    range=(0.0, 1.0),
    chance=0.0,
    formula="sqrt(2 r / (1 + r)), 0 where r < 0; r: Pearson's r of the Euclidean distances in "
    f"every other unit and in the rest. {PAIRS}",
    invariance="shift and overall scale of the layer; not rotation, not the order of its units",
    misleads="It takes units as a sample of many that might have been there (Spearman-Brown); a "
    "layer with one unit a feature is not such a sample, and its ceiling is low though nothing is "
    "noisy. It bounds what rsa_pearson can be expected to reach only in that sense. For networks "
    "as repeats see geometry.noise_ceiling.",
    reference="Nili et al. 2014, PLOS Computational Biology 10; Spearman 1910, Brown 1910",
)
def rsa_noise_ceiling(reps: Float[Array, "n h"], donors: Int[Array, " n"]) -> Float[Array, ""]:
    """How well a layer's distances could be matched at best, by their agreement between two halves.

    1: both halves of the units have the same geometry. 0: they have nothing in common. Null: the
    layer has one unit, a half has constant distances, or the layer is not finite.
    """
    if reps.shape[1] < 2:
        return jnp.full((), jnp.nan, reps.dtype)
    pairs = pairs_of(donors)
    r = compared(distances(reps[:, ::2], pairs), distances(reps[:, 1::2], pairs))
    # The correlation of the halves is the reliability of one half; that of the whole is higher,
    # and its root is what an RDM without noise would reach.
    r = jnp.where(r < 0, 0.0, r)
    return jnp.sqrt(2 * r / (1 + r))
