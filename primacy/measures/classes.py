"""Classes: targets that several outputs are about, and features that several columns tell.

A class has one of a few values (levels). A network answers a target that is a class by as many
outputs, of which the largest is the answer; a feature that is one is coded as a 0/1 column for
each level. `Widths` says of each target how many outputs it has (measures call it `heads`), and of
each feature how many columns (`codes`). Where all have one, everything here is the identity, and
no trace of it is in a compiled program.
"""

import itertools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

Widths = tuple[int, ...]


def plain(widths: Widths | None) -> bool:
    """Whether each has one column; so it is where nothing is stated."""
    return widths is None or all(width == 1 for width in widths)


def slices(widths: Widths) -> list[slice]:
    """The columns of each."""
    ends = itertools.accumulate(widths)
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]


def pooled(by_output: Float[Array, "... o"], heads: Widths | None) -> Float[Array, "... t"]:
    """Sums over the outputs of each target."""
    if heads is None or plain(heads):
        return by_output
    return jnp.stack([by_output[..., own].sum(axis=-1) for own in slices(heads)], axis=-1)


def free(outputs: Float[Array, "... o"], heads: Widths | None) -> Float[Array, "... o"]:
    """Outputs without what softmax cannot see: of a class, each less the mean over the class.

    A constant added to all logits of a class changes no probability, so a measure of use must not
    see it either.
    """
    if heads is None or plain(heads):
        return outputs
    parts = [outputs[..., own] for own in slices(heads)]
    wide = [p if p.shape[-1] == 1 else p - p.mean(axis=-1, keepdims=True) for p in parts]
    return jnp.concatenate(wide, axis=-1)


def answers(outputs: Float[Array, "n o"], heads: Widths | None) -> Float[Array, "n t"]:
    """What the network answers: 0 or 1 by the output's sign, or the index of the class."""
    if heads is None or plain(heads):
        return (outputs > 0).astype(outputs.dtype)
    own = [outputs[:, s] for s in slices(heads)]
    found = [p[:, 0] > 0 if p.shape[1] == 1 else p.argmax(axis=1) for p in own]
    return jnp.stack(found, axis=1).astype(outputs.dtype)


def finite(outputs: Float[Array, "n o"], heads: Widths | None) -> Bool[Array, " t"]:
    """Whether all outputs about a target are finite numbers."""
    good = jnp.isfinite(outputs).all(axis=0)
    if heads is None or plain(heads):
        return good
    return jnp.stack([good[own].all() for own in slices(heads)])


def coded(values: Float[Array, "n k"], codes: Widths | None) -> Float[Array, "n c"]:
    """Features as numbers: a class, told by the index of its level, as a 0/1 column for each."""
    if codes is None or plain(codes):
        return values
    parts = []
    for k, width in enumerate(codes):
        value = values[:, k : k + 1]
        if width > 1:
            levels = jnp.arange(width, dtype=values.dtype)[None]
            value = jnp.where(jnp.isnan(value), jnp.nan, (value == levels).astype(values.dtype))
        parts.append(value)
    return jnp.concatenate(parts, axis=1)


def summed(values: Float[Array, "c *r"], codes: Widths | None) -> Float[Array, "k *r"]:
    """Sums over the columns of each feature; one that is not finite spoils no other."""
    if codes is None or plain(codes):
        return values
    return jnp.stack([values[own].sum(axis=0) for own in slices(codes)])


def membership(codes: Widths | None, columns: int) -> Bool[np.ndarray, "k c"]:
    """Which of the columns are a feature's."""
    if codes is None:
        return np.eye(columns, dtype=bool)
    found = np.zeros((len(codes), sum(codes)), bool)
    for row, own in zip(found, slices(codes), strict=True):
        row[own] = True
    return found


def some(columns: Bool[Array, " c"], codes: Widths | None) -> Bool[Array, " k"]:
    """Features of which some column is so."""
    if codes is None or plain(codes):
        return columns
    return jnp.stack([columns[own].any() for own in slices(codes)])


def alone(features: Float[Array, "n c"], codes: Widths | None) -> Float[Array, "n k"]:
    """Each feature's one number; NaN where it has several, so that there is no one other value."""
    if codes is None or plain(codes):
        return features
    nothing = jnp.full(len(features), jnp.nan, features.dtype)
    each = zip(codes, slices(codes), strict=True)
    kept = [features[:, own.start] if width == 1 else nothing for width, own in each]
    return jnp.stack(kept, axis=1)
