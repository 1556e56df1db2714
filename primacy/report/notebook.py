"""How results show themselves in Jupyter and marimo: HTML with nothing to load, names as text.

No style sheet of ours reaches a notebook's cell, so these are plain tables, and drawings whose
colors suit a light and a dark page.
"""

import html
from collections.abc import Iterable, Sequence

from primacy.analysis.compared import Comparison
from primacy.report.page.figures import visible
from primacy.report.page.wording import number, probability


def escaped(text: object) -> str:
    """Text as markup; hidden characters as escapes."""
    return html.escape(visible(str(text)))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts; markup in them is escaped."""
    top = "".join(f'<th style="text-align:left">{escaped(h)}</th>' for h in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escaped(v)}</td>' for v in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def comparison_html(comparison: Comparison, answer: str) -> str:
    """A comparison of runs: its answer and every difference."""
    rows = [
        (
            row.claim if row.feature is None else f"{row.claim} of {row.feature}",
            row.condition or "",
            d.other,
            number(d.value),
            "" if d.low is None or d.high is None else f"{number(d.low)} to {number(d.high)}",
            d.seeds,
            probability(d.p_holm),
            d.note,
        )
        for row in comparison.rows
        for d in row.differences
    ]
    head = ("what", "condition", "run", "difference", "95 % interval", "seeds", "p (Holm)", "note")
    return f"<p><strong>{escaped(answer)}</strong></p>{table(head, rows)}"
