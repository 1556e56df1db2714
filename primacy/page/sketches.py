"""Small drawings in a few lines of SVG: an interval, and a condition's curves.

They hold no name and no text, so nothing that a user may choose enters them; what they show is said
in words (`label`) and stands in a table beside them. Charts with axes are in `charts`.
"""

import html
import itertools
import math
from collections.abc import Sequence

from primacy.page.standing import Number

Line = tuple[str, Sequence[tuple[Number, Number]]]
"""A color and points in data units."""


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
    width: int = 216,
    height: int = 92,
) -> str:
    """A condition's curves on a log-like step axis: bands, every seed, medians, criteria.

    `x` is the first positive and the last step, `y` the drawn range; values beyond it are clipped.
    """
    first, last = x
    across = math.log1p(last / first) or 1.0
    low, high = y

    def at(point: tuple[Number, Number]) -> str:
        step, value = point
        share = (min(max(value, low), high) - low) / ((high - low) or 1.0)
        return (
            f"{2 + math.log1p(step / first) / across * (width - 4):.0f} "
            f"{height - 4 - share * (height - 8):.0f}"
        )

    def path(points: Sequence[tuple[Number, Number]], closed: str = "") -> str:
        # Neighbors that fall on one pixel are drawn once.
        return "M" + "L".join(pixel for pixel, _ in itertools.groupby(map(at, points))) + closed

    parts = [f'<path class="level" d="M2 {at((0, v)).split()[1]}H{width - 2}"/>' for v in levels]
    parts += [f'<path class="band" fill="{c}" d="{path(p, "Z")}"/>' for c, p in bands if p]
    parts += [f'<path class="seed" stroke="{c}" d="{path(p)}"/>' for c, p in seeds if p]
    parts += [f'<path class="line" stroke="{c}" d="{path(p)}"/>' for c, p in medians if p]
    return svg(width, height, label, parts, "race")
