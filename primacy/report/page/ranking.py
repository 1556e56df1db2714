"""What may be ranked: values above a floor and above their control columns, and times that came.

A page that names the larger of two numbers says that it found something. Nothing is named where
both are within what networks give for inputs that carry nothing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.learning_times import EVENTS, TIME_TO_LEARN
from primacy.analysis.resolve import Plan, SelectionError, resolve
from primacy.analysis.verdicts import Verdict
from primacy.records.study import Hypothesis, StudyRecord
from primacy.report.page.ranks import CLEAR, FLOOR, above, floor

__all__ = ["CLEAR", "EQUAL", "FLOOR", "above", "floor", "larger", "shown"]

EQUAL = 0.05
"""Two medians closer than this share of the larger are called about equal."""

Row = Mapping[str, Any]


def larger(a: Row, b: Row, column: str) -> int:
    """1 where the median of `a` is larger, -1 where that of `b` is, 0 where neither is ranked."""
    x, y = a.get(column), b.get(column)
    if x is None or y is None or not (above(a, column) or above(b, column)):
        return 0
    if x == y or abs(x - y) < EQUAL * max(abs(x), abs(y)):
        return 0
    return 1 if x > y else -1


def shown(record: StudyRecord, summary: pl.DataFrame, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts as the page prints them: without a number that would rank nothing.

    That is the number of a contrast of times that came in no seed on any side, and the ratio of
    two values that are both up to `FLOOR`. The verdict itself stays.
    """
    hypotheses = {h.id: h for h in record.hypotheses}
    found = []
    for v in verdicts:
        why = None if v.value is None else _nothing(record, summary, hypotheses.get(v.id))
        if why is not None:
            v = dataclasses.replace(
                v, value=None, low=None, high=None, p=None, p_holm=None, more_seeds=None, why=why
            )
        found.append(v)
    return found


def _nothing(record: StudyRecord, summary: pl.DataFrame, h: Hypothesis | None) -> str | None:
    """Why a contrast has no number to print; None: it has one."""
    if h is None or h.expect == "never":
        return None
    if h.contrast.scale != "ratio" and h.contrast.measure not in EVENTS:
        return None
    try:
        plan = resolve(record, h.contrast)
    except SelectionError:
        return None
    if plan.is_event:
        return _no_time(record, summary, plan)
    return _no_size(record, summary, plan)


def _no_time(record: StudyRecord, summary: pl.DataFrame, plan: Plan) -> str | None:
    tau = min(record.condition(p.condition).tau for p in plan.picks)
    for pick in plan.picks:
        feature = None if pick.clock is None else pick.clock[0]
        if feature is None or plan.measure not in summary.columns:
            return None  # the task itself is no row of the summary
        own = _rows(summary, pick.condition, feature)
        by = tau if pick.at == "end" else int(pick.at)
        reached = (pl.col(plan.measure) <= by) & ~pl.col("diverged").fill_null(False)
        if own.filter(reached).height:
            return None
    at = plan.picks[0].at
    within = f"within {tau if at == 'end' else int(at):,} steps"
    verb = "learned" if plan.event == TIME_TO_LEARN else "picked up"
    sides = "on either side" if plan.minus is not None else "anywhere"
    return f"Nothing was {verb} {within} {sides}, in any seed, so there is no number to compare."


def _no_size(record: StudyRecord, summary: pl.DataFrame, plan: Plan) -> str | None:
    tabled = {m.name for m in record.measures if m.section == "table"}
    ranked = plan.measure == "reliance" or plan.measure in tabled
    if not ranked or plan.measure not in summary.columns or any(p.at != "end" for p in plan.picks):
        return None
    for pick in plan.picks:
        feature = pick.feature
        median = feature and _rows(summary, pick.condition, feature)[plan.measure].median()
        if median is None or median > FLOOR:  # type: ignore[operator]
            return None
    return f"Every median is at most {FLOOR:g}, so a ratio of them would say nothing."


def _rows(summary: pl.DataFrame, condition: str, feature: str) -> pl.DataFrame:
    place = pl.col("condition").cast(pl.String) == condition
    return summary.filter(place, pl.col("feature").cast(pl.String) == feature)
