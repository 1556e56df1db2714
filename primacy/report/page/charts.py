"""Tables -> charts: the race, the slopes, the courses over training, the seeds at the end.

Each function returns a `figures.Figure`: the drawing, its caption and the numbers drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.records.study import ConditionRecord
from primacy.report.page import counts, figures, ranks
from primacy.report.page.figures import (
    Figure,
    end_labels,
    hue,
    layered,
    reach,
    short,
    x_axis,
    y_axis,
)
from primacy.report.page.layers import band, bars, criteria, layer, line, points
from primacy.report.page.learning_curves import band_name, bands, thinned

Palette = Mapping[str, tuple[str, tuple[int, ...]]]
"""Color and dash by feature (`figures.colors`)."""


def learned_label(row: Mapping[str, Any], condition: ConditionRecord | None = None) -> str:
    """The median time of a feature in a few words: `8 steps`, or `learned by 3 of 30`."""
    if not row["timed"]:
        return "no time-to-learn"
    if row["steps"] is not None:
        when = ranks.when(row, row["steps"])
        return f"{when} step{'s' * (when != '1')}"
    did = "learned by"
    if condition is not None and ranks.by_use(condition):
        # What did not stay at its own end value may be in use all the same.
        did = "timed in" if ranks.relative(condition) else f"{ranks.verb(condition)} in"
    return f"{did} {row['learned']} of {row['seeds']}"


def race(
    condition: ConditionRecord,
    course: pl.DataFrame,
    standings: Sequence[Mapping[str, Any]],
    palette: Palette,
    *,
    log: bool = True,
) -> Figure:
    """The learning curves over seeds: median, band, criterion, and when half had learned.

    `course` is the path of the criterion's measure. A feature that less than half of the seeds
    learned has an open mark at the right edge instead of a dot.
    """
    names = [r["feature"] for r in standings if r["timed"]]
    verb = ranks.verb(condition)
    table = bands(course.filter(pl.col("feature").is_in(names)))
    measure = measured(condition)
    low, high = extent(table, condition, measure)
    levels = {n: ranks.level(condition, n) for n in names}
    ends = last_values(table, names)
    rows = {r["feature"]: r for r in standings}
    text = {n: f"{short(n)} · {learned_label(rows[n], condition)}" for n in ends}
    labels, label_table = end_labels(ends, text, low, high, palette)
    looks, x = hue(names, palette), x_axis(condition, log)
    y = y_axis(called(measure, ranks.split(condition)), low, high)
    layers = [
        band("curves", x, y, looks["color"]),
        criteria(),
        line("curves", x, y, "median", **looks),
        layer(
            "marks",
            {"type": "rule", "strokeWidth": 5, "opacity": 0.5},
            x={**x, "field": "low"},
            x2={"field": "step"},
            y={**y, "field": "y"},
            color=looks["color"],
        ),
        *(
            points("marks", x, y, "y", color=looks["color"], mark={"strokeWidth": 2, **look})
            | {"transform": [{"filter": f"datum.kind == '{kind}'"}]}
            for kind, look in (("half", {"filled": True}), ("never", {"filled": False}))
        ),
        labels,
        *counts.layers(x, looks["color"]),
    ]
    return Figure(
        name="race-log" if log else "race-linear",
        title=f"Race: when is each feature {verb}?",
        caption=_race_caption(condition, table, ranks.relative(condition)),
        frame=table,
        specification=layered(layers),
        data={
            "curves": table,
            "marks": _marks(condition, table, [r for r in standings if r["feature"] in ends]),
            "labels": label_table,
            "criteria": _criteria(levels),
            **counts.tables(standings, figures.ticks(condition, log), verb),
        },
    )


def _marks(
    condition: ConditionRecord, table: pl.DataFrame, standings: Sequence[Mapping[str, Any]]
) -> pl.DataFrame:
    """When half of the seeds had learned a feature, and the last evaluation before; or never."""
    marks = []
    for row in standings:
        name, level = row["feature"], ranks.level(condition, row["feature"])
        there = row["steps"] is not None
        at = row["steps"] if there else reach(condition)[1]
        y = level if level is not None and there else _near(table, name, at)
        before = row["lows"].get(at) if there else None
        kind = "half" if there else "never"
        marks.append((name, at if before is None else before, at, y, kind))
    number, text = pl.Int64, pl.String
    columns = {"feature": text, "low": number, "step": number, "y": pl.Float64, "kind": text}
    return pl.DataFrame(marks, schema=columns, orient="row")


def _race_caption(condition: ConditionRecord, table: pl.DataFrame, relative: bool) -> str:
    band = band_name([table["seeds"].max()] if table.height else [])  # type: ignore[list-item]
    if relative:
        mark = (
            f"Dot: the step by which half of the seeds had {100 * condition.theta:g} % of the "
            "run's own last value, so times are relative to each run's own end"
        )
    else:
        did = "learned it" if ranks.verb(condition) == "learned" else "met it"
        mark = f"Dashed: the criterion. Dot: the step by which half of the seeds had {did}"
    text = (
        f"Line: median over seeds; band: {band}. {mark}, with a bar from the evaluation before; "
        "open mark: fewer than half did. Numbers below: networks so far."
    )
    if condition.stop == "learned":
        text += " A run that stopped early carries its last value on."
    return text


def called(measure: str, split: str) -> str:
    """The title of a vertical axis."""
    name = measure.replace("_", " ")
    return f"held-out {name}" if split == "test" else f"{name} in training"


def measured(condition: ConditionRecord) -> str:
    """The measure on which features race: that of their criterion."""
    found = [f.criterion.measure for f in condition.features if f.criterion is not None]
    return found[0] if found else "accuracy"


def extent(
    table: pl.DataFrame,
    condition: ConditionRecord,
    measure: str,
    course: pl.DataFrame | None = None,
) -> tuple[ranks.Number, ranks.Number]:
    """Ends of a vertical axis: what is drawn, and the chance and ceiling of the criterion.

    With `course` every single seed fits too.
    """
    drawn = [table["low"], table["high"], *([] if course is None else [course["value"]])]
    known = [float(v) for s in drawn for v in (s.min(), s.max()) if v is not None]  # type: ignore[arg-type]
    for f in condition.features:
        if f.criterion is not None and f.criterion.measure == measure:
            known += [f.criterion.chance]
            level = f.criterion.ceiling if f.criterion.amount is None else f.criterion.amount
            known += [] if level is None else [level]
    bottom, top = min(known, default=0.0), max(known, default=1.0)
    pad = 0.04 * ((top - bottom) or 1.0)
    return bottom - pad, top + pad


def last_values(
    table: pl.DataFrame, names: Sequence[str], column: str = "median"
) -> dict[str, ranks.Number]:
    """The last value of each feature's line, in the order of `names`."""
    last = table.sort("step").group_by("feature").agg(pl.col(column).last())
    found = dict(last.iter_rows())
    return {n: found[n] for n in names if found.get(n) is not None}


