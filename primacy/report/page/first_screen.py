"""The first screen of a page: what is said in bold, and the facts in small frames."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from primacy.analysis.verdicts import CONFIRMATORY
from primacy.records.study import StudyRecord
from primacy.report.page import ranks as places
from primacy.report.page.figures import visible
from primacy.report.page.wording import counted


def emphasized(text: str, names: Sequence[str]) -> Markup:
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
        what = "without a time" if any(map(places.relative, record.conditions)) else "never learned"
        pairs = f"{never} of {judged.height} (networks × features)"
        chips.append((f"{what}: {pairs}", "warn" if never else "plain"))
    if record.post_hoc:
        chips.append((f"{len(record.post_hoc)} of the claims post hoc", "warn"))
    hashed = str(provenance.get("hash") or record.study_hash)
    chips.append((f"study {hashed[:8]}", "plain"))
    return chips
