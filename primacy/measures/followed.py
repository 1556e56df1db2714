"""What the outputs follow: each feature compared with what the network says, example by example."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from primacy.measures.labels import two_valued
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
    outputs: Float[Array, "n t"], features: Float[Array, "n k"]
) -> Float[Array, "k t"]:
    """The output's regression coefficient on a feature alone.

    0: the output does not go with it. 1: it rises with the feature one for one; of a term of a sum,
    its weight in that sum when it is learned. Null: the feature is constant or has no one value, or
    an output is not finite.
    """
    feature, output = centered(features).deviations, centered(outputs).deviations
    together = (feature[:, :, None] * output[:, None]).mean(axis=0)
    return share(together, (feature**2).mean(axis=0)[:, None])


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy",),
    unit="fraction of examples",
    direction="away from .5 is followed more",
    range=(0.0, 1.0),
    chance=0.5,
    formula="mean over examples of [(output > 0) = (feature is its larger value)]",
    invariance="any rescaling of the output that keeps its sign",
    misleads="Where two features go together, an output that follows one follows the other. It "
    "takes examples in which they are independent to tell which.",
    reference="as the use of a feature: Hermann and Lampinen 2020, arXiv 2006.12433",
)
def output_agreement(
    outputs: Float[Array, "n t"],
    features: Float[Array, "n k"],
    fit_features: Float[Array, "m k"],
) -> Float[Array, "k t"]:
    """How often the sign of the output is the value of a two-valued feature.

    1: the output is the feature. 0.5: it has nothing to do with it, if the feature is balanced. 0:
    it is the opposite. 2 x - 1 is the correlation of two balanced signs. Null: the feature does not
    have two values, or an output is not finite.
    """
    high, two = two_valued(fit_features, features)
    same = (outputs > 0)[:, None] == (high > 0.5)[:, :, None]
    finite = jnp.isfinite(outputs).all(axis=0)
    return jnp.where(two[:, None] & finite[None], same.mean(axis=0), jnp.nan)
