"""The page of a comparison: what it says, and that names stay text. Its numbers: analysis."""

import dataclasses
import html
import re
import statistics

import polars as pl
import pytest

from primacy.analysis.compared import Side
from primacy.analysis.comparison import compare
from primacy.analysis.runs import Runs
from primacy.report import comparison as report
from primacy.report.page.wording import number
from tests.support.pages import HOSTILE, arrays, copied, made


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
    assert (
        len(re.findall(r'class="word (supported|contradicted|no-effect|inconclusive|unt)', page))
        == 12
    )
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
    three = [
        side(n, made(6, evaluations=51, rates=(r,)))
        for n, r in (("a", 1e-3), ("b", 2e-3), ("c", 3e-3))
    ]
    found = compare(three)
    assert all([d.other for d in r.differences] == ["b", "c"] for r in found.rows)
    assert found.frame["other"].unique(maintain_order=True).to_list() == ["b", "c"]


def test_the_same_study_twice_says_that_nothing_differs():
    twice = compare([side("a", made(6)), side("b", made(6))])
    assert "No setting differs" in report.answer(twice)
    assert "Nothing: the studies are the same" in report.page(twice)


def tables(name, features, seeds=6, **task):
    """A run on own data with these groups of columns."""
    study = arrays(made(seeds))
    (c,) = study.record.conditions
    changed = dataclasses.replace(
        c, key=name, spec={**c.spec, "task": {"features": features, **task}}
    )
    record = dataclasses.replace(study.record, conditions=(changed,))
    return Side(name, Runs(study.curves, study.lanes, record))


def test_own_data_compare_their_score_and_say_once_why_nothing_pairs():
    """Oracle: the stored accuracy of the one target; both runs have the same curves."""
    groups = [["age", ["age"]], ["plan", ["plan_a", "plan_b"]]]
    found = compare([tables("a", groups), tables("b", groups[:1])])
    (score,) = [r for r in found.rows if r.id == "accuracy" and r.feature is None]
    assert score.claim == "final accuracy" and score.differences[0].value == 0.0
    last = (
        arrays(made(6))
        .curves.filter(
            pl.col("measure") == "accuracy",
            pl.col("split") == "test",
            pl.col("step") == pl.col("step").max(),
        )
        .sort("seed")
    )
    assert list(score.by_seed[0].values()) == pytest.approx(last["value"].to_list())
    (differs,) = [d for d in found.differs if d.what == "task.features"]
    assert differs.values == ("age, plan (plan_a, plan_b)", "age")
    text = html.unescape(report.page(found))
    assert (
        "No difference is paired within seeds: the tasks draw other examples (what pairs:" in text
    )
    assert "not paired" not in text.split("<main", 1)[-1].split("data:text/csv", 1)[0]


AGE, BOTH = [["age", ["age"]]], [["age", ["age"]], ["plan", ["plan"]]]
FILE = {"kind": "arrays", "sha256": "ab" * 32, "split": "seed"}


def test_other_columns_of_one_file_pair_as_a_seed_draws_the_same_rows():
    """Oracle: both runs have the same curves, so every paired difference is 0 in every seed."""
    found = compare([tables("a", BOTH, **FILE), tables("b", AGE, **FILE)])
    known = [d for r in found.rows for d in r.differences]
    assert all(d.paired for d in known)
    assert {d.value for d in known if d.value is not None} <= {0.0, 1.0}
    page = html.unescape(report.page(found))
    # One count, wherever it is told.
    assert f"{len(known)} of {len(known)} differences paired" in page
    assert f"None of {len(known)} differences of means" in report.answer(found)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"sha256": "cd" * 32}, "to pair, use one file in both and choose its columns in"),
        ({"split": "part"}, "to pair, use the same split and split_by"),
    ],
)
def test_why_own_data_do_not_pair_comes_with_what_would(other, says):
    found = compare([tables("a", BOTH, **FILE), tables("b", AGE, **FILE | other)])
    assert not any(d.paired for r in found.rows for d in r.differences)
    assert says in report.answer(found)


def test_a_mean_its_interval_the_median_and_the_range_are_told_apart(found):
    """Oracle: mean, median and range of the values by seed that the comparison holds."""
    page = re.sub(r"<[^>]+>", "", html.unescape(report.page(found)))
    row = next(r for r in found.rows if r.id == "reliance" and r.kind == "quantity")
    values = sorted(row.by_seed[0].values())
    mean, median = number(sum(values) / len(values)), number(statistics.median(values))
    low, high = number(row.found[0].low), number(row.found[0].high)
    assert (
        f"{mean} mean 95 %: {low} to {high} median {median} "
        f"seeds {number(values[0])} to {number(values[-1])}"
    ) in page
    # In the drawing the seeds are dots beside the bar.
    circles = re.findall(r'<svg[^>]*class="interval".*?</svg>', report.page(found))
    assert any(drawing.count('class="seed"') == 10 for drawing in circles)
