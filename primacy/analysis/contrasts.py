"""From a contrast to an estimate: paired within each seed, with its interval and exact test."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from primacy.analysis.inference import (
    Interval,
    SignFlip,
    clopper_pearson,
    kendall,
    log_rank,
)
from primacy.analysis.learning_times import EVENTS, Times, area, restricted_mean, times
from primacy.analysis.resolve import Pick, Plan, SelectionError, resolve
from primacy.analysis.runs import Runs
from primacy.records.study import Contrast, StudyRecord

FEWEST = 6
"""Pairs without which nothing is tested: with 5 the smallest two-sided p is .0625."""

GridEnd = Literal["late", "early"]
"""Which end of the grid interval that holds a time-to-learn is taken for it: the evaluation that
reached the criterion, or the one before."""


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
) -> Estimate:
    """The paired estimate of a contrast.

    Lanes without a value on either side (diverged, censored at `learned`, not run) are left out
    with both sides and counted. A time-to-learn is never left out: it enters as min(T, tau), and
    as tau where the lane diverged.

    Args:
        runs: the study's curves and lanes.
        contrast: what to compare.
        theta: criterion instead of each condition's own.
        budget: as if training had ended at this share of the budget.
        grid: which end of the grid interval a time-to-learn takes, on either side.
        beside: also compute what stands beside (log-rank, Page's test, who was first).
        intervals: False where `test` is all that is asked for: intervals and p take most of the
            time.

    Raises:
        SelectionError: the contrast selects nothing or not one thing (a `ValueError`).
    """
    plan = resolve(runs.record, contrast)
    view = _View(runs, plan, theta, budget)
    groups = [view.values(group, grid[0]) for group in plan.of]
    minus = None if plan.minus is None else view.values(plan.minus, grid[1])
    sides = [*groups, *([minus] if minus else [])]
    reasons = _first_reason([s.reasons for s in sides])
    entered = reasons == ""
    n, pairs = len(entered), int(entered.sum())
    left_out = dict(sorted(Counter(reasons[~entered].tolist()).items()))

    scale = "trend" if plan.levels else contrast.scale
    unit = {"trend": "Kendall tau", "ratio": "ratio"}.get(scale, plan.unit)
    columns = [s.values[entered] for s in sides]
    if plan.levels:
        a, b = kendall(np.stack(columns, axis=1), np.array(plan.levels)), np.ones(pairs)
    elif scale == "ratio":
        a, b = columns[0], columns[1]
    else:
        a = columns[0] - columns[1] if minus else columns[0]
        b = np.ones(pairs)

    test = SignFlip(a, b) if pairs and b.sum() > 0 else None
    problem = view.problem
    if problem is None and pairs < FEWEST:
        problem = f"only {pairs} of {n} seeds can be compared, and {FEWEST} are needed"
    if problem is None and test is None:
        problem = "the mean to divide by is not above 0"
    held = _held(sides, entered, scale) if plan.is_event else None
    if problem is None and held is not None and held.censored > pairs / 2:
        which = "neither was" if minus else "at no level was it" if plan.levels else "it was not"
        problem = (
            f"{which} {EVENTS[plan.measure]} within {view.tau:,} steps in {held.censored} of "
            f"{pairs} seeds"
        )
    more = {}
    if beside and problem is None and test is not None:
        more = _beside(view, plan, groups, minus, entered)
    tested = test if problem is None else None
    told = tested if intervals else None
    return Estimate(
        value=test.estimate if test else None,
        interval=told.interval(0.95) if told else NOWHERE,
        narrow=told.interval(0.90) if told else NOWHERE,
        p=told.p(1.0 if scale == "ratio" else 0.0) if told else None,
        scale=scale, unit=unit, n=n, pairs=pairs, left_out=left_out, problem=problem,
        test=tested, beside=more, tau=view.tau if plan.is_event else None, times=held,
    )  # fmt: skip


def _held(sides: list["_Side"], entered: Bool[np.ndarray, " s"], scale: str) -> Pairs:
    """What the pairs of a contrast of events hold besides their differences."""
    times, apart = [s.values[entered] for s in sides], 0.0
    for late, side in zip(times, sides, strict=True):
        if late.size:
            early = float(side.early[entered].mean())
            wide, small = float(late.mean()) - early, early if scale == "ratio" else 1.0
            apart = max(apart, wide / small if small > 0 else np.inf)
    return Pairs(
        sides=(times[0], times[1]) if len(sides) == 2 and scale != "trend" else None,
        censored=int(np.logical_and.reduce([s.censored[entered] for s in sides]).sum()),
        diverged=int(np.logical_or.reduce([s.diverged[entered] for s in sides]).sum()),
        apart=apart,
    )


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
    view = _View(runs, plan, theta, budget)
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
        p=None, scale="share", unit="share of seeds", n=n, pairs=pairs,
        left_out=dict(Counter(reasons[~entered].tolist())), problem=problem, successes=k,
        tau=view.tau,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Side:
    """One number a seed."""

    values: Float[np.ndarray, " s"]
    reasons: np.ndarray  # why a seed has none; empty where it has
    censored: Bool[np.ndarray, " s"]
    learned: Bool[np.ndarray, " s"]
    diverged: Bool[np.ndarray, " s"]
    early: Float[np.ndarray, " s"]  # of an event: the evaluation before it; else the value


class _View:
    """The runs as one variant of the analysis sees them: its criterion and its budget."""

    def __init__(self, runs: Runs, plan: Plan, theta: float | None, budget: float) -> None:
        self.runs, self.plan, self.theta, self.budget = runs, plan, theta, budget
        self.problem: str | None = None
        clocks = [self.times(p) for p in plan.picks if p.clock is not None]
        # Conditions with different budgets are compared as far as all of them were watched.
        self.tau = min((t.tau for t in clocks if t is not None), default=0)

    def times(self, pick: Pick) -> Times | None:
        feature, target = pick.clock or (None, None)
        by = int(pick.at) if self.plan.is_event and pick.at != "end" else None
        return times(self.runs, pick.condition, feature, target, event=self.plan.event, by=by,
                     theta=self.theta, budget=self.budget)  # fmt: skip

    def values(self, picks: tuple[Pick, ...], end: GridEnd) -> _Side:
        """The mean over the picks, in each seed."""
        sides = [self.gap(pick, end) for pick in picks]
        return _Side(
            np.mean([s.values for s in sides], axis=0),
            _first_reason([s.reasons for s in sides]),
            np.logical_and.reduce([s.censored for s in sides]),
            np.logical_or.reduce([s.learned for s in sides]),
            np.logical_or.reduce([s.diverged for s in sides]),
            np.mean([s.early for s in sides], axis=0),
        )

    def gap(self, pick: Pick, end: GridEnd) -> _Side:
        """A pick's value, less that of what it is relative to."""
        side = self.value(pick, end)
        if pick.base is None:
            return side
        base = self.value(pick.base, end)
        reasons = _first_reason([side.reasons, base.reasons])
        values = side.values - base.values
        return dataclasses.replace(side, values=values, early=values, reasons=reasons)

    def value(self, pick: Pick, end: GridEnd) -> _Side:
        runs = self.runs
        ended = runs.ended(pick.condition)
        reasons = np.where(ended == "", "not run", "").astype(object)
        diverged = ended == "diverged"
        censored = learned = np.zeros(len(ended), dtype=bool)
        found = None
        if pick.clock is not None:
            found = self.times(pick)
            if found is None:
                return self.nothing(pick, reasons)
            learned = found.learned & (found.time <= self.tau)
            unknown = found.unknown & (reasons == "")
            if unknown.any():
                self.problem = (
                    f"{unknown.sum()} of {len(ended)} runs stopped, by the study's own criterion, "
                    "before this one could be judged"
                )
        if self.plan.is_event and found is not None:
            censored = ~learned | diverged
            late, early = (
                np.where(censored, self.tau, moment).astype(np.float64)
                for moment in (found.time, found.low)
            )
            values = early if end == "early" else late
            return _Side(values, reasons, censored, learned, diverged, early)
        trace = runs.trace(pick.condition, self.plan.measure, split=pick.split, layer=pick.layer,
                           feature=pick.feature, target=pick.target)  # fmt: skip
        if trace is None:
            return self.nothing(pick, reasons)
        values, missing = self.at(pick, trace, ended, found)
        reasons = np.where(reasons == "", missing, reasons)
        reasons = np.where((reasons == "") & ~np.isfinite(values), "without a value", reasons)
        return _Side(values, reasons, censored, learned, diverged, values)

    def at(
        self,
        pick: Pick,
        trace: Float[np.ndarray, "s e"],
        ended: np.ndarray,
        found: Times | None,
    ) -> tuple[Float[np.ndarray, " s"], np.ndarray]:
        """The curve's value at the moment asked for, and why a seed may have none."""
        name = pick.condition
        steps = self.runs.steps(name, self.budget)
        trace = trace[:, : len(steps)].astype(np.float64)
        diverged = np.where(ended == "diverged", "diverged", "").astype(object)
        rows = np.arange(len(trace))
        if pick.at == "end":
            return trace[rows, self.runs.last(name, self.budget)], diverged
        if pick.at == "mean":
            confirm = self.runs.record.condition(name).confirm
            return area(trace, steps, int(steps[max(0, len(steps) - confirm)])), diverged
        if pick.at == "learned" and found is not None:
            late = np.where(found.learned, "", f"not learned within {found.tau:,} steps")
            return trace[rows, np.searchsorted(steps, found.time)], late.astype(object)
        if (step := int(pick.at)) > steps[-1]:
            self.problem = f"step {step} lies beyond the budget of {steps[-1]} steps"
            return np.full(len(trace), np.nan), np.full(len(trace), "", dtype=object)
        stopped = self.runs.end_step(name) < step
        reasons = np.where(stopped, f"stopped before step {step}", "").astype(object)
        return trace[:, int(np.searchsorted(steps, step))], reasons

    def nothing(self, pick: Pick, reasons: np.ndarray) -> _Side:
        """A side of which there are no rows at all."""
        place = ", ".join(
            str(x) for x in (pick.split, pick.layer, pick.feature, pick.target) if x is not None
        )
        self.problem = f"no rows of {self.plan.measure} for {pick.condition} ({place})"
        if self.plan.is_event and pick.at != "end":
            steps = self.runs.steps(pick.condition, self.budget)
            confirm = self.runs.record.condition(pick.condition).confirm
            if int(pick.at) > steps[max(0, len(steps) - confirm)]:
                self.problem = (
                    f"step {pick.at:,} cannot be confirmed within the budget of {steps[-1]:,} steps"
                )
        no = np.zeros(len(reasons), dtype=bool)
        reasons = np.where(reasons == "", "without rows", reasons)
        return _Side(nan := np.full(len(no), np.nan), reasons, no, no, no, nan)


def _first_reason(reasons: list[np.ndarray]) -> np.ndarray:
    """For each seed the first reason that is not empty."""
    found = reasons[0]
    for other in reasons[1:]:
        found = np.where(found == "", other, found)
    return found


def _beside(
    view: _View, plan: Plan, groups: list[_Side], minus: _Side | None, entered: np.ndarray
) -> dict[str, float]:
    """What a reader may want next to the estimate; none of it decides the word."""
    found: dict[str, float] = {}
    a = groups[0].values[entered]
    if plan.levels:
        from scipy.stats import page_trend_test

        columns = np.stack([g.values[entered] for g in groups], axis=1)
        if kendall(columns, np.array(plan.levels)).mean() < 0:
            columns = columns[:, ::-1]
        if len(plan.levels) >= 3:
            found["Page p"] = float(page_trend_test(columns, method="asymptotic").pvalue)
        return found
    if minus is None:
        return found
    b = minus.values[entered]
    found["mean of"], found["mean minus"] = float(a.mean()), float(b.mean())
    if plan.is_event:
        tau = view.tau
        found["mean of"] = restricted_mean(a.astype(np.int64), tau)
        found["mean minus"] = restricted_mean(b.astype(np.int64), tau)
        found["of first"] = float((a < b).sum())
        found["tied"] = float((a == b).sum())
        found["P(of first)"] = float(((a < b) + 0.5 * (a == b)).mean())
        apart = {p.condition for p in plan.of[0]}.isdisjoint(p.condition for p in plan.minus or ())
        single = len(plan.of[0]) == len(plan.minus or ()) == 1
        if apart and single:
            found["log-rank p"] = log_rank(
                a, ~groups[0].censored[entered], b, ~minus.censored[entered]
            )
    return found
