"""Small drawings in a few lines of SVG: an interval, and a condition's curves.

They hold no text but the numbers on their axes, so nothing that a user may choose enters them. What
they show is in words (`label`) and in a table beside them. Other charts are in `charts`.
"""

import html
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
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


class Frame(NamedTuple):
    """The pixels between the axes, and where in them a value is."""

    axis: Axis
    low: Number
    high: Number
    left: float
    right: int
    top: int
    bottom: int

    def x(self, value: Number) -> float:
        return self.left + self.axis.share(value) * (self.right - self.left)

    def y(self, value: Number) -> float:
        """A value beyond the ends is clipped."""
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return self.bottom - share * (self.bottom - self.top)

    def path(self, points: Sequence[tuple[Number, Number]], closed: str = "") -> str:
        pixels = (f"{self.x(x):.0f} {self.y(y):.0f}" for x, y in points)
        # Neighbors that fall on one pixel are drawn once.
        return "M" + "L".join(pixel for pixel, _ in itertools.groupby(pixels)) + closed


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
    seeds: Sequence[Number] = (),
) -> str:
    """An estimate and its interval against the null (dashed) and the margin (shaded).

    Values of single seeds are small circles above it: how they spread is not how well their mean is
    known.

    Ratios are drawn on a logarithmic axis. Without a value only the null is drawn. An end that
    runs to infinity, or to 0 for a ratio, is an arrow.
    """
    width, height, middle, pad = 168, 28, 14, 10
    flat = math.log if ratio else float

    def usable(x: Number | None) -> bool:
        return x is not None and math.isfinite(x) and (not ratio or x > 0)

    dots = [v for v in seeds if usable(v)]
    known = [
        flat(x)
        for x in (value, low, high, null, *(band or ()), *dots)
        if x is not None and usable(x)
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
    middle += 5 if dots else 0
    parts += [f'<circle class="seed" cx="{x(v)}" cy="6" r="2.2"/>' for v in dots]
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
    heights = y_ticks(*y)
    left = 6 + CHARACTER * max(len(number(v)) for v in heights)
    frame = Frame(axis, *y, left=left, right=width - 6, top=5, bottom=height - 17)
    across, down = f"H{frame.right}", f"{frame.top}V{frame.bottom}"
    parts = [
        f'<path class="axis" d="M{left:.0f} {down}{across}"/>',
        *_ticks(frame, heights),
        *(f'<path class="level" d="M{left:.0f} {frame.y(v):.0f}{across}"/>' for v in levels),
        *(f'<path class="level" d="M{frame.x(m):.0f} {down}"/>' for m in marks),
        *(_area(frame, area) for area in bands if area.points),
        *(_stroke(frame, "seed", line) for line in seeds if line.points),
        *(_stroke(frame, "line", line) for line in medians if line.points),
        *(_dot(frame, dot) for dot in dots),
    ]
    return svg(width, height, label, parts, "race")


def _ticks(frame: Frame, heights: Sequence[Number]) -> Iterator[str]:
    for value in heights:
        text = f'x="{frame.left - 4:.0f}" y="{frame.y(value) + 4:.0f}" text-anchor="end"'
        yield f'<text class="tick" {text}>{number(value)}</text>'
    for value, told, anchor in frame.axis.ticks(frame.x, frame.right):
        text = f'x="{frame.x(value):.0f}" y="{frame.bottom + 14}" text-anchor="{anchor}"'
        yield f'<path class="axis" d="M{frame.x(value):.0f} {frame.bottom}v3"/>'
        yield f'<text class="tick" {text}>{told}</text>'


def _of_feature(line: Line) -> str:
    return "" if line.feature is None else f' data-feature="{line.feature}"'


def _area(frame: Frame, line: Line) -> str:
    look = f'fill="{line.color}"{_of_feature(line)}'
    return f'<path class="band" {look} d="{frame.path(line.points, "Z")}"/>'


def _stroke(frame: Frame, kind: str, line: Line) -> str:
    dash = f' stroke-dasharray="{" ".join(map(str, line.dash))}"' if line.dash else ""
    look = f'stroke="{line.color}"{dash}{_of_feature(line)}'
    return f'<path class="{kind}" {look} d="{frame.path(line.points)}"/>'


def _dot(frame: Frame, dot: Dot) -> str:
    kind = "full" if dot.full else "open"
    look = f'class="dot {kind}" fill="{dot.color}" stroke="{dot.color}"'
    return f'<circle {look} cx="{frame.x(dot.x):.0f}" cy="{frame.y(dot.y):.0f}" r="4.5"/>'


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
