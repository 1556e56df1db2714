"""Time-to-learn, area and RMST against brute force, lifelines and NumPy; the summary table."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primacy.analysis.learning_times import (
    _threshold,
    area,
    restricted_mean,
    time_to_learn,
    times,
)
from primacy.analysis.runs import Runs
from primacy.analysis.summary import summary
from tests.support import synthetic

STEPS = np.arange(0, 100, 10)


def literal(values, steps, threshold, m):
    """Science.md's sentence, word by word, for one lane."""
    e = len(values)
    for i in range(e - m + 1):
        if all(values[j] >= threshold for j in range(i, i + m)):
            forgotten = any(
                all(values[j] < threshold for j in range(k, k + m)) for k in range(i + 1, e - m + 1)
            )
            return steps[i], True, forgotten
    return steps[max(0, e - m)], False, False


@settings(max_examples=300)
@given(
    st.lists(
        st.lists(st.sampled_from([0.2, 0.5, 0.9, 1.0, float("nan")]), min_size=7, max_size=7),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 9),
)
def test_time_to_learn_is_the_definition(lanes, m):
    values, steps = np.array(lanes), np.arange(7) * 8
    found = time_to_learn(values, steps, 0.9, m)
    expected = [literal(lane, steps, 0.9, m) for lane in lanes]
    assert list(zip(*(x.tolist() for x in found), strict=True)) == expected


def test_one_lucky_crossing_is_not_learning_and_leading_axes_are_kept():
    lucky = [0, 0.95, 0, 0, 0, 0, 0.95, 0.95, 0.95, 0.95]
    late = [0, 0, 0, 0, 0, 0, 0, 0, 0.95, 0.95]  # cannot be confirmed: censored at tau
    found = time_to_learn(np.array([[lucky, late]]), STEPS, 0.9, 3)
    assert found.time.tolist() == [[60, 70]]
    assert found.learned.tolist() == [[True, False]]


def test_forgetting_keeps_the_time_and_rows_after_a_stop_are_not_forgetting():
    forgets = [0, 1, 1, 1, 1, 0, 0, 0, 1, 1]
    stops = [0, 1, 1, 1, *[np.nan] * 6]
    dips = [0, 1, 1, 1, 0, 0, 1, 0, 0, 1]  # never three in a row below
    found = time_to_learn(np.array([forgets, stops, dips], dtype=float), STEPS, 0.9, 3)
    assert found.time.tolist() == [10, 10, 10]
    assert found.forgotten.tolist() == [True, False, False]


def test_950_of_1000_right_is_95_percent_in_single_precision():
    values = np.full(5, np.float32(950 / 1000))
    assert float(values[0]) < 0.95  # in double precision it is not
    assert time_to_learn(values, np.arange(5), 0.5 + 0.9 * 0.5, 3).learned


def test_threshold_per_lane_and_one_that_nothing_reaches():
    values = np.tile(np.linspace(0, 1, 10), (3, 1))
    found = time_to_learn(values, STEPS, np.array([0.5, 0.0, np.nan]), 2)
    assert found.time.tolist() == [50, 0, 80] and found.learned.tolist() == [True, True, False]


@pytest.mark.parametrize("observed", ["all", "none", "some", "ties"])
def test_rmst_and_median_agree_with_lifelines(observed):
    """Oracle: lifelines, Kaplan-Meier with its restricted mean."""
    lifelines = pytest.importorskip("lifelines")
    from lifelines.utils import restricted_mean_survival_time

    rng = np.random.default_rng(3)
    tau, n = 784, 40
    time = rng.integers(1, 90, n) * 8
    time = {"none": np.full(n, tau), "ties": rng.integers(1, 4, n) * 200}.get(observed, time)
    learned = time < tau
    if observed == "some":
        learned &= rng.random(n) < 0.7
    time = np.where(learned, time, tau)
    fit = lifelines.KaplanMeierFitter().fit(time, learned)
    assert restricted_mean(time, tau) == pytest.approx(
        restricted_mean_survival_time(fit, t=tau), rel=1e-12
    )
    # With one common tau the survival curve is 1 - the share learned so far.
    for t in (0, 100, 200, 400, 783):
        assert float(fit.predict(t)) == pytest.approx(1 - (learned & (time <= t)).mean())


def test_rmst_does_not_reverse_an_order_as_the_converged_runs_alone_do():
    a, b = np.full(10, 100), np.array([80] * 5 + [200] * 5)  # B: 80, or never within 200
    assert restricted_mean(a, 200) == 100 < restricted_mean(b, 200) == 140
    assert a.mean() > b[b < 200].mean()  # the naive answer


def test_area_is_the_trapezoid_carried_on_to_tau():
    """Oracle: numpy.trapezoid, and closed forms."""
    rng = np.random.default_rng(0)
    values, steps = rng.random((4, 10)), np.sort(rng.choice(np.arange(1, 500), 10, replace=False))
    steps[0] = 0
    tau = int(steps[7])
    expected = np.trapezoid(values[:, :8], steps[:8], axis=-1) / tau
    np.testing.assert_allclose(area(values, steps, tau), expected, rtol=1e-12)
    stopped = np.array([0.0, 1.0, 1.0, *[np.nan] * 7])
    assert area(stopped, STEPS, 70) == pytest.approx((5 + 60) / 70)
    assert np.isnan(area(np.array([0, np.nan, 1.0]), np.arange(3), 2))
    assert np.isnan(area(np.full(3, np.nan), np.arange(3), 2))
    assert np.isnan(area(np.ones(3), np.arange(3), 0))
    assert np.isnan(area(np.ones(3), 10 * np.arange(3), 9))  # one evaluation spans nothing


