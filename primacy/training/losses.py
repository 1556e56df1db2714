"""Losses by name, and what the best constant output costs under each."""

import jax
import optax
from jaxtyping import Array, Float

from primacy.types import LossName


def sigmoid_cross_entropy(
    outputs: Float[Array, "n t"], targets: Float[Array, "n t"]
) -> Float[Array, "n t"]:
    """Cross-entropy in nats of 0/1 targets under logits; log 2 for a logit of 0."""
    return optax.sigmoid_binary_cross_entropy(outputs, targets)


def squared_error(
    outputs: Float[Array, "n t"], targets: Float[Array, "n t"]
) -> Float[Array, "n t"]:
    """Squared error in the target's unit squared."""
    return (outputs - targets) ** 2


LOSSES = {"sigmoid_cross_entropy": sigmoid_cross_entropy, "squared_error": squared_error}


def constant_loss(loss: LossName, targets: Float[Array, "n t"]) -> Float[Array, ""]:
    """The mean loss of the best constant output for each target."""
    mean = targets.mean(axis=0)
    if loss == "squared_error":
        return targets.var(axis=0).mean()
    return -(
        jax.scipy.special.xlogy(mean, mean) + jax.scipy.special.xlog1py(1 - mean, -mean)
    ).mean()
