"""How alike two representations of the same examples are: RSA and CKA, on plain arrays.

For two layers, two networks, or one layer at two steps: give both the same examples, in the same
order, an example a row. The registered measures of `rsa` and `cka` use these to compare a layer
with a feature and with the inputs.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.moments import centered, share

Distance = Literal["euclidean", "correlation"]
Comparison = Literal["pearson", "spearman"]

FINEST = 2**16
"""Distances are ranked in steps of the largest one over this, so that rounding makes no order."""

CONSTANT = 1e-12
"""Distances whose variance is below this share of their mean square count as all the same."""


class Pairs(NamedTuple):
    """Pairs of examples: each example with one partner a row."""

    partner: Int[Array, "p n"]
    counted: Bool[Array, "p n"]
    """Not so for an example with itself, nor for a pair that another row has."""


def all_pairs(n: int) -> Pairs:
    """Every two of `n` examples once: example i with i + 1, with i + 2, and so on, in a circle."""
    step = np.arange(1, n // 2 + 1)[:, None]
    example = np.arange(n)[None]
    counted = (2 * step < n) | (example < n // 2)  # half way round the circle a pair comes twice
    return Pairs(jnp.asarray((example + step) % n), jnp.asarray(counted))


def sampled_pairs(donors: Int[Array, " n"], rows: int) -> Pairs:
    """Each example with its donor, with its donor's donor, and so on: as many rows as asked for."""
    n = donors.size

    def follow(at: Int[Array, " n"], _: None) -> tuple[Int[Array, " n"], Int[Array, " n"]]:
        return donors[at], donors[at]

    partner = jax.lax.scan(follow, jnp.arange(n, dtype=donors.dtype), None, length=rows)[1]
    return Pairs(partner, partner != jnp.arange(n, dtype=donors.dtype)[None])


def distances(
    reps: Float[Array, "n h"], pairs: Pairs, distance: Distance = "euclidean"
) -> Float[Array, "p n"]:
    """The distance of every pair; NaN where it is not counted, or not defined.

    A correlation distance (1 - Pearson's r over units) is not defined for an example whose units
    are all equal. All are NaN where a number is not finite.
    """
    x = centered(reps).deviations
    largest = jnp.abs(x).max()  # taken off, so that squares do not overflow
    x = jnp.where(largest > 0, x / jnp.where(largest > 0, largest, 1.0), x)
    if distance == "correlation":
        pattern = centered(reps.T / jnp.where(largest > 0, largest, 1.0)).deviations.T
        length = jnp.sqrt((pattern**2).sum(axis=1, keepdims=True))
        # |a - b|^2 / 2 of two patterns of length 1 is 1 - r, and exactly 0 for equal ones.
        x = share(pattern, jnp.broadcast_to(length, pattern.shape))
        x = jnp.where(jnp.isfinite(largest), x, jnp.nan)

    def row(partner: Int[Array, " n"]) -> Float[Array, " n"]:
        return ((x - x[partner]) ** 2).sum(axis=1)

    # A row after the other, so that memory does not grow with the number of pairs.
    squared = jax.lax.map(row, pairs.partner)
    found = squared / 2 if distance == "correlation" else jnp.sqrt(squared) * largest
    return jnp.where(pairs.counted, found, jnp.nan)


def compared(
    a: Float[Array, "..."], b: Float[Array, "..."], comparison: Comparison = "pearson"
) -> Float[Array, ""]:
    """Correlation of two sets of distances, over the pairs that both have.

    NaN where either set is constant.
    """
    known = jnp.isfinite(a) & jnp.isfinite(b)
    if comparison == "spearman":
        a, b = _ranks(a, known), _ranks(b, known)
    (a, some), (b, others) = _standard(a, known), _standard(b, known)
    return jnp.where(some & others, jnp.clip((a * b).sum(), -1.0, 1.0), jnp.nan)


