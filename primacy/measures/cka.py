"""CKA: a layer's linear kernel compared with that of a feature or of the inputs.

For two layers or two networks see `geometry.cka`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, plain, slices
from primacy.measures.geometry import cka as aligned
from primacy.measures.geometry import cka_with_columns
from primacy.registry import measure

MISLEADS = (
    "Directions of large variance decide it. For one feature it is R^2 (pooled, in the sample) "
    "times the root of the layer's participation ratio: so it compares the layer's shape with a "
    "single line, and a layer that holds several features has a low value for each. "
)
BIASED = (
    "It is too high where examples are few: unrelated, its mean is sqrt(p q) / (n - 1), p and q "
    "the participation ratios (of a feature 1)."
)
KORNBLITH = "Kornblith et al. 2019, arXiv 1905.00414"
SONG = f"{KORNBLITH}; HSIC_1: Song et al. 2012, JMLR 13"


def _with_features(
    reps: Float[Array, "n h"], features: Float[Array, "n c"], codes: Widths | None, debiased: bool
) -> Float[Array, " k"]:
    if codes is None or plain(codes):
        return cka_with_columns(reps, features, debiased)
    return jnp.stack([aligned(reps, features[:, own], debiased) for own in slices(codes)])


@measure(
    axes=("feature",),
    by_default=False,
    unit="similarity",
    direction="higher is a layer more like the feature alone",
    range=(0.0, 1.0),
    chance=0.0,
    formula="|H'f|^2 / (|H'H| |f|^2), H and f the layer's and the feature's deviations on the test "
    "examples",
    invariance="rotation, shift and overall scale of the layer; shift and scale of the feature",
    misleads=MISLEADS + BIASED,
    reference=KORNBLITH,
)
def cka(
    reps: Float[Array, "n h"], features: Float[Array, "n c"], codes: Widths | None = None
) -> Float[Array, " k"]:
    """Linear centered kernel alignment of a layer with each feature.

    1: the layer varies along one line, and as the feature does. 0: no unit is correlated with the
    feature. Null: the feature is constant or is a group of columns, or the layer is constant or not
    finite.
    """
    return _with_features(reps, features, codes, debiased=False)


@measure(
    axes=("feature",),
    by_default=False,
    unit="similarity",
    direction="higher is a layer more like the feature alone",
    range=(-1.0, 1.0),
    chance=0.0,
    formula="HSIC_1(layer, feature) / sqrt(HSIC_1(layer, layer) HSIC_1(feature, feature)): as cka, "
    "without the products of an example with itself",
    invariance="rotation, shift and overall scale of the layer; shift and scale of the feature",
    misleads=MISLEADS + "HSIC_1 has no bias; the ratio of three of them has a little, which falls "
    "as 1 / n.",
    reference=SONG,
    at_chance=0.0,
)
def cka_debiased(
    reps: Float[Array, "n h"], features: Float[Array, "n c"], codes: Widths | None = None
) -> Float[Array, " k"]:
    """Linear CKA of a layer with each feature, without the bias that few examples give.

    1: the layer varies along one line, and as the feature does. 0: as alike as chance. Below 0:
    less alike than chance. Null: as cka, or there are fewer than 4 examples, or a kernel has no
    more likeness with itself than chance.
    """
    return _with_features(reps, features, codes, debiased=True)


@measure(
    axes=(),
    by_default=False,
    unit="similarity",
    direction="higher is a layer more like the inputs",
    range=(0.0, 1.0),
    chance=0.0,
    formula="|H'X|^2 / (|H'H| |X'X|), H and X the layer's and the inputs' deviations on the test "
    "examples",
    invariance="rotation, shift and overall scale of the layer",
    misleads="Directions of large variance decide it, in the inputs as in the layer. " + BIASED,
    reference=KORNBLITH,
)
def cka_inputs(reps: Float[Array, "n h"], inputs: Float[Array, "n d"]) -> Float[Array, ""]:
    """Linear centered kernel alignment of a layer with the inputs.

    1: the layer is the inputs up to rotation, shift and overall scale. 0: no unit is correlated
    with any input. Null: the layer or the inputs are constant, or not finite.
    """
    return aligned(reps, inputs)


@measure(
    axes=(),
    by_default=False,
    unit="similarity",
    direction="higher is a layer more like the inputs",
    range=(-1.0, 1.0),
    chance=0.0,
    formula="HSIC_1(layer, inputs) / sqrt(HSIC_1(layer, layer) HSIC_1(inputs, inputs))",
    invariance="rotation, shift and overall scale of the layer",
    misleads="Directions of large variance decide it, in the inputs as in the layer. HSIC_1 has no "
    "bias; the ratio of three of them has a little, which falls as 1 / n.",
    reference=SONG,
)
def cka_inputs_debiased(reps: Float[Array, "n h"], inputs: Float[Array, "n d"]) -> Float[Array, ""]:
    """Linear CKA of a layer with the inputs, without the bias that few examples give.

    1: the layer is the inputs up to rotation, shift and overall scale. 0: as alike as chance. Below
    0: less alike than chance. Null: as cka_inputs, or there are fewer than 4 examples, or a kernel
    has no more likeness with itself than chance.
    """
    return aligned(reps, inputs, debiased=True)
