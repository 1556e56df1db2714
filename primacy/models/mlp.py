"""Fully connected networks."""

import itertools
from typing import Annotated, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field
from scipy.special import ndtr, ndtri

from primacy.registry import models, spec
from primacy.types import Forward

ACTIVATIONS = {
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.01),
    "relu": jax.nn.relu,
    "tanh": jax.numpy.tanh,
    "gelu": jax.nn.gelu,
}


@models.add("mlp")
@spec
class MLP:
    """Dense layers with one activation, and a linear output layer.

    Weights start as truncated normals (at two standard deviations) whose variance after the cut
    is 2 / (inputs + outputs) of the layer; biases start at 0.

    Reference: the initialization is Flax's `variance_scaling(1, "fan_avg", "truncated_normal")`,
    as in the demo of Lampinen et al. 2024, arXiv 2405.05847.
    """

    widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
        256, 128, 64, 64,
    )  # fmt: skip
    """Units of each hidden layer, input side first."""
    activation: Literal["leaky_relu", "relu", "tanh", "gelu"] = "leaky_relu"

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden1`, `hidden2`, ..."""
        return tuple(f"hidden{depth}" for depth in range(1, len(self.widths) + 1))

    def init(self, rng: np.random.Generator, d: int, t: int) -> PyTree[np.ndarray]:
        """Initial parameters: `{layer: {"kernel": [in, out], "bias": [out]}}`, float32."""
        sizes = itertools.pairwise((d, *self.widths, t))
        return {
            name: {"kernel": truncated_normal(rng, a, b), "bias": np.zeros(b, np.float32)}
            for name, (a, b) in zip((*self.layer_names, "output"), sizes, strict=True)
        }

    def apply(self, params: PyTree, inputs: Float[Array, "n d"]) -> Forward:
        """Outputs and every hidden layer after its activation."""
        x, layers = inputs, {}
        for name in self.layer_names:
            x = ACTIVATIONS[self.activation](
                x @ params[name]["kernel"] + params[name]["bias"][None]
            )
            layers[name] = x
        output = params["output"]
        return Forward(x @ output["kernel"] + output["bias"][None], layers)


def truncated_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Weights `[fan_in, fan_out]` with variance 2 / (fan_in + fan_out), cut at two SDs."""
    low, high = ndtr(-2.0), ndtr(2.0)
    unit = ndtri(low + (high - low) * rng.random((fan_in, fan_out)))
    density = np.exp(-2.0) / np.sqrt(2 * np.pi)
    # SD of a unit normal cut at +-2: sqrt(1 - 2 * 2 phi(2) / (Phi(2) - Phi(-2))), .8796.
    cut = np.sqrt(1 - 4 * density / (high - low))
    return (unit * np.sqrt(2 / (fan_in + fan_out)) / cut).astype(np.float32)
