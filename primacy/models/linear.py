"""The linear model, whose course of learning has a closed form: what the engine is held against."""

import math
from typing import Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from primacy.models import encodings
from primacy.models.dense import affine, dense_shapes, fan_in_uniform, size
from primacy.models.encodings import Encoding, Frequencies
from primacy.registry import models, spec
from primacy.types import Forward, Shape


@models.add("linear")
@spec
class Linear:
    """Outputs = inputs x weights + bias; no hidden layer, so nothing is represented in it.

    Under gradient flow on the squared error its weights (bias last) run through
    w(t) = w* + e^(-2 S t) (w(0) - w*), with S the second-moment matrix of [inputs, 1] and w* the
    least-squares solution: along each eigenvector of S the rest halves every ln 2 / (2 lambda).
    """

    initialization: Literal["zeros", "fan_in_uniform"] = "zeros"
    """How weights start: at 0, or weights and bias uniform within 1 / sqrt(inputs) (PyTorch's
    `nn.Linear`)."""
    encoding: Encoding = "none"
    """What happens to the inputs first: nothing; `standardize`, by the mean and SD of the fit
    examples; `positional`, the inputs and their sines and cosines."""
    frequencies: Frequencies = encodings.DECADES
    """Of `positional`: cycles per unit of the input."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """None: it has no hidden layer."""
        return ()

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """None."""
        return ()

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `{"output": {"kernel": [in, out], "bias": [out]}}`."""
        wide = encodings.encoded_width(self.encoding, self.frequencies, math.prod(shape))
        return {"output": dense_shapes(wide, outputs)}

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: one for each weight and bias."""
        return size(self.shapes(shape, outputs))

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters: `{"output": {"kernel": [in, out], "bias": [out]}}`, float32."""
        wide = encodings.encoded_width(self.encoding, self.frequencies, math.prod(shape))
        if self.initialization == "fan_in_uniform":
            return {"output": fan_in_uniform(rng, wide, outputs)}
        kernel, bias = np.zeros((wide, outputs), np.float32), np.zeros(outputs, np.float32)
        return {"output": {"kernel": kernel, "bias": bias}}

    def fitted(self, params: PyTree, inputs: Float[np.ndarray, "n *shape"]) -> PyTree:
        """The parameters with what the encoding has to know of the inputs; on the host, once."""
        return encodings.fitted(self.encoding, params, inputs)

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs; there are no hidden layers."""
        x = encodings.encode(self.encoding, self.frequencies, params, inputs)
        return Forward(affine(params["output"], x), {})
