"""How numbers, counts and lists are written in a sentence."""

import html
import itertools
import math
import re
from collections.abc import Sequence

from markupsafe import Markup

from primacy.report.page import ranks

MINUS = "−"
SMALL, LARGE = 1e-3, 1e7
"""A number outside these is written with a power of ten."""
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: ranks.Number | None) -> str:
    """A value with at most three significant digits; `–` for null."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "nan"
    sign, size = MINUS if value < 0 else "", abs(value)
    if math.isinf(size):
        return f"{sign}∞"
    if size >= LARGE or 0 < size < SMALL:
        mantissa, power = f"{size:.2e}".split("e")
        return f"{sign}{_plain(mantissa)} × 10{str(int(power)).translate(SUPERSCRIPT)}"
    digits = max(0, 2 - math.floor(math.log10(size))) if size else 0
    return f"{sign}{_plain(f'{size:,.{digits}f}')}"


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: ranks.Number) -> str:
    """A difference: its sign is always there, but at 0."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def ratio(value: ranks.Number, *, times: bool, bound: str | None = None) -> str:
    """`41 times sooner` for a ratio of two times, `41 times smaller` for any other.

    With a bound `> 41 times sooner`: one side was not always learned, and the true ratio is further
    from 1; `<` where it is nearer to 1, or beyond it.
    """
    text = ratio_range(value, value, times=times)
    if bound is None:
        return text
    if text == "equal":
        return f"{bound} 1 times as long" if times else f"{bound} 1"
    turned = {">": "<", "<": ">"}
    return f"{bound if value > 1 else turned[bound]} {text}"


def bounded(text: str, bound: str | None) -> str:
    """A number with the sign of a bound before it, where it is one."""
    return f"{bound} {text}" if bound else text


def ratio_range(low: ranks.Number, high: ranks.Number, *, times: bool) -> str:
    """An interval of ratios: `35 to 46 times sooner`, `1.2 times sooner to 3 times later`."""
    less, more = ("sooner", "later") if times else ("smaller", "larger")
    if _factor(low) == _factor(high) == "1":
        return "equal"
    if low < 1 < high and "1" not in (_factor(1 / low) if low > 0 else "", _factor(high)):
        first = f"{_factor(1 / low)} times {less}" if low > 0 else f"any number of times {less}"
        return f"{first} to {_factor(high)} times {more}"
    if high <= 1 or (low < 1 and _factor(high) == "1"):
        if high <= 0:
            return f"any number of times {less}"
        if low <= 0:
            return f"at least {_factor(1 / high)} times {less}"
        return f"{_between(1 / high, 1 / low)} times {less}"
    return f"{_between(low, high)} times {more}"


def _between(low: ranks.Number, high: ranks.Number) -> str:
    ends = list(dict.fromkeys((_factor(low), _factor(high))))
    return " to ".join(ends)


def _factor(value: ranks.Number) -> str:
    return f"{value:,.0f}" if value >= 10 and math.isfinite(value) else number(value)


def edited(text: str) -> str:
    """A stored reason with the page's minus, powers of ten and probabilities."""
    text = re.sub(r"(?<=p )\d[\d.]*e-\d+", lambda m: probability(float(m[0])), text)
    text = re.sub(
        r"(?<![\w.])-?\d+(?:\.\d+)?e[-+]\d+(?![\w.]*\w)", lambda m: number(float(m[0])), text
    )
    return re.sub(r"(?<=[ (])-(?=\d)", MINUS, text)


def code(text: str) -> Markup:
    """Text as markup, what is between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)))


def share(value: ranks.Number | None) -> str:
    """A value of order 1 with two decimals, so that a column of them lines up."""
    if value is None:
        return "–"
    return f"{value:.2f}".replace("-", MINUS) if round(value, 2) else "0.00"


def apart(value: ranks.Number, bound: ranks.Number) -> str:
    """A `share` with as many decimals as it takes to be on the same side of a bound as the value.

    0.0476 beside "0.05 or more in 1 of 6" is not 0.05.
    """
    for digits in range(2, 7):
        text = f"{value:.{digits}f}"
        if (float(text) >= bound) == (value >= bound):
            return text.replace("-", MINUS)
    return f"just under {bound:g}"


def probability(p: ranks.Number | None) -> str:
    """A p-value; never 0."""
    if p is None:
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return f" {last} ".join(([", ".join(items[:-1])] if len(items) > 1 else []) + [*items[-1:]])


def ranges(seeds: Sequence[int]) -> str:
    """`0–3, 7` for 0, 1, 2, 3, 7."""
    parts = []
    for _, run in itertools.groupby(enumerate(sorted(seeds)), key=lambda p: p[1] - p[0]):
        found = [s for _, s in run]
        ends = [str(found[0]), str(found[-1])]
        parts.append(
            ends[0]
            if len(found) == 1
            else "–".join(ends)
            if len(found) > 2
            else ", ".join(map(str, found))
        )
    return ", ".join(parts)


def among(k: int, n: int, noun: str = "seed") -> str:
    """`in all 30 seeds`, `in 28 of 30 seeds`, `in the one seed`."""
    if n == 1:
        return f"in the one {noun}" if k else f"not in the one {noun}"
    return f"in all {n} {noun}s" if k == n else f"in {k} of {n} {noun}s"
