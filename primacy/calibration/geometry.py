"""Representational similarity of two ways to solve XOR, which share nothing but the answer."""

import jax
import jax.numpy as jnp
import numpy as np

from primacy.calibration import Check, case
from primacy.measures.geometry import rsa
from primacy.registry import measures

A, B = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], bool)
AND_OR = np.stack([A & B, A | B], axis=1).astype(np.float32)
ONE_NOT_THE_OTHER = np.stack([A & ~B, B & ~A], axis=1).astype(np.float32)


@case(
    "two solutions of XOR",
    title="Representational similarity of two networks that compute the same",
    reference="closed form: distances of the four inputs in each hidden layer",
)
def two_solutions() -> list[Check]:
    """The same function, and opposite geometries."""
    # Distances of 00 01 10 11. AND, OR: 1 1 sqrt2 0 1 1. The other: 1 1 0 sqrt2 1 1.
    root = np.sqrt(2)
    first, second = np.array([1, 1, root, 0, 1, 1]), np.array([1, 1, 0, root, 1, 1])
    expected = np.corrcoef(first, second)[0, 1]
    everyone = jnp.arange(4)
    answer = jnp.asarray((A ^ B)[:, None], jnp.float32)
    layer = answer * jnp.array([[2.0, -1.0, 3.0]]) + 5
    own = jax.jit(measures.load()["rsa_pearson"].function)
    between = jax.jit(rsa)
    return [
        Check(
            quantity="(AND, OR) with (A and not B, B and not A), Pearson's r",
            expected=float(expected),
            measured=float(between(AND_OR, ONE_NOT_THE_OTHER)),
            tolerance=1e-4,
        ),
        Check(
            quantity="a layer with itself, Pearson's r",
            expected=1.0,
            measured=float(between(AND_OR, AND_OR)),
            tolerance=1e-4,
        ),
        Check(
            quantity="a layer that is the answer in three units, with the answer, Pearson's r",
            expected=1.0,
            measured=float(own(layer, answer, everyone)[0]),
            tolerance=1e-4,
            measures=("rsa_pearson",),
        ),
    ]
