"""Inside the layers: what each holds of a feature, and what the rest of the network uses of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.runs import own_target
from primacy.records.curves import Rows
from primacy.records.manifest import CUT_SHORT
from primacy.records.study import ConditionRecord, MeasureRecord, StudyRecord
from primacy.records.traces import at_end
from primacy.report.page import charts, figures
from primacy.report.page.figures import INK, MUTED, Figure
from primacy.report.page.layers import bars, line, points

COLUMNS, WIDTH, HEIGHT = 3, 165, 130
TITLE = {"anchor": "start", "color": INK, "fontSize": 13, "fontWeight": "normal"}
LEGEND = {"orient": "top", "title": None, "labelColor": INK, "labelFontSize": 13, "labelLimit": 400}


def inside(
    record: StudyRecord,
    condition: ConditionRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    names: Sequence[str],
    palette: charts.Palette,
) -> Figure | None:
    """Measures of every hidden layer at the end of training, a panel each.

    None where the study measured no more of the layers than the table of its features has.
    """
    cards = [m for m in record.measures if _drawn(m)]
    controls = {m.control_of: m.name for m in record.measures if m.control_of is not None}
    if not any(_adds(m, controls) for m in cards):
        return None
    cards.sort(key=lambda m: m.section != "table")  # what the others are read against
    table = _table(condition, curves, lanes, [m.name for m in cards], controls, names)
    shown = [m for m in cards if m.name in set(table["measure"])]
    if not any(_adds(m, controls) for m in shown):
        return None
    names = [n for n in names if n in set(table["feature"])]
    data = {m.name: table.filter(pl.col("measure") == m.name) for m in shown}
    dashed = "Dashed: what random directions like the feature's give. "
    dotted = "Dotted: chance. "
    return Figure(
        name="inside",
        title="What each hidden layer holds, and what is used of it",
        caption="At the end of training, each measure on the feature's own target. Point: median "
        "over networks; bar: the middle 80 %. "
        + (dashed if table["null"].is_not_null().any() else "")
        + (dotted if any(m.chance for m in shown) else "")
        + "A layer can hold a feature that nothing behind it uses, and much can hang on one that "
        "is a small share of its variance. What a measure means is on its card below.",
        frame=table,
        specification={
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "config": figures.CONFIG,
            "columns": COLUMNS,
            "spacing": 26,
            "concat": [
                _panel(m, condition.layers, _looks(names, palette, m is shown[0]), data[m.name])
                for m in shown
            ],
        },
        data=data,
    )


def _drawn(card: MeasureRecord) -> bool:
    """Of a family its headline, and no control: that is drawn beside what it is for."""
    by_feature = card.by_layer and "feature" in card.axes
    other_definition = card.family_order > 0 or card.section == "summary"
    return by_feature and card.control_of is None and not other_definition


def _adds(card: MeasureRecord, controls: Mapping[str, str]) -> bool:
    """Whether its panel shows more than the table does."""
    return card.section != "table" or card.name in controls


def _table(
    condition: ConditionRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    measures: Sequence[str],
    controls: Mapping[str, str],
    names: Sequence[str],
) -> pl.DataFrame:
    """A row a measure, layer and feature: median, low and high over networks, and of its null."""
    text = pl.col("measure", "layer", "feature", "target", "condition").cast(pl.String)
    ends = lanes.with_columns(pl.col("condition", "ended").cast(pl.String)).filter(
        pl.col("condition") == condition.name, ~pl.col("ended").is_in(CUT_SHORT)
    )
    targets = {name: own_target(condition, name) for name in names}
    of = {controls[m]: m for m in measures if m in controls}
    wanted = [*measures, *of]
    rows = (
        at_end(curves, ends)
        .filter(pl.col("split") == "test", pl.col("layer").is_not_null())
        .with_columns(text)
        .filter(pl.col("measure").is_in(wanted), pl.col("feature").is_in(list(names)))
        .with_columns(own=pl.col("feature").replace_strict(targets, return_dtype=pl.String))
        .filter(pl.col("target").is_null() | (pl.col("target") == pl.col("own")))
        .drop_nulls("value")
        .with_columns(pl.col("value").cast(pl.Float64))
        .group_by("measure", "layer", "feature", maintain_order=True)
        .agg(
            median=pl.col("value").median(),
            low=pl.col("value").quantile(0.1, "linear"),
            high=pl.col("value").quantile(0.9, "linear"),
            networks=pl.len(),
        )
    )
    null = rows.filter(pl.col("measure").is_in(list(of))).select(
        pl.col("measure").replace(of), "layer", "feature", null="median"
    )
    at = ["measure", "layer", "feature"]
    return rows.filter(pl.col("measure").is_in(list(measures))).join(null, on=at, how="left")


def _looks(names: Sequence[str], palette: charts.Palette, legend: bool) -> dict[str, Any]:
    """Colors by feature; the first panel says which is whose."""
    looks = figures.hue(names, palette)
    return {**looks, "color": {**looks["color"], "legend": LEGEND if legend else None}}


def _panel(
    card: MeasureRecord, layers: Sequence[str], looks: Mapping[str, Any], table: pl.DataFrame
) -> dict[str, Any]:
    x = {
        "field": "layer",
        "type": "ordinal",
        "sort": None,
        "title": None,
        "scale": {"type": "point", "padding": 0.3, "domain": list(layers)},
        "axis": {"labelAngle": 0, "labelOverlap": True, "grid": False},
    }
    y = {
        "type": "quantitative",
        "title": None,
        "scale": {"zero": True, "nice": True},
        "axis": {"tickCount": 4},
    }
    color = looks["color"]
    drawn = [
        bars(None, x, y, color, opacity=0.6),
        line(None, x, y, "median", 2.2, **looks),
        points(None, x, y, "median", 55, color=color),
    ]
    if table["null"].is_not_null().any():
        drawn.append(line(None, x, y, "null", 1.5, color=color, mark={"strokeDash": [3, 3]}))
    if card.chance:
        dotted = {"type": "rule", "strokeWidth": 1.2, "strokeDash": [1, 3], "color": MUTED}
        drawn.append({"mark": dotted, "encoding": {"y": {**y, "datum": card.chance}}})
    return {
        "title": {"text": card.name.replace("_", " "), **TITLE},
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"name": card.name},
        "layer": drawn,
    }