def _standard(
    x: Float[Array, "..."], known: Bool[Array, "..."]
) -> tuple[Float[Array, "..."], Bool[Array, ""]]:
    """Deviations from the mean of the known, of length 1 together; and whether they vary."""
    x = jnp.where(known, x, 0.0)
    x = x / jnp.maximum(jnp.abs(x).max(), jnp.finfo(x.dtype).tiny)
    moved = jnp.where(known, x - x.sum() / known.sum(), 0.0)
    size = (moved**2).sum()
    varies = size > CONSTANT * (x**2).sum()
    return moved / jnp.sqrt(jnp.where(varies, size, 1.0)), varies


def _ranks(x: Float[Array, "..."], known: Bool[Array, "..."]) -> Float[Array, "..."]:
    """Ranks of the known values; equal ones share the mean of theirs."""
    largest = jnp.where(known, jnp.abs(x), 0.0).max()
    steps = jnp.round(x / jnp.maximum(largest, jnp.finfo(x.dtype).tiny) * FINEST)
    flat = jnp.where(known, steps, jnp.inf).ravel()  # the others come last and count for nobody
    ordered = jnp.sort(flat)
    before, upto = (jnp.searchsorted(ordered, flat, side=side) for side in ("left", "right"))
    return ((before + upto - 1) / 2).reshape(x.shape).astype(x.dtype)


def rdm(
    reps: Float[Array | np.ndarray, "n h"], distance: Distance = "euclidean"
) -> Float[Array, " pairs"]:
    """The representational dissimilarity matrix: the distance of every two examples.

    The upper triangle, row by row, as SciPy's `pdist` gives it. 0: the two are represented alike.
    NaN: a number is not finite, or a correlation distance has an example whose units are all equal.

    Args:
        reps: an example a row, a unit a column.
        distance: `euclidean`, or `correlation` (1 - Pearson's r over units).

    Reference: Kriegeskorte, Mur, Bandettini 2008, Frontiers in Systems Neuroscience 2.
    """
    x = jnp.asarray(reps)
    n = x.shape[0]
    everyone = jnp.broadcast_to(jnp.arange(n)[:, None], (n, n))
    square = distances(x, Pairs(everyone, jnp.ones((n, n), bool)), distance)
    return square[jnp.triu_indices(n, 1)]


def rsa(
    a: Float[Array | np.ndarray, "n h"],
    b: Float[Array | np.ndarray, "n g"],
    distance: Distance = "euclidean",
    comparison: Comparison = "pearson",
) -> Float[Array, ""]:
    """Representational similarity of two representations: the correlation of their RDMs.

    1: the same distances but for scale (Pearson), in the same order (Spearman). 0: distances that
    do not go together. -1: what is near in one is far in the other. NaN: one has constant
    distances, or a number is not finite.

    It misleads where units differ in scale: loud units make the distances. Two networks that
    compute the same function need not be alike.

    Args:
        a: one representation of the examples.
        b: another of the same examples, in the same order.
        distance: of two examples, in both.
        comparison: of the two RDMs, over all pairs of examples.

    Reference: Kriegeskorte, Mur, Bandettini 2008, Frontiers in Systems Neuroscience 2.
    """
    pairs = all_pairs(np.shape(a)[0])
    one, other = (distances(jnp.asarray(x), pairs, distance) for x in (a, b))
    return compared(one, other, comparison)


