"""The trials of docs/statistics.md: how often each verdict is given where the truth is known.

Every trial has its own fixed seed, so the same numbers come again. `no_difference`, `coverage`,
`power`, `margins`, `ratios`, `after_advice` and `family` judge numbers, one a seed, with the
functions that judge a study (`inference.SignFlip`, `verdicts.word_of`). `trends`, `times`, `means`
and `never_the_whole_way` go from a table of curves through `contrasts`, as a real study does.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import stats
from scipy.optimize import brentq
from simulated_studies import (
    ASYMMETRIC,
    CONFIRM,
    STEP,
    SYMMETRIC,
    TIED,
    Noise,
    claim,
    judged,
    planted,
    reached,
    share,
)

from primacy.analysis.contrasts import Estimate, estimate, share_learned
from primacy.analysis.inference import holm
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import more_seeds
from primacy.analysis.words import ALPHA, word_of
from primacy.records.study import Hypothesis
from primacy.rng import streams

SIZES = (6, 10, 30, 100)
BAND = 0.99
A_TABLE = 250
"""Simulated studies that share one table of curves."""

rng_of = streams(0, "operating characteristics")


class Rate(NamedTuple):
    """How often something happened, in how many simulated studies."""

    hits: int
    studies: int

    def band(self, nominal: float) -> tuple[int, int]:
        """Hits that a rate of `nominal` gives in 99 of 100 such simulations, both ends included."""
        low, high = stats.binom.interval(BAND, self.studies, nominal)
        return int(low), int(high)

    def __str__(self) -> str:
        return f"{100 * self.hits / self.studies:.1f}"


Row = Mapping[str, Rate | str]
Judge = Callable[[np.ndarray], Estimate]


def words(found: Iterable[Estimate], *asked: Hypothesis) -> list[list[str]]:
    """For each hypothesis the word of every study."""
    given = [[word_of(h, e) for h in asked] for e in found]
    return [list(one) for one in zip(*given, strict=True)]


def rate(given: Sequence[str], *wanted: str) -> Rate:
    """How often one of these words was given."""
    return Rate(sum(w in wanted for w in given), len(given))


DIRECTED = ("supported", "contradicted")


def draws(shape: str, n: int, studies: int, purpose: str) -> np.ndarray:
    """Simulated differences, mean 0: a study a row, a seed a column."""
    noise: Noise = {**SYMMETRIC, **TIED, **ASYMMETRIC}[shape]
    return noise(rng_of(purpose, shape, n), (studies, n))


def no_difference(shape: str, n: int, studies: int) -> Rate:
    """How often a word is given where the mean difference is 0; less or greater, margin 0."""
    found = (judged(d) for d in draws(shape, n, studies, "no difference"))
    return rate(words(found, claim("less"))[0], *DIRECTED)


def coverage(shape: str, n: int, studies: int) -> Rate:
    """How often the 95 % interval holds a mean difference of .5 SD."""
    held = 0
    for d in draws(shape, n, studies, "coverage"):
        low, high = judged(d + 0.5).test.interval(0.95)
        held += low <= 0.5 <= high
    return Rate(held, studies)


def power(shape: str, effect: float, n: int, studies: int) -> Rate:
    """How often a difference of `effect` SD is found; margin 0."""
    found = (judged(d + effect) for d in draws(shape, n, studies, f"power {effect}"))
    return rate(words(found, claim("greater"))[0], "supported")


def t_power(effect: float, n: int) -> float:
    """Power of Student's two-sided paired t test for normal differences (noncentral F of t^2)."""
    t = stats.t.ppf(1 - ALPHA / 2, n - 1)
    return float(stats.ncf.sf(t**2, 1, n - 1, effect**2 * n))


def margins(shape: str, n: int, studies: int, margin: float = 0.5) -> dict[str, Rate]:
    """Words where the true difference is the margin, and where it is 0."""
    asked = claim("greater", margin), claim("equal", margin)
    base = draws(shape, n, studies, f"margin {margin}")
    greater, equal = words((judged(d + margin) for d in base), *asked)
    greater_0, equal_0 = words((judged(d) for d in base), *asked)
    return {
        "at the margin, greater: supported": rate(greater, "supported"),
        "at the margin, greater: no effect": rate(greater, "no effect"),
        "at the margin, equal: supported": rate(equal, "supported"),
        "at 0, greater: supported or contradicted": rate(greater_0, *DIRECTED),
        "at 0, greater: no effect": rate(greater_0, "no effect"),
        "at 0, equal: supported": rate(equal_0, "supported"),
        "at 0, equal: contradicted": rate(equal_0, "contradicted"),
    }


