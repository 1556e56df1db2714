"""One hidden ReLU layer as theory has it: both layers trained, or only the first of a wide one."""

import math
from typing import Annotated, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from primacy.models.dense import flat, float32, product, size
from primacy.registry import models, spec
from primacy.types import Forward, Shape


@models.add("two_layer")
@spec
class TwoLayer:
    """Inputs, ReLU units, outputs without a bias of their own: the network of many theorems.

    Weights start normal, biases at 0. `output = "trained"`: variance 1 / inputs in the first layer
    and 1 / units in the second. `output = "mirrored"`: unit variance in the first layer, and the
    second is fixed: units come in pairs that start alike, one counted with +1 / sqrt(units) and
    one with -1 / sqrt(units). So the network starts at exactly 0, and a wide one moves so little
    that it is a kernel machine (the neural tangent kernel of its first layer).

    Reference: Jacot, Gabriel, Hongler 2018, arXiv 1806.07572; in pairs: Chizat, Oyallon, Bach
    2018, arXiv 1812.07956.
    """

    units: Annotated[int, Field(ge=1)] = 128
    """Units of the hidden layer; an even number where they come in pairs."""
    bias: bool = True
    """Whether hidden units have a trained bias; without one the network is the same function along
    every ray from the origin, but for its size."""
    output: Literal["trained", "mirrored"] = "trained"
    """The second layer: trained, or fixed in pairs of opposite sign."""

    def __post_init__(self) -> None:
        """Refuse an odd number of units in pairs.

        Raises:
            ValueError: it is odd.
        """
        if self.output == "mirrored" and self.units % 2:
            raise ValueError(f"units = {self.units}: mirrored units come in pairs; take one more")

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`hidden1`."""
        return ("hidden1",)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Its units."""
        return (self.units,)

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `hidden1` and, where it is trained, `output`.

        Raises:
            ValueError: mirrored units, and more than one output.
        """
        if self.output == "mirrored" and outputs != 1:
            raise ValueError(f'output = "mirrored" is for one target; the task has {outputs}')
        hidden = {"kernel": float32(math.prod(shape), self.units)}
        hidden |= {"bias": float32(self.units)} if self.bias else {}
        if self.output == "mirrored":
            return {"hidden1": hidden}
        return {"hidden1": hidden, "output": {"kernel": float32(self.units, outputs)}}

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: one for each weight and bias, fixed ones too."""
        fixed = self.units if self.output == "mirrored" else 0
        return size(self.shapes(shape, outputs)) + fixed

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters as `shapes` says: normal weights, biases 0."""
        d = math.prod(shape)
        self.shapes(shape, outputs)  # refuses what it cannot be
        if self.output == "mirrored":
            half = rng.standard_normal((d, self.units // 2))
            kernel = np.concatenate([half, half], axis=1)
        else:
            kernel = rng.standard_normal((d, self.units)) / np.sqrt(d)
        hidden = {"kernel": kernel.astype(np.float32)}
        if self.bias:
            hidden["bias"] = np.zeros(self.units, np.float32)
        if self.output == "mirrored":
            return {"hidden1": hidden}
        second = rng.standard_normal((self.units, outputs)) / np.sqrt(self.units)
        return {"hidden1": hidden, "output": {"kernel": second.astype(np.float32)}}

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and the hidden layer after its ReLU."""
        hidden = params["hidden1"]
        made = product(flat(inputs), hidden["kernel"])
        if self.bias:
            made = made + hidden["bias"][None]
        reps = jax.nn.relu(made)
        return Forward(self.onward(params, "hidden1", reps), {"hidden1": reps})

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when the hidden layer (after its ReLU) is `reps`."""
        if self.output == "trained":
            return product(reps, params["output"]["kernel"])
        sign = np.repeat(np.array([1, -1], np.float32), self.units // 2)[:, None]
        return product(reps, sign / np.float32(np.sqrt(self.units)))
