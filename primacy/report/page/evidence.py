"""The curves behind each verdict: what its contrast selects, over training, both sides together."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from markupsafe import Markup

from primacy.analysis.learning_times import (
    ABANDONED,
    PICKED_UP,
    TIME_TO_ABANDON,
    TIME_TO_PICK_UP,
    event_criterion,
)
from primacy.analysis.resolve import Pick, Plan, SelectionError, resolve
from primacy.analysis.runs import Runs, own_target
from primacy.errors import counted
from primacy.records.study import Hypothesis
from primacy.report.page import charts, figures, learning_curves, ranks, sketches
from primacy.report.page.wording import listed

DIFFERING = ("condition", "feature", "layer", "target", "split")
"""What names a side, where the sides differ in it."""
NAMED = 3
"""Conditions that a side names; more are counted."""


@dataclasses.dataclass(frozen=True)
class Side:
    name: str
    picks: tuple[Pick, ...]
    measure: str
    event: bool
    level: float | None = None
    lowest: float = -math.inf


def drawings(runs: Runs, palette: charts.Palette) -> dict[str, dict[str, Any]]:
    """By hypothesis: `id` on the page, `svg`, `key` (name and color of each line), `what` is drawn.

    A hypothesis whose contrast selects no curve has none.
    """
    found = {}
    for i, h in enumerate(runs.record.hypotheses, 1):
        if (drawn := _drawing(runs, h, palette)) is not None:
            found[h.id] = drawn | {"id": f"evidence-{i}"}
    return found


def _drawing(runs: Runs, h: Hypothesis, palette: charts.Palette) -> dict[str, Any] | None:
    try:
        plan = resolve(runs.record, h.contrast)
    except SelectionError:
        return None
    sides = sides_of(runs, plan, h.contrast.over)
    if sides is None:
        return None
    tables = [(side, table) for side in sides if (table := table_of(runs, side)) is not None]
    if not tables:
        return None
    low = min(float(t["low"].min()) for _, t in tables)  # type: ignore[arg-type]
    low = max(low, min(s.lowest for s in sides))
    high = max(float(t["high"].max()) for _, t in tables)  # type: ignore[arg-type]
    levels = sorted({s.level for s in sides if s.level is not None})
    low, high = min([low, *levels]), max([high, *levels])
    pad = 0.04 * ((high - low) or 1.0)
    steps = [figures.reach(runs.record.condition(p.condition)) for s in sides for p in s.picks]
    medians, areas, key = [], [], []
    for i, (side, table) in enumerate(tables):
        color, dash = _look(side, i, tables, palette)
        rows = learning_curves.thinned(table, 40).to_dicts()
        medians.append(sketches.Line(color, [(r["step"], r["median"]) for r in rows], dash))
        upper, lower = ([(r["step"], r[end]) for r in rows] for end in ("high", "low"))
        areas.append(sketches.Line(color, [*upper, *reversed(lower)]))
        key.append((side.name, figures.PALETTE.index(color) + 1))
    card = runs.cards[sides[0].measure]
    name = card.name.replace("_", " ")
    what = f"{name} ({card.unit})" if card.unit and card.unit != name else name
    base = sides[0].picks[0].base
    if base is not None:
        what += f", less that of {base.feature or base.layer or base.target}"
    svg = sketches.race(
        medians,
        areas,
        levels=levels,
        marks=sorted({int(p.at) for p in plan.picks if str(p.at).isdecimal()}),
        x=(min(first for first, _ in steps), max(int(t["step"].max()) for _, t in tables)),  # type: ignore[arg-type]
        y=(low - pad, high + pad),
        label=f"{what} over training: {listed([side.name for side, _ in tables], 'and')}",
        width=360,
        height=150,
    )
    return {"svg": Markup(svg), "key": key, "what": what}


def course(runs: Runs, picks: tuple[Pick, ...], measure: str) -> pl.DataFrame | None:
    """Median and band over seeds of the mean of some picks, over training; None: no curve."""
    return table_of(runs, Side("", picks, measure, event=False))


def sides_of(runs: Runs, plan: Plan, over: str | None) -> list[Side] | None:
    """The sides that are drawn: each once where both are of one curve, at different steps."""
    groups = [*plan.of, *([plan.minus] if plan.minus else [])]
    kept: dict[tuple, tuple[Pick, ...]] = {}
    for group in groups:
        kept.setdefault(tuple(dataclasses.replace(p, at=0, clock=None) for p in group), group)
    groups = list(kept.values())
    named = names(groups, plan, over)
    found = []
    for name, group in zip(named, groups, strict=True):
        measure, level, lowest = plan.measure, None, -math.inf
        if plan.is_event:
            feature, target = group[0].clock or (None, None)
            c = runs.record.condition(group[0].condition)
            criterion = event_criterion(c, plan.event, feature, target)
            if criterion is None:
                return None
            measure, lowest = criterion.measure, ranks.lowest(criterion)
            theta = {TIME_TO_PICK_UP: PICKED_UP, TIME_TO_ABANDON: ABANDONED}.get(
                plan.event, c.theta
            )
            if criterion.ceiling is not None:
                level = criterion.chance + theta * (criterion.ceiling - criterion.chance)
        if measure not in runs.cards:
            return None
        found.append(Side(name, group, measure, plan.is_event, level, lowest))
    return found


def names(groups: Sequence[tuple[Pick, ...]], plan: Plan, over: str | None) -> list[str]:
    """What tells the sides apart; where nothing does, the feature or the condition."""
    if plan.levels:
        return [f"{over} = {level:g}" for level in plan.levels[: len(groups)]]
    values = [
        {a: list(dict.fromkeys(_value(p, a) for p in group)) for a in DIFFERING} for group in groups
    ]
    apart = [a for a in DIFFERING if len({tuple(v[a]) for v in values}) > 1]
    if "feature" in apart and "target" in apart:
        apart.remove("target")  # each feature's own
    if not apart:
        feature = values[0]["feature"]
        apart = ["feature"] if feature != [None] else ["condition"]
    return [", ".join(filter(None, (_said(v[a], a) for a in apart))) or "the task" for v in values]


def _value(pick: Pick, attribute: str) -> str | None:
    if attribute == "feature" and pick.feature is None and pick.clock is not None:
        return pick.clock[0]
    return getattr(pick, attribute)


def _said(values: Sequence[str | None], attribute: str) -> str:
    known = [v for v in values if v is not None]
    if len(known) > NAMED:
        return f"mean of {counted(len(known), attribute)}"
    return listed(known)


def _look(
    side: Side, i: int, tables: Sequence[Any], palette: charts.Palette
) -> tuple[str, tuple[int, ...]]:
    """A feature's own color where the sides are features of one condition."""
    if len({p.condition for s, _ in tables for p in s.picks}) == 1 and side.name in palette:
        return palette[side.name]
    return figures.look(i)


