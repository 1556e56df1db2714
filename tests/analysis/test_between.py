"""The area between two learning curves; oracles: closed forms, NumPy's trapezoid rule, counting."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primacy.analysis.between import area_between, table
from primacy.analysis.contrasts import estimate
from primacy.calibration import hand_written
from primacy.records.study import Contrast

STEPS = np.arange(0, 101, 10)


def test_two_exponentials():
    """1 - exp(-a t) against 1 - exp(-b t) up to T: (1 - e^-bT) / bT - (1 - e^-aT) / aT."""
    steps, a, b, end = np.arange(0, 2001), 0.01, 0.002, 2000
    curves = [1 - np.exp(-rate * steps)[None] for rate in (a, b)]
    wanted = (1 - np.exp(-b * end)) / (b * end) - (1 - np.exp(-a * end)) / (a * end)
    found = area_between(*curves, steps, end)
    assert found.signed[0] == pytest.approx(wanted, rel=1e-5)
    assert found.total[0] == pytest.approx(wanted, rel=1e-5)  # they do not cross
    back = area_between(*reversed(curves), steps, end)
    assert back.signed[0] == -found.signed[0] and back.total[0] == found.total[0]


curve = st.lists(st.floats(-2, 2, width=32), min_size=11, max_size=11).map(np.array)


@given(curve, curve)
def test_against_numpy_on_a_fine_grid(a, b):
    """Oracle: the trapezoid rule on both lines, 1,000 points between evaluations."""
    fine = np.linspace(0, 100, 10_001)
    gap = np.interp(fine, STEPS, a) - np.interp(fine, STEPS, b)
    found = area_between(a[None], b[None], STEPS, 100)
    assert found.signed[0] == pytest.approx(np.trapezoid(gap, fine) / 100, abs=1e-9)
    assert found.total[0] == pytest.approx(np.trapezoid(np.abs(gap), fine) / 100, abs=1e-4)
    assert abs(found.signed[0]) <= found.total[0] + 1e-12


def test_only_up_to_tau_and_what_stopped_goes_on():
    a = np.where(STEPS < 60, 1.0, 9.0)[None]
    assert area_between(a, 0 * a, STEPS, 50).signed[0] == 1
    stopped = np.where(STEPS <= 50, 1.0, np.nan)[None]
    assert area_between(stopped, 0 * a, STEPS, 100).signed[0] == 1
    gap = np.where(STEPS == 50, np.nan, 1.0)[None]
    assert np.isnan(area_between(gap, 0 * a, STEPS, 100)).all()
    assert np.isnan(area_between(a, a, STEPS, 0)).all()
    for shape in ((2, 3, 11), (11,)):
        nothing = area_between(np.ones(shape), np.zeros(shape), STEPS, 9)  # one evaluation
        assert nothing.signed.shape == nothing.total.shape == shape[:-1]
        assert np.isnan(nothing.signed).all() and np.isnan(nothing.total).all()


def test_the_table_of_a_study_and_its_contrast():
    """Ten networks written by hand: B crosses one evaluation after A, so the area is one step of
    height 1 (from chance to ceiling) over tau; and a contrast of `mean` tests the same number."""
    starts = np.array([1, 5, 2, 4, 3, 1, 5, 2, 4, 3])
    record, runs = hand_written._study(starts, starts + 1, never=())
    found = table(runs)
    assert found.columns == ["condition", "seed", "first", "second", "area", "area_total"]
    assert found["seed"].to_list() == list(range(10))
    assert set(found["first"]) == {"A"} and set(found["second"]) == {"B"}
    np.testing.assert_allclose(found["area"], 10 / 70, atol=1e-6)
    assert found["area_total"].to_list() == pytest.approx(found["area"].to_list())
    of, minus = {"target": "A"}, {"target": "B"}
    tested = estimate(runs, Contrast(measure="accuracy", of=of, minus=minus, at="mean"))
    # The contrast is in accuracy: half of the way is half as much.
    assert tested.value == pytest.approx(found["area"].mean() / 2, abs=1e-6)
    assert record.conditions[0].tau == 70


def test_a_network_that_diverged_has_no_area():
    _, runs = hand_written._study(np.full(10, 2), np.full(10, 3), never=())
    diverged = np.array(["diverged"] + ["budget"] * 9)
    runs.ended = lambda name: diverged
    found = table(runs)
    assert found["area"].null_count() == 1 and found.filter(pl.col("seed") == 0)["area"][0] is None
