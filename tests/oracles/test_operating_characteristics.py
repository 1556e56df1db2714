"""The verdicts on trial, in small: docs/statistics.md holds the whole of it."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from simulated_studies import claim, planted

from primacy.verdicts import judge, to_json

WORDS = {"supported", "contradicted", "no effect", "inconclusive", "untestable"}

SIDES = ({"feature": "f0", "condition": "c0"}, {"feature": "f0", "condition": "c1"})


@st.composite
def questions(draw) -> tuple[str, str, float, dict]:
    """A measure of a simulated study; what is expected of it, the margin, and the contrast."""
    measure = draw(st.sampled_from(["variance_explained", "accuracy", "input_gradient_signed"]))
    asked = {"accuracy": "time_to_learn", "input_gradient_signed": "time_to_pick_up"}
    event = measure in asked and draw(st.booleans())
    expect = draw(st.sampled_from(["less", "greater", "equal", *(["never"] if event else [])]))
    margin = draw(st.sampled_from([0.0, 0.12, 0.9, 150.0]))
    form = draw(st.sampled_from(["alone", "difference", "ratio", "trend"]))
    of, minus = SIDES
    at = draw(st.sampled_from(["end", 200] if event else ["end", "mean", "learned", 200]))
    more: dict = {"at": at} if measure != "variance_explained" or at != "learned" else {}
    if expect == "never":
        margin, form = min(max(margin, 0.1), 0.9), "alone"
    if form == "trend":
        of, more = {"feature": "f0"}, {**more, "over": "dose"}
    elif form != "alone":
        more |= {"minus": minus, "scale": form}
    if expect == "equal":
        margin = max(margin, 0.1)
    what = asked[measure] if event else measure
    return measure, expect, margin, {"measure": what, "of": of, **more}


NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 0.1, 1e-30, 3e38, -3e38, np.nan, np.inf, -np.inf]),
    st.floats(width=32),
)


@settings(max_examples=120, deadline=None)
@given(st.data(), questions())
def test_any_table_gives_one_of_five_words(data, question):
    """Whatever the numbers: a word, p in (0, 1], the value in its interval, and valid JSON."""
    measure, expect, margin, contrast = question
    asked = claim(expect, margin, **contrast)
    seeds = data.draw(st.sampled_from([1, 2, 5, 6, 7, 9, 15]))
    values = data.draw(arrays(np.float64, (3, seeds, 1, 6), elements=NUMBERS, fill=NUMBERS))
    diverged = data.draw(arrays(np.bool_, (3, seeds), elements=st.booleans(), fill=st.just(False)))
    record, curves, lanes = planted(
        values, measure, doses=[1.0, 2.0, 4.0], diverged=diverged, hypotheses=(asked,)
    )
    lanes = lanes.filter(lanes["seed"] != data.draw(st.sampled_from([-1, 0])))  # one has not run
    (found,) = judge(curves, lanes, record)
    assert found.word in WORDS
    assert found.p is None or 0 < found.p <= 1
    assert found.p_holm is None or found.p <= found.p_holm <= 1
    assert (found.n, found.pairs <= seeds) == (seeds, True)
    if found.value is not None:
        assert found.low is None or found.low <= found.value
        assert found.high is None or found.high >= found.value
    assert (found.word == "untestable") == (found.pairs < 6 or found.p is None) or (
        asked.expect == "never" or found.word == "untestable"
    )
    if asked.margin == 0:
        assert found.word != "no effect"
    json.loads(to_json([found]), parse_constant=pytest.fail)
    assert dataclasses.asdict(found)["why"]