def ratios(alike: bool, n: int, studies: int, margin: float = 0.25) -> dict[str, Rate]:
    """Ratios of means of two log-normal sides; `alike`: `of` is r times a draw like `minus`."""
    rng = rng_of("ratios", str(alike), n)
    shared = rng.lognormal(0, 0.4, (studies, n))  # what a seed gives to both of its networks
    b = shared * rng.lognormal(0, 0.4, (studies, n))
    mean = np.exp(0.4**2)
    # Not alike: the same mean with hardly any spread, as of a feature that is always learned fast.
    a = shared * rng.lognormal(0, 0.4, (studies, n)) if alike else np.full((studies, n), mean)
    a = a if alike else a * rng.lognormal(-0.005, 0.1, (studies, n))
    asked = claim("greater", scale="ratio", minus={}), claim("greater", margin, scale="ratio")
    found = {}
    for r in (1.0, 1 + margin, 1.5):
        given = [
            judged(r * x, y, scale="ratio", intervals=r == 1) for x, y in zip(a, b, strict=True)
        ]
        plain, with_margin = words(given, *asked)
        if r == 1:
            held = sum(e.interval.low <= 1 <= e.interval.high for e in given)
            found["a word at 1"] = rate(plain, *DIRECTED)
            found["interval holds 1"] = Rate(held, studies)
        elif r == 1.5:
            found["1.5 found"] = rate(plain, "supported")
            found["1.5 found, margin .25"] = rate(with_margin, "supported")
        else:
            found["at 1.25, margin .25: supported"] = rate(with_margin, "supported")
            found["at 1.25, margin .25: no effect"] = rate(with_margin, "no effect")
    return found


def trends(n: int, studies: int, margin: float = 0.3, levels: int = 4) -> dict[str, Rate]:
    """A trend over four doses, with a seed's four networks alike but for the dose.

    The true mean tau is 0, then the margin: under normal noise of SD 1 two doses d apart stand in
    order with probability Phi(d slope / sqrt 2), which gives the slope for a mean tau.
    """
    apart = np.subtract.outer(np.arange(levels), np.arange(levels))
    apart = apart[apart > 0]

    def tau_of(slope: float) -> float:
        return float((2 * stats.norm.cdf(apart * slope / np.sqrt(2)) - 1).mean())

    slope = float(brentq(lambda x: tau_of(x) - margin, 0, 2))
    given: dict[str, list[str]] = {}
    for name, rise in (("no trend", 0.0), ("tau .3", slope)):
        rng = rng_of("trend", name, n)
        for k in _tables(studies):
            values = rng.normal(size=(levels, n, k)) + rise * np.arange(levels)[:, None, None]
            runs = Runs(
                *_for_runs(
                    planted(values[..., None], "variance_explained", doses=[1.0, 2.0, 5.0, 10.0])
                )
            )
            for i in range(k):
                h = claim("greater", of={"feature": f"f{i}"}, over="dose")
                found = estimate(runs, h.contrast)
                given.setdefault(name, []).append(word_of(h, found))
                with_margin = word_of(dataclasses.replace(h, margin=margin), found)
                given.setdefault(f"{name}, margin .3", []).append(with_margin)
    return {
        "a word, tau 0": rate(given["no trend"], *DIRECTED),
        "tau .3 found": rate(given["tau .3"], "supported"),
        "supported at tau .3, margin .3": rate(given["tau .3, margin .3"], "supported"),
        "no effect at tau .3, margin .3": rate(given["tau .3, margin .3"], "no effect"),
        "no effect at tau 0, margin .3": rate(given["no trend, margin .3"], "no effect"),
    }


@dataclasses.dataclass(frozen=True)
class Timing:
    """Simulated times of an event: log-normal, a seed's two networks correlated by .5."""

    event: str = "time_to_learn"
    late: float = 0.0
    """Share of networks that would need longer than tau (0: fewer than 1 in 1,000)."""
    evaluations: int = 40
    lost: float = 0.0
    """Share of lanes that diverge."""
    factor: float = 1.5
    """How many times as long `minus` takes where the two sides are not alike."""
    later: int = 0
    """And how many steps more."""

    spread = 0.6
    """SD of the logarithm."""

    @property
    def tau(self) -> int:
        return (self.evaluations - CONFIRM) * STEP

    @property
    def middle(self) -> float:
        """Mean of the logarithm."""
        return float(np.log(self.tau) - self.spread * stats.norm.isf(max(self.late, 1e-3)))

    def restricted_mean(self, factor: float = 1.0, later: int = 0) -> float:
        """The true mean of min(T, tau), T on the grid: a step for each evaluation not yet passed.

        A lane that diverged counts as tau.
        """
        with np.errstate(divide="ignore"):  # at step 0 nothing is learned
            steps = np.log(np.maximum(np.arange(0, self.tau, STEP) - later, 0) / factor)
        passed = stats.norm.sf((steps - self.middle) / self.spread).sum()
        return (1 - self.lost) * STEP * float(passed) + self.lost * self.tau

    def runs(self, rng: np.random.Generator, n: int, k: int, factor: float, later: int) -> Runs:
        """k studies of n seeds; in `c1` everything takes longer than in `c0`."""
        shared, own = rng.normal(size=(1, n, k)), rng.normal(size=(2, n, k))
        moments = np.exp(self.middle + self.spread * (shared + own) / np.sqrt(2))
        moments[1] = moments[1] * factor + later
        curve = reached(moments, self.evaluations)
        if self.event == "time_to_learn":
            values, measure = 0.5 + 0.5 * curve, "accuracy"
        else:  # a slope that stays below what counts as learned
            values, measure = 0.3 * curve, "input_gradient_signed"
        diverged = rng.random((2, n)) < self.lost
        return Runs(*_for_runs(planted(values, measure, diverged=diverged)))