def _near(table: pl.DataFrame, name: str, step: ranks.Number) -> float:
    own = table.filter(pl.col("feature") == name).with_columns(away=(pl.col("step") - step).abs())
    return own.sort("away")["median"][0]


def _criteria(levels: Mapping[str, ranks.Number | None]) -> pl.DataFrame:
    known = sorted({v for v in levels.values() if v is not None})
    return pl.DataFrame({"level": known}, schema={"level": pl.Float64})


MAX_SEEDS_DRAWN = 200
"""Seeds that have a line each: more are one gray area, and take a gigabyte to draw."""


def every_seed(
    condition: ConditionRecord,
    course: pl.DataFrame,
    names: Sequence[str],
    palette: Palette,
    *,
    name: str,
    title: str,
    axis: str,
    caption: str,
    levels: Mapping[str, ranks.Number | None] | None = None,
    log: bool = True,
    ends: tuple[ranks.Number, ranks.Number] | None = None,
) -> Figure:
    """A course over training, a thin line a seed and the median on it.

    Of more than `MAX_SEEDS_DRAWN` seeds the first so many have a line; the median is of all.
    """
    own = course.filter(pl.col("feature").is_in(list(names)))
    seeds = own["seed"].unique().sort()
    lines = thinned(own.filter(pl.col("seed").is_in(seeds.head(MAX_SEEDS_DRAWN).implode())))
    if seeds.len() > MAX_SEEDS_DRAWN:
        caption += f" Thin lines of the first {MAX_SEEDS_DRAWN} of {seeds.len():,} networks."
    table = bands(own)
    names = [n for n in names if n in set(table["feature"])]
    if ends is None:
        known = [float(v) for v in (own["value"].min(), own["value"].max()) if v is not None]  # type: ignore[arg-type]
        low, high = min([0.0, *known]), max([*known, 1e-6])
        ends = (low - 0.02 * (high - low), high + 0.04 * (high - low))
    labels, label_table = end_labels(
        last_values(table, names), {n: short(n) for n in names}, *ends, palette
    )
    looks, x, y = hue(names, palette), x_axis(condition, log), y_axis(axis, *ends)
    each = {"color": looks["color"], "detail": {"field": "seed"}}
    layers = [
        line("seeds", x, y, "value", 0.8, **each, mark={"opacity": 0.35, "clip": True}),
        *([criteria()] if levels else []),
        line("medians", x, y, "median", **looks, mark={"clip": True}),
        labels,
    ]
    return Figure(
        name=name,
        title=title,
        caption=caption,
        frame=own.select("feature", "seed", "step", "value"),
        specification=layered(layers),
        data={
            "seeds": lines,
            "medians": thinned(table),
            "labels": label_table,
            "criteria": _criteria(levels or {}),
        },
    )


