"""All conditions as small multiples: a card each, drawn in a few lines of SVG."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import charts, figures, learning_curves, members, ranks, sketches

LINES = 600
"""Curves of single seeds on one page; with more, the cards show medians and bands alone."""


def cards(
    record: StudyRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    standings: Mapping[str, list[dict]],
    palette: charts.Palette,
    lines: int = LINES,
) -> list[dict[str, Any]]:
    """One card a condition: its name, factors, small drawing, large one with every seed, places.

    None for a single condition, which the page's figures show in full.
    """
    conditions = record.conditions
    if len(conditions) < 2:
        return []
    every = sum(len(r) * r[0]["seeds"] for r in standings.values() if r) <= lines
    # All conditions of a measure at once: a query a condition would take longer than the drawing.
    timed = {c.name: [r["feature"] for r in standings[c.name] if r["timed"]] for c in conditions}
    found, tables = {}, {}
    for measure, split in dict.fromkeys(map(_raced, conditions)):
        own = [c for c in conditions if _raced(c) == (measure, split)]
        course = learning_curves.paths(own, curves, lanes, measure, timed, split=split)
        found |= learning_curves.by_condition(course)
        tables |= learning_curves.by_condition(learning_curves.bands(course))
    axes = _axes(record, found, tables)
    return [
        _card(c, found[c.name], tables[c.name], standings[c.name], palette, axes[c.name], every)
        if c.name in axes
        else _empty(c, standings[c.name])
        for c in conditions
    ]


def _raced(c: ConditionRecord) -> tuple[str, str]:
    """The measure, and the examples, on which a condition's features race."""
    return charts.measured(c), ranks.split(c)


Axes = tuple[tuple[ranks.Number, ranks.Number], tuple[ranks.Number, ranks.Number]]
"""First positive and last step, and the ends of the vertical axis."""


def _axes(
    record: StudyRecord, found: Mapping[str, pl.DataFrame], tables: Mapping[str, pl.DataFrame]
) -> dict[str, Axes]:
    """The axes of each condition with curves, one pair for those of a group that are alike.

    Alike: the same measure, and criteria that span about as much. A slope of 100 would leave one
    of .1 no height.
    """
    shared: dict[tuple, list[ConditionRecord]] = {}
    for member, own in members.groups(record):
        for c in own:
            if c.name in found:
                shared.setdefault((member, charts.measured(c), _span(c)), []).append(c)
    axes: dict[str, Axes] = {}
    for (_, measure, _), own in shared.items():
        ends = [charts.extent(tables[c.name], c, measure, found[c.name]) for c in own]
        steps = [figures.reach(c) for c in own]
        x = min(first for first, _ in steps), max(last for _, last in steps)
        lowest = min(ranks.lowest(f.criterion) for c in own for f in c.features if f.criterion)
        y = max(lowest, min(low for low, _ in ends)), max(high for _, high in ends)
        axes |= dict.fromkeys((c.name for c in own), (x, y))
    return axes


def _span(c: ConditionRecord) -> int | None:
    """The largest distance from chance to ceiling, as a power of two; None: nobody knows it."""
    known = [f.criterion for f in c.features if f.criterion is not None]
    spans = [abs(k.ceiling - k.chance) for k in known if k.ceiling is not None]
    return round(math.log2(max(spans))) if spans and max(spans) > 0 else None


def _told(c: ConditionRecord, rows: list[dict]) -> list[str]:
    return [f"{r['feature']}: {charts.learned_label(r, c)}" for r in rows]


def _empty(c: ConditionRecord, rows: list[dict]) -> dict[str, Any]:
    """The card of a condition without a learning curve, with the reason."""
    if not rows:
        why = "not trained yet"
    elif not any(r["timed"] for r in rows):
        why = "no feature here has a criterion, so none has a learning curve"
    else:
        why = "the criterion's measure has no values here"
    told = _told(c, rows)
    return {"condition": c, "rows": rows, "told": told, "small": None, "large": None, "why": why}


def _card(
    c: ConditionRecord,
    course: pl.DataFrame,
    table: pl.DataFrame,
    rows: list[dict],
    palette: charts.Palette,
    axes: Axes,
    every: bool,
) -> dict[str, Any]:
    timed = [r["feature"] for r in rows if r["timed"]]
    told = _told(c, rows)
    measure = charts.measured(c)
    medians, areas, seeds = [], [], []
    points = learning_curves.thinned(table, 50).rows_by_key("feature", named=True)
    lines = learning_curves.thinned(course, 30).rows_by_key("feature", named=True) if every else {}
    for name in timed:
        if name not in points:
            continue
        (color, dash), own, place = palette[name], points[name], list(palette).index(name)
        median = [(p["step"], p["median"]) for p in own]
        medians.append(sketches.Line(color, median, dash, place))
        upper, lower = ([(p["step"], p[end]) for p in own] for end in ("high", "low"))
        areas.append(sketches.Line(color, [*upper, *reversed(lower)], feature=place))
        for _, line in itertools.groupby(lines.get(name, ()), key=lambda p: p["seed"]):
            seeds.append(
                sketches.Line(color, [(p["step"], p["value"]) for p in line], feature=place)
            )
    x, y = axes
    shared = {
        "levels": sorted({v for n in timed if (v := ranks.level(c, n)) is not None}),
        "x": x,
        "y": y,
    }
    words = f"{c.name}: {measure.replace('_', ' ')} over training; {'; '.join(told)}"
    card = {"condition": c, "rows": rows, "told": told, "large": None, "why": None}
    card["small"] = Markup(sketches.race(medians, areas, label=words, **shared))
    if every:
        card["large"] = Markup(
            sketches.race(
                medians, (), seeds, label=f"{words}; every seed", width=640, height=260, **shared
            )
        )
    return card
