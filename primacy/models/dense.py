"""A dense layer: how it starts, and the product that the layers of every model take."""

from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree
from scipy.special import ndtr, ndtri

Initialization = Literal["fan_average", "fan_in_uniform"]

LARGE_PRODUCT = 2**19
"""Multiply-adds of a product beyond which turning an operand costs less than it brings."""


def flat(inputs: Any) -> Any:
    """Examples as vectors, row by row; vectors as they are, with no trace in a program."""
    return inputs if inputs.ndim == 2 else inputs.reshape(len(inputs), -1)


def affine(layer: PyTree, x: Float[Array, "n a"]) -> Float[Array, "n b"]:
    """What a dense layer makes of its input, before any activation."""
    return product(x, layer["kernel"]) + layer["bias"][None]


def product(
    x: Float[Array, "n a"], kernel: Float[Array | np.ndarray, "a b"]
) -> Float[Array, "n b"]:
    """The matrix product of a layer, so that `step.advance` is as fast as it can be."""
    if len(x) == 1:
        # XLA would work out the gradient of a unit anew for each of its weights.
        return jax.lax.optimization_barrier(x @ kernel)
    if len(x) * kernel.size > LARGE_PRODUCT:
        return large_product(x, jax.numpy.asarray(kernel))
    return x @ kernel


@jax.custom_jvp
def large_product(x: Float[Array, "n a"], kernel: Float[Array, "a b"]) -> Float[Array, "n b"]:
    """A matrix product whose gradients are products of rows with columns, too.

    They are `g @ kernel.T` and `x.T @ g`: Eigen is a third slower at reading columns than at
    reading rows, and that is more than it takes to turn the operand first.
    """
    return x @ kernel


@large_product.defjvp
def _large_product_jvp(at: tuple, along: tuple) -> tuple:
    (x, kernel), (dx, dkernel) = at, along
    dot, barrier = jax.lax.dot_general, jax.lax.optimization_barrier
    # The transposes of these two, which reverse mode takes, are `g @ kernel.T` and `x.T @ g`.
    made = dot(dx, barrier(kernel.T), (((1,), (1,)), ((), ())))
    made += dot(barrier(x.T), dkernel, (((0,), (0,)), ((), ())))
    return x @ kernel, made


def dense_shapes(fan_in: int, fan_out: int) -> dict[str, jax.ShapeDtypeStruct]:
    """What `dense` draws, as shapes."""
    return {"kernel": float32(fan_in, fan_out), "bias": float32(fan_out)}


def float32(*shape: int) -> jax.ShapeDtypeStruct:
    """The shape of a float32 array."""
    return jax.ShapeDtypeStruct(shape, np.float32)


def size(shapes: PyTree[jax.ShapeDtypeStruct]) -> int:
    """Numbers in all arrays of these shapes together.

    Of dense layers it is also their cost: each number is multiplied once for each example.
    """
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def dense(
    initialization: Initialization, rng: np.random.Generator, fan_in: int, fan_out: int
) -> dict[str, np.ndarray]:
    """A dense layer's first `kernel` `[fan_in, fan_out]` and `bias` `[fan_out]`, float32."""
    if initialization == "fan_in_uniform":
        return fan_in_uniform(rng, fan_in, fan_out)
    return {
        "kernel": truncated_normal(rng, fan_in, fan_out),
        "bias": np.zeros(fan_out, np.float32),
    }


def fan_in_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> dict[str, np.ndarray]:
    """A dense layer uniform within 1 / sqrt(fan_in): variance 1 / (3 fan_in), biases too.

    Reference: PyTorch's `nn.Linear.reset_parameters`.
    """
    bound = 1 / np.sqrt(fan_in)
    return {
        "kernel": rng.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32),
        "bias": rng.uniform(-bound, bound, fan_out).astype(np.float32),
    }


def truncated_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Weights `[fan_in, fan_out]` with variance 2 / (fan_in + fan_out), cut at two SDs."""
    low, high = ndtr(-2.0), ndtr(2.0)
    unit = ndtri(low + (high - low) * rng.random((fan_in, fan_out)))
    density = np.exp(-2.0) / np.sqrt(2 * np.pi)
    # SD of a unit normal cut at +-2: sqrt(1 - 2 * 2 phi(2) / (Phi(2) - Phi(-2))), .8796.
    cut = np.sqrt(1 - 4 * density / (high - low))
    return (unit * np.sqrt(2 / (fan_in + fan_out)) / cut).astype(np.float32)