def table_of(runs: Runs, side: Side) -> pl.DataFrame | None:
    """Median and band over seeds of a side: the mean of its picks in each seed.

    Picks that were evaluated at different steps are read off their lines, between evaluations, as
    far as all of them go. None: one of its picks has no curve.
    """
    curves: list[tuple[np.ndarray, np.ndarray]] = []
    for p in side.picks:
        trace = _trace(runs, side, p)
        if trace is not None and p.base is not None:
            base = _trace(runs, side, p.base)
            trace = None if base is None else trace - base
        if trace is None:
            return None
        carried = _carried(trace.astype(np.float64), runs.ended(p.condition) == "learned")
        curves.append((runs.steps(p.condition), carried))
    steps = np.unique(np.concatenate([own for own, _ in curves]))
    steps = steps[steps <= min(own[-1] for own, _ in curves)]
    at = [[np.interp(steps, own, line) for line in trace] for own, trace in curves]
    return _bands(np.mean(at, axis=0), steps)


def _trace(runs: Runs, side: Side, p: Pick) -> Float[np.ndarray, "s e"] | None:
    """The curve that a pick selects; None: there is none."""
    if side.event:
        feature, target = p.clock or (None, None)
        target = target or own_target(runs.record.condition(p.condition), feature)
        return runs.trace(p.condition, side.measure, feature=feature, target=target)
    return runs.trace(
        p.condition,
        side.measure,
        split=p.split,
        layer=p.layer,
        feature=p.feature,
        target=p.target,
    )


def _carried(
    trace: Float[np.ndarray, "s e"], stopped: Bool[np.ndarray, " s"]
) -> Float[np.ndarray, "s e"]:
    """The curves with the last value of a run that stopped early carried on to the end."""
    last = np.maximum.accumulate(np.where(np.isfinite(trace), np.arange(trace.shape[1]), 0), axis=1)
    return np.where(stopped[:, None], np.take_along_axis(trace, last, axis=1), trace)


def _bands(values: Float[np.ndarray, "s e"], steps: Int[np.ndarray, " e"]) -> pl.DataFrame | None:
    """The curves as `learning_curves.bands` has them; None: there is no number."""
    seeds, evaluations = values.shape
    course = pl.DataFrame(
        {
            "feature": ["side"] * values.size,
            "seed": np.repeat(np.arange(seeds), evaluations),
            "step": np.tile(steps, seeds),
            "value": values.ravel(),
        }
    ).filter(pl.col("value").is_finite())
    return None if course.is_empty() else learning_curves.bands(course)
