"""Where a hidden layer holds a feature linearly: its direction there, and directions like it.

A feature's *direction* is how the layer moves per unit of the feature (least squares; for a 0/1
feature the difference of the class means), and its *coordinate* is the layer's best linear
estimate of the feature (generalized least squares). Both are found on the fit examples.

In the layer's whitened coordinates (every direction of variance 1) the two are one unit vector u,
and to change what the layer holds of the feature is to change its component along u and nothing
else. So a feature that is held apart from the others is changed without them, even where their
directions are oblique; and taking the component away is LEACE (Belrose et al. 2023,
arXiv 2306.03819), the least change after which no linear function of the layer, fitted on the fit
examples, knows more of the feature than its mean.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from primacy.measures.classes import Widths, plain, slices
from primacy.measures.linalg import qr, svd
from primacy.measures.moments import centered, share
from primacy.rng import streams

Onward = Callable[[Float[Array, "n h"]], Float[Array, "n o"]]
"""The outputs that the rest of the network gives for an edited layer."""

SPAN = 1e-5
"""Directions with less than this share of the largest one's standard deviation are rounding."""

SAME = 1e-4
"""Directions of one class with a smaller singular value than this are linear in the others."""

HELD = 1e-10
"""A feature of which the layer explains less than this share holds nothing of it but rounding."""

DRAWS = 4
"""Null directions that a null value is the mean of; drawn from a fixed seed."""

POWER, HALVINGS = 64.0, 40
"""Powers among which the null directions' match is searched, and halvings of that range."""


class Directions(NamedTuple):
    """One direction a feature. The layer's coordinate on it is `(reps - mean) @ read`."""

    move: Float[Array, "k *w h"]  # how the layer moves per unit of the feature
    read: Float[Array, "k *w h"]  # move @ read = 1; both 0 for a feature that is not there
    first: Float[Array, "1 h"]  # the mean of the fit, in two parts (see `moments`)
    rest: Float[Array, "1 h"]

    def coordinates(self, reps: Float[Array, "n h"]) -> Float[Array, "n k *w"]:
        """How much of each feature an example has: its distance from the mean, in units of the
        feature."""
        deviations = (reps - self.first) - self.rest
        if self.read.ndim == 2:
            return deviations @ self.read.T
        return jnp.einsum("nh,kwh->nkw", deviations, self.read)  # of a class: w of its subspace


class _Fitted(NamedTuple):
    """The layer's principal directions, and each feature's unit vector in whitened coordinates."""

    axes: Float[Array, "r h"]  # orthonormal, of the variance of the fit
    spread: Float[Array, " r"]  # standard deviation along each; 0 where there is but rounding
    unit: Float[Array, "k r"]
    length: Float[Array, " k"]  # of one unit of the feature in whitened coordinates; NaN, or 0
    first: Float[Array, "1 h"]
    rest: Float[Array, "1 h"]

    def directions(self, unit: Float[Array, "k r"]) -> Directions:
        """Directions with these unit vectors, moved along as far as the features."""
        there = (self.spread > 0)[None]
        length = self.length[:, None]
        inverse = jnp.where(there, 1 / jnp.where(there, self.spread[None], 1.0), 0.0)
        per_unit = jnp.where(length == 0, 0.0, 1 / jnp.where(length == 0, 1.0, length))
        move = length * (unit * self.spread[None]) @ self.axes
        return Directions(move, per_unit * (unit * inverse) @ self.axes, self.first, self.rest)


def _fitted(fit_reps: Float[Array, "m h"], fit_features: Float[Array, "m k"]) -> _Fitted:
    y, x = centered(fit_reps), centered(fit_features)
    m = fit_reps.shape[0]
    # QR first: singular values of the layer itself reach far smaller directions than eigenvalues
    # of its covariance, and products with an orthonormal basis do not cancel.
    basis, factor = qr(y.deviations)
    left, size, axes = svd(factor)
    kept = size > SPAN * size[:1]
    spread = jnp.where(kept, size, 0.0) / m**0.5
    whitened = left.T @ (basis.T @ x.deviations)  # r k; the covariance times sqrt m
    whitened = jnp.where(kept[:, None], whitened, 0.0).T / m**0.5
    variance = (x.deviations**2).mean(axis=0)
    explained = (whitened**2).sum(axis=1)  # R^2 times the variance
    held = explained > HELD * variance
    norm = jnp.sqrt(jnp.where(held, explained, 1.0))
    unit = jnp.where((explained <= HELD * variance)[:, None], 0.0, whitened / norm[:, None])
    length = share(jnp.where(explained <= HELD * variance, 0.0, norm), variance)
    return _Fitted(axes, spread, unit, length, y.first, y.rest)


def of_features(
    fit_reps: Float[Array, "m h"], fit_features: Float[Array, "m c"], codes: Widths | None = None
) -> Directions:
    """Each feature's direction.

    All 0: the layer holds nothing of it linearly. NaN: the feature is constant in the fit or is a
    group of columns, or the layer is not finite. With few fit examples (less than several times
    the units) the coordinate is fitted to their accidents.
    """
    fit = _fitted(fit_reps, fit_features)
    if codes is None or plain(codes):
        return fit.directions(fit.unit)
    return _spanned(fit, _bases(fit, codes))