def times(kind: Timing, n: int, studies: int) -> dict[str, Rate]:
    """Verdicts on times: on two sides that are alike, and where `minus` takes longer."""
    null, slower = _Words(), _Words()
    one, other = kind.restricted_mean(), kind.restricted_mean(kind.factor, kind.later)
    # A lane diverges with all its features, so that only one study may stand in such a table.
    tables = [1] * studies if kind.lost else _tables(studies)
    for given, longer in ((null, (1.0, 0)), (slower, (kind.factor, kind.later))):
        rng = rng_of("times", *map(str, dataclasses.astuple(kind)), n, *map(str, longer))
        for k in tables:
            runs = kind.runs(rng, n, k, *longer)
            for i in range(k):
                sides = {
                    "measure": kind.event,
                    "of": {"feature": f"f{i}", "condition": "c0"},
                    "minus": {"feature": f"f{i}", "condition": "c1"},
                }
                plain = claim("less", **sides)
                found = estimate(runs, plain.contrast)
                given.add("difference", word_of(plain, found))
                if given is null:
                    continue
                given.held("difference", found, one - other)
                beyond = dataclasses.replace(plain, margin=other - one)
                given.add("margin", word_of(beyond, found))
                as_ratio = claim("less", **sides, scale="ratio")
                found = estimate(runs, as_ratio.contrast)
                given.add("ratio", word_of(as_ratio, found))
                given.held("ratio", found, one / other)
    return {
        "alike: a word": null.rate("difference", *DIRECTED),
        "alike: untestable": null.rate("difference", "untestable"),
        "longer: found": slower.rate("difference", "supported"),
        "interval of the difference holds": slower.coverage("difference"),
        "interval of the ratio holds": slower.coverage("ratio"),
        "at the margin: supported": slower.rate("margin", "supported"),
        "at the margin: no effect": slower.rate("margin", "no effect"),
    }


class _Words:
    """The words and intervals of many studies, by what was asked."""

    def __init__(self) -> None:
        self.given: dict[str, list[str]] = {}
        self.inside: dict[str, list[bool]] = {}

    def add(self, asked: str, word: str) -> None:
        self.given.setdefault(asked, []).append(word)

    def held(self, asked: str, found: Estimate, truth: float) -> None:
        """Note whether the interval holds the truth, where something could be tested."""
        if found.test is not None:
            low, high = found.interval
            self.inside.setdefault(asked, []).append(bool(low <= truth <= high))

    def rate(self, asked: str, *wanted: str) -> Rate:
        return rate(self.given[asked], *wanted)

    def coverage(self, asked: str) -> Rate:
        return Rate(sum(self.inside[asked]), len(self.inside[asked]))


def means(n: int, studies: int, evaluations: int = 20) -> dict[str, Rate]:
    """`at = mean` of S-shaped curves with a midpoint of their own each.

    The truth of the difference is that of the expected curves: a mean over 200,000 networks.
    """

    def sample(rng: np.random.Generator, size: tuple[int, ...], middle: float) -> np.ndarray:
        middles = middle * rng.lognormal(0, 0.5, (*size, 1))
        return 0.5 + 0.5 / (1 + np.exp(np.clip(middles - np.arange(evaluations), -40, 40)))

    last = evaluations - CONFIRM

    def area(x: np.ndarray) -> np.ndarray:
        return np.trapezoid(x[..., : last + 1], axis=-1) / last

    rng = rng_of("mean over training", "truth")
    sides = [area(sample(rng, (200_000,), middle)).mean() for middle in (6.0, 9.0)]
    true = float(sides[0] - sides[1])
    null, apart = _Words(), _Words()
    for given, middle in ((null, 6.0), (apart, 9.0)):
        rng = rng_of("mean over training", n, str(middle))
        for k in _tables(studies):
            values = np.stack([sample(rng, (n, k), 6.0), sample(rng, (n, k), middle)])
            runs = Runs(*_for_runs(planted(values, "accuracy")))
            for i in range(k):
                h = claim("greater", measure="accuracy", at="mean",
                          of={"target": f"f{i}", "condition": "c0"},
                          minus={"target": f"f{i}", "condition": "c1"})  # fmt: skip
                found = estimate(runs, h.contrast)
                given.add("mean", word_of(h, found))
                given.held("mean", found, 0.0 if given is null else true)
    return {
        "alike: a word": null.rate("mean", *DIRECTED),
        "slower: found": apart.rate("mean", "supported"),
        "interval holds": apart.coverage("mean"),
    }


