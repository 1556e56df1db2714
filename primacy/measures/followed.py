"""What the outputs follow: each feature compared with what the network says, example by example."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, plain, slices
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
    heads: Widths | None = None,
    codes: Widths | None = None,
) -> Float[Array, "k t"]:
    """The output's regression coefficient on a feature alone.

    0: the output does not go with it. 1: it rises with the feature one for one; of a term of a sum,
    its weight in that sum when it is learned. Null: the feature is constant or has no one value, or
    an output is not finite; the feature or the target is a class, which has no one number.
    """
    feature, output = centered(features).deviations, centered(outputs).deviations
    together = (feature[:, :, None] * output[:, None]).mean(axis=0)
    found = share(together, (feature**2).mean(axis=0)[:, None])
    return _of_numbers(_of_numbers(found, codes).T, heads).T


def _of_numbers(found: Float[Array, "c x"], widths: Widths | None) -> Float[Array, "k x"]:
    """The row of each feature that is a number, null for classes."""
    if widths is None or plain(widths):
        return found
    nothing = jnp.full_like(found[0], jnp.nan)
    return jnp.stack(
        [found[own.start] if own.stop - own.start == 1 else nothing for own in slices(widths)]
    )
