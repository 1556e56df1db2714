"""Whose side the answers take: the share of them that agree with each feature."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, alone
from primacy.measures.labels import two_valued
from primacy.registry import measure


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy",),
    unit="fraction of examples",
    direction="higher is an answer that follows the feature",
    range=(0.0, 1.0),
    chance=0.5,
    formula="share of test examples in which the answer to the target (1 where the output is above "
    "0) is 1 where the feature has the larger of its two values and 0 where it has the smaller",
    invariance="any change of the outputs that leaves their signs",
    misleads="Agreement is no use where features go together in the test examples: an answer that "
    "follows one then agrees with the other. In the task `shared` they are independent there. "
    "An answer that follows both in part agrees with each by more than half.",
    reference="Hermann, Lampinen 2020, arXiv 2006.12433",
)
def agreement(
    outputs: Float[Array, "n o"],
    fit_features: Float[Array, "m c"],
    features: Float[Array, "n c"],
    codes: Widths | None = None,
) -> Float[Array, "k t"]:
    """How often a target's answer is what a feature would answer.

    .5: the answer has nothing to do with the feature. 1: it is the feature. 0: it is its opposite.
    Null: the feature does not have just two values (a class has none), or an output is not finite.
    """
    labels, two = two_valued(alone(fit_features, codes), alone(features, codes))
    same = ((outputs > 0).astype(labels.dtype)[:, None, :] == labels[:, :, None]).mean(axis=0)
    known = two[:, None] & jnp.isfinite(outputs).all(axis=0)[None]
    return jnp.where(known, same, jnp.nan)
