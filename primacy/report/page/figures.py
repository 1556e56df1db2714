"""What a figure is: a Vega-Lite specification, its tables and its caption; and how all look.

The specification is plain data, so that tests compare it and a page is drawn without importing
Altair (0.8 s); `Figure.chart` is the Altair object for whoever wants to change it. Colors are the
fixed ones below; the page's style sheet maps each to a variable, which gives the dark page.
"""

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from primacy.errors import shown
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import ranks
from primacy.report.page.ranks import Number

PALETTE = (
    "#0072b2",
    "#c04a00",
    "#007a5a",
    "#a83f80",
    "#8a6a00",
    "#5b50c0",
    "#7a4a2b",
    "#5f6b76",
)
"""Okabe and Ito's hues, darkened until they reach a contrast of 4.5 on white."""
DASHES = ((), (7, 3), (2, 3), (8, 3, 2, 3))
FIRST_DASHES = (0, 0, 1, 2, 3, 1, 2, 3)
"""The dash of each color's first use: whoever sees no hue tells the third and later lines apart."""
INK, MUTED, RULE = "#24292f", "#57606b", "#d8dee4"
WIDTH, HEIGHT = 560, 280

CONFIG = {
    "aria": False,  # the page and the notebook describe a figure themselves
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domainColor": MUTED,
        "gridColor": RULE,
        "labelColor": MUTED,
        "labelFlush": False,  # else the labels at the ends are moved off their ticks
        "labelFontSize": 12,
        "tickColor": MUTED,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    },
    "text": {"color": INK, "fontSize": 12},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart with what it shows in words and numbers. In a notebook it shows itself, offline."""

    name: str
    """Its id on the page and its file name."""
    title: str
    caption: str
    frame: pl.DataFrame
    """The numbers drawn."""
    specification: Mapping[str, Any]
    """Vega-Lite without data."""
    data: Mapping[str, pl.DataFrame]
    """The tables that the specification names."""

    @property
    def spec(self) -> dict[str, Any]:
        """The whole Vega-Lite specification, data included; invisible characters are escaped."""
        rows = {name: _rows(table) for name, table in self.data.items()}
        return {**_shown(self.specification), "datasets": rows}

    @property
    def chart(self) -> Any:
        """The Altair chart, to change and draw anew."""
        import altair

        spec = self.spec
        rows = spec.pop("datasets")
        chart = altair.Chart.from_dict(spec)
        chart.datasets = rows  # afterwards: from_dict would check every single row
        return chart

    def svg(self) -> str:
        """The chart as SVG on a transparent ground."""
        import vl_convert

        return vl_convert.vegalite_to_svg(self.spec, vl_version="6.1")

    def save(self, path: str | Path) -> None:
        """Write an .svg, .pdf or .png, by the ending of the name.

        Raises:
            ValueError: another ending.
        """
        import vl_convert

        path = Path(path)
        svg = self.svg()
        match path.suffix.lower():
            case ".svg":
                path.write_text(svg, encoding="utf-8")
            case ".pdf":
                path.write_bytes(vl_convert.svg_to_pdf(svg))
            case ".png":
                path.write_bytes(vl_convert.svg_to_png(_on_white(svg), scale=2))
            case other:
                raise ValueError(f"{other!r}: a figure is saved as .svg, .pdf or .png")

    def _repr_html_(self) -> str:
        """The drawing with its title and caption, for notebooks that show HTML only."""
        title, caption = (html.escape(visible(t)) for t in (self.title, self.caption))
        return (
            f"<figure><strong>{title}</strong>{_on_white(self.svg())}"
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            "image/svg+xml": self.svg(),
            "application/vnd.vegalite.v6+json": self.spec,
            "text/plain": f"{visible(self.title)}\n{visible(self.caption)}",
        }


def _on_white(svg: str) -> str:
    # A transparent PNG is unreadable on the dark slides that people paste it into.
    head, tag, rest = svg.partition(">")
    return f'{head}{tag}<rect width="100%" height="100%" fill="white"/>{rest}'


def visible(text: str) -> str:
    """The text with hidden characters as escapes (`errors.shown`); line breaks and tabs stay."""
    return shown(text, keep="\n\t")


def _shown(thing: Any) -> Any:
    if isinstance(thing, str):
        return visible(thing)
    if isinstance(thing, Mapping):
        return {key: _shown(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_shown(value) for value in thing]
    return thing


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON values: five significant digits, null for what is not a finite number."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.5g}") if math.isfinite(value) else None
        return visible(value) if isinstance(value, str) else value

    return [{k: plain(v) for k, v in row.items()} for row in table.iter_rows(named=True)]


def short(name: str, most: int = 22) -> str:
    """A name that fits beside a line."""
    name = visible(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def colors(record: StudyRecord) -> dict[str, tuple[str, tuple[int, ...]]]:
    """A color and a dash for each feature, the same in every condition of a study."""
    names = dict.fromkeys(f for c in record.conditions for f in ranks.declared(c))
    return {name: look(i) for i, name in enumerate(names)}


def look(i: int) -> tuple[str, tuple[int, ...]]:
    """The color and dash of the i-th line; the first 32 differ."""
    turn, place = divmod(i, len(PALETTE))
    return PALETTE[place], DASHES[(FIRST_DASHES[place] + turn) % len(DASHES)]


def ticks(condition: ConditionRecord, log: bool) -> list[int]:
    """Steps worth a number on the axis: 0, then 1-2-5 (or only 1) in each decade."""
    first, last = reach(condition)
    if not log:
        size = 10 ** math.floor(math.log10(last))
        size = next(size * k for k in (0.1, 0.2, 0.5, 1, 2) if last / (size * k) <= 8)
        return [round(i * size) for i in range(int(last / size) + 1)]
    leading = (1, 2, 5) if last / first <= 300 else (1,) if last / first > 1e5 else (1, 3)
    decades = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
    found = [k * 10**d for d in decades for k in leading if d >= 0]
    return [0, *(t for t in found if first <= t <= last)]


def reach(condition: ConditionRecord) -> tuple[int, int]:
    """The first evaluation after step 0, and the last."""
    later = [s for s in condition.steps if s > 0] or [1]
    return later[0], later[-1]


def x_axis(condition: ConditionRecord, log: bool) -> dict[str, Any]:
    """The training step; `log` is logarithmic but holds step 0."""
    first, last = reach(condition)
    kind = {"type": "symlog", "constant": first} if log else {"type": "linear"}
    return {
        "field": "step",
        "type": "quantitative",
        "title": "training step" + (" (log-like axis)" if log else ""),
        "scale": {**kind, "domain": [0, last], "nice": False},
        "axis": {"values": ticks(condition, log), "grid": False},
    }


def y_axis(title: str, low: Number, high: Number, **more: Any) -> dict[str, Any]:
    """A vertical axis with fixed ends."""
    scale = {"domain": [low, high], "nice": False, "zero": False, **more}
    return {"type": "quantitative", "title": title, "scale": scale}


def hue(names: Sequence[str], palette: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """Color and dash by feature, without a legend: the lines are labelled themselves."""
    looks = [palette[n] for n in names]
    scale = {"domain": list(names), "range": [color for color, _ in looks]}
    by = {"field": "feature", "type": "nominal", "sort": None, "legend": None}
    found: dict[str, Any] = {"color": {**by, "scale": scale}}
    if any(dash for _, dash in looks):
        dashes = [list(dash) or [1, 0] for _, dash in looks]
        found["strokeDash"] = {**by, "scale": {"domain": list(names), "range": dashes}}
    return found


def spread(wanted: Sequence[Number], gap: Number, low: Number, high: Number) -> list[Number]:
    """Positions near the wanted ones, at least `gap` apart, within low..high where they fit."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed: list[Number] = []
    for i in order:
        placed.append(max(wanted[i], placed[-1] + gap if placed else low))
    top = high
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], top)
        top = placed[i] - gap
    found: list[Number] = [0.0] * len(wanted)
    for position, i in zip(placed, order, strict=True):
        found[i] = position
    return found


