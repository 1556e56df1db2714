"""Small drawings in a few lines of SVG: an interval, and a condition's curves.

They hold no text but the numbers on their axes, so nothing that a user may choose enters them. What
they show is in words (`label`) and in a table beside them. Other charts are in `charts`.
"""

import html
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from primacy.report.page.ranks import Number
from primacy.report.page.wording import number


class Line(NamedTuple):
    """A line: its color, its points in data units, its dashes, and the feature's position."""

    color: str
    points: Sequence[tuple[Number, Number]]
    dash: tuple[int, ...] = ()
    feature: int | None = None


class Dot(NamedTuple):
    """A point that is marked on a line: full, or open."""

    color: str
    x: Number
    y: Number
    full: bool = True


class Axis(NamedTuple):
    """A horizontal axis: where a value is (0 at the left, 1 at the right), and which have a text.

    `ticks` is given the place in pixels of a value, and the right end.
    """

    share: Callable[[Number], float]
    ticks: Callable[[Callable[[Number], float], Number], Sequence[tuple[Number, str, str]]]
    """Value, text and how the text is anchored."""


CHARACTER = 6.8
"""Width of a digit on an axis, at the 12 pixels of the style sheet."""


def svg(width: int, height: int, label: str, parts: Sequence[str], kind: str) -> str:
    """A drawing that screen readers read as `label`."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img" '
        f'aria-label="{html.escape(label)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{"".join(parts)}</svg>'
    )


def interval(
    value: Number | None,
    low: Number | None,
    high: Number | None,
    *,
    null: Number,
    band: tuple[Number, Number] | None,
    ratio: bool,
    label: str,
) -> str:
    """An estimate and its interval against the null (dashed) and the margin (shaded).

    Ratios are drawn on a logarithmic axis. Without a value only the null is drawn. An end that
    runs to infinity, or to 0 for a ratio, is an arrow.
    """
    width, height, middle, pad = 168, 28, 14, 10
    flat = math.log if ratio else float

    def usable(x: Number | None) -> bool:
        return x is not None and math.isfinite(x) and (not ratio or x > 0)

    known = [
        flat(x) for x in (value, low, high, null, *(band or ())) if x is not None and usable(x)
    ]
    start, end = min(known), max(known)
    span = (end - start) or 1.0

    def x(v: Number) -> str:
        return f"{pad + (flat(v) - start) / span * (width - 2 * pad):.1f}"

    parts = []
    if band is not None and usable(band[0]) and usable(band[1]):
        side = float(x(band[1])) - float(x(band[0]))
        parts.append(
            f'<rect class="margin" x="{x(band[0])}" y="3" width="{side:.1f}" height="22"/>'
        )
    parts.append(f'<path class="null" d="M{x(null)} 2V26"/>')
    if low is not None and high is not None:
        left = x(low) if usable(low) else "1"
        right = x(high) if usable(high) else str(width - 1)
        parts.append(f'<path class="reach" d="M{left} {middle}H{right}"/>')
        if not usable(low):
            parts.append(f'<path class="arrow" d="M1 {middle}l6 -4v8Z"/>')
        if not usable(high):
            parts.append(f'<path class="arrow" d="M{width - 1} {middle}l-6 -4v8Z"/>')
    if value is not None and usable(value):
        parts.append(f'<circle class="value" cx="{x(value)}" cy="{middle}" r="4.5"/>')
    return svg(width, height, label, parts, "interval")


def race(
    medians: Sequence[Line],
    bands: Sequence[Line] = (),
    seeds: Sequence[Line] = (),
    *,
    levels: Sequence[Number],
    x: tuple[Number, Number],
    y: tuple[Number, Number],
    label: str,
    marks: Sequence[Number] = (),
    width: int = 200,
    height: int = 104,
) -> str:
    """A condition's curves on a log-like step axis: bands, every seed, medians, criteria.

    `x` is the first positive and the last step, `y` the drawn range; values beyond it are clipped.
    `levels` are drawn across, `marks` (steps) down. Both axes have numbers.
    """
    return plot(
        medians,
        bands,
        seeds,
        levels=levels,
        marks=marks,
        axis=stepped(*x),
        y=y,
        label=label,
        width=width,
        height=height,
    )


def plot(
    medians: Sequence[Line],
    bands: Sequence[Line] = (),
    seeds: Sequence[Line] = (),
    dots: Sequence[Dot] = (),
    *,
    axis: Axis,
    y: tuple[Number, Number],
    label: str,
    levels: Sequence[Number] = (),
    marks: Sequence[Number] = (),
    width: int = 360,
    height: int = 190,
) -> str:
    """Lines over any horizontal axis, with areas, thin lines and marked points.

    `y` is the drawn range; values beyond it are clipped. `levels` are drawn across, `marks` down.
    """
    low, high = y
    heights = y_ticks(low, high)
    left = 6 + CHARACTER * max(len(number(v)) for v in heights)
    bottom, top, right = height - 17, 5, width - 6

    def x_of(value: Number) -> float:
        return left + axis.share(value) * (right - left)

    def y_of(value: Number) -> float:
        share = (min(max(value, low), high) - low) / ((high - low) or 1.0)
        return bottom - share * (bottom - top)

    def at(point: tuple[Number, Number]) -> str:
        return f"{x_of(point[0]):.0f} {y_of(point[1]):.0f}"

    def path(points: Sequence[tuple[Number, Number]], closed: str = "") -> str:
        # Neighbors that fall on one pixel are drawn once.
        return "M" + "L".join(pixel for pixel, _ in itertools.groupby(map(at, points))) + closed

    def of(line: Line) -> str:
        return "" if line.feature is None else f' data-feature="{line.feature}"'

    def drawn(kind: str, line: Line) -> str:
        dash = f' stroke-dasharray="{" ".join(map(str, line.dash))}"' if line.dash else ""
        look = f'stroke="{line.color}"{dash}{of(line)}'
        return f'<path class="{kind}" {look} d="{path(line.points)}"/>'

    parts = [f'<path class="axis" d="M{left:.0f} {top}V{bottom}H{right}"/>']
    for value in heights:
        text = f'x="{left - 4:.0f}" y="{y_of(value) + 4:.0f}" text-anchor="end"'
        parts.append(f'<text class="tick" {text}>{number(value)}</text>')
    for value, told, anchor in axis.ticks(x_of, right):
        text = f'x="{x_of(value):.0f}" y="{height - 3}" text-anchor="{anchor}"'
        parts.append(f'<path class="axis" d="M{x_of(value):.0f} {bottom}v3"/>')
        parts.append(f'<text class="tick" {text}>{told}</text>')
    parts += [f'<path class="level" d="M{left:.0f} {y_of(v):.0f}H{right}"/>' for v in levels]
    parts += [f'<path class="level" d="M{x_of(m):.0f} {top}V{bottom}"/>' for m in marks]
    parts += [
        f'<path class="band" fill="{b.color}"{of(b)} d="{path(b.points, "Z")}"/>'
        for b in bands
        if b.points
    ]
    parts += [drawn("seed", line) for line in seeds if line.points]
    parts += [drawn("line", line) for line in medians if line.points]
    for dot in dots:
        place = f'cx="{x_of(dot.x):.0f}" cy="{y_of(dot.y):.0f}" r="4.5"'
        kind = "full" if dot.full else "open"
        parts.append(
            f'<circle class="dot {kind}" fill="{dot.color}" stroke="{dot.color}" {place}/>'
        )
    return svg(width, height, label, parts, "race")


def stepped(first: Number, last: Number) -> Axis:
    """A log-like axis of training steps that holds step 0; `first` is the first positive one."""
    across = math.log1p(last / first) or 1.0

    def ticks(x_of: Callable[[Number], float], right: Number) -> list[tuple[Number, str, str]]:
        return [(s, f"{s:,}", anchor) for s, anchor in x_ticks(first, last, x_of, right)]

    return Axis(lambda step: math.log1p(step / first) / across, ticks)


def even(values: Sequence[Number]) -> Axis:
    """A few values at equal distances, each with its number."""
    places = {value: (i + 0.5) / len(values) for i, value in enumerate(values)}
    return Axis(places.__getitem__, lambda *_: [(v, number(v), "middle") for v in values])


def linear(low: Number, high: Number) -> Axis:
    """Equal steps between two ends."""
    span = (high - low) or 1.0
    ticks = [(v, number(v), "middle") for v in y_ticks(low, high)]
    return Axis(lambda value: (value - low) / span, lambda *_: ticks)


def y_ticks(low: Number, high: Number) -> list[float]:
    """Two to six round values between the ends of a vertical axis."""
    span = (high - low) or 1.0
    size = 10.0 ** math.floor(math.log10(span / 2.5))
    step = next(k * size for k in (5, 2, 1) if span / (k * size) >= 2.5)
    found = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [round(i * step, 12) for i in found] or [low]


def x_ticks(
    first: Number, last: Number, x_of: Callable[[Number], float], right: Number
) -> list[tuple[int, str]]:
    """Steps worth a number and how it is anchored: 0, the last, and powers of ten that fit."""
    decades = [10**d for d in range(math.ceil(math.log10(max(1, first))), 20) if 10**d < last]
    kept: list[tuple[int, str]] = [(round(last), "end")]
    end = right - CHARACTER * len(f"{round(last):,}")  # where the text to the right begins
    for step in reversed(decades):
        half = CHARACTER / 2 * len(f"{step:,}")
        if x_of(step) + half + 8 < end and x_of(step) - half > x_of(0) + 12:
            kept.append((step, "middle"))
            end = x_of(step) - half
    return [(0, "middle"), *reversed(kept)]
