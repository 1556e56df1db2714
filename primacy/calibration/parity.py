"""Sparse parity: how much larger the first gradient is on the bits that matter.

The label is the product of the first k of n bits of +-1. For one ReLU neuron with weights of +-1,
no bias, n odd and k even, the gradient of the correlation loss -E[y f(x)] over all 2^n inputs is a
Fourier coefficient of the majority function, of size k - 1 for the weight of a bit that matters and
of size k + 1 for another one: their ratio is (n - k)/(k - 1).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from primacy.calibration import Check, case
from primacy.models.mlp import MLP
from primacy.tasks.truthtable import bits

CASES = ((5, 2), (9, 4), (11, 2), (13, 6))
"""Bits, and how many of them matter."""


def gradients(signs: Float[np.ndarray, " n"], k: int) -> Float[np.ndarray, " n"]:
    """The gradient of the correlation loss over all inputs, by weight of the neuron."""
    inputs = (2.0 * bits(len(signs)) - 1).astype(np.float32)
    label = inputs[:, :k].prod(axis=1)
    model = MLP(widths=(1,), activation="relu")
    params = model.init(np.random.default_rng(0), signs.shape, 1)
    neuron = {"kernel": signs.astype(np.float32)[:, None], "bias": np.zeros(1, np.float32)}
    output = params["output"] | {"kernel": np.ones((1, 1), np.float32)}

    def loss(kernel: Float[Array, "n 1"], x: Array, y: Array) -> Float[Array, ""]:
        own = {"hidden1": neuron | {"kernel": kernel}, "output": output}
        return -(y * model.apply(own, x).outputs[:, 0]).mean()

    slope = jax.jit(jax.grad(loss))  # one program, not one an operation
    found = slope(*map(jnp.asarray, (neuron["kernel"], inputs, label)))
    return np.asarray(found)[:, 0].astype(float)


@case(
    "sparse parity",
    title="The gradient of a ReLU neuron points at the bits of a parity",
    reference="Barak et al. 2022, arXiv 2207.08799: (n - k)/(k - 1)",
)
def parity() -> list[Check]:
    """The ratio of mean absolute gradients, bits that matter over others; random signs of weights.

    All weights of either kind have one absolute gradient, which the largest deviation says.
    """
    found = []
    for n, k in CASES:
        signs = np.random.default_rng(n).choice([-1.0, 1.0], n)
        size = np.abs(gradients(signs, k))
        inner, outer = size[:k], size[k:]
        found += [
            Check(
                quantity=f"n = {n}, k = {k}: gradient of bits that matter over that of others",
                expected=(n - k) / (k - 1),
                measured=float(inner.mean() / outer.mean()),
                tolerance=1e-5,
                relative=True,
            ),
            Check(
                quantity=f"n = {n}, k = {k}: largest gap among gradients of one kind, as a share",
                expected=0.0,
                measured=float(max(np.ptp(inner) / inner.mean(), np.ptp(outer) / outer.mean())),
                tolerance=1e-5,
            ),
        ]
    return found
