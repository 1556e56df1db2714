"""The page of a comparison: what it says, and that names stay text. Its numbers: analysis."""

import html
import re

import pytest

from primacy.analysis.compared import Side
from primacy.analysis.comparison import compare
from primacy.analysis.runs import Runs
from primacy.report import comparison as report
from tests.support.pages import HOSTILE, copied, made


def side(label, study):
    return Side(label, Runs(study.curves, study.lanes, study.record), study.verdicts)


@pytest.fixture(scope="module")
def found():
    return compare((side("slow", made(10)), side("fast", made(12, rates=(1.2e-3,)))))


def test_says_what_differs_and_shows_both_sides(found):
    page = report.page(found)
    assert "differ in training.learning_rate" in report.answer(found)
    assert "10 shared seeds" in page and "12 (0 to 11)" in page
    for claim in ("the linear feature is learned before", "both features are used equally"):
        assert page.count(claim) == 1
    # Each run's own verdict on each claim: six claims, two runs.
    assert len(re.findall(r'class="word (supported|contradicted|no-effect|inconclusive|unt)',
                          page)) == 12  # fmt: skip
    assert page.count('class="race"') == 2  # two features, both runs over each other


def test_is_one_file_that_allows_no_request(found):
    page = report.page(found)
    assert "default-src 'none'" in html.unescape(page)
    assert not re.search(r'(src|href)="(?!#|data:)', page)


def test_hostile_names_stay_text():
    studies = [copied(made(s, evaluations=12), HOSTILE, "b") for s in (6, 7)]
    page = report.page(compare([side(HOSTILE, studies[0]), side("\u202egnp.exe", studies[1])]))
    assert "<img" not in page and "\u202e" not in page
    assert "&lt;img src=x" in page and "\\u202e" in page


def test_three_runs_are_each_compared_with_the_first():
    three = [side(n, made(6, evaluations=51, rates=(r,))) for n, r in
             (("a", 1e-3), ("b", 2e-3), ("c", 3e-3))]  # fmt: skip
    found = compare(three)
    assert all([d.other for d in r.differences] == ["b", "c"] for r in found.rows)
    assert found.frame["other"].unique(maintain_order=True).to_list() == ["b", "c"]


def test_the_same_study_twice_says_that_nothing_differs():
    twice = compare([side("a", made(6)), side("b", made(6))])
    assert "No setting differs" in report.answer(twice)
    assert "Nothing: the studies are the same" in report.page(twice)
