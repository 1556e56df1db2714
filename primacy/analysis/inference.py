"""Exact tests on a few numbers, one a seed, and the intervals that belong to them.

The replicate is one trained network, so n is small, values are skewed and tied, and no
distribution is assumed: under "no difference" each seed's difference could as well have had the
other sign. An interval is the set of nulls that the same test does not reject, so that p and
interval always agree.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import betaincinv, ndtri, stdtr, stdtrit

EXACT = 14
"""Up to so many pairs all 2^n sign flips are tried; above, `DRAWS` of them."""

DRAWS = 9_999

AT_ONCE = 2**23
"""Numbers that are summed at once (64 MB): what 10,000 flips of 800 seeds take."""

KEPT = 2**20
"""Numbers (8 MB) up to which flips stay in memory in double precision: those of 100 seeds."""

TIE = 1e-11
"""Sums closer than this, relative to the size of what is summed, are one and the same."""


class Interval(NamedTuple):
    """Where the true value may lie; an end is infinite where so few pairs bound nothing."""

    low: float
    high: float


@functools.lru_cache(maxsize=4)
def flips(n: int) -> Bool[np.ndarray, "b n"]:
    """Which differences change sign in each of the tried flips.

    The first flips nothing. The mirror image of each counts as tried too and is not listed: all
    2^n, or 10,000 fixed ones (the identity and 9,999 draws) and their mirror images.
    """
    if n <= EXACT:
        return (np.arange(2 ** (n - 1))[:, None] >> np.arange(n) & 1).astype(bool)
    rng, found = np.random.default_rng(n), np.zeros((DRAWS + 1, n), bool)
    for rows in _slices(found[1:]):
        rows[:] = rng.random(rows.shape) < 0.5
    return found


def _slices(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Some rows after the other, so that their numbers in double precision stay in bounds."""
    many = max(1, AT_ONCE // rows.shape[1])
    yield from (rows[i : i + many] for i in range(0, len(rows), many))


def _sums(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " b"]:
    """The sum over the differences that change sign, of each flip."""
    if flips(len(x)).size <= KEPT:
        return _numbers(len(x)) @ x
    return np.concatenate([rows.astype(np.float64) @ x for rows in _slices(flips(len(x)))])


@functools.lru_cache(maxsize=4)
def _numbers(n: int) -> Float[np.ndarray, "b n"]:
    """`flips` in double precision, of so few pairs that they may stay there."""
    return flips(n).astype(np.float64)


@functools.lru_cache(maxsize=4)
def _counts(n: int) -> Float[np.ndarray, " b"]:
    """How many differences change sign, in each flip: `_sums` of ones."""
    return _sums(np.ones(n))


class SignFlip:
    """The sign-flip test of mean(a) - r mean(b) = 0, for any r.

    With b all 1 and a paired differences, r is the mean difference; with a and b the two sides,
    r is the ratio of their means (the mean of b must be above 0). A flip of the set S is at least
    as extreme as the data, on the upper side, exactly when sum_S a <= r sum_S b: so one pair of
    sums a set answers for every r at once, and the interval needs no search. p is never 0, for
    the data themselves are one of the flips. Mirrored draws make the one-sided p half of the
    two-sided (b + 1) / (B + 1).

    Reference: Hartigan 1969, JASA 64:1303 (subset means); Phipson & Smyth 2010, arXiv 1603.05766.
    """

    def __init__(self, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> None:
        self.a, self.b = a, b
        half_a, half_b = _sums(a), _counts(len(b)) if (b == 1).all() else _sums(b)
        self.sum_a = np.concatenate([half_a, a.sum() - half_a])
        self.sum_b = np.concatenate([half_b, b.sum() - half_b])
        self.estimate = float(a.sum() / b.sum())

    def p_above(self, r: float) -> float:
        """One-sided p of "the true value is at most r"."""
        return float((self.sum_a - r * self.sum_b <= self._tie(r)).mean())

    def p_below(self, r: float) -> float:
        """One-sided p of "the true value is at least r"."""
        return float((self.sum_a - r * self.sum_b >= -self._tie(r)).mean())

    def p(self, r: float) -> float:
        """Two-sided p of "the true value is r"."""
        return min(1.0, 2 * min(self.p_above(r), self.p_below(r)))

    def interval(self, level: float) -> Interval:
        """The nulls around the estimate whose two-sided p is above 1 - level."""
        turn, leaves, always = self._turns
        below, above = always
        return Interval(
            -self._end(-turn[::-1], leaves[::-1], below, -self.estimate, level),
            self._end(turn, leaves, above, self.estimate, level),
        )

    def _tie(self, r: float) -> float:
        return TIE * float(np.abs(self.a - r * self.b).sum())

    @functools.cached_property
    def _turns(self) -> tuple[Float[np.ndarray, " t"], Bool[np.ndarray, " t"], tuple[int, int]]:
        """For each set: the r at which it changes side, and whether it then stops to count above
        the estimate (sum_b > 0) or begins to; and how many count at every r, below and above."""
        flat = np.abs(self.sum_b) <= TIE * np.abs(self.b).sum()
        tie = TIE * np.abs(self.a).sum()
        always = (int((self.sum_a[flat] <= tie).sum()), int((self.sum_a[flat] >= -tie).sum()))
        sum_b = self.sum_b[~flat]
        turn = self.sum_a[~flat] / sum_b
        # Not stable, which would take four times as long: of equal turns the last speaks for all.
        order = np.argsort(turn)
        return turn[order], sum_b[order] > 0, always

    def _end(
        self,
        turn: Float[np.ndarray, " t"],
        leaves: Bool[np.ndarray, " t"],
        always: int,
        estimate: float,
        level: float,
    ) -> float:
        """The smallest r above the estimate just beyond which all is rejected, or infinity."""
        after = always + int(leaves.sum()) - np.cumsum(np.where(leaves, 1, -1))
        rejected = 2 * after / len(self.sum_a) <= (1 - level) * (1 + TIE)
        # Turns that rounding alone sets apart fall together: the last of them speaks for all.
        width = TIE * float(np.abs(self.a).sum() / np.abs(self.b).sum())
        last = np.append(np.diff(turn) > width, True)
        ends = np.flatnonzero(rejected & last[: len(turn)] & (turn >= estimate - width))
        return float(turn[ends[0]]) if ends.size else np.inf


def least_p(n: int) -> float:
    """The smallest two-sided p that n pairs can give: all of them speak for one side."""
    return 2.0 ** (1 - n) if n <= EXACT else 1 / (DRAWS + 1)


def equivalence(test: SignFlip, low: float, high: float) -> float:
    """p of "the true value is not strictly between low and high": two one-sided tests.

    At most .05 exactly where the 90 % interval lies inside.

    Reference: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657.
    """
    return max(test.p_above(low), test.p_below(high))


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Interval:
    """Exact interval of a share, from `k` successes in `n`; two-sided. n 0: from 0 to 1.

    Reference: Clopper & Pearson 1934, Biometrika 26:404.
    """
    tail = (1 - level) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Interval(low, high)


def log_rank(
    a: Float[np.ndarray, " n"],
    a_seen: Bool[np.ndarray, " n"],
    b: Float[np.ndarray, " n"],
    b_seen: Bool[np.ndarray, " n"],
) -> float:
    """p of "both learn at the same rate", of times that may be censored. 1: nothing was learned.

    Args:
        a: times of one group.
        a_seen: whether each was reached; false: it is censored there.
        b: times of the other.
        b_seen: the same of them.
    """
    from scipy.stats import CensoredData, logrank

    if not (a_seen.any() or b_seen.any()):
        return 1.0
    x = CensoredData(uncensored=a[a_seen], right=a[~a_seen])
    y = CensoredData(uncensored=b[b_seen], right=b[~b_seen])
    with np.errstate(divide="ignore", invalid="ignore"):  # all learned at one time: 0 over 0
        p = float(logrank(x, y).pvalue)
    return p if np.isfinite(p) else 1.0


def welch(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " m"], level: float = 0.95
) -> tuple[Interval, float]:
    """Interval of mean(y) - mean(x), and the two-sided p of "no difference"; not paired.

    Where neither side varies nothing is bounded, and p is 1 unless the means differ.

    Reference: Welch 1947, Biometrika 34:28.
    """
    d = float(y.mean() - x.mean())
    parts = [float(z.var(ddof=1)) / len(z) for z in (x, y)]
    if (variance := sum(parts)) <= (TIE * float(np.abs(np.concatenate([x, y])).max())) ** 2:
        return Interval(-np.inf, np.inf), float(d == 0)
    freedom = variance**2 / sum(p**2 / (len(z) - 1) for p, z in zip(parts, (x, y), strict=True))
    reach = float(stdtrit(freedom, (1 + level) / 2)) * variance**0.5
    return Interval(d - reach, d + reach), float(2 * stdtr(freedom, -abs(d) / variance**0.5))


def holm(p: Float[np.ndarray, " h"]) -> Float[np.ndarray, " h"]:
    """p adjusted for having asked several questions (Holm's step-down).

    Reference: Holm 1979, Scand. J. Statist. 6:65.
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted


def kendall(
    values: Float[np.ndarray, "s v"], levels: Float[np.ndarray, " v"]
) -> Float[np.ndarray, " s"]:
    """Kendall's tau-b of each row with the levels: does the value rise with them?

    1: it rises at every step. -1: it falls. 0: neither, also where all values are equal.
    """
    i, j = np.triu_indices(len(levels), k=1)
    dose = np.sign(levels[j] - levels[i])
    change = np.sign(values[:, j] - values[:, i])
    ranked = np.sqrt((dose != 0).sum() * (change != 0).sum(axis=1).astype(np.float64))
    return np.where(ranked > 0, (dose * change).sum(axis=1) / np.maximum(ranked, 1), 0.0)


def seeds_for(x: Float[np.ndarray, " n"], *, level: float = 0.95, power: float = 0.8) -> float:
    """About how many seeds show that the mean of `x` is not 0, if it and its spread stay.

    Normal approximation. Infinite where the mean is 0.
    """
    mean, spread = float(x.mean()), float(x.std(ddof=1))
    if abs(mean) <= TIE * float(np.abs(x).sum()):
        return np.inf
    needed = float(ndtri((1 + level) / 2) + ndtri(power))
    return (needed * spread / mean) ** 2


def share_seeds_for(k: int, n: int, margin: float, most: int = 10_000) -> int | None:
    """The smallest number of seeds that settles a share against a margin, if the share stays.

    None: not even `most` would.
    """
    sizes = np.arange(n + 1, most + 1)
    hits = np.round(sizes * k / n)
    misses = sizes - hits
    high = np.where(misses > 0, betaincinv(hits + 1, np.maximum(misses, 1), 0.975), 1.0)
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), misses + 1, 0.025), 0.0)
    settled = np.flatnonzero((high < margin) | (low > margin))
    return int(sizes[settled[0]]) if settled.size else None
