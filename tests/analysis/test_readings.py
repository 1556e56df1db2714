"""Claims read at both moments and by both definitions."""

import dataclasses

import numpy as np
import pytest

from primacy.analysis import verdicts
from primacy.analysis.readings import claims, moment_of
from primacy.analysis.resolve import resolve
from primacy.analysis.runs import Runs
from primacy.records.study import Contrast, Hypothesis
from tests.support import synthetic
from tests.support.pages import reported
from tests.support.synthetic import LINEAR, XOR

STRENGTH, UNIT = "variance_explained", "variance_explained_unit_mean"


@pytest.fixture(scope="module")
def runs():
    study = reported()
    return Runs(study.curves, study.lanes, study.record)


def table(claim):
    return {(r.measure, r.moment): (r.word, r.stated) for r in claim.readings}


def test_a_claim_has_a_word_at_each_moment_by_each_definition(runs):
    """Oracle: the curves are constants, .5 - .1 before and .2 - .4 after; in the unit mean .2."""
    claim = claims(runs)[0]
    assert [h.id for h in claim.hypotheses] == ["early", "late"]
    assert table(claim) == {
        (STRENGTH, "learned"): ("supported", "early"),
        (STRENGTH, "end"): ("contradicted", "late"),
        (UNIT, "learned"): ("supported", None),
        (UNIT, "end"): ("supported", None),
    }
    assert [r.value for r in claim.readings] == pytest.approx([0.4, -0.2, 0.2, 0.2], abs=1e-6)


def test_what_is_about_a_time_or_a_change_has_no_other_moment(runs):
    found = {c.first.id: table(c) for c in claims(runs)}
    assert set(found["first"]) == {("time_to_learn", "stated")}
    assert {moment for _, moment in found["falls"]} == {"stated"}
    assert found["falls"][STRENGTH, "stated"] == ("supported", "falls")  # .2 against .5


def test_the_stated_readings_have_the_words_of_the_verdicts():
    """Oracle: the verdicts, of curves that vary from seed to seed."""
    record, curves, lanes = synthetic.complexity(7, never=(2,))
    own = Runs(curves, lanes, record)
    words = {v.id: (v.word, v.value) for v in verdicts.of(own)}
    stated = {r.stated: (r.word, r.value) for c in claims(own) for r in c.readings if r.stated}
    assert stated.keys() == words.keys()
    for name, (word, value) in words.items():
        assert stated[name][0] == word
        assert stated[name][1] == pytest.approx(value, rel=1e-9)


def test_just_learned_is_when_the_later_feature_is(runs):
    """Oracle: `xor_xor_xor` is learned around epoch 34, `linear` in the first ones."""
    h = runs.record.hypotheses[1]
    (claim,) = claims(runs, [h])  # the end alone is stated
    learned = next(r for r in claim.readings if r.moment == "learned")
    sides = (learned.contrast.of, learned.contrast.minus or {})
    assert [side["at"] for side in sides] == [{"learned": "xor_xor_xor"}] * 2
    assert learned.stated is None
    trend = next(c for c in claims(runs) if c.first.id == "trend")
    just = next(r for r in trend.readings if r.moment == "learned").contrast
    assert just.of["at"] == {"learned": "xor_xor_xor"} and just.minus is None


def test_nothing_is_just_learned_where_nothing_can_be_confirmed():
    """Three evaluations, confirmed by three: the first is the only one that can be."""
    record, curves, lanes = synthetic.complexity(6, evaluations=3)
    assert record.conditions[0].tau == 0
    for claim in claims(Runs(curves, lanes, record), [record.hypotheses[1]]):
        assert {r.moment for r in claim.readings} == {"end"}


@pytest.mark.parametrize(
    ("changes", "moment"),
    [
        ({}, "end"),
        ({"at": "learned"}, "own"),
        ({"at": {"learned": "linear"}}, "learned"),
        ({"at": "mean"}, "stated"),
        ({"at": 80}, "stated"),
        ({"minus": None, "at": "learned"}, "learned"),
        ({"minus": None, "relative_to": {**XOR, "at": "learned"}, "at": "learned"}, "own"),
        ({"minus": None, "relative_to": XOR, "at": "learned"}, "learned"),
        ({"of": {**LINEAR, "at": "learned"}, "minus": {**LINEAR, "at": "end"}}, "stated"),
    ],
)
def test_moments_of_contrasts(changes, moment):
    record, _, _ = synthetic.complexity(2)
    contrast = Contrast(**{"measure": STRENGTH, "of": LINEAR, "minus": XOR, **changes})
    assert moment_of(resolve(record, contrast)) == moment


def test_an_arm_with_another_word_is_named(runs):
    """Oracle: at the end `linear` explains .2 in every layer but, here, the third: there .9."""
    h = runs.record.hypotheses[1]
    elsewhere = dataclasses.replace(
        h,
        id="third",
        claim="so it is in the third layer",
        contrast=dataclasses.replace(
            h.contrast,
            of={**h.contrast.of, "layer": "hidden3"},
            minus={**h.contrast.minus, "layer": "hidden3"},
        ),
    )
    name = h.contrast.of["condition"]
    key = (name, "test", "hidden3", "linear", None)
    runs.trace(name, STRENGTH, layer="hidden3", feature="linear")
    kept = runs._traces[STRENGTH][key]
    runs._traces[STRENGTH][key] = np.full_like(kept, 0.9)
    first, third = claims(runs, [h, elsewhere])
    runs._traces[STRENGTH][key] = kept
    assert [(a.id, word, where) for a, word, where in first.arms] == [
        ("third", "supported", {"layer": "hidden3"})
    ]
    assert [(a.id, word, where) for a, word, where in third.arms] == [
        ("late", "contradicted", {"layer": None})
    ]


def test_a_claim_that_selects_nothing_says_so(runs):
    of = {"condition": runs.record.conditions[0].name, "feature": "no such"}
    h = Hypothesis(id="x", claim="x", expect="less", margin=0.1,
                   contrast=Contrast(measure=STRENGTH, of=of, minus=of))  # fmt: skip
    (claim,) = claims(runs, [h])
    assert {r.word for r in claim.readings} == {"untestable"}
    assert "no such" in claim.readings[0].problem
