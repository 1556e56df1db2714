"""All conditions as small multiples: a card each, drawn in a few lines of SVG."""

import itertools
from collections.abc import Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from primacy.page import charts, courses, figures, sketches, standing
from primacy.record import ConditionRecord, StudyRecord

LINES = 600
"""Curves of single seeds on one page; with more, the cards show medians and bands alone."""


def cards(
    record: StudyRecord,
    curves: pl.DataFrame,
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
        course = courses.paths(own, curves, lanes, measure, timed, split=split)
        found |= courses.by_condition(course)
        tables |= courses.by_condition(courses.bands(course))
    return [
        _card(c, found.get(c.name), tables.get(c.name), standings[c.name], palette, every)
        for c in conditions
    ]


def _raced(c: ConditionRecord) -> tuple[str, str]:
    """The measure, and the examples, on which a condition's features race."""
    return charts.measured(c), standing.split(c)


def _card(
    c: ConditionRecord,
    course: pl.DataFrame | None,
    table: pl.DataFrame | None,
    rows: list[dict],
    palette: charts.Palette,
    every: bool,
) -> dict[str, Any]:
    timed = [r["feature"] for r in rows if r["timed"]]
    told = [f"{r['feature']}: {charts.learned_label(r, c)}" for r in rows]
    card = {"condition": c, "rows": rows, "told": told, "small": None, "large": None}
    if course is None or table is None:
        return card
    measure = charts.measured(c)
    table = courses.thinned(table, 50)
    low, high = charts.extent(table, c, measure, course)
    first, last = figures.reach(c)
    medians, areas, seeds = [], [], []
    points = table.rows_by_key("feature", named=True)
    lines = courses.thinned(course, 30).rows_by_key("feature", named=True) if every else {}
    for name in timed:
        if name not in points:
            continue
        color, own = palette[name][0], points[name]
        medians.append((color, [(p["step"], p["median"]) for p in own]))
        upper, lower = ([(p["step"], p[end]) for p in own] for end in ("high", "low"))
        areas.append((color, [*upper, *reversed(lower)]))
        for _, line in itertools.groupby(lines.get(name, ()), key=lambda p: p["seed"]):
            seeds.append((color, [(p["step"], p["value"]) for p in line]))
    shared = {
        "levels": sorted({v for n in timed if (v := standing.level(c, n)) is not None}),
        "x": (first, last),
        "y": (low, high),
    }
    words = f"{c.name}: {measure.replace('_', ' ')} over training; {'; '.join(told)}"
    card["small"] = Markup(sketches.race(medians, areas, label=words, **shared))
    if every:
        card["large"] = Markup(
            sketches.race(
                medians, (), seeds, label=f"{words}; every seed", width=640, height=260, **shared
            )
        )
    return card