def never(margin: float, n: int) -> dict[str, Rate | str]:
    """Words on a share of networks: exact, from the binomial distribution; nothing is simulated."""
    asked = claim("never", margin, measure="time_to_learn")
    given = np.array([word_of(asked, share(k, n)) for k in range(n + 1)])

    def chance(word: str, true: float) -> str:
        return f"{100 * stats.binom.pmf(np.flatnonzero(given == word), n, true).sum():.1f}"

    return {
        "supported at the margin": chance("supported", margin),
        "contradicted at the margin": chance("contradicted", margin),
        "supported at 0": chance("supported", 0.0),
        "supported at half the margin": chance("supported", margin / 2),
        "contradicted at 2 x the margin": chance("contradicted", 2 * margin),
    }


def never_the_whole_way(true: float, margin: float, n: int, studies: int) -> Rate:
    """How often `never` is supported where a share `true` of the networks learns."""
    given, rng = [], rng_of("never", str(true), n)
    for k in _tables(studies):
        times_of = np.where(rng.random((1, n, k)) < true, 300.0, np.inf)
        runs = Runs(*_for_runs(planted(0.5 + 0.5 * reached(times_of, 10), "accuracy")))
        for i in range(k):
            h = claim("never", margin, measure="time_to_learn", of={"feature": f"f{i}"})
            given.append(word_of(h, share_learned(runs, h.contrast)))
    return rate(given, "supported")


def after_advice(
    effect: float, studies: int, *, expect: str = "greater", margin: float = 0.0, pilot: int = 10,
    most: int = 490,
) -> dict[str, Rate | str]:  # fmt: skip
    """What follows from a pilot of 10 seeds and the advice on how many more to run.

    The seeds are added where the pilot was inconclusive and the advice is at most `most`; then
    either all seeds are judged together, or the new ones alone.
    """
    rng = rng_of("advice", expect, str(effect), str(margin))
    asked = claim(expect, margin)
    first, advised, together, alone, overall = [], [], [], [], []
    for d in rng.normal(effect, 1, (studies, pilot)):
        found = judged(d)
        word = word_of(asked, found)
        first.append(word)
        extra = more_seeds(asked, found) if word == "inconclusive" else None
        if extra is not None and extra <= most:
            new = rng.normal(effect, 1, extra)
            advised.append(extra)
            word = word_of(asked, judged(np.concatenate([d, new])))
            together.append(word)
            # The whole number advised, in new seeds only.
            fresh = np.concatenate([new, rng.normal(effect, 1, pilot)])
            alone.append(word_of(asked, judged(fresh)))
        overall.append(word)
    settled = ("supported", "contradicted", "no effect")
    return {
        "inconclusive at 10": rate(first, "inconclusive"),
        "advice followed": Rate(len(advised), studies),
        "median seeds more": f"{np.median(advised):.0f}",
        "then a word": rate(together, *settled),
        "a word, new seeds alone": rate(alone, *settled),
        "supported or contradicted in the end": rate(overall, *DIRECTED),
    }


def family(n: int, studies: int, hypotheses: int = 6) -> dict[str, Rate]:
    """How often one of six true nulls of a study gets a word, and one that Holm leaves standing."""
    rng = rng_of("family", n)
    any_word = standing = 0
    for _ in range(studies):
        p = np.array([judged(d).p for d in rng.normal(size=(hypotheses, n))])
        any_word += bool(p.min() <= ALPHA)
        standing += bool(holm(p).min() <= ALPHA)
    return {"any word": Rate(any_word, studies), "any that Holm leaves": Rate(standing, studies)}


def _tables(studies: int) -> list[int]:
    """The studies, as many a table."""
    whole, rest = divmod(studies, A_TABLE)
    return [A_TABLE] * whole + ([rest] if rest else [])


def _for_runs(made: tuple) -> tuple[pl.DataFrame, pl.DataFrame, object]:
    record, curves, lanes = made
    return curves, lanes, record
