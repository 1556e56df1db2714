"""Features as labels: which of them have two values, and the labels of a probe's control task."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from primacy.measures.classes import Widths, plain, slices


def two_valued(
    fit_features: Float[Array, "m k"], features: Float[Array, "n k"]
) -> tuple[Float[Array, "n k"], Bool[Array, " k"]]:
    """The features as 0 and 1 (the larger value), and which of them have exactly two values.

    Both values must occur among the fit examples and among the others, and no third one.
    """
    low, high = fit_features.min(axis=0), fit_features.max(axis=0)

    def both(x: Float[Array, "a k"]) -> Bool[Array, " k"]:
        is_low, is_high = x == low[None], x == high[None]
        return (is_low | is_high).all(axis=0) & is_low.any(axis=0) & is_high.any(axis=0)

    two = (low < high) & both(fit_features) & both(features)
    return (features == high[None]).astype(features.dtype), two


def control_labels(inputs: Float[Array, "n d"], rate: Float[Array, " k"]) -> Float[Array, "n k"]:
    """A label for each input that has nothing to do with it, 1 at the given rates.

    Equal inputs have equal labels, in every set of examples: the label is a hash of the input's
    bits below the rate. So nothing random is drawn, and the order of the examples does not matter.
    """
    return (hashed(inputs)[:, None] < rate[None]).astype(inputs.dtype)


def control_codes(
    inputs: Float[Array, "n d"], rate: Float[Array, " c"], codes: Widths | None = None
) -> Float[Array, "n c"]:
    """The same of features that may be classes: one of their levels, each at its rate."""
    if codes is None or plain(codes):
        return control_labels(inputs, rate)
    uniform, found = hashed(inputs), []
    for own in slices(codes):
        below = (uniform[:, None] < jnp.cumsum(rate[own])[None]).astype(inputs.dtype)
        found.append(below - jnp.pad(below, ((0, 0), (1, 0)))[:, :-1])
    return jnp.concatenate(found, axis=1)


def by_inputs(inputs: Float[Array, "n d"]) -> Int[Array, " n"]:
    """An order of the examples that their inputs decide, so that nothing random is drawn.

    Equal inputs do not stand together: the j-th of them has a place of its own. The order in which
    the examples came does not matter, but among equal inputs.
    """
    uniform = hashed(inputs)
    order = jnp.argsort(uniform)
    along = uniform[order]
    which = jnp.arange(len(along)) - jnp.searchsorted(along, along)
    bits = (along * 2**24).astype(jnp.uint32) + which.astype(jnp.uint32) * jnp.uint32(0x9E3779B9)
    return order[jnp.argsort(_mixed(_mixed(bits)))]


def hashed(inputs: Float[Array, "n d"]) -> Float[Array, " n"]:
    """A number from 0 to 1 that an input's bits decide."""
    # -0 and 0 are equal, so they must have the same bits. (Compiled, adding 0 changes nothing.)
    one_zero = jnp.where(inputs == 0, 0.0, inputs)
    bits = jax.lax.bitcast_convert_type(one_zero, jnp.uint32)
    column = jnp.arange(1, inputs.shape[1] + 1, dtype=jnp.uint32) * jnp.uint32(0x9E3779B9)
    mixed = _mixed(_mixed(bits + column[None]).sum(axis=1, dtype=jnp.uint32))
    return (mixed >> 8).astype(jnp.float32) / 2**24


def _mixed(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """MurmurHash3's finalizer: every bit of the input changes about half of the output's."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
