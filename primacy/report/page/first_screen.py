"""What is on the first screen of a page: the answer, the facts of the study, how far it is."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from primacy.analysis.verdicts import CONFIRMATORY, Verdict
from primacy.errors import counted
from primacy.records.study import StudyRecord
from primacy.report.page import prose, ranks
from primacy.report.page.figures import visible
from primacy.report.page.wording import listed


def answer(said: Sequence[str], names: Sequence[str]) -> list[list[Markup]]:
    """The answer's first sentences and the rest, as markup."""
    return [[_emphasized(s, names) for s in part] for part in prose.parts(said)]


def _emphasized(text: str, names: Sequence[str]) -> Markup:
    """The text as markup with the features' names in bold."""
    shown = sorted({visible(n) for n in names if len(n) > 2}, key=len, reverse=True)
    escaped = html.escape(text)
    if not shown:
        return Markup(escaped)
    pattern = "|".join(re.escape(html.escape(n)) for n in shown)
    return Markup(re.sub(rf"(?<![\w&;-])({pattern})(?![\w-])", r"<strong>\1</strong>", escaped))


def provisional(
    record: StudyRecord, lanes: pl.DataFrame, provenance: Mapping[str, Any]
) -> str | None:
    """What is first on the page of a run that is not complete."""
    if provenance.get("complete", True):
        return None
    asked = len(record.seeds) * len(record.conditions)
    return f"Provisional: {lanes.height} of {asked} networks trained. Everything below may change."


def waiting(
    record: StudyRecord, verdicts: Sequence[Verdict], provenance: Mapping[str, Any]
) -> list[str]:
    """The claims of a run that goes on and cannot judge any of them yet; empty: it can."""
    if provenance.get("complete", True) or any(v.word != "untestable" for v in verdicts):
        return []
    return [h.claim for h in record.hypotheses]


def chips(
    record: StudyRecord, lanes: pl.DataFrame, summary: pl.DataFrame, provenance: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Facts for the first screen: text and kind (plain or warn)."""
    chips = []
    if len(record.seeds) < CONFIRMATORY:
        chips.append((f"exploratory: fewer than {CONFIRMATORY} seeds", "warn"))
    chips.append((counted(len(record.conditions), "condition"), "plain"))
    chips.append((counted(len(record.seeds), "seed"), "plain"))
    diverged = lanes.filter(pl.col("ended").cast(pl.String) == "diverged").height
    chips.append((f"{diverged} of {lanes.height} diverged", "warn" if diverged else "plain"))
    if crashed := lanes.filter(pl.col("ended").cast(pl.String) == "crashed").height:
        chips.append((f"{crashed} of {lanes.height} crashed", "warn"))
    judged = summary.filter(pl.col("learned").is_not_null())
    never = judged.filter(~pl.col("learned") & ~pl.col("diverged")).height
    if judged.height:
        timed = [c for c in record.conditions if ranks.racers(c)]
        what = f"never {listed(list(dict.fromkeys(map(ranks.verb, timed))), 'or')}"
        what = "without a time" if any(map(ranks.relative, timed)) else what
        pairs = f"{never} of {judged.height} (networks × features)"
        chips.append((f"{what}: {pairs}", "warn" if never else "plain"))
    if record.controls == "none":
        chips.append(("no control networks", "warn"))
    if record.post_hoc:
        chips.append((f"{len(record.post_hoc)} of the claims post hoc", "warn"))
    hashed = str(provenance.get("hash") or record.study_hash)
    chips.append((f"study {hashed[:8]}", "plain"))
    return chips
