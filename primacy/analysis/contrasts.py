"""From a contrast to an estimate: paired within each seed, with its interval and exact test."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from primacy.analysis.inference import Interval, SignFlip, clopper_pearson, kendall, log_rank
from primacy.analysis.learning_times import EVENTS, restricted_mean
from primacy.analysis.notebook import between, facts, short
from primacy.analysis.resolve import Plan, SelectionError, resolve
from primacy.analysis.runs import Runs
from primacy.analysis.sides import GridEnd, Side, View, first_reason
from primacy.records.study import Contrast, StudyRecord

Bound = Literal[">", "<"]
"""The true value is larger, or smaller, than the estimate by an amount that nobody saw."""

FEWEST = 6
"""Pairs without which nothing is tested: with 5 the smallest two-sided p is .0625."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A difference, ratio, trend or share over seeds."""

    value: float | None
    """Mean paired difference, ratio of means, mean tau or share; None: no pair."""
    interval: Interval
    """95 %, from inverting the test that gives `p`."""
    narrow: Interval
    """90 %: where it lies inside a margin, the two one-sided tests say "equivalent"."""
    p: float | None
    """Two-sided, of "no difference" (ratio 1); None: not tested."""
    scale: Literal["difference", "ratio", "trend", "share"]
    unit: str
    n: int
    """Seeds asked for."""
    pairs: int
    """Seeds that entered."""
    left_out: Mapping[str, int]
    """The others, by reason."""
    problem: str | None = None
    """Why nothing can be tested; None: it can."""
    test: SignFlip | None = None
    successes: int | None = None
    """Of a share."""
    tau: int | None = None
    """Of an event: the step up to which it was looked for."""
    times: "Pairs | None" = None
    """Of an event: what its pairs hold besides their differences."""
    beside: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Further statistics of the same pairs, not used for the word."""
    columns: tuple[Float[np.ndarray, " s"], ...] = ()
    """Each group's value in every seed of the record, `minus` last; NaN where it did not enter."""

    def _repr_html_(self) -> str:
        """For a notebook's cell."""
        rows = [
            ("value", f"{short(self.value)} {self.unit}"),
            ("95 % interval", between(*self.interval)),
            ("pairs", f"{self.pairs} of {self.n}"),
            ("p", short(self.p)),
            ("left out", ", ".join(f"{k} {why}" for why, k in self.left_out.items())),
            ("problem", self.problem),
        ]
        return facts(f"{self.scale} of {self.n} seeds", rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
    """The pairs of a contrast of events; censored is what was not reached within tau."""

    sides: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]] | None
    """min(T, tau) of `of` and `minus`; null: there is no `minus`."""
    censored: int
    """Pairs that are censored on all sides."""
    diverged: int
    """Pairs with a network that diverged: it enters at tau."""
    apart: float
    """Mean distance of the evaluations that hold the times, on the side where it is larger; of a
    ratio relative to the mean time."""
    bound: "Bound | None" = None
    """Which way the true value lies from the estimate, because one side alone has times that are
    only known to be longer than tau; null: none has, or both have, which may cancel."""
    open: tuple[int, ...] = ()
    """Of each side, the pairs whose time is not known."""
    cut: Bool[np.ndarray, " n"] = dataclasses.field(default_factory=lambda: np.zeros(0, bool))
    """Which pairs are censored on all sides."""


NOWHERE = Interval(-np.inf, np.inf)


def check(
    record: StudyRecord, contrast: Contrast, measure_names: Iterable[str] | None = None
) -> list[str]:
    """Everything that is wrong with a contrast, found without any curves; empty: nothing.

    Args:
        record: the study, as it will run.
        contrast: to be checked.
        measure_names: what will be measured; None: the measures of the record.
    """
    try:
        resolve(record, contrast, measure_names)
    except SelectionError as error:
        return error.problems
    return []


