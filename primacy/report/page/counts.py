"""How many networks had learned each feature so far: the counts below the race."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.errors import counted
from primacy.report.page.figures import HEIGHT, MUTED, WIDTH, short
from primacy.report.page.layers import layer

COUNTS, COUNT_ROW = 54, 16
"""Pixels below the plot at which the counts of networks begin, and of each row of them."""


def so_far(standings: Sequence[Mapping[str, Any]], steps: Sequence[int]) -> pl.DataFrame:
    """How many networks had learned each feature by each step: feature, step, learned, pixel.

    A network that diverged is not among them, and stays in the number that they are counted of.
    """
    rows = [
        (
            row["feature"],
            step,
            sum(t is not None and t <= step for t in row["times"]),
            HEIGHT + COUNTS + COUNT_ROW * (1.0 + i),
        )
        for i, row in enumerate(r for r in standings if r["timed"])
        for step in steps
    ]
    schema = {"feature": pl.String, "step": pl.Int64, "learned": pl.Int64, "pixel": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _names(learned: pl.DataFrame) -> pl.DataFrame:
    """What is beside each row of counts: feature, pixel, label."""
    rows = learned.unique(["feature", "pixel"], maintain_order=True)
    labels = [short(name) for name in rows["feature"]]
    return rows.select("feature", "pixel").with_columns(label=pl.Series(labels, dtype=pl.String))


def tables(
    standings: Sequence[Mapping[str, Any]], steps: Sequence[int], verb: str
) -> dict[str, pl.DataFrame]:
    """The tables of `layers`, by name; `verb` is what features are said to be, such as learned."""
    learned = so_far(standings, steps)
    networks = counted(max((r["seeds"] for r in standings), default=0), "network")
    return {
        "so far": learned,
        "so far names": _names(learned),
        "so far title": pl.DataFrame({"text": [f"{verb} so far, of {networks}"]}),
    }


def layers(x: Mapping[str, Any], color: Mapping[str, Any]) -> list[dict]:
    """The layers of what had been learned so far, below the axis and in line with its ticks."""
    pixel = {"field": "pixel", "type": "quantitative", "scale": None, "axis": None}
    title = {"type": "text", "align": "left", "baseline": "middle", "color": MUTED}
    names = {"type": "text", "align": "left", "baseline": "middle"}
    return [
        layer(
            "so far names",
            names,
            x={"value": WIDTH + 8},
            y=pixel,
            text={"field": "label"},
            color=color,
        ),
        layer(
            "so far",
            {"type": "text", "baseline": "middle"},
            x=x,
            y=pixel,
            color=color,
            text={"field": "learned", "type": "quantitative"},
        ),
        layer(
            "so far title",
            title,
            x={"value": 0},
            y={"value": HEIGHT + COUNTS},
            text={"field": "text"},
        ),
    ]
