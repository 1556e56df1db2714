"""Matrix factorizations that are safe in a compiled program: one matrix at a time.

On the CPU, jaxlib 0.10 splits a *batch* of factorizations into tasks for XLA's thread pool and
blocks until they are done. If every thread of the pool blocks in this way, no thread is left to run
the tasks, and the program never ends. A single matrix is factorized in the calling thread. Under
`vmap`, these functions therefore loop over the batch; the numbers are the same, bit for bit.
`primacy.training.programs` refuses to run a program that still contains a batched factorization.
"""

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Float


@sequential_vmap
def qr(matrix: Float[Array, "m k"]) -> tuple[Float[Array, "m r"], Float[Array, "r k"]]:
    """`matrix = Q R` with orthonormal columns of Q; r is the smaller of m and k."""
    q, r = jnp.linalg.qr(matrix)
    return q, r


@sequential_vmap
def svd(
    matrix: Float[Array, "m k"],
) -> tuple[Float[Array, "m r"], Float[Array, " r"], Float[Array, "r k"]]:
    """`matrix = U diag(s) V'`, singular values from the largest down; r is the smaller of m, k."""
    u, s, v = jnp.linalg.svd(matrix, full_matrices=False)
    return u, s, v


@sequential_vmap
def singular_values(matrix: Float[Array, "m k"]) -> Float[Array, " r"]:
    """The singular values of a matrix, from the largest down."""
    return jnp.linalg.svd(matrix, compute_uv=False)


@sequential_vmap
def solve_positive(
    matrix: Float[Array, "k k"], right: Float[Array, "k *c"]
) -> Float[Array, "k *c"]:
    """The x of `matrix x = right` for a symmetric positive definite matrix; NaN for any other."""
    return jax.scipy.linalg.solve(matrix, right, assume_a="pos")
