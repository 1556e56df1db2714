"""How results show themselves in Jupyter and marimo: tables with nothing to load, names as text."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from primacy.errors import shown


def escaped(text: object) -> str:
    """Text as markup; hidden characters as escapes."""
    return html.escape(shown(str(text), keep="\n\t"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts; markup in them is escaped."""
    top = "".join(f'<th style="text-align:left">{escaped(h)}</th>' for h in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escaped(v)}</td>' for v in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def facts(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """A title and what belongs to it, a line each; what is empty is left out."""
    lines = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{escaped(name)}</th>'
        f'<td style="text-align:left">{escaped(value)}</td></tr>'
        for name, value in rows
        if value not in (None, "", ())
    )
    return f"<p><strong>{escaped(title)}</strong></p><table><tbody>{lines}</tbody></table>"


def short(value: float | None) -> str:
    """Three digits; a dash for null, and a sign for infinity."""
    return "–" if value is None else f"{value:.3g}".replace("inf", "∞").replace("-", "−")


def between(low: float | None, high: float | None) -> str:
    """An interval; empty where one end is null."""
    return "" if low is None or high is None else f"{short(low)} to {short(high)}"


def verdict_row(v: Any) -> tuple[str, ...]:
    """A verdict as a row of `VERDICTS`."""
    word = ", ".join((v.word, *v.flags))
    effect = f"{v.bound or ''} {short(v.value)} {v.unit}".strip() if v.value is not None else "–"
    return (v.claim, word, effect, between(v.low, v.high), f"{v.pairs} of {v.n}", short(v.p_holm))


VERDICTS = ("claim", "verdict", "effect", "95 % interval", "pairs", "p (Holm)")