def at_the_end(
    condition: ConditionRecord, summary: pl.DataFrame, names: Sequence[str], palette: Palette
) -> Figure | None:
    """Every seed at its end: variance explained against total variance, a dot a seed.

    None where the summary has no such numbers.
    """
    if not {"variance_explained", "total_variance"} <= set(summary.columns):
        return None
    own = pl.col("condition").cast(pl.String) == condition.name
    feature = pl.col("feature").cast(pl.String)
    numbers = pl.col("total_variance", "variance_explained").cast(pl.Float64)
    table = summary.filter(own, feature.is_in(list(names)))
    table = table.select(feature, "seed", numbers).drop_nulls()
    if table.is_empty():
        return None
    names = [n for n in names if n in set(table["feature"])]
    middle = table.group_by("feature", maintain_order=True).agg(
        median=pl.col("variance_explained").median()
    )
    totals = table["total_variance"]
    low, high = _padded(table["variance_explained"], 0.0)
    logged = totals.min() > 0  # type: ignore[operator]
    x = {
        "field": "total_variance",
        "type": "quantitative",
        "title": "total variance of the last hidden layer"
        + (" (logarithmic axis)" if logged else ""),
        "scale": {"type": "log" if logged else "linear", "zero": False, "padding": 12},
        "axis": {"grid": False, "tickCount": 6, "format": ",~g"},
    }
    labels, label_table = end_labels(
        last_values(middle.with_columns(step=0), names),
        {n: short(n) for n in names},
        low,
        high,
        palette,
    )
    y = y_axis("variance explained", low, high)
    color = hue(names, palette)["color"]
    dotted = {"type": "rule", "strokeDash": [2, 3], "strokeWidth": 1.5}
    layers = [
        layer("medians", dotted, y={**y, "field": "median"}, color=color),
        points("seeds", x, y, "variance_explained", 55, color=color, mark={"opacity": 0.75}),
        labels,
    ]
    return Figure(
        name="at-the-end",
        title="Every seed at the end of training",
        caption="A dot is one feature in one seed; the dots of a seed stand above each other. "
        "Dotted: the median.",
        frame=table,
        specification=layered(layers),
        data={"seeds": table, "medians": middle, "labels": label_table},
    )


def _padded(values: pl.Series, include: ranks.Number) -> tuple[ranks.Number, ranks.Number]:
    low, high = min(include, float(values.min())), max(include, float(values.max()))  # type: ignore[arg-type]
    pad = 0.05 * ((high - low) or 1.0)
    return low - pad, high + pad


def strength(
    condition: ConditionRecord,
    summary: pl.DataFrame,
    standings: Sequence[Mapping[str, Any]],
    palette: Palette,
) -> Figure | None:
    """Variance explained at the end against complexity; None with fewer than three features."""
    if "variance_explained" not in summary.columns:
        return None
    known = {r["feature"]: r["complexity"] for r in standings if r["complexity"] is not None}
    own = summary.filter(
        pl.col("condition").cast(pl.String) == condition.name,
        pl.col("feature").cast(pl.String).is_in(list(known)),
    )
    found = own.group_by(pl.col("feature").cast(pl.String)).agg(
        median=pl.col("variance_explained").median().cast(pl.Float64),
        low=pl.col("variance_explained").quantile(0.25, "linear").cast(pl.Float64),
        high=pl.col("variance_explained").quantile(0.75, "linear").cast(pl.Float64),
        seeds=pl.col("variance_explained").count(),
    )
    table = (
        found.drop_nulls("median")
        .with_columns(
            complexity=pl.col("feature").replace_strict(known, return_dtype=pl.Float64),
        )
        .sort("complexity", "feature")
    )
    if table.height < 3:
        return None
    names = table["feature"].to_list()
    low, high = _padded(pl.concat([table["low"], table["high"]]), 0.0)
    x = {
        "field": "complexity",
        "type": "quantitative",
        "title": "complexity of the feature",
        "scale": {"zero": False, "padding": 24},
        "axis": {"grid": False, "tickMinStep": 0.5},
    }
    y = y_axis("variance explained", low, high)
    color = hue(names, palette)["color"]
    last = dict(table.select("feature", "median").iter_rows())
    labels, label_table = end_labels(last, {n: short(n) for n in names}, low, high, palette)
    layers = [
        bars("features", x, y, color),
        points("features", x, y, "median", color=color),
        labels,
    ]
    return Figure(
        name="strength",
        title="Strength against complexity",
        caption="Dot: median variance explained at the end; bar: the middle half of the seeds. "
        "Names stand at the height of their dot.",
        frame=table,
        specification=layered(layers),
        data={"features": table, "labels": label_table},
    )