def estimate(
    runs: Runs,
    contrast: Contrast,
    *,
    theta: float | None = None,
    budget: float = 1.0,
    grid: tuple[GridEnd, GridEnd] = ("late", "late"),
    beside: bool = False,
    intervals: bool = True,
    tau: int | None = None,
) -> Estimate:
    """The paired estimate of a contrast.

    Lanes without a value on either side (diverged, censored at `learned`, not run) are left out and
    counted. A time-to-learn never is: it enters as min(T, tau), and as tau where the lane diverged.

    Args:
        runs: the study's curves and lanes.
        contrast: what to compare.
        theta: criterion instead of each condition's own.
        budget: as if training had ended at this share of the budget.
        grid: which end of the grid interval a time-to-learn takes, on either side.
        beside: also compute what stands beside (log-rank, Page's test, who was first).
        intervals: False where `test` is all that is asked for: they and p take most of the time.
        tau: of an event: look for it no longer than up to this step.

    Raises:
        SelectionError: the contrast selects nothing or not one thing (a `ValueError`).
    """
    plan = resolve(runs.record, contrast)
    view = View(runs, plan, theta, budget, tau)
    sides = [view.values(group, grid[0]) for group in plan.of]
    sides += [] if plan.minus is None else [view.values(plan.minus, grid[1])]
    reasons = first_reason([s.reasons for s in sides])
    entered = reasons == ""
    n, pairs = len(entered), int(entered.sum())
    scale = "trend" if plan.levels else contrast.scale
    a, b = _fraction([s.values[entered] for s in sides], plan, scale)
    test = SignFlip(a, b) if pairs and b.sum() > 0 else None
    held = _held(sides, entered, scale) if plan.is_event else None
    problem = _problem(view, n, pairs, test, held)
    tested = test if problem is None else None
    told = tested if intervals else None
    return Estimate(
        value=test.estimate if test else None,
        interval=told.interval(0.95) if told else NOWHERE,
        narrow=told.interval(0.90) if told else NOWHERE,
        p=told.p(1.0 if scale == "ratio" else 0.0) if told else None,
        scale=scale,
        unit={"trend": "Kendall tau", "ratio": "ratio"}.get(scale, plan.unit),
        n=n,
        pairs=pairs,
        left_out=dict(sorted(Counter(reasons[~entered].tolist()).items())),
        problem=problem,
        test=tested,
        beside=_beside(view, sides, entered) if beside and tested else {},
        tau=view.tau if plan.is_event else None,
        times=held,
        columns=tuple(np.where(entered, s.values, np.nan) for s in sides),
    )


