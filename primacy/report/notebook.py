"""How a run, its figures and a comparison of runs show themselves in Jupyter and marimo.

No style sheet of ours reaches a notebook's cell, so these are plain tables, and drawings whose
colors suit a light and a dark page.
"""

from collections.abc import Mapping, Sequence

from primacy.analysis.compared import Comparison
from primacy.analysis.notebook import VERDICTS, escaped, table, verdict_row
from primacy.analysis.verdicts import Verdict
from primacy.errors import counted
from primacy.records.study import StudyRecord
from primacy.report.page.figures import Figure
from primacy.report.page.wording import number, probability

SHOWN = "race-log"
"""The figure that a run shows."""


def run_html(
    record: StudyRecord,
    answer: str,
    verdicts: Sequence[Verdict],
    figures: Mapping[str, Figure],
    *,
    trained: int,
    page: str | None,
) -> str:
    """A run: its question and answer, how far it is, its verdicts and its race.

    Args:
        record: the study.
        answer: the finding in one sentence.
        verdicts: every hypothesis, judged.
        figures: those of one condition.
        trained: networks that are stored.
        page: where the whole page is; null: not written yet.
    """
    asked = len(record.seeds) * len(record.conditions)
    far = f"{trained:,} of {counted(asked, 'network')}"
    said = [
        f"<p><strong>{escaped(record.question or record.name)}</strong></p>",
        f"<p>{escaped(answer)}</p>",
        f"<p>{far}, {counted(len(record.conditions), 'condition')}, "
        f"{counted(len(record.seeds), 'seed')}"
        + (". Everything here may change." if trained < asked else "")
        + "</p>",
    ]
    if verdicts:
        said.append(table(VERDICTS, map(verdict_row, verdicts)))
    if SHOWN in figures:
        said.append(figures[SHOWN]._repr_html_())
    where = f"The whole page: {page}" if page else "The whole page: .report() writes it"
    return "".join([*said, f"<p>{escaped(where)}</p>"])


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