def layered(layers: Sequence[dict], width: int = WIDTH, height: int = HEIGHT) -> dict[str, Any]:
    """A Vega-Lite specification of layers."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": height,
        "config": CONFIG,
        "layer": list(layers),
    }


def end_labels(
    last: Mapping[str, Number],
    text: Mapping[str, str],
    low: Number,
    high: Number,
    palette: Mapping[str, tuple[str, tuple[int, ...]]],
) -> tuple[dict, pl.DataFrame]:
    """Names to the right of the plot, each as near the end of its line as the others let it."""
    names = list(last)
    # Of two lines that end together the first named stands higher.
    pixel = [
        HEIGHT * (1 - (min(max(v, low), high) - low) / ((high - low) or 1)) + i * 1e-3
        for i, v in enumerate(last.values())
    ]
    table = pl.DataFrame(
        {
            "feature": names,
            "pixel": spread(pixel, 15, 4, max(HEIGHT, 15.0 * len(names))),
            "label": [text[n] for n in names],
        },
        schema={"feature": pl.String, "pixel": pl.Float64, "label": pl.String},
    )
    layer = {
        "data": {"name": "labels"},
        "mark": {"type": "text", "align": "left", "baseline": "middle"},
        "encoding": {
            "x": {"value": WIDTH + 8},
            "y": {"field": "pixel", "type": "quantitative", "scale": None, "axis": None},
            "text": {"field": "label"},
            "color": hue(names, palette)["color"],
        },
    }
    return layer, table
