"""The page docs/paper.md, from finished runs: every claim in every reading, and what it cost.

    python benchmarks/paper_claims.py runs/paper > docs/paper.md
    python benchmarks/paper_claims.py runs/order runs/depth ... --into docs/paper.md

With `--into` only the parts of these studies are written anew, so that each can be run by itself,
with as many seeds as there is time for.

The words are those of `primacy.analysis.readings`, which the page of a run shows too: each claim
when the later of its features has just been learned and at the end, by both definitions of a share.
Nothing is trained. A study that is not finished is named, without words.
"""

import argparse
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from primacy.analysis.readings import Claim, Reading, claims
from primacy.analysis.runs import Runs
from primacy.engine.plan import plan
from primacy.errors import StudyError
from primacy.records.study import Hypothesis, StudyRecord
from primacy.report.page.claims.rows import depends, expected, shown, sized
from primacy.result import Result
from primacy.study.file import read

EXPERIMENTS = {
    "order": "Learning order",
    "prevalence": "Prevalence, one bit",
    "prevalence-parity": "Prevalence, a parity",
    "how-many": "Number of features",
    "sub-terms": "Terms of a complex feature",
    "what-biases": "Dropout, width, normalization",
    "depth": "Depth",
    "predictivity": "Predictivity, few examples",
    "predictivity-large": "Predictivity, many examples",
    "transformer": "Position in a transformer",
    "vision": "Color, shape and texture",
    "bias-effects": "What follows from a layer's bias",
    "paper": "Across these studies",
}

HEAD = Path(__file__).with_name("paper.template.md")
"""What the page says before its tables."""
HEADS = {"own": "each at its own time", "learned": "just learned", "end": "end", "stated": "stated"}


def cell(r: Reading, h: Hypothesis) -> str:
    """Word and value; bold where the study states this reading."""
    value = "" if r.value is None or r.word == "untestable" else f" {sized(r, h)}"
    return f"**{r.word}**{value}" if r.stated else f"{r.word}{value}"


def rows(runs: Runs, claim: Claim) -> Iterator[str]:
    """A row for each definition; what it depends on is with the first."""
    h = claim.first
    why = " ".join(depends(claim, runs.cards))
    measures = list(dict.fromkeys(r.measure for r in claim.readings))
    mark = "" if any(one.reported_by for one in claim.hypotheses) else "*"
    for i, measure in enumerate(measures):
        found = {r.moment: cell(r, h) for r in claim.readings if r.measure == measure}
        end = found.get("end", found.get("stated", "-"))
        own = f"{found['own']} (each at its own time); " if "own" in found else ""
        learned = own + found.get("learned", "-")
        told = (h.claim, f"{expected(h)}{mark}") if i == 0 else ("", "")
        name = shown(runs.cards.get(measure), measure)
        yield f"| {told[0]} | {told[1]} | {name} | {learned} | {end} | {'' if i else why} |"


def cost(result: Result) -> str:
    """Networks, steps and, of a study that comes with primacy, what training and measuring take."""
    lanes, record = result.lanes, result.record
    text = f"{lanes.height:,} of {len(record.conditions) * len(record.seeds):,} networks"
    if lanes.height:
        text += f", {int(lanes['end_step'].sum()):,} training steps"
    try:
        todo = plan(dataclasses.replace(read(record.name), seeds=len(record.seeds)))
    except StudyError:
        return text
    return f"{text}, about {todo.multiplications / 1e12:.2g} TFLOP with evaluations and controls"


def named(record: StudyRecord) -> StudyRecord:
    """The record with those who reported its claims, of a run that is older than their names."""
    try:
        by = {h.id: h.reported_by for h in read(record.name).hypotheses}
    except StudyError:
        return record
    claimed = tuple(
        dataclasses.replace(h, reported_by=h.reported_by or by.get(h.id)) for h in record.hypotheses
    )
    return dataclasses.replace(record, hypotheses=claimed)


def across(record: StudyRecord) -> StudyRecord | None:
    """The record with the claims of a study's own, not of its members; None: it has none."""
    own = tuple(h for h in record.hypotheses if "/" not in h.id)
    return dataclasses.replace(record, hypotheses=own) if own else None


def study(result: Result, record: StudyRecord) -> Iterator[str]:
    """The part of the page about the claims of one record."""
    yield f"## {EXPERIMENTS.get(record.name, record.name)}: `{record.name}`\n"
    yield f"{record.question} {len(record.seeds)} seeds; {cost(result)}.\n"
    if not result.complete:
        yield "Not finished, so there is no word here yet.\n"
        return
    runs = Runs(result.rows, result.lanes, record)
    yield "| claim | reported | definition | just learned | end | what it depends on |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for claim in claims(runs):
        yield from rows(runs, claim)
    yield ""


def took(whole: Result) -> str:
    """How long the run took on the clock, if its folder says so."""
    seconds = whole.provenance["seconds"]
    if not isinstance(seconds, dict) or "total" not in seconds:
        return ""
    kind = whole.record.device.split(" (")[0]  # "cpu" of "cpu (cpu)"
    return f"The run took {seconds['total'] / 60:.0f} minutes ({kind}).\n"


def replaced(page: str, name: str, part: str) -> str:
    """The page with another part about a study; at its end, if it has none."""
    head = re.compile(rf"^## [^\n]*: `{re.escape(name)}`$.*?(?=^## |\Z)", re.M | re.S)
    if not head.search(page):
        return f"{page.rstrip()}\n\n{part}"
    return head.sub(lambda _: part, page)


def main() -> None:
    """Print the page, or write parts of it anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--into", type=Path, help="the page of which parts are written anew")
    asked = parser.parse_args()
    page = HEAD.read_text(encoding="utf-8") + "\n"
    if asked.into:
        page = asked.into.read_text(encoding="utf-8")
    for folder in asked.folders:
        whole = Result(folder)
        if (text := took(whole)) and not asked.into:
            page += f"{text}\n"
        parts = [(member, named(member.record)) for member in whole.members.values()]
        if own := across(named(whole.record)):
            parts.append((whole, own))
        for result, record in parts:
            page = replaced(page, record.name, "\n".join(study(result, record)) + "\n")
    if asked.into:
        asked.into.write_text(page, encoding="utf-8")
    else:
        print(page, end="")


if __name__ == "__main__":
    main()
