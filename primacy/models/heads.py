"""Networks that read some inputs through a head of their own."""

import math
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from primacy.models.dense import Initialization, affine, dense, dense_shapes, flat, size
from primacy.models.mlp import MLP
from primacy.registry import models, spec
from primacy.types import Forward, Shape


@models.add("sep_heads")
@spec
class SeparateHeads:
    """A linear head of its own for some of the inputs, before one trunk reads all.

    The trunk reads [head of the first of `columns`, head of the second, ..., the other inputs in
    their order]. A head is affine (one input to `head_units` numbers, no activation), so the
    network computes nothing that its trunk alone could not; what differs is how it is
    parameterized, and how many parameters it has: compare it with `matched`.

    Reference: the feature notebook's "separate heads", Linear(1, 8) on x1.
    """

    columns: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """The inputs with a head, counted from 0."""
    head_units: Annotated[int, Field(ge=1)] = 8
    """What each head makes of its one input."""
    widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (8,)
    """Units of each hidden layer of the trunk, input side first."""
    activation: Literal["leaky_relu", "relu", "tanh", "gelu"] = "relu"
    """What each hidden unit makes of its sum; heads have none."""
    initialization: Initialization = "fan_in_uniform"
    """How weights start; see `mlp`. A head has one input: uniform within 1 in PyTorch's way."""

    @property
    def trunk(self) -> MLP:
        """The network behind the heads."""
        return self._plain(self.widths)

    @property
    def head_names(self) -> tuple[str, ...]:
        """`head1`, `head2`, ... in the order of `columns`."""
        return tuple(f"head{i}" for i in range(1, len(self.columns) + 1))

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden1`, `hidden2`, ... of the trunk; heads are linear, no layers of their own."""
        return self.trunk.layer_names

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """The widths of the trunk."""
        return self.widths

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `{name: {"kernel": [in, out], "bias": [out]}}`.

        Raises:
            ValueError: a column is not among the inputs, or is listed twice.
        """
        heads = {name: dense_shapes(1, self.head_units) for name in self.head_names}
        return {**heads, **self.trunk.shapes(self._read(shape), outputs)}

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: one for each weight and bias."""
        return size(self.shapes(shape, outputs))

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters: `{name: {"kernel": [in, out], "bias": [out]}}`, float32.

        Raises:
            ValueError: a column is not among the inputs, or is listed twice.
        """
        read = self._read(shape)
        heads = {
            name: dense(self.initialization, rng, 1, self.head_units) for name in self.head_names
        }
        return {**heads, **self.trunk.init(rng, read, outputs)}

    def _read(self, shape: Shape) -> Shape:
        """What the trunk reads: so many numbers.

        Raises:
            ValueError: a column is not among the inputs, or is listed twice.
        """
        d = math.prod(shape)
        for i, column in enumerate(self.columns):
            if column >= d:
                raise ValueError(f"columns[{i}] = {column}: the inputs are 0 to {d - 1}")
            if column in self.columns[:i]:
                raise ValueError(f"columns[{i}] = {column}: stands twice")
        return (d + len(self.columns) * (self.head_units - 1),)

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and every hidden layer of the trunk after its activation."""
        inputs = flat(inputs)
        heads = [
            affine(params[name], inputs[:, column : column + 1])
            for name, column in zip(self.head_names, self.columns, strict=True)
        ]
        others = [i for i in range(inputs.shape[1]) if i not in self.columns]
        read = jnp.concatenate([*heads, inputs[:, np.array(others, int)]], axis=1)
        return self.trunk.apply(params, read)

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when a hidden layer of the trunk (after its activation) is `reps`."""
        return self.trunk.onward(params, layer, reps)

    def matched(self, shape: Shape, outputs: int) -> MLP:
        """The control without heads: as many parameters, in a wider first hidden layer.

        As near as whole units allow. For two inputs and one output the defaults have 105
        parameters, and so has `widths = [26]`.
        """
        own = size(self.shapes(shape, outputs))
        rest = self.widths[1:]
        # Each unit more adds its inputs, its bias and what reads it: the count is a line.
        one, two = (size(self._plain((first, *rest)).shapes(shape, outputs)) for first in (1, 2))
        first = max(1, 1 + round((own - one) / (two - one)))
        return self._plain((first, *rest))

    def _plain(self, widths: tuple[int, ...]) -> MLP:
        return MLP(widths=widths, activation=self.activation, initialization=self.initialization)
