"""One figure for each claim: what it compares, with the moments at which it is read.

A trend is drawn over its factor, features in order of position over their positions, what was
measured a few times only as a distribution over networks, everything else over training.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from primacy.analysis.learning_times import TIME_TO_LEARN, times
from primacy.analysis.picks import Pick, Plan
from primacy.analysis.readings import Claim
from primacy.analysis.resolve import SelectionError, resolve
from primacy.analysis.runs import Runs
from primacy.report.page import evidence, figures, learning_curves, sketches
from primacy.report.page.claims.drawing import (
    SAID,
    SECOND,
    Drawing,
    axis_title,
    dashes,
    finished,
    last,
    values_of,
)
from primacy.report.page.claims.spread import over_levels, over_networks, over_places, places
from primacy.report.page.sketches import Dot, Line

FEWEST = 6
"""Evaluations below which nothing is drawn over training."""


def figure(runs: Runs, claim: Claim) -> dict[str, Any] | None:
    """The claim's figure: `svg`, `key` (name and color), `what` is drawn, `across`, `caption`.

    None: there is no number to draw.
    """
    try:
        plan = resolve(runs.record, claim.first.contrast)
        ends = resolve(runs.record, last(claim).contrast)
    except SelectionError:
        return None
    if plan.is_event:
        return _of_times(runs, claim, plan)
    if plan.levels:
        return over_levels(runs, claim, ends)
    if len(equal := places(runs, ends)) > 2:
        return over_places(runs, claim, ends, equal)
    steps = [len(runs.record.condition(p.condition).steps) for p in ends.picks]
    if min(steps) < FEWEST:
        return over_networks(runs, claim, ends)
    return over_training(runs, claim, ends)


def over_training(runs: Runs, claim: Claim, plan: Plan) -> dict[str, Any] | None:
    """The value of each side, or their difference within a network, with the moments marked."""
    drawing, h = Drawing(), claim.first
    groups, names, told = _compared(runs, claim, plan)
    measures = sorted(
        dict.fromkeys(r.measure for r in claim.readings), key=lambda m: m != h.contrast.measure
    )
    for i, (group, name) in enumerate(zip(groups, names, strict=True)):
        color = drawing.named(name)
        for measure in measures:
            table = evidence.course(runs, group, measure)
            if table is None:
                continue
            rows = learning_curves.thinned(table, 40).to_dicts()
            first = measure == h.contrast.measure
            line = [(r["step"], r["median"]) for r in rows]
            drawing.lines.append(Line(color, line, () if first else SECOND))
            if first:
                upper, lower = ([(r["step"], r[end]) for r in rows] for end in ("high", "low"))
                drawing.areas.append(Line(color, [*upper, *reversed(lower)]))
        drawing.dots += _moments(runs, claim, color, i, len(groups))
    if not drawing.lines:
        return None
    reach = [figures.reach(runs.record.condition(p.condition)) for g in groups for p in g]
    ends = (min(first for first, _ in reach), max(last for _, last in reach))
    return finished(
        drawing,
        told,
        "training step (log-like axis)",
        dashes(runs, claim),
        sketches.stepped(*ends),
        y=drawing.reach(0.0),
        levels=[0.0],
    )


def _of_times(runs: Runs, claim: Claim, plan: Plan) -> dict[str, Any] | None:
    """The curves of the criterion's measure, and when each side had met it."""
    drawing, found = Drawing(), evidence.sides_of(runs, plan, claim.first.contrast.over) or []
    levels = sorted({side.level for side in found if side.level is not None})
    steps: list[tuple[int, int]] = []
    for side in found:
        table = evidence.table_of(runs, side)
        if table is None:
            continue
        color = drawing.named(side.name)
        rows = learning_curves.thinned(table, 40).to_dicts()
        drawing.lines.append(Line(color, [(r["step"], r["median"]) for r in rows]))
        upper, lower = ([(r["step"], r[end]) for r in rows] for end in ("high", "low"))
        drawing.areas.append(Line(color, [*upper, *reversed(lower)]))
        steps += [figures.reach(runs.record.condition(p.condition)) for p in side.picks]
        at = _step(runs, side.picks[0], plan.event) if len(side.picks) == 1 else None
        if at is not None and side.level is not None:
            drawing.dots.append(Dot(color, at, side.level, full=False))
    if not steps:
        return None
    ends = (min(first for first, _ in steps), max(last for _, last in steps))
    what = runs.cards[found[0].measure].name.replace("_", " ")
    return finished(
        drawing,
        what,
        "training step (log-like axis)",
        "Dashed: the criterion.",
        sketches.stepped(*ends),
        y=drawing.reach(*levels),
        levels=levels,
    )


def _compared(
    runs: Runs, claim: Claim, plan: Plan
) -> tuple[list[tuple[Pick, ...]], list[str], str]:
    """The groups of picks that have a line each, their names, and what the lines are."""
    what = axis_title(runs, claim, plan)
    of, minus = plan.of[0], plan.minus
    if _paired(claim, plan) and minus is not None:
        gap = tuple(dataclasses.replace(a, base=b) for a, b in zip(of, minus, strict=True))
        a, b = evidence.names([of, minus], plan, None)
        card = runs.cards[claim.first.contrast.measure]
        return [gap], [f"{a} less {b}"], f"{card.name.replace('_', ' ')}: the gap"
    groups = [of, *([minus] if minus else [])]
    return groups, evidence.names(groups, plan, None), what


def _paired(claim: Claim, plan: Plan) -> bool:
    """Whether a claim is about a difference inside single networks, which is drawn as one line."""
    of, minus = plan.of[0], plan.minus
    return (
        minus is not None
        and claim.first.contrast.scale == "difference"
        and [p.condition for p in of] == [p.condition for p in minus]
        and all(p.base is None for p in (*of, *minus))
        and last(claim).moment == "end"
    )


def _moments(runs: Runs, claim: Claim, color: str, i: int, lines: int) -> Iterator[Dot]:
    """The i-th line at each moment: the median step and the median value there."""
    for reading in claim.readings:
        if reading.measure != claim.first.contrast.measure or reading.moment not in SAID:
            continue
        values = values_of(runs, reading.contrast)
        if values is None or reading.moment == "own":
            continue
        own = values[i] if lines > 1 or len(values) == 1 else values[0] - values[1]
        plan = resolve(runs.record, reading.contrast)
        pick = (plan.of[0] if i == 0 else plan.minus or plan.of[0])[0]
        step = _step(runs, pick)
        if step is not None and np.isfinite(own).any():
            yield Dot(color, step, float(np.nanmedian(own)), full=reading.moment == "end")


def _step(runs: Runs, pick: Pick, event: str = TIME_TO_LEARN) -> float | None:
    """The median step at which a pick is read; None: in no network."""
    if pick.clock is None:
        return float(runs.record.condition(pick.condition).budget)
    found = times(runs, pick.condition, *pick.clock, event=event)
    if found is None or not found.learned.any():
        return None
    return float(np.median(found.time[found.learned]))
