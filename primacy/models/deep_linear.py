"""Deep linear networks: a product of matrices, learned mode by mode, with a known course."""

import itertools
import math
from typing import Annotated, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from primacy.models.dense import flat, float32, product, size
from primacy.registry import models, spec
from primacy.types import Forward, Shape


@models.add("deep_linear")
@spec
class DeepLinear:
    """Outputs = inputs x W1 x W2 x ...: no activation, no bias.

    What it can compute is what one matrix can, but it learns in stages: on whitened inputs the
    strongest direction of the targets first. Matrices that begin aligned with these directions stay
    so, and the strength of each direction has a closed form.

    Reference: Saxe, McClelland, Ganguli 2013, arXiv 1312.6120.
    """

    widths: tuple[Annotated[int, Field(ge=1)], ...] = (16,)
    """Units of each hidden layer, input side first; none: one matrix."""
    initialization: Literal["normal", "aligned"] = "normal"
    """How the matrices start. `aligned`: on their diagonals alone, all alike, so that input i goes
    to output i with strength `scale`. `normal`: normals of standard deviation
    scale^(1/matrices) / sqrt(inputs of the matrix), so that of a random input each matrix keeps the
    size that an aligned one keeps."""
    scale: Annotated[float, Field(ge=0)] = 1e-3
    """Strength of the whole product at the start."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden1`, `hidden2`, ..."""
        return tuple(f"hidden{depth}" for depth in range(1, len(self.widths) + 1))

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """The widths."""
        return self.widths

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `{layer: {"kernel": [in, out]}}`."""
        pairs = itertools.pairwise((math.prod(shape), *self.widths, outputs))
        names = (*self.layer_names, "output")
        return {n: {"kernel": float32(a, b)} for n, (a, b) in zip(names, pairs, strict=True)}

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: one for each weight."""
        return size(self.shapes(shape, outputs))

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters: `{layer: {"kernel": [in, out]}}`, float32."""
        layers = self.shapes(shape, outputs).items()
        sizes = {name: layer["kernel"].shape for name, layer in layers}
        each = self.scale ** (1 / len(sizes))
        kernels = {
            name: each * np.eye(a, b)
            if self.initialization == "aligned"
            else each / np.sqrt(a) * rng.standard_normal((a, b))
            for name, (a, b) in sizes.items()
        }
        return {name: {"kernel": kernel.astype(np.float32)} for name, kernel in kernels.items()}

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and every hidden layer."""
        x, layers = flat(inputs), {}
        for name in self.layer_names:
            x = product(x, params[name]["kernel"])
            layers[name] = x
        return Forward(product(x, params["output"]["kernel"]), layers)

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when a hidden layer is `reps`."""
        x = reps
        for name in self.layer_names[self.layer_names.index(layer) + 1 :]:
            x = product(x, params[name]["kernel"])
        return product(x, params["output"]["kernel"])
