"""The sides of a contrast: one number a seed, and why a seed may have none."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from primacy.analysis.learning_times import Times, area, times
from primacy.analysis.picks import Pick, Plan
from primacy.analysis.resolve import resolve
from primacy.analysis.runs import Runs
from primacy.records.study import Contrast

GridEnd = Literal["late", "early"]
"""Which end of the grid interval that holds a time-to-learn is taken for it: the evaluation that
reached the criterion, or the one before."""


@dataclasses.dataclass(frozen=True)
class Side:
    """One number a seed."""

    values: Float[np.ndarray, " s"]
    reasons: np.ndarray  # why a seed has none; empty where it has
    censored: Bool[np.ndarray, " s"]
    learned: Bool[np.ndarray, " s"]
    diverged: Bool[np.ndarray, " s"]
    early: Float[np.ndarray, " s"]  # of an event: the evaluation before it; else the value
    open: Bool[np.ndarray, " s"]  # some pick is censored, so the value is too small


class View:
    """The runs as one variant of the analysis sees them: its criterion and its budget."""

    def __init__(
        self,
        runs: Runs,
        plan: Plan,
        theta: float | None,
        budget: float,
        tau: int | None = None,
    ) -> None:
        self.runs, self.plan, self.theta, self.budget = runs, plan, theta, budget
        self.problem: str | None = None
        clocks = [self.times(p) for p in plan.picks if p.clock is not None]
        # Conditions with different budgets are compared as far as all of them were watched.
        self.tau = min((t.tau for t in clocks if t is not None), default=0)
        self.tau = self.tau if tau is None else min(self.tau, tau)
        # So is the mean height of a curve: training for longer alone would raise it.
        self.watched = min(self._confirmable(p.condition) for p in plan.picks)

    def _confirmable(self, name: str) -> int:
        """The last evaluation of a condition from which something could be confirmed."""
        steps = self.runs.steps(name, self.budget)
        return int(steps[max(0, len(steps) - self.runs.record.condition(name).confirm)])

    def times(self, pick: Pick) -> Times | None:
        feature, target = pick.clock or (None, None)
        by = int(pick.at) if self.plan.is_event and pick.at != "end" else None
        return times(
            self.runs,
            pick.condition,
            feature,
            target,
            event=self.plan.event,
            by=by,
            theta=self.theta,
            budget=self.budget,
        )

    def values(self, picks: tuple[Pick, ...], end: GridEnd) -> Side:
        """The mean over the picks, in each seed."""
        sides = [self.gap(pick, end) for pick in picks]
        return Side(
            np.mean([s.values for s in sides], axis=0),
            first_reason([s.reasons for s in sides]),
            np.logical_and.reduce([s.censored for s in sides]),
            np.logical_or.reduce([s.learned for s in sides]),
            np.logical_or.reduce([s.diverged for s in sides]),
            np.mean([s.early for s in sides], axis=0),
            np.logical_or.reduce([s.open for s in sides]),
        )

    def gap(self, pick: Pick, end: GridEnd) -> Side:
        """A pick's value, less that of what it is relative to."""
        side = self.value(pick, end)
        if pick.base is None:
            return side
        base = self.value(pick.base, end)
        reasons = first_reason([side.reasons, base.reasons])
        values = side.values - base.values
        return dataclasses.replace(side, values=values, early=values, reasons=reasons)

    def value(self, pick: Pick, end: GridEnd) -> Side:
        runs = self.runs
        ended = runs.ended(pick.condition)
        # Nobody knows what a run that crashed would have come to: it is in n, and in no estimate.
        reasons = np.select([ended == "", ended == "crashed"], ["not run", "crashed"], "")
        reasons = reasons.astype(object)
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
            return Side(values, reasons, censored, learned, diverged, early, censored)
        trace = runs.trace(
            pick.condition,
            self.plan.measure,
            split=pick.split,
            layer=pick.layer,
            feature=pick.feature,
            target=pick.target,
        )
        if trace is None:
            return self.nothing(pick, reasons)
        values, missing = self.at(pick, trace, ended, found)
        reasons = np.where(reasons == "", missing, reasons)
        reasons = np.where((reasons == "") & ~np.isfinite(values), "without a value", reasons)
        return Side(values, reasons, censored, learned, diverged, values, censored)

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
            return area(trace, steps, self.watched), diverged
        if pick.at == "learned" and found is not None:
            late = np.where(found.learned, "", f"not learned within {found.tau:,} steps")
            return trace[rows, np.searchsorted(steps, found.time)], late.astype(object)
        if (step := int(pick.at)) > steps[-1]:
            self.problem = f"step {step} lies beyond the budget of {steps[-1]} steps"
            return np.full(len(trace), np.nan), np.full(len(trace), "", dtype=object)
        stopped = self.runs.end_step(name) < step
        reasons = np.where(stopped, f"stopped before step {step}", "").astype(object)
        return trace[:, int(np.searchsorted(steps, step))], reasons

    def nothing(self, pick: Pick, reasons: np.ndarray) -> Side:
        """A side of which there are no rows at all."""
        place = ", ".join(
            str(x) for x in (pick.split, pick.layer, pick.feature, pick.target) if x is not None
        )
        self.problem = f"no rows of {self.plan.measure} for {pick.condition} ({place})"
        if self.plan.is_event and pick.at != "end":
            steps = self.runs.steps(pick.condition, self.budget)
            if int(pick.at) > self._confirmable(pick.condition):
                self.problem = (
                    f"step {pick.at:,} cannot be confirmed within the budget of {steps[-1]:,} steps"
                )
        no = np.zeros(len(reasons), dtype=bool)
        reasons = np.where(reasons == "", "without rows", reasons)
        return Side(nan := np.full(len(no), np.nan), reasons, no, no, no, nan, no)


def first_reason(reasons: list[np.ndarray]) -> np.ndarray:
    """For each seed the first reason that is not empty."""
    found = reasons[0]
    for other in reasons[1:]:
        found = np.where(found == "", other, found)
    return found


def sides(runs: Runs, contrast: Contrast) -> tuple[Plan, list[Side]]:
    """What a contrast compares, seed by seed: each group of `of`, then `minus` where there is one.

    A seed enters the contrast where no side states a reason why it has no value.

    Raises:
        SelectionError: the contrast selects nothing or not one thing (a `ValueError`).
    """
    plan = resolve(runs.record, contrast)
    view = View(runs, plan, None, 1.0)
    groups = [*plan.of, *([plan.minus] if plan.minus else [])]
    return plan, [view.values(group, "late") for group in groups]
