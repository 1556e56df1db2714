"""Losses by name, and what the best constant output costs under each."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from primacy.measures.classes import Widths, slices
from primacy.types import LossName

Loss = Callable[[Float[Array, "n o"], Float[Array, "n t"]], Float[Array, "n t"]]


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


def softmax_cross_entropy(
    outputs: Float[Array, "n o"], targets: Float[Array, "n t"], heads: Widths
) -> Float[Array, "n t"]:
    """Cross-entropy in nats of classes under logits; log of their number where all are equal.

    A target of one output among them is a 0/1 target under one logit.
    """
    losses = []
    for i, own in enumerate(slices(heads)):
        target = targets[:, i]
        if own.stop - own.start == 1:
            losses.append(optax.sigmoid_binary_cross_entropy(outputs[:, own.start], target))
        else:
            index = target.astype(jnp.int32)
            found = optax.softmax_cross_entropy_with_integer_labels(outputs[:, own], index)
            losses.append(found)
    return jnp.stack(losses, axis=1)


LOSSES = {"sigmoid_cross_entropy": sigmoid_cross_entropy, "squared_error": squared_error}
"""Those of one output for each target; `loss_of` has all."""


def loss_of(name: LossName, heads: Widths | None = None) -> Loss:
    """The loss of that name, one number for each example and target.

    Args:
        name: which.
        heads: of each target, how many outputs are about it; null: one.
    """
    if name != "softmax_cross_entropy":
        return LOSSES[name]
    if heads is None:
        raise ValueError("softmax_cross_entropy: heads must say how many outputs each target has")
    return functools.partial(softmax_cross_entropy, heads=heads)


def constant_loss(
    loss: LossName, targets: Float[Array, "n t"], heads: Widths | None = None
) -> Float[Array, ""]:
    """The mean loss of the best constant output for each target."""
    if loss == "softmax_cross_entropy" and heads is not None:
        each = []
        for i, width in enumerate(heads):
            levels = jnp.arange(max(width, 2), dtype=targets.dtype)[None]
            rate = (targets[:, i, None] == levels).mean(axis=0)
            each.append(-jax.scipy.special.xlogy(rate, rate).sum())
        return jnp.stack(each).mean()
    mean = targets.mean(axis=0)
    if loss == "squared_error":
        return targets.var(axis=0).mean()
    return -(
        jax.scipy.special.xlogy(mean, mean) + jax.scipy.special.xlog1py(1 - mean, -mean)
    ).mean()
