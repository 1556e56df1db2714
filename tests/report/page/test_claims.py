"""Claims on the page: their readings, what the words depend on, a figure for each."""

import dataclasses
import re

import numpy as np
import pytest

from primacy.analysis.readings import claims
from primacy.analysis.runs import Runs
from primacy.records.study import Contrast, Hypothesis
from primacy.report.page.claims import figure as figures
from primacy.report.page.claims import rows
from primacy.report.page.claims.drawing import Drawing
from primacy.report.page.claims.spread import _steps
from primacy.report.page.sketches import Dot, Line
from tests.support import synthetic
from tests.support.pages import HOSTILE, REPORTED, Made, copied, made, reported, untold


def runs_of(study: Made) -> Runs:
    return Runs(study.curves, study.lanes, study.record)


@pytest.fixture(scope="module")
def runs():
    return runs_of(reported())


@pytest.fixture(scope="module")
def shown(runs):
    (group,) = rows.groups(runs)
    return {row["claims"][0][0]: row for row in group["rows"]}


def test_a_row_has_what_was_reported_and_every_reading(shown):
    row = shown["early"]
    assert row["reported_by"] == REPORTED and row["expected"] == "larger"
    assert row["heads"] == ["just learned", "at the end"]
    told = [
        (name, [(c["word"], c["value"], c["stated"]) for c in cells]) for name, cells in row["rows"]
    ]
    assert told == [
        ("pooled", [("supported", "+0.4", "early"), ("contradicted", "−0.2", "late")]),
        ("unit mean", [("supported", "+0.2", None), ("supported", "+0.2", None)]),
    ]
    assert shown["first"]["heads"] == ["as stated"] and shown["first"]["kind"] == "one"
    assert shown["trend"]["expected"] == "rising" and shown["trend"]["reported_by"] is None


def reading(claim, **words):
    """The claim with other words, by definition and moment: `pooled_learned="supported"`."""
    names = {"pooled": "variance_explained", "unit": "variance_explained_unit_mean"}
    new = {(names[k.split("_")[0]], k.split("_")[1]): w for k, w in words.items()}
    changed = tuple(
        dataclasses.replace(
            r,
            word=new.get((r.measure, r.moment), r.word),
            problem="no rows" if new.get((r.measure, r.moment)) == "untestable" else "",
        )
        for r in claim.readings
    )
    return dataclasses.replace(claim, readings=changed)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            {},
            "It depends on the moment and the definition: by the pooled share supported (+0.4) "
            "when xor_xor_xor has just been learned and contradicted (−0.2) at the end; by the "
            "unit mean share supported (+0.2) when xor_xor_xor has just been learned and "
            "supported (+0.2) at the end.",
        ),
        (
            {"unit_end": "contradicted"},
            "It depends on when it is read: supported (+0.4) when xor_xor_xor has just been "
            "learned and contradicted (−0.2) at the end, by both definitions.",
        ),
        (
            {"pooled_learned": "contradicted"},
            "It depends on the definition, at both moments: contradicted (−0.2) by the pooled "
            "share and supported (+0.2) by the unit mean share.",
        ),
        ({"pooled_end": "supported"}, "Supported in every reading."),
        (
            {"pooled_end": "inconclusive", "unit_end": "inconclusive"},
            "One moment alone decides it: supported (+0.4) when xor_xor_xor has just been learned "
            "and inconclusive (−0.2) at the end, by both definitions.",
        ),
    ],
)
def test_the_sentence_says_on_what_a_word_depends(runs, words, told):
    claim = reading(claims(runs)[0], **words)
    assert rows.depends(claim, runs.cards) == [told]


def test_what_cannot_be_tested_is_said(runs):
    claim = reading(claims(runs)[0], pooled_end="untestable", unit_end="untestable")
    assert rows.depends(claim, runs.cards) == [
        "Supported in the 2 of 4 readings that can be tested.",
        "Not testable at the end: no rows.",
    ]


def test_the_overview_counts_reported_claims_alone(runs):
    found = rows.groups(runs)
    assert rows.overview(found) == ("Of 1 reported claim: 1 depending on both.")
    assert rows.overview([]) == ""


def numbers(svg: str, kind: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for x, y in re.findall(rf'class="dot {kind}"[^>]*cx="(\S+)" cy="(\S+)"', svg)
    ]


def test_moments_are_marked_on_the_gap_over_training(shown):
    """Oracle: the gap is .4 when just learned and -.2 at the end, so lower on the drawing, at the
    right end; both lie on one line, and the zero is two thirds of the way down between them."""
    drawn = shown["early"]["figure"]
    svg = str(drawn["svg"])
    assert drawn["key"] == [("linear less xor_xor_xor", 1)]
    assert drawn["across"].startswith("training step")
    assert drawn["caption"] == "Solid: pooled; dashed: unit mean."
    ((x, y),), ((end, low),) = numbers(svg, "open"), numbers(svg, "full")
    zero = float(re.findall(r'class="level" d="M\d+ (\d+)H', svg)[0])
    assert x < end and y < zero < low
    assert (zero - y) / (low - y) == pytest.approx(2 / 3, abs=0.02)
    assert svg.count('class="line"') == 2 and svg.count("stroke-dasharray") == 1