def _bases(fit: _Fitted, codes: Widths) -> Float[Array, "k w r"]:
    """An orthonormal basis of what each feature's columns move, in whitened coordinates.

    Rows of 0 fill up those of fewer directions; NaN where no column has one.
    """
    wide, found = max(codes), []
    for own in slices(codes):
        rows = fit.unit[own] * jnp.where(fit.length[own] == 0, 0.0, 1.0)[:, None]
        _, size, basis = svd(jnp.nan_to_num(rows))
        # The last level of a class is the others' complement: no direction of its own.
        there = size > SAME * jnp.maximum(size[:1], 1.0)
        basis = jnp.where(there[:, None], basis, 0.0)
        known = jnp.isfinite(rows).all(axis=1).any()  # a level that never occurs is left out
        basis = jnp.where(known, basis, jnp.nan)
        found.append(jnp.pad(basis, ((0, wide - basis.shape[0]), (0, 0))))
    return jnp.stack(found)


def _spanned(fit: _Fitted, basis: Float[Array, "k w r"]) -> Directions:
    """Directions of unit length in whitened coordinates: several for each feature."""
    there = fit.spread > 0
    inverse = jnp.where(there, 1 / jnp.where(there, fit.spread, 1.0), 0.0)
    move, read = ((basis * by[None, None]) @ fit.axes for by in (fit.spread, inverse))
    return Directions(move, read, fit.first, fit.rest)


def of_chance(
    fit_reps: Float[Array, "m h"],
    fit_features: Float[Array, "m c"],
    codes: Widths | None = None,
    draws: int = DRAWS,
) -> Directions:
    """Random directions that match each feature's: arrays with a leading axis of `draws`.

    Of one dimension, as long as the feature's direction and holding as much of the layer's
    variance. The directions of shuffled features are uniform in the layer's whitened coordinates;
    these are so drawn, then tilted by a power of the spread until the variance comes out. 0 and NaN
    as the feature's own.
    """
    fit = _fitted(fit_reps, fit_features)
    # Drawn in the layer's units: neither signs nor the order of the principal axes matter.
    size = (draws, fit_reps.shape[1])
    normal = jnp.asarray(streams(0, "evaluation")("null directions").normal(size=size), jnp.float32)

    def matched(along: Float[Array, " r"]) -> Directions:
        unit = jax.vmap(lambda own: _tilted(along, fit.spread, own))(fit.unit)
        return fit.directions(unit)

    if codes is not None and not plain(codes):
        return _subspaces_of_chance(fit, codes, draws)
    return jax.lax.map(matched, normal @ fit.axes.T)


def _subspaces_of_chance(fit: _Fitted, codes: Widths, draws: int) -> Directions:
    """The same of features with several directions: each is matched, then all made orthogonal."""
    bases = _bases(fit, codes)
    size = (draws, bases.shape[1], fit.axes.shape[1])
    normal = jnp.asarray(streams(0, "evaluation")("null directions").normal(size=size), jnp.float32)

    def matched(along: Float[Array, "w r"]) -> Directions:
        def one(own: Float[Array, "w r"]) -> Float[Array, "w r"]:
            there = (own != 0).any(axis=1, keepdims=True)  # also NaN
            tilted = jax.vmap(lambda a, o: _tilted(a, fit.spread, o))(along, own)
            apart = qr(jnp.where(there, tilted, along).T)[0].T
            apart = jnp.pad(apart, ((0, len(own) - len(apart)), (0, 0)))  # in a narrow layer
            return jnp.where(there, apart, 0.0) + 0 * own.sum()

        return _spanned(fit, jax.vmap(one)(bases))

    return jax.lax.map(matched, normal @ fit.axes.T)


def _tilted(
    along: Float[Array, " r"], spread: Float[Array, " r"], own: Float[Array, " r"]
) -> Float[Array, " r"]:
    """The unit vector along spread^p x along that holds as much variance as `own`."""
    there = spread > 0
    wanted = (own**2 * spread**2).sum() / jnp.where(there.any(), spread[0] ** 2, 1.0)
    scaled = jnp.where(there, spread, 1.0) / jnp.where(there.any(), spread[0], 1.0)
    size = jnp.where(there, jnp.log(scaled), -jnp.inf)
    start = jnp.log(jnp.abs(along))

    def weights(power: Float[Array, ""]) -> Float[Array, " r"]:
        return jax.nn.softmax(2 * jnp.where(there, start + power * size, -jnp.inf))

    def halved(
        _: Int[Array, ""], ends: tuple[Float[Array, ""], Float[Array, ""]]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        low, high = ends
        middle = (low + high) / 2
        # The more power, the more variance.
        less = (weights(middle) * scaled**2).sum() < wanted
        return jnp.where(less, middle, low), jnp.where(less, high, middle)

    ends = jnp.asarray(-POWER, along.dtype), jnp.asarray(POWER, along.dtype)
    low, high = jax.lax.fori_loop(0, HALVINGS, halved, ends)
    chosen = jnp.sign(along) * jnp.sqrt(weights((low + high) / 2))
    # Where the layer holds nothing of the feature there is nothing to match; NaN stays NaN.
    return jnp.where((own == 0).all(), 0.0, chosen) + 0 * own.sum()


def moved(
    onward: Onward,
    reps: Float[Array, "n h"],
    amounts: Float[Array, "n k *w"],
    move: Float[Array, "k *w h"],
) -> Float[Array, "k n o"]:
    """The outputs when, a feature at a time, each example moves its amount along the direction."""
    # One feature after the other, so that memory does not grow with the number of features.
    if amounts.ndim == 3:
        each = jnp.moveaxis(amounts, 1, 0), move
        return jax.lax.map(lambda one: onward(reps + one[0] @ one[1]), each)
    return jax.lax.map(lambda one: onward(reps + one[0][:, None] * one[1][None]), (amounts.T, move))


def mean_of_draws(
    value: Callable[[Directions], Float[Array, "k t"]], draws: Directions
) -> Float[Array, "k t"]:
    """The mean of a value over null directions, one draw after the other."""
    return jax.lax.map(value, draws).mean(axis=0)
