"""What the network uses beside a feature: how much it matters when all the other inputs change.

All columns but the feature's are interchanged together, with the same donors as in `used`. There a
feature is taken away and the rest stays (is it needed?); here it is kept and the rest goes (is it
enough?). So one can see that nothing else matters, which no single reliance shows: of two copies
each can be spared. To randomize a chosen set of features together, declare the set as one feature
(a group of columns); its plain `reliance` is then that.
"""

from jaxtyping import Array, Float

from primacy.measures.classes import Widths
from primacy.measures.used import reliance, reliance_accuracy, reliance_r_squared
from primacy.registry import measure

REFERENCE = (
    "sufficiency beside comprehensiveness: DeYoung et al. 2020, arXiv 1911.03429; "
    "randomizing all other features: Shah et al. 2020, arXiv 2006.07710"
)
OFF_DATA = (
    "Where the feature correlates with the other columns, the network is asked about inputs that "
    "never occur. It speaks of the feature together with whatever shares its columns. Not "
    "identical with 1 - reliance: of two copies neither is needed (reliance .25), nor enough "
    "unless the network reads one of them only."
)


@measure(
    axes=("site", "target"),
    by_default=False,
    unit="fraction of variance",
    direction="lower is an output that depends on nothing but the feature",
    range=(0.0, None),
    chance=None,
    formula="mean (output with all columns but the site's interchanged - output)^2 / (2 Var "
    "output)",
    invariance="shift and scale of the output",
    misleads=OFF_DATA,
    reference=REFERENCE,
)
def reliance_rest(
    swapped_rest: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """How far an output moves when everything but a feature's columns is interchanged.

    0: the output depends on these columns alone. 1: it does not depend on them (or only together
    with others, as in XOR). Null: the output is constant or not finite, or the site has no columns
    or all of them.
    """
    return reliance(swapped_rest, outputs, heads)


@measure(
    axes=("site", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction correct",
    direction="lower is a feature that is enough",
    range=(-1.0, 1.0),
    chance=None,
    formula="accuracy - accuracy with all columns but the site's interchanged",
    invariance="any rescaling of the output that keeps its sign",
    misleads=OFF_DATA,
    reference=REFERENCE,
)
def reliance_rest_accuracy(
    swapped_rest: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
    heads: Widths | None = None,
) -> Float[Array, "p t"]:
    """How much accuracy is lost when everything but a feature's columns is interchanged.

    0: the feature is enough for every answer that the network gets right. 0.5: without the rest a
    network that was always right is left guessing between two equally frequent labels. Null: an
    output is not finite, or the site has no columns or all of them.
    """
    return reliance_accuracy(swapped_rest, outputs, targets, heads)


@measure(
    axes=("site", "target"),
    by_default=False,
    losses=("squared_error",),
    unit="fraction of variance",
    direction="lower is a feature that is enough",
    range=(None, None),
    chance=None,
    formula="R^2 - R^2 with all columns but the site's interchanged",
    invariance="shift and scale of the target, if the network follows",
    misleads=OFF_DATA,
    reference=REFERENCE,
)
def reliance_rest_r_squared(
    swapped_rest: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    targets: Float[Array, "n t"],
) -> Float[Array, "p t"]:
    """How much R^2 is lost when everything but a feature's columns is interchanged.

    0: the feature is enough. 2: a perfect network that does not depend on it. Null: the target is
    constant, an output is not finite, or the site has no columns or all of them.
    """
    return reliance_r_squared(swapped_rest, outputs, targets)
