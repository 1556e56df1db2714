"""The page of a calibration: the table of known answers, and our courses over the formulas."""

from collections.abc import Sequence

import polars as pl
from markupsafe import Markup

from primacy.records.certificate import Certificate, Check, Curve, allowed, shown
from primacy.report.page import document, inline_svg
from primacy.report.page.figures import (
    INK,
    PALETTE,
    Figure,
    end_labels,
    hue,
    layered,
    short,
    y_axis,
)
from primacy.report.page.layers import line, points

DOTS = 48
"""Points of our course that are drawn, at most: the formula stays visible between them."""


def page(certificate: Certificate, curves: Sequence[Curve]) -> str:
    """The whole page as one HTML document."""
    style = document.style()
    cases: dict[str, list[Check]] = {}
    for check in certificate.checks:
        cases.setdefault(check.case, []).append(check)
    return (
        document.environment()
        .get_template("certificate.html")
        .render(
            style=style,
            policy=document.policy(style),
            certificate=certificate,
            cases=cases,
            told=shown,
            tolerance=allowed,
            figures=[_drawn(figure) for figure in drawings(curves)],
        )
    )


def drawings(curves: Sequence[Curve]) -> list[Figure]:
    """A figure for each chart title, in the order in which they come."""
    charts: dict[str, list[Curve]] = {}
    for curve in curves:
        charts.setdefault(curve.chart, []).append(curve)
    return [_figure(f"course{i}", own) for i, own in enumerate(charts.values(), 1)]


def _figure(name: str, curves: Sequence[Curve]) -> Figure:
    """Lines: the formula. Points: what was measured."""
    labels = [curve.label for curve in curves]
    palette = {
        label: (PALETTE[i % len(PALETTE)], ()) for i, label in enumerate(dict.fromkeys(labels))
    }
    schema = {"feature": pl.String} | dict.fromkeys(("x", "measured", "formula"), pl.Float64)
    frame = pl.concat(
        pl.DataFrame(
            {"feature": c.label, "x": c.x, "measured": c.measured, "formula": c.formula},
            schema=schema,
        )
        for c in curves
    )
    drawn = [v for column in ("measured", "formula") for v in frame[column].drop_nans().to_list()]
    low, high = min(drawn, default=0.0), max(drawn, default=1.0)
    pad = 0.04 * ((high - low) or 1.0)
    low, high = low - pad, high + pad
    last = {c.label: c.formula[-1] for c in curves}
    names, table = end_labels(last, {n: short(n) for n in last}, low, high, palette)
    right = max(max(c.x) for c in curves)
    x = {
        "field": "x",
        "type": "quantitative",
        "title": curves[0].x_label,
        "scale": {"domain": [0, right], "nice": False},
        "axis": {"grid": False},
    }
    y = y_axis(curves[0].y_label, low, high)
    looks = hue(list(palette), palette)
    each = {"field": "feature"}
    layers = [
        line("formula", x, y, "formula", 1.4, detail=each, mark={"color": INK}),
        points("measured", x, y, "measured", 26, color=looks["color"]),
        names,
    ]
    return Figure(
        name=name,
        title=curves[0].chart,
        caption=f"{curves[0].chart}. Line: the formula. Points: what was measured here.",
        frame=frame.rename({"feature": "line"}),
        specification=layered(layers),
        data={
            "formula": frame.select("feature", "x", "formula"),
            "measured": _dots(frame, right),
            "labels": table,
        },
    )


def _dots(frame: pl.DataFrame, right: float) -> pl.DataFrame:
    """Of each line the first measured point in each of `DOTS` equal stretches of the axis."""
    stretch = (pl.col("x") / (right or 1.0) * (DOTS - 1)).round().alias("stretch")
    kept = frame.group_by("feature", stretch, maintain_order=True).first()
    return kept.select("feature", "x", "measured")


def _drawn(figure: Figure) -> dict[str, object]:
    label = f"{figure.title}. {figure.caption}"
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "svg": Markup(inline_svg.inline(figure.svg(), figure.name, label)),
        "csv": inline_svg.csv_link(figure.frame),
    }
