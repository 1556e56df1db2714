"""All conditions as small multiples: a card each, drawn in a few lines of SVG."""

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
    if len(record.conditions) < 2:
        return []
    every = sum(len(r) * r[0]["seeds"] for r in standings.values() if r) <= lines
    parts = {str(k[0]): t for k, t in curves.group_by("condition", maintain_order=True)}
    return [
        _card(c, parts.get(c.name, curves.clear()), lanes, standings[c.name], palette, every)
        for c in record.conditions
    ]


def _card(
    c: ConditionRecord,
    curves: pl.DataFrame,
    lanes: pl.DataFrame,
    rows: list[dict],
    palette: charts.Palette,
    every: bool,
) -> dict[str, Any]:
    timed = [r["feature"] for r in rows if r["timed"]]
    told = [f"{r['feature']}: {charts.learned_label(r, standing.relative(c))}" for r in rows]
    card = {"condition": c, "rows": rows, "told": told, "small": None, "large": None}
    measure = charts.measured(c)
    course = courses.path(c, curves, lanes, measure, timed)
    if course.is_empty():
        return card
    sparse = courses.thinned(course, 30)
    table = courses.bands(courses.thinned(course, 50))
    low, high = charts.extent(table, c, measure, course)
    first, last = figures.reach(c)
    medians, areas, seeds = [], [], []
    for name in timed:
        own = table.filter(pl.col("feature") == name)
        if own.is_empty():
            continue
        color = palette[name][0]
        medians.append((color, own.select("step", "median").rows()))
        upper, lower = own.select("step", "high").rows(), own.select("step", "low").rows()
        areas.append((color, [*upper, *reversed(lower)]))
        for part in sparse.filter(pl.col("feature") == name).partition_by("seed"):
            seeds.append((color, part.select("step", "value").rows()))
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
