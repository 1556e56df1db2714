"""Means and variances that stay exact in float32 when the mean is far larger than the spread."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Centered(NamedTuple):
    """Columns as deviations from their means; a mean is kept as `first` + `rest`.

    The first example is taken off before anything is summed: for numbers near each other that
    subtraction has no rounding, and a constant column comes out as exactly 0.
    """

    deviations: Float[Array, "n h"]
    first: Float[Array, "1 h"]
    rest: Float[Array, "1 h"]

    @property
    def mean(self) -> Float[Array, "1 h"]:
        """In one number, for what needs no more than its rounding."""
        return self.first + self.rest


def centered(columns: Float[Array, "n h"]) -> Centered:
    """Each column's deviations from its mean; all NaN where one number is not finite."""
    first = columns[:1]
    moved = columns - first
    rest = moved.mean(axis=0, keepdims=True)
    return Centered(moved - rest, first, rest)


def mean_gap(a: Centered, b: Centered) -> Float[Array, "1 h"]:
    """Mean of `a` minus mean of `b`, without the rounding of two large means."""
    return (a.first - b.first) + (a.rest - b.rest)


def variance(columns: Float[Array, "n h"]) -> Float[Array, " h"]:
    """Variance of each column, divided by n (ddof 0); exactly 0 for a constant."""
    return (centered(columns).deviations ** 2).mean(axis=0)


def share(part: Float[Array, "..."], whole: Float[Array, "..."]) -> Float[Array, "..."]:
    """`part / whole`, NaN where the whole is not above 0: there is nothing to have a share of."""
    some = whole > 0
    return jnp.where(some, part / jnp.where(some, whole, 1.0), jnp.nan)