def test_a_trend_is_drawn_over_its_factor(shown):
    """Oracle: both levels have the same gap, .4 when just learned and -.2 at the end."""
    drawn = shown["trend"]["figure"]
    svg = str(drawn["svg"])
    assert drawn["across"] == "training.learning_rate"
    assert [name for name, _ in drawn["key"]] == ["just learned", "at the end"]
    assert drawn["what"].endswith("linear less xor_xor_xor")
    for kind in ("open", "full"):
        heights = [y for _, y in numbers(svg, kind)]
        assert len(heights) == 2 and len(set(heights)) == 1
    assert re.findall(r'text-anchor="middle">([^<]+)<', svg) == ["0.001", "0.002"]
    assert svg.count('class="line"') == 4  # two moments, two definitions


def test_a_time_is_drawn_with_its_criterion(shown):
    """Oracle: accuracy rises from .5; `linear` meets the criterion long before the other."""
    drawn = shown["first"]["figure"]
    svg = str(drawn["svg"])
    assert drawn["what"] == "accuracy"
    assert [name for name, _ in drawn["key"]] == ["linear", "xor_xor_xor"]
    (linear, y), (xor, same) = numbers(svg, "open")
    level = float(re.findall(r'class="level" d="M\d+ (\d+)H', svg)[0])
    assert linear < xor and y == same == level
    assert shown["first"]["expected"] == "sooner"


@pytest.mark.parametrize(
    ("changes", "value", "told"),
    [
        ({"scale": "ratio", "measure": "time_to_learn"}, 4.0, "4 times later"),
        ({"scale": "ratio", "measure": "reliance"}, 0.5, "2 times smaller"),
        ({"over": "x"}, -0.5, "tau −0.5"),
        ({}, 0.25, "+0.25"),
        ({}, None, "no value"),
    ],
)
def test_the_size_of_a_reading_is_in_words(runs, changes, value, told):
    claim = claims(runs)[0]
    h = dataclasses.replace(
        claim.first, contrast=dataclasses.replace(claim.first.contrast, **changes)
    )
    r = dataclasses.replace(claim.readings[0], value=value, measure=h.contrast.measure)
    assert rows.sized(r, h) == told


def test_equal_features_are_drawn_by_position():
    """Oracle: the features are copies of two by turns, so that shares go up and down."""
    study = copied(made(6), "a", "a #2", "a #3", "a #4")
    contrast = Contrast(
        measure="variance_explained", of={"feature": "a"}, minus={"feature": "a #4"}
    )
    h = Hypothesis(id="x", claim="x", contrast=contrast, expect="greater", reported_by="y")
    runs = runs_of(Made(synthetic.with_hypotheses(study.record, h), study.curves, study.lanes))
    (claim,) = claims(runs)
    drawn = figures.figure(runs, claim)
    assert drawn is not None
    svg = str(drawn["svg"])
    assert [name for name, _ in drawn["key"]] == ["untrained", "just learned", "at the end"]
    assert re.findall(r'text-anchor="middle">([^<]+)<', svg) == ["1", "2", "3", "4"]
    at_end = [y for _, y in numbers(svg, "full")]
    assert at_end[0] == at_end[2] < at_end[1] == at_end[3]  # the linear one is above


def test_what_was_measured_a_few_times_is_a_distribution():
    study = made(6, evaluations=4)
    h = dataclasses.replace(study.record.hypotheses[1], reported_by="y")
    runs = runs_of(dataclasses.replace(study, record=synthetic.with_hypotheses(study.record, h)))
    (claim,) = claims(runs)
    drawn = figures.figure(runs, claim)
    assert drawn is not None and drawn["what"] == "share of the networks"
    assert [name for name, _ in drawn["key"]] == ["linear", "xor_xor_xor"]


def test_the_distribution_over_networks():
    """Oracle: by hand."""
    assert list(_steps(np.array([3.0, 1.0]), 0.0, 4.0)) == [
        (0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (3.0, 0.5), (3.0, 1.0), (4.0, 1.0),
    ]  # fmt: skip


def test_the_axis_holds_all_that_is_drawn():
    drawing = Drawing(
        lines=[Line("#0072b2", [(0, 1.0), (1, float("nan"))])], dots=[Dot("#0072b2", 0, 3.0)]
    )
    low, high = drawing.reach(0.0)
    assert (low, high) == (pytest.approx(-0.15), pytest.approx(3.15))


def test_the_page_shows_reported_claims_and_no_section_without():
    page = reported().page()
    assert f"Reported by {REPORTED}" in page and 'href="#claims"' in page
    assert page.count('<article class="claimed"') == 4
    assert 'id="claims"' not in made(2).page() and 'id="claims"' not in untold(made(2)).page()


def test_hostile_names_stay_text_among_the_claims():
    study = reported()
    named = tuple(
        dataclasses.replace(h, claim=HOSTILE, reported_by=HOSTILE) for h in study.record.hypotheses
    )
    page = dataclasses.replace(study, record=synthetic.with_hypotheses(study.record, *named)).page()
    assert "<img" not in page and "&lt;img" in page
