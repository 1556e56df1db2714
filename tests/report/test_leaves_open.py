"""What a question's claims leave open is said under it, and decides nothing.

Oracle: the study file, and the documentation's own table.
"""

import dataclasses
import re
from pathlib import Path

import pytest

from primacy.records.study import Hypothesis
from primacy.report import html as report
from primacy.report.page import questions
from primacy.study import file as studyfile
from primacy.study.describe import describe
from tests.support.pages import PROVENANCE, made

NOTE = "Two tasks, each alone. <b>Not</b> two features."


@pytest.fixture(scope="module")
def study():
    found = made(6)
    first, *rest = found.record.hypotheses
    asked = dataclasses.replace(first, answers="Q", leaves_open=NOTE)
    return dataclasses.replace(
        found, record=dataclasses.replace(found.record, hypotheses=(asked, *rest))
    )


def test_the_page_says_it_as_text_under_its_question(study):
    q, *others = questions.questions(study.record, study.verdicts)
    assert q.title == "Q" and q.leaves_open == (NOTE,)
    assert not any(other.leaves_open for other in others)
    page = report.page(
        study.record, study.curves, study.lanes, study.summary, study.verdicts, PROVENANCE
    )
    escaped = "Two tasks, each alone. &lt;b&gt;Not&lt;/b&gt; two features."
    assert page.count(f"<strong>Answered in part.</strong> {escaped}") == 2
    assert "<b>Not" not in page


def test_it_decides_nothing(study):
    (h, *_) = study.record.hypotheses
    assert h == dataclasses.replace(h, leaves_open=None)  # so an edit is not post hoc
    found = studyfile.read("simplicity")
    plain = dataclasses.replace(
        found, hypotheses=tuple(dataclasses.replace(h, leaves_open=None) for h in found.hypotheses)
    )
    assert any(h.leaves_open for h in found.hypotheses)
    assert describe(found).study_hash == describe(plain).study_hash


def test_24_claims_of_the_notebook_are_read_and_those_in_part_are_noted():
    text = (Path(__file__).parents[2] / "docs" / "notebook-questions.md").read_text()
    rows = [
        [c.strip() for c in line.split("|")[1:-1]]
        for line in text.splitlines()
        if re.match(r"\| (H1|harder|less)", line)
    ]
    assert len(rows) == len({row[1] for row in rows}) == 24
    claims: dict[str, Hypothesis] = {}
    for name in ("notebook", "size", "simplicity", "number", "shortcut", "continuity"):
        for h in studyfile.read(name).hypotheses:
            claims.setdefault(h.id.rpartition("/")[2], h)
    noted = {h.answers for h in claims.values() if h.leaves_open}
    for _, claim, _, answered in rows:
        assert claim.strip("`") in claims, claim
        if answered.startswith("in part"):
            assert claims[claim.strip("`")].answers in noted, claim
    partly = {claims[r[1].strip("`")].answers for r in rows if r[3].startswith("in part")}
    assert noted <= partly
