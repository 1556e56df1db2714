"""Batch and layer normalization, the same for every model that has them.

Batch normalization takes its mean and variance from the batch while a network trains. When it is
evaluated they are those of the fit examples, frozen: `Model.settled` returns the parameters with
these statistics in them, and a network whose parameters hold statistics uses them. So a score of a
test example does not depend on which others are scored with it, and there is no running average
whose decay would be one more number to choose.
"""

from typing import Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from primacy.models.dense import float32

Normalization = Literal["none", "layer", "batch"]
BatchNormalization = Literal["none", "batch"]

EPSILON = 1e-5
"""Added to a variance before its root, as PyTorch does."""

STATISTICS = ("mean", "variance")
"""What `settled` adds to a batch normalization's parameters."""


def normalization_shapes(width: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of `scale` and `shift`, one number a unit (or channel) each."""
    return {"scale": float32(width), "shift": float32(width)}


def normalization(width: int) -> dict[str, np.ndarray]:
    """A normalization's first parameters: `scale` 1 and `shift` 0."""
    return {"scale": np.ones(width, np.float32), "shift": np.zeros(width, np.float32)}


def layer_normalized(layer: PyTree, x: Float[Array, "*n h"]) -> Float[Array, "*n h"]:
    """Each example minus its mean over units, over its SD; then scaled and shifted, unit by unit.

    Reference: Ba, Kiros, Hinton 2016, arXiv 1607.06450.
    """
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return _scaled(layer, (x - mean) * jax.lax.rsqrt(variance + EPSILON))


def batch_normalized(
    layer: PyTree, x: Float[Array, "*n h"], axis: int = -1
) -> tuple[Float[Array, "*n h"], PyTree]:
    """Each unit minus its mean over SD, scaled and shifted; and the layer, settled.

    Mean and variance are those in the layer where it is settled, else of these examples (divided
    by their number). The second value is the layer with the statistics that were used. `axis` is
    that of units (or channels).

    Reference: Ioffe and Szegedy 2015, arXiv 1502.03167.
    """
    axis = axis % x.ndim
    shape = tuple(-1 if i == axis else 1 for i in range(x.ndim))
    if settled(layer):
        mean, variance = layer["mean"], layer["variance"]
    else:
        others = tuple(i for i in range(x.ndim) if i != axis)
        mean = x.mean(axis=others)
        variance = ((x - mean.reshape(shape)) ** 2).mean(axis=others)
    size = layer["scale"] * jax.lax.rsqrt(variance + EPSILON)
    made = (x - mean.reshape(shape)) * size.reshape(shape) + layer["shift"].reshape(shape)
    return made, {**layer, "mean": mean, "variance": variance}


def settled(layer: PyTree) -> bool:
    """Whether a batch normalization holds the statistics to use."""
    return all(name in layer for name in STATISTICS)


def _scaled(layer: PyTree, x: Float[Array, "*n h"]) -> Float[Array, "*n h"]:
    shape = (1,) * (x.ndim - 1) + (-1,)
    return x * layer["scale"].reshape(shape) + layer["shift"].reshape(shape)
