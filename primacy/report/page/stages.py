"""First, represented, used: each feature as a share of the best one, and which crossings count."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from primacy.report.page import ranking
from primacy.report.page.charts import Palette, last_values
from primacy.report.page.figures import INK, Figure, end_labels, hue, layered, short, y_axis
from primacy.report.page.layers import line, points
from primacy.report.page.ranks import Number
from primacy.report.page.wording import listed

STAGES = {"early": "steps", "represented": "variance_explained", "used": "reliance"}
"""Each stage and the column of the standings that it shows."""
ENDS = (-0.03, 1.03)

Shares = Mapping[str, Mapping[str, Number]]
"""By stage and feature."""


def slopes(
    standings: Sequence[Mapping[str, Any]],
    palette: Palette,
    disagreeing: Collection[tuple[str, str]] = (),
) -> Figure:
    """Each feature as a share of the best one, with a circle where lines that disagree cross.

    Learned early is the best median time over the feature's own (0: half never learned it);
    represented and used are medians over the largest, and 0 up to the floor and the control
    columns. A stage in which no feature is above those is left out.

    Args:
        standings: of one condition.
        palette: color and dash by feature.
        disagreeing: pairs of features that disagree (`findings.disagreeing`).
    """
    known = {stage: _shares(standings, column) for stage, column in STAGES.items()}
    nothing = [s for s, found in known.items() if not found and _measured(standings, STAGES[s])]
    shares = {stage: found for stage, found in known.items() if found}
    stages = list(shares)
    table = pl.DataFrame(
        [
            (r["feature"], stage, shares[stage][r["feature"]], stages.index(stage))
            for r in standings
            for stage in stages
            if r["feature"] in shares[stage]
        ],
        schema={"feature": pl.String, "stage": pl.String, "share": pl.Float64, "place": pl.Int64},
        orient="row",
    )
    names = list(dict.fromkeys(table["feature"]))
    last = last_values(table.rename({"place": "step"}), names, "share")
    labels, label_table = end_labels(last, {n: short(n) for n in names}, *ENDS, palette)
    circles = [c for a, b in disagreeing for c in _crossings(a, b, list(shares.values()))]
    return Figure(
        name="slopes",
        title="First, represented, used",
        caption=_caption(bool(circles), nothing),
        frame=table.drop("place"),
        specification=layered(_layers(stages, hue(names, palette), labels)),
        data={
            "shares": table,
            "circles": pl.DataFrame(
                circles, schema={"place": pl.Float64, "share": pl.Float64}, orient="row"
            ),
            "labels": label_table,
        },
    )


def _layers(
    stages: Sequence[str], looks: Mapping[str, Any], labels: Mapping[str, Any]
) -> list[dict]:
    x = {
        "field": "place",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [-0.15, max(1, len(stages) - 1) + 0.15], "nice": False},
        "axis": {
            "values": list(range(len(stages))),
            "labelExpr": f"{list(stages)}[datum.value]",
            "labelFontSize": 13,
            "grid": True,
            "domain": False,
            "ticks": False,
        },
    }
    y = y_axis("share of the best feature", *ENDS)
    ring = {"filled": False, "color": INK, "strokeWidth": 1.5}
    return [
        line("shares", x, y, "share", **looks),
        points("shares", x, y, "share", color=looks["color"]),
        points("circles", x, y, "share", 260, mark=ring),
        dict(labels),
    ]


def _caption(circles: bool, nothing: Sequence[str]) -> str:
    text = (
        "Each feature as a share of the best one: the soonest median time over its own, its "
        "median variance explained, its median reliance (both at the end; 0 where it is within "
        f"its control columns or at most {ranking.FLOOR:g}). "
    )
    share = f"{100 * ranking.CLEAR:g} % of the seeds"
    text += (
        f"Circle: two features change places in at least {share}. Lines that cross without one "
        "do not."
        if circles
        else f"No two features change places in at least {share}; lines that cross do so by less."
    )
    if nothing:
        text += f" Left out: {listed(nothing)}, where no feature is above that."
    return text


def _measured(standings: Sequence[Mapping[str, Any]], column: str) -> bool:
    return any(r.get(column) is not None for r in standings)


def _shares(standings: Sequence[Mapping[str, Any]], column: str) -> dict[str, Number]:
    if column == "steps":
        timed = {r["feature"]: r["steps"] for r in standings if r["timed"]}
        known = [t for t in timed.values() if t is not None]
        # A feature that is there at step 0 would make every other share 0: count from one step.
        best = max(1, min(known, default=1))
        shares = {n: 0.0 if t is None else best / max(1, t) for n, t in timed.items()}
        return shares if known else {}
    values = {
        r["feature"]: r[column] if ranking.above(r, column) else 0.0
        for r in standings
        if r.get(column) is not None
    }
    top = max(values.values(), default=0.0)
    return {n: v / top for n, v in values.items()} if top > 0 else {}


def _crossings(a: str, b: str, stages: Sequence[Mapping[str, Number]]) -> list[tuple]:
    """Where the lines of two features cross, as place and share."""
    both = [(i, s[a], s[b]) for i, s in enumerate(stages) if a in s and b in s]
    apart = [(i, x, y) for i, x, y in both if x != y]
    found = []
    for (i, x, y), (j, u, v) in itertools.pairwise(apart):
        if (x > y) == (u > v):
            continue
        between = [k for k, *_ in both if i < k < j]
        if between:  # they meet in a stage
            found.append((float(between[0]), float(stages[between[0]][a])))
            continue
        part = (x - y) / ((x - y) - (u - v))
        found.append((i + part * (j - i), x + part * (u - x)))
    return found