def test_summary_has_a_row_a_lane_and_feature_and_says_what_is_not_known():
    record, curves, lanes = synthetic.complexity(8, diverged=(2,), never=(4,))
    table = summary(curves, lanes, record)
    assert table.height == 8 * 2 and table["feature"].unique().sort().to_list() == [
        "linear",
        "xor_xor_xor",
    ]
    never = table.row(by_predicate=(pl.col("seed") == 4) & (pl.col("feature") == "xor_xor_xor"),
                      named=True)  # fmt: skip
    assert never["learned"] is False and never["forgotten"] is False
    assert never["time_to_learn"] is never["rank"] is never["low_step"] is None
    ok = table.filter(pl.col("learned"))
    assert (ok["low_step"] < ok["time_to_learn"]).all()
    assert table.filter(seed=0)["rank"].to_list() == [1, 2]
    lost = table.filter(seed=2)
    assert lost["diverged"].all() and lost["final_accuracy"].null_count() == 2
    assert lost["learned"].to_list() == [True, True]  # what happened before stands
    one = curves.filter(
        pl.col("seed") == 1, pl.col("step") == 800, pl.col("feature") == "linear",
        pl.col("measure") == "variance_explained_unique", pl.col("layer") == "hidden4",
    )  # fmt: skip
    row = table.row(
        by_predicate=(pl.col("seed") == 1) & (pl.col("feature") == "linear"), named=True
    )
    assert row["variance_explained_unique"] == one["value"].item()
    assert row["variance_absolute"] == pytest.approx(
        row["variance_explained"] * row["total_variance"], rel=1e-6
    )
    half = summary(curves, lanes, record, budget=0.25)
    assert half.filter(feature="xor_xor_xor")["time_to_learn"].null_count() == 8
    strict = summary(curves, lanes, record, theta=0.5).filter(seed=0)["time_to_learn"]
    assert (strict <= table.filter(seed=0)["time_to_learn"]).all()


def test_summary_does_not_depend_on_the_order_of_rows_or_on_seeds_it_was_not_asked_for():
    record, curves, lanes = synthetic.complexity(6)
    mixed = summary(curves.sample(fraction=1, shuffle=True, seed=1), lanes.reverse(), record)
    assert mixed.equals(summary(curves, lanes, record))
    fewer = synthetic.dataclasses.replace(record, seeds=(5, 1))
    table = summary(curves, lanes, fewer)
    assert table["seed"].to_list() == [5, 5, 1, 1]
    assert table.sort("seed").equals(mixed.filter(pl.col("seed").is_in([1, 5])))


def test_ties_share_a_rank_and_a_feature_without_criterion_is_null():
    record, curves, lanes = synthetic.complexity(2)
    condition = record.conditions[0]
    change = synthetic.dataclasses.replace
    curves = curves.with_columns(
        value=pl.when(pl.col("measure") == "accuracy").then(pl.lit(1.0)).otherwise("value")
        .cast(pl.Float32)
    )  # fmt: skip
    table = summary(curves, lanes, record)
    assert table["rank"].to_list() == [1] * 4 and table["time_to_learn"].to_list() == [0] * 4
    first, *rest = condition.features
    bare = change(condition, features=(change(first, criterion=None, reason="a group"), *rest))
    table = summary(curves, lanes, change(record, conditions=(bare,)))
    assert table["learned"].to_list() == [None, True, None, True]
    assert table["rank"].to_list() == [None, 1, None, 1]


def test_a_criterion_relative_to_the_end_has_a_floor():
    """A user's data: T at theta of the lane's own last reliance; "not used" under the floor."""
    record, curves, lanes = synthetic.complexity(2)
    change, condition = synthetic.dataclasses.replace, record.conditions[0]
    relative = synthetic.Criterion(measure="reliance", chance=0.0, ceiling=None, floor=0.01)
    features = tuple(change(f, criterion=relative) for f in condition.features[:2])
    record = change(record, conditions=(change(condition, features=features),))
    values = pl.when(pl.col("feature") == "linear", pl.col("measure") == "reliance").then(
        pl.col("step") / 800 * 0.2
    )
    curves = curves.with_columns(
        value=values.when(pl.col("measure") == "reliance")
        .then(pl.lit(0.009))
        .otherwise("value")
        .cast(pl.Float32)
    )
    table = summary(curves, lanes, record)
    assert table.filter(feature="linear")["time_to_learn"].to_list() == [720, 720]
    assert table.filter(feature="xor_xor_xor")["learned"].to_list() == [False, False]


def test_a_score_below_zero_has_a_time_too():
    """R^2 from -3 to -1: without a floor, 90 % of the way is -1.2, however little that is."""
    far = synthetic.Criterion(measure="r_squared", chance=-3.0, ceiling=None, floor=None)
    assert _threshold(far, 1.0, 0.9, np.array([-1.0])) == pytest.approx([-1.2])


def test_degenerate_tables():
    record, curves, lanes = synthetic.complexity(1, evaluations=2)  # fewer evaluations than m
    table = summary(curves, lanes, record)
    assert table["learned"].to_list() == [False, False] and table["area"].null_count() == 2
    nothing = summary(curves.clear(), lanes.clear(), record)
    assert nothing.height == 0 and nothing.schema == table.schema
    runs = Runs(curves.clear(), lanes.clear(), record)
    assert times(runs, "default", "linear") is None
    blank = curves.with_columns(value=pl.lit(None, dtype=pl.Float32))
    table = summary(blank, lanes, record)
    assert table["learned"].to_list() == [False, False] and table["reliance"].null_count() == 2