def noise_ceiling(
    rdms: Float[Array | np.ndarray, "s pairs"], comparison: Comparison = "pearson"
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Lower and upper bound of how well any RDM can agree with those of several networks.

    The mean correlation of a network's RDM with the mean of the others' (lower), and with the mean
    of all, itself included (upper); RDMs are standardized (or ranked) before the mean is taken. 1:
    all networks have the same geometry. NaN: one RDM is constant or has a NaN, or there is one
    network only.

    Args:
        rdms: a network a row, all of the same examples.
        comparison: as that of the models with which the RDMs will be compared.

    Reference: Nili et al. 2014, PLOS Computational Biology 10.
    """
    x = jnp.asarray(rdms)
    known = jnp.isfinite(x).all() & jnp.ones(x.shape[1], bool)
    if comparison == "spearman":
        x = jax.vmap(lambda one: _ranks(one, known))(x)
    z, varies = jax.vmap(lambda one: _standard(one, known))(x)
    total = z.sum(axis=0, keepdims=True)
    fine = varies.all() & known.all() & (len(x) > 1)

    def mean_with(other: Float[Array, "s pairs"]) -> Float[Array, ""]:
        each = jax.vmap(lambda own, rest: compared(own, rest, comparison))(z, other)
        return jnp.where(fine, each.mean(), jnp.nan)

    return mean_with(total - z), mean_with(jnp.broadcast_to(total, z.shape))


def cka(
    a: Float[Array | np.ndarray, "n h"],
    b: Float[Array | np.ndarray, "n g"],
    debiased: bool = False,
) -> Float[Array, ""]:
    """Linear centered kernel alignment of two representations.

    1: the same up to rotation, shift and overall scale. 0: no unit of one is correlated with any of
    the other (debiased: as alike as chance; it may lie below 0). NaN: one is constant, a number is
    not finite, or (debiased) there are fewer than 4 examples.

    It misleads by its bias where examples are few: two unrelated representations have on average
    sqrt(p q) / (n - 1), p and q their participation ratios; the debiased form has 0. In both the
    directions of large variance decide.

    Args:
        a: one representation of the examples.
        b: another of the same examples, in the same order.
        debiased: with the unbiased estimator of HSIC by Song et al. 2012.

    Reference: Kornblith et al. 2019, arXiv 1905.00414; Song et al. 2012, JMLR 13.
    """
    x, y = _scaled(jnp.asarray(a)), _scaled(jnp.asarray(b))
    return share(_hsic(x, y, debiased), _norm(x, debiased) * _norm(y, debiased))


def cka_with_columns(
    reps: Float[Array, "n h"], columns: Float[Array, "n k"], debiased: bool
) -> Float[Array, " k"]:
    """CKA of a layer with each column on its own."""
    x, y = _scaled(reps), centered(columns).deviations
    largest = jnp.abs(y).max(axis=0)
    y = y / jnp.where(largest > 0, largest, 1.0)[None]
    products = ((x.T @ y) ** 2).sum(axis=0)
    own = (y**2).sum(axis=0) ** 2
    if debiased:
        length, squares = (x**2).sum(axis=1, keepdims=True), y**2
        total, sums = length.sum(), squares.sum(axis=0)
        products = _debiased(len(x), products, (length * squares).sum(axis=0), total * sums)
        own = _debiased(len(x), own, (squares**2).sum(axis=0), sums**2)
    return share(products, _norm(x, debiased) * _root(own))


def _scaled(x: Float[Array, "n h"]) -> Float[Array, "n h"]:
    """Deviations from the means over their largest, so that nothing overflows."""
    moved = centered(x).deviations
    largest = jnp.abs(moved).max()
    return moved / jnp.where(largest > 0, largest, 1.0)


def _hsic(x: Float[Array, "n h"], y: Float[Array, "n g"], debiased: bool) -> Float[Array, ""]:
    """Hilbert-Schmidt independence criterion of linear kernels, but for a factor of n alone."""
    n = len(x)
    # |X'Y|^2, from whichever products are smaller.
    small = x.shape[1] * y.shape[1] <= n * n
    squares = ((x.T @ y) ** 2).sum() if small else ((x @ x.T) * (y @ y.T)).sum()
    if not debiased:
        return squares
    a, b = (x**2).sum(axis=1), (y**2).sum(axis=1)
    return _debiased(n, squares, (a * b).sum(), a.sum() * b.sum())


def _debiased(
    n: int, squares: Float[Array, "..."], diagonal: Float[Array, "..."], sums: Float[Array, "..."]
) -> Float[Array, "..."]:
    """HSIC_1 times n (n - 3): the products without those of an example with itself.

    `diagonal` is the sum of products of squared lengths, `sums` the product of their sums.
    """
    if n < 4:
        return jnp.full_like(squares, jnp.nan)
    return squares - n / (n - 2) * diagonal + sums / ((n - 1) * (n - 2))


def _norm(x: Float[Array, "n h"], debiased: bool) -> Float[Array, ""]:
    return _root(_hsic(x, x, debiased))


def _root(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.sqrt(jnp.where(x > 0, x, jnp.nan))
