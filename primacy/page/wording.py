"""How numbers, counts and lists are written in a sentence."""

import itertools
import math
from collections.abc import Sequence

from primacy.page import standing


def number(value: standing.Number | None) -> str:
    """A value with at most three significant digits; `–` for null."""
    if value is None:
        return "–"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.2e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def share(value: standing.Number | None) -> str:
    """A value of order 1 with two decimals, so that a column of them lines up."""
    if value is None:
        return "–"
    return f"{value:.2f}" if round(value, 2) else "0.00"


def probability(p: standing.Number | None) -> str:
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


def counted(n: int, noun: str) -> str:
    """`1 seed`, `30 seeds`, `no seeds`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}" if n else f"no {noun}s"


def among(k: int, n: int, noun: str = "seed") -> str:
    """`in all 30 seeds`, `in 28 of 30 seeds`, `in the one seed`."""
    if n == 1:
        return f"in the one {noun}" if k else f"not in the one {noun}"
    return f"in all {n} {noun}s" if k == n else f"in {k} of {n} {noun}s"