def _fraction(
    columns: list[Float[np.ndarray, " n"]], plan: Plan, scale: str
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """What is estimated in every pair, and what its mean is divided by: 1 but for a ratio."""
    if scale == "ratio":
        return columns[0], columns[1]
    if plan.levels:
        value = kendall(np.stack(columns, axis=1), np.array(plan.levels))
    else:
        value = columns[0] if plan.minus is None else columns[0] - columns[1]
    return value, np.ones(len(value))


def _problem(
    view: View, n: int, pairs: int, test: SignFlip | None, held: Pairs | None
) -> str | None:
    """Why nothing can be tested; null: it can."""
    plan = view.plan
    if view.problem is not None:
        return view.problem
    if pairs < FEWEST:
        return f"only {pairs} of {n} seeds can be compared, and {FEWEST} are needed"
    if test is None:
        return "the mean to divide by is not above 0"
    if held is None or held.censored <= pairs / 2:
        return None
    which = (
        "neither was"
        if plan.minus is not None
        else "at no level was it"
        if plan.levels
        else "it was not"
    )
    return (
        f"{which} {EVENTS[plan.measure]} within {view.tau:,} steps in {held.censored} of "
        f"{pairs} seeds"
    )


def _held(sides: list[Side], entered: Bool[np.ndarray, " s"], scale: str) -> Pairs:
    """What the pairs of a contrast of events hold besides their differences."""
    times, apart = [s.values[entered] for s in sides], 0.0
    for late, side in zip(times, sides, strict=True):
        if late.size:
            early = float(side.early[entered].mean())
            wide, small = float(late.mean()) - early, early if scale == "ratio" else 1.0
            apart = max(apart, wide / small if small > 0 else np.inf)
    cut = np.logical_and.reduce([s.censored[entered] for s in sides])
    open_ = tuple(int(s.open[entered].sum()) for s in sides)
    return Pairs(
        bound=_bound(open_) if scale != "trend" else None,
        open=open_,
        sides=(times[0], times[1]) if len(sides) == 2 and scale != "trend" else None,
        cut=cut,
        censored=int(cut.sum()),
        diverged=int(np.logical_or.reduce([s.diverged[entered] for s in sides]).sum()),
        apart=apart,
    )


def _bound(open_: tuple[int, ...]) -> Bound | None:
    """A side whose times are cut at tau is longer than its mean says, and so is a difference from
    the other side, or a ratio over it."""
    of, minus = open_[0], sum(open_[1:])
    return ">" if of and not minus else "<" if minus and not of else None


def share_learned(
    runs: Runs, contrast: Contrast, *, theta: float | None = None, budget: float = 1.0
) -> Estimate:
    """In which share of seeds a feature was learned (or picked up), with an exact interval.

    Within tau, or by the contrast's `at`. A lane that diverged counts as learned if it had been
    learned before; else it is left out and counted apart, for nobody knows what it would have come
    to. Where conditions are pooled a seed counts if it was learned in any of them.

    Raises:
        SelectionError: as for `estimate`; or it is not one time-to-learn.
    """
    plan = resolve(runs.record, contrast)
    if not plan.is_event or plan.minus is not None or plan.levels:
        events = " or ".join(EVENTS)
        raise SelectionError([f'expect = "never": it is about one {events}, without `minus`'])
    view = View(runs, plan, theta, budget)
    side = view.values(plan.of[0], "late")
    reasons = np.where(side.diverged & ~side.learned, "diverged", side.reasons)
    entered = reasons == ""
    n, pairs, k = len(entered), int(entered.sum()), int(side.learned[entered].sum())
    problem = view.problem
    if problem is None and pairs < FEWEST:
        problem = f"only {pairs} of {n} seeds can be counted, and {FEWEST} are needed"
    return Estimate(
        value=k / pairs if pairs else None,
        interval=NOWHERE if problem else clopper_pearson(k, pairs),
        narrow=NOWHERE if problem else clopper_pearson(k, pairs, 0.90),
        p=None,
        scale="share",
        unit="share of seeds",
        n=n,
        pairs=pairs,
        left_out=dict(Counter(reasons[~entered].tolist())),
        problem=problem,
        successes=k,
        tau=view.tau,
    )


def _beside(view: View, sides: list[Side], entered: Bool[np.ndarray, " s"]) -> dict[str, float]:
    """What a reader may want next to the estimate; none of it decides the word."""
    plan, found = view.plan, {}
    a = sides[0].values[entered]
    if plan.levels:
        from scipy.stats import page_trend_test

        columns = np.stack([s.values[entered] for s in sides], axis=1)
        if kendall(columns, np.array(plan.levels)).mean() < 0:
            columns = columns[:, ::-1]
        if len(plan.levels) >= 3:
            # The direction was taken from the data, so either tail might have been asked about.
            one_sided = float(page_trend_test(columns, method="asymptotic").pvalue)
            found["Page p"] = min(1.0, 2 * one_sided)
        return found
    if plan.minus is None:
        return found
    b = sides[1].values[entered]
    found["mean of"], found["mean minus"] = float(a.mean()), float(b.mean())
    if plan.is_event:
        tau = view.tau
        found["mean of"] = restricted_mean(a.astype(np.int64), tau)
        found["mean minus"] = restricted_mean(b.astype(np.int64), tau)
        found["of first"] = float((a < b).sum())
        found["tied"] = float((a == b).sum())
        found["P(of first)"] = float(((a < b) + 0.5 * (a == b)).mean())
        apart = {p.condition for p in plan.of[0]}.isdisjoint(p.condition for p in plan.minus)
        single = len(plan.of[0]) == len(plan.minus) == 1
        if apart and single:
            seen_a, seen_b = (~side.censored[entered] for side in sides)
            found["log-rank p"] = log_rank(a, seen_a, b, seen_b)
    return found
