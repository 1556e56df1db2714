"""Fully connected networks."""

import itertools
import math
from typing import Annotated, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from primacy.models import encodings
from primacy.models.dense import Initialization, affine, dense, dense_shapes, size
from primacy.models.encodings import Encoding, Frequencies
from primacy.registry import models, spec
from primacy.types import Forward, Shape

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

    Reference: the defaults are those of the demo of Lampinen et al. 2024, arXiv 2405.05847.
    """

    widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
        256, 128, 64, 64,
    )  # fmt: skip
    """Units of each hidden layer, input side first."""
    activation: Literal["leaky_relu", "relu", "tanh", "gelu"] = "leaky_relu"
    """What each hidden unit makes of its sum (leaky_relu: slope .01 below 0)."""
    initialization: Initialization = "fan_average"
    """How weights start. `fan_average`: truncated normals of variance 2 / (inputs + outputs) of
    the layer, biases 0 (the demo; Flax's `variance_scaling(1, "fan_avg", "truncated_normal")`).
    `fan_in_uniform`: weights and biases uniform within 1 / sqrt(inputs) (PyTorch's `nn.Linear`)."""
    encoding: Encoding = "none"
    """What happens to the inputs before the first layer: nothing; `standardize`, by the mean and
    SD of the fit examples; `positional`, the inputs and their sines and cosines."""
    frequencies: Frequencies = encodings.DECADES
    """Of `positional`: cycles per unit of the input."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden1`, `hidden2`, ..."""
        return tuple(f"hidden{depth}" for depth in range(1, len(self.widths) + 1))

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """The widths."""
        return self.widths

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `{layer: {"kernel": [in, out], "bias": [out]}}`."""
        return {name: dense_shapes(a, b) for name, (a, b) in self._layers(shape, outputs).items()}

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: one for each weight and bias."""
        return size(self.shapes(shape, outputs))

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters: `{layer: {"kernel": [in, out], "bias": [out]}}`, float32."""
        return {
            name: dense(self.initialization, rng, a, b)
            for name, (a, b) in self._layers(shape, outputs).items()
        }

    def _layers(self, shape: Shape, outputs: int) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each layer."""
        wide = encodings.encoded_width(self.encoding, self.frequencies, math.prod(shape))
        pairs = itertools.pairwise((wide, *self.widths, outputs))
        return dict(zip((*self.layer_names, "output"), pairs, strict=True))

    def fitted(self, params: PyTree, inputs: Float[np.ndarray, "n *shape"]) -> PyTree:
        """The parameters with what the encoding has to know of the inputs; on the host, once."""
        return encodings.fitted(self.encoding, params, inputs)

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and every hidden layer after its activation."""
        x, layers = encodings.encode(self.encoding, self.frequencies, params, inputs), {}
        for name in self.layer_names:
            x = ACTIVATIONS[self.activation](affine(params[name], x))
            layers[name] = x
        return Forward(affine(params["output"], x), layers)

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when a hidden layer (after its activation) is `reps`."""
        x = reps
        for name in self.layer_names[self.layer_names.index(layer) + 1 :]:
            x = ACTIVATIONS[self.activation](affine(params[name], x))
        return affine(params["output"], x)
