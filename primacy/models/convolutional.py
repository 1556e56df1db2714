"""Convolutional networks on small images, plain or residual."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from primacy.models.dense import affine, dense_shapes, fan_in_uniform, float32
from primacy.models.normalization import (
    BatchNormalization,
    batch_normalized,
    normalization,
    normalization_shapes,
)
from primacy.registry import models, spec
from primacy.types import Forward, Shape

SIDE = 3
"""Rows and columns of a kernel."""


class Convolution(NamedTuple):
    """One convolution of a network: its place, its size and where its image comes from."""

    name: str
    side: int
    """Rows and columns of the kernel: 3, or 1 in a skip that changes shape."""
    channels: tuple[int, int]
    """Read and written."""
    stride: int
    pixels: int
    """Of the image that it writes."""


@models.add("convolutional")
@spec
class Convolutional:
    """A 3 x 3 stem, stages of two 3 x 3 convolutions, a mean over the image, an affine output.

    Each stage after the first halves the image with a stride of 2. An activation (ReLU) follows
    each convolution. `residual` adds what a stage read to what it writes, before its last
    activation; where shapes differ, through a 1 x 1 convolution. The hidden layer `pooled` is the
    mean over the last image, one unit a channel.

    On a CPU a convolution is nine shifted views of the image side by side and one matrix product:
    XLA's own takes 15 times as long inside a loop there. On other devices it is XLA's own.

    Reference: residual networks, He et al. 2015, arXiv 1512.03385.
    """

    one_by_one = True  # side by side a step takes 1.4 times as long
    by_ynnpack = True  # products of so few rows take a tenth less time than by Eigen

    channels: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (8, 16, 32)
    """Channels of each stage; the stem has those of the first."""
    residual: bool = False
    """A skip over each stage."""
    normalization: BatchNormalization = "none"
    """Batch: each channel is normalized before each activation, over the images of the batch and
    their pixels; when measured, by the mean and variance of the fit examples."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`pooled`: the mean over the last image."""
        return ("pooled",)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Channels of the last stage."""
        return (self.channels[-1],)

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: `{name: {"kernel": [3, 3, in, out], "bias": [out]}}`.

        With batch normalization `{"kernel", "scale", "shift"}`: a bias would be subtracted again.

        Raises:
            ValueError: an input is no image of rows x columns x channels.
        """
        found: dict[str, PyTree] = {}
        for c in self._convolutions(shape):
            kernel = {"kernel": float32(c.side, c.side, *c.channels)}
            found[c.name] = kernel | (
                normalization_shapes(c.channels[1])
                if self._normalized
                else {"bias": float32(c.channels[1])}
            )
        return {**found, "output": dense_shapes(self.channels[-1], outputs)}

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one image: each kernel once for each pixel that it writes."""
        last = self.channels[-1]
        sizes = [
            c.pixels * c.channels[1] * (c.side**2 * c.channels[0] + 1)
            for c in self._convolutions(shape)
        ]
        return sum(sizes) + (last + 1) * outputs

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters as `shapes` says: kernels normal of variance 2 / inputs, biases 0.

        So a signal keeps its size through ReLU layers; with PyTorch's default it shrinks by 2.4 in
        each, and a plain network without normalization then takes several times as long. The
        output layer is PyTorch's.

        Reference: He et al. 2015, arXiv 1502.01852.
        """
        found: dict[str, PyTree] = {}
        for c in self._convolutions(shape):
            drawn = rng.standard_normal((c.side, c.side, *c.channels))
            drawn *= np.sqrt(2 / (c.side**2 * c.channels[0]))
            kernel = {"kernel": drawn.astype(np.float32)}
            found[c.name] = kernel | (
                normalization(c.channels[1])
                if self._normalized
                else {"bias": np.zeros(c.channels[1], np.float32)}
            )
        return {**found, "output": fan_in_uniform(rng, self.channels[-1], outputs)}

    def apply(self, params: PyTree, inputs: Float[Array, "n r s c"]) -> Forward:
        """Outputs and the hidden layer `pooled`."""
        pooled, _ = self._pooled(params, inputs)
        return Forward(affine(params["output"], pooled), {"pooled": pooled})

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when the hidden layer is `reps`."""
        return affine(params["output"], reps)

    def settled(self, params: PyTree, inputs: Float[Array, "n r s c"]) -> PyTree:
        """The parameters with the statistics that batch normalization uses when it is evaluated."""
        return self._pooled(params, inputs)[1] if self._normalized else params

    @property
    def _normalized(self) -> bool:
        return self.normalization == "batch"

    def _convolutions(self, shape: Shape) -> Iterator[Convolution]:
        """Every convolution in the order in which it is drawn."""
        if len(shape) != 3:
            raise ValueError(
                f"convolutional reads images of rows x columns x channels; the task's inputs are "
                f"{' x '.join(map(str, shape))}. A task of images: sprites"
            )
        rows, columns, depth = shape
        yield Convolution("stem", SIDE, (depth, self.channels[0]), 1, rows * columns)
        before = self.channels[0]
        for i, own in enumerate(self.channels, 1):
            stride = 1 if i == 1 else 2
            rows, columns = -(-rows // stride), -(-columns // stride)
            yield Convolution(f"stage{i}a", SIDE, (before, own), stride, rows * columns)
            yield Convolution(f"stage{i}b", SIDE, (own, own), 1, rows * columns)
            if self.residual and (stride > 1 or before != own):
                yield Convolution(f"stage{i}skip", 1, (before, own), stride, rows * columns)
            before = own

    def _pooled(
        self, params: PyTree, inputs: Float[Array, "n r s c"]
    ) -> tuple[Float[Array, "n h"], PyTree]:
        """The last hidden layer, and the parameters with the statistics that were used."""
        held = dict(params)

        def convolved(name: str, x: Array, stride: int) -> Array:
            made = convolution(x, params[name]["kernel"], stride)
            if self._normalized:
                made, held[name] = batch_normalized(params[name], made, axis=0)
                return made
            return made + params[name]["bias"][:, None, None, None]

        x = jax.nn.relu(convolved("stem", jnp.moveaxis(inputs, -1, 0), 1))
        for i in range(1, len(self.channels) + 1):
            stride = 1 if i == 1 else 2
            made = jax.nn.relu(convolved(f"stage{i}a", x, stride))
            made = convolved(f"stage{i}b", made, 1)
            if self.residual:
                skip = f"stage{i}skip"
                made = made + (convolved(skip, x, stride) if skip in params else x)
            x = jax.nn.relu(made)
        return x.mean(axis=(2, 3)).T, held


def convolution(
    x: Float[Array, "c n r s"], kernel: Float[Array | np.ndarray, "a b c o"], stride: int
) -> Float[Array, "o n p q"]:
    """Each pixel (of every `stride`th row and column) from its neighborhood; zeros beyond edges.

    Channels come first, so that a view of a shifted image is copied a row of pixels at a time.
    """
    side, taps = kernel.shape[0], jnp.asarray(kernel)
    edge = side // 2
    if jax.default_backend() != "cpu":
        beyond = [(edge, edge)] * 2
        order = ("CNHW", "HWIO", "CNHW")
        return jax.lax.conv_general_dilated(
            x, taps, (stride, stride), beyond, dimension_numbers=order
        )
    rows, columns = (-(-size // stride) for size in x.shape[2:])
    padded = jnp.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    down, across = stride * (rows - 1) + 1, stride * (columns - 1) + 1
    views = [
        padded[:, :, i : i + down : stride, j : j + across : stride]
        for i in range(side)
        for j in range(side)
    ]
    flat = jnp.concatenate(views).reshape(side * side * len(x), -1)
    made = taps.reshape(-1, kernel.shape[-1]).T @ flat
    return made.reshape(kernel.shape[-1], x.shape[1], rows, columns)
