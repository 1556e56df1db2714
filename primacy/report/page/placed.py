"""A figure as the page shows it: drawing, key, words, table and CSV."""

from typing import Any

import polars as pl
from markupsafe import Markup

from primacy.report.page import figures, inline_svg, learning_curves
from primacy.report.page.charts import Palette
from primacy.report.page.figures import Figure
from primacy.report.page.wording import number

TABLE = 80
"""Rows of a figure's table on the page; its CSV has all."""


def figure(drawn: Figure, palette: Palette) -> dict[str, Any]:
    """What the template draws of it."""
    frame, label = drawn.frame, f"{drawn.title}. {drawn.caption}"
    labels = drawn.data.get("labels", pl.DataFrame({"feature": []}))
    header = [c.replace("_", " ") for c in frame.columns]
    rows = _sparse(frame)
    left_out = rows.height != frame.height
    note = f"{rows.height:,} of {frame.height:,} rows; the CSV has every one." if left_out else ""
    return {
        "name": drawn.name,
        "title": drawn.title,
        "caption": drawn.caption,
        "svg": Markup(inline_svg.inline(drawn.svg(), drawn.name, label, palette)),
        "key": [(n, hue(palette[n][0])) for n in labels["feature"] if n in palette],
        "header": header,
        "rows": [[_cell(v) for v in row] for row in rows.iter_rows()],
        "note": note,
        "csv": inline_svg.csv_link(_wide(frame)),
    }


def _sparse(frame: pl.DataFrame) -> pl.DataFrame:
    """At most about `TABLE` rows: of the evaluations, evenly chosen ones."""
    if frame.height <= TABLE:
        return frame
    if "step" not in frame.columns:
        return frame.head(TABLE)
    steps = frame["step"].n_unique()
    return learning_curves.thinned(frame, max(2, TABLE * steps // frame.height)).head(2 * TABLE)


def _wide(frame: pl.DataFrame) -> pl.DataFrame:
    """One column a feature and seed: a fourth of the size of one row a number."""
    if not {"step", "seed", "feature", "value"} <= set(frame.columns):
        return frame
    column = pl.format("{} | seed {}", pl.col("feature").cast(pl.String), pl.col("seed"))
    return (
        frame.with_columns(column=column, value=pl.col("value").round_sig_figs(5))
        .pivot(on="column", index="step", values="value")
        .sort("step")
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return "–" if value is None else f"{value:,}" if type(value) is int else str(value)


def hue(color: str) -> str:
    """The style sheet's class of a color."""
    return f"hue{figures.PALETTE.index(color) + 1}"
