"""Fully connected networks."""

import dataclasses
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
from primacy.models.normalization import (
    Normalization,
    batch_normalized,
    layer_normalized,
    normalization,
    normalization_shapes,
)
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
        256,
        128,
        64,
        64,
    )
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
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = dataclasses.field(
        default=None, metadata={"optional": True}
    )
    """In training, each hidden unit is set to 0 with this probability, after its activation (and
    its skip), anew for each example and step, and the others are divided by 1 - `dropout`; a
    network is measured with all its units. Every step draws from a stream of its own, keyed by
    seed and step. Left out: none."""
    normalization: Normalization = dataclasses.field(default="none", metadata={"optional": True})
    """Before each activation. `layer`: each example by its own mean and SD over units. `batch`:
    each unit by its mean and SD over the batch; when measured, over the fit examples."""
    residual: bool = dataclasses.field(default=False, metadata={"optional": True})
    """Adds to each hidden layer the one before it, where both have the same width."""
    depth: Annotated[int, Field(ge=1)] | None = dataclasses.field(
        default=None, metadata={"optional": True}
    )
    """So many hidden layers, each as wide as the first of `widths` (a number, so that a trend over
    it can be asked for). Left out: one layer for each of `widths`."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden1`, `hidden2`, ..."""
        return tuple(f"hidden{depth}" for depth in range(1, len(self.layer_sizes) + 1))

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """The widths."""
        return self.widths if self.depth is None else self.widths[:1] * self.depth

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `{layer: {"kernel": [in, out], "bias": [out]}}`."""
        shapes: dict[str, PyTree] = {}
        for name, (a, b) in self._layers(shape, outputs).items():
            more = self.normalization != "none" and name != "output"
            shapes[name] = dense_shapes(a, b) | (normalization_shapes(b) if more else {})
        return shapes

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: one for each weight and bias."""
        return size(self.shapes(shape, outputs))

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters: `{layer: {"kernel": [in, out], "bias": [out]}}`, float32.

        A hidden layer with normalization also has a `scale` (1) and a `shift` (0) for each unit.
        """
        params: dict[str, PyTree] = {}
        for name, (a, b) in self._layers(shape, outputs).items():
            more = self.normalization != "none" and name != "output"
            params[name] = dense(self.initialization, rng, a, b) | (
                normalization(b) if more else {}
            )
        return params

    def _layers(self, shape: Shape, outputs: int) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each layer."""
        wide = encodings.encoded_width(self.encoding, self.frequencies, math.prod(shape))
        pairs = itertools.pairwise((wide, *self.layer_sizes, outputs))
        return dict(zip((*self.layer_names, "output"), pairs, strict=True))

    def fitted(self, params: PyTree, inputs: Float[np.ndarray, "n *shape"]) -> PyTree:
        """The parameters with what the encoding has to know of the inputs; on the host, once."""
        return encodings.fitted(self.encoding, params, inputs)

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and every hidden layer after its activation (and its skip)."""
        return self._forward(params, inputs, None)[0]

    @property
    def draws_in_training(self) -> bool:
        """Whether a training step draws: with dropout."""
        return self.dropout is not None

    def apply_in_training(
        self, params: PyTree, inputs: Float[Array, "n *shape"], key: Array
    ) -> Forward:
        """`apply` with the dropout that this key draws, each layer from a key of its own."""
        return self._forward(params, inputs, key)[0]

    def settled(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> PyTree:
        """The parameters as they are evaluated: with the statistics that batch normalization uses.

        Without batch normalization the parameters as they are.
        """
        return self._forward(params, inputs, None)[1] if self.normalization == "batch" else params

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when a hidden layer (after its activation) is `reps`."""
        x = reps
        for name in self.layer_names[self.layer_names.index(layer) + 1 :]:
            x, _ = self._layer(params[name], x)
        return affine(params["output"], x)

    def _forward(
        self, params: PyTree, inputs: Float[Array, "n *shape"], key: Array | None
    ) -> tuple[Forward, PyTree]:
        """What the network gives, and its parameters with the statistics that were used."""
        x, layers = encodings.encode(self.encoding, self.frequencies, params, inputs), {}
        held = dict(params)
        for i, name in enumerate(self.layer_names):
            x, held[name] = self._layer(params[name], x, first=i == 0)
            if key is not None:
                x = self._dropped(x, jax.random.fold_in(key, i))
            layers[name] = x
        return Forward(affine(params["output"], x), layers), held

    def _layer(
        self, layer: PyTree, x: Float[Array, "n a"], first: bool = False
    ) -> tuple[Float[Array, "n b"], PyTree]:
        """One hidden layer; the inputs are no layer, so nothing skips the first."""
        made = affine(layer, x)
        if self.normalization == "layer":
            made = layer_normalized(layer, made)
        elif self.normalization == "batch":
            made, layer = batch_normalized(layer, made)
        made = ACTIVATIONS[self.activation](made)
        skips = self.residual and not first and made.shape == x.shape
        return (made + x if skips else made), layer

    def _dropped(self, x: Float[Array, "n h"], key: Array) -> Float[Array, "n h"]:
        """The layer with units set to 0, and the others as much larger."""
        assert self.dropout is not None
        # 16 bits a unit: half the work of 32, and a probability right to 1 / 65,536.
        bits = jax.random.bits(key, x.shape, jax.numpy.uint16).astype(x.dtype)
        return jax.numpy.where(bits >= self.dropout * 2.0**16, x / (1 - self.dropout), 0.0)
