"""Gaps: contrasts whose every value is one feature's less another's (`relative_to`)."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from primacy.analysis.contrasts import estimate
from primacy.analysis.resolve import SelectionError, resolve
from primacy.analysis.runs import Runs
from primacy.records import study as record_of
from primacy.records.study import Contrast
from primacy.registry import canonical
from tests.support import synthetic
from tests.support.synthetic import LINEAR, XOR

RATE = "training.learning_rate"
STRENGTH = "variance_explained"


@pytest.fixture(scope="module")
def runs():
    record, curves, lanes = synthetic.complexity(8, rates=(1e-3, 2e-3, 4e-3))
    return Runs(curves, lanes, record)


def at(runs, rate, feature, step):
    """A feature's share in the last layer, one a seed, straight from the table."""
    names = {c.factors[RATE]: c.name for c in runs.record.conditions}
    trace = runs.trace(names[rate], STRENGTH, layer="hidden4", feature=feature)
    return trace[:, list(runs.steps(names[rate])).index(step)].astype(float)


def test_a_gap_is_one_feature_less_the_other_in_the_same_network(runs):
    """Oracle: the subtraction, by hand, from the table of curves; at a step and at the end."""
    for moment, step in ((80, 80), ("end", 800)):
        contrast = Contrast(measure=STRENGTH, of={**LINEAR, RATE: 1e-3}, relative_to=XOR, at=moment)
        by_hand = at(runs, 1e-3, "linear", step) - at(runs, 1e-3, "xor_xor_xor", step)
        assert estimate(runs, contrast).value == pytest.approx(by_hand.mean(), rel=1e-12)


def test_gaps_are_compared_between_conditions(runs):
    """Oracle: the difference of the differences by hand."""
    contrast = Contrast(
        measure=STRENGTH,
        of={**LINEAR, RATE: 1e-3},
        minus={**LINEAR, RATE: 4e-3},
        relative_to=XOR,
    )
    one, other = (
        at(runs, rate, "linear", 800) - at(runs, rate, "xor_xor_xor", 800) for rate in (1e-3, 4e-3)
    )
    assert estimate(runs, contrast).value == pytest.approx((one - other).mean(), rel=1e-12)


def test_the_moment_is_the_side_s_own_unless_the_other_has_one(runs):
    """`learned` on the side is one moment for both; in `relative_to` each has its own.

    Oracle: the difference of `of` and `minus` at their own times, which contrasts had before.
    """
    of = {**LINEAR, RATE: 1e-3}
    own = Contrast(measure=STRENGTH, of=of, at="learned", relative_to={**XOR, "at": "learned"})
    before = Contrast(measure=STRENGTH, of=of, minus={**XOR, RATE: 1e-3}, at="learned")
    assert estimate(runs, own).value == pytest.approx(estimate(runs, before).value, rel=1e-12)
    same = resolve(runs.record, Contrast(measure=STRENGTH, of=of, at="learned", relative_to=XOR))
    pick = same.of[0][0]
    assert pick.base.clock == pick.clock == ("linear", None)


def test_a_trend_of_gaps(runs):
    """Oracle: SciPy's Kendall tau of the gaps of each seed over the three rates."""
    contrast = Contrast(measure=STRENGTH, of=LINEAR, over=RATE, relative_to=XOR)
    rates = (1e-3, 2e-3, 4e-3)
    gaps = np.stack([at(runs, r, "linear", 800) - at(runs, r, "xor_xor_xor", 800) for r in rates])
    taus = [stats.kendalltau(rates, column).statistic for column in gaps.T]
    assert estimate(runs, contrast).value == pytest.approx(np.mean(taus), rel=1e-12)


@pytest.mark.parametrize(
    ("measure", "relative_to", "part"),
    [
        ("time_to_learn", XOR, "a time has no gap"),
        (STRENGTH, {"feature": "nothing"}, "relative_to.feature"),
        (STRENGTH, {"condition": "x"}, "the same on both sides"),
    ],
)
def test_what_cannot_be_a_gap_is_refused(runs, measure, relative_to, part):
    contrast = Contrast(measure=measure, of={**LINEAR, RATE: 1e-3}, relative_to=relative_to)
    with pytest.raises(SelectionError, match=part):
        resolve(runs.record, contrast)


def test_records_without_a_gap_keep_their_bytes_and_hash(runs):
    """A key that came later is in no earlier file, and stored and read it is the same."""
    plain = Contrast(measure=STRENGTH, of=LINEAR, minus=XOR)
    assert "relative_to" not in canonical(plain)
    record = runs.record
    assert b"relative_to" not in record_of.to_json(record)
    h = dataclasses.replace(
        record.hypotheses[1], contrast=dataclasses.replace(plain, minus=None, relative_to=XOR)
    )
    stored = record_of.to_json(dataclasses.replace(record, hypotheses=(h,)))
    assert json.loads(stored)["hypotheses"][0]["contrast"]["relative_to"] == XOR
    assert record_of.from_json(stored).hypotheses[0].contrast.relative_to == XOR
