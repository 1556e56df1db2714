"""What the outputs follow: each feature compared with what the network says, example by example."""

from jaxtyping import Array, Float

from primacy.measures.classes import Widths, alone
from primacy.measures.moments import centered, share
from primacy.registry import measure


@measure(
    axes=("feature", "target"),
    by_default=False,
    unit="output per unit of the feature",
    direction="toward the feature's own weight is better learned",
    range=(None, None),
    chance=0.0,
    formula="Cov(output, feature) / Var(feature)",
    invariance="shift of output and feature",
    misleads="Of features that are correlated each has part of the others' weight. Where a task is "
    "a sum of uncorrelated terms it is the weight of a term in the output, however the network "
    "came by it.",
    reference="Fourier coefficient of the output: O'Donnell 2014, Analysis of Boolean Functions; "
    "as the progress of a term: Abbe et al. 2023, arXiv 2302.11055",
)
def output_coefficient(
    outputs: Float[Array, "n o"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """The output's regression coefficient on a feature alone.

    0: the output does not go with it. 1: it rises with the feature one for one; of a term of a sum,
    its weight in that sum when it is learned. Null: the feature is constant or has no one value,
    the target is a class, or an output is not finite.
    """
    features, outputs = alone(features, codes), alone(outputs, heads)
    feature, output = centered(features).deviations, centered(outputs).deviations
    together = (feature[:, :, None] * output[:, None]).mean(axis=0)
    return share(together, (feature**2).mean(axis=0)[:, None])
