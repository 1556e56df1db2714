"""Contrasts: what they select, and their estimates against polars + scipy done by hand."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from scipy import stats

from primacy.analysis.contrasts import NOWHERE, check, estimate, share_learned
from primacy.analysis.learning_times import area
from primacy.analysis.resolve import SelectionError, resolve
from primacy.analysis.runs import Runs
from primacy.analysis.summary import summary
from primacy.records.study import Contrast
from tests.support import synthetic
from tests.support.synthetic import LINEAR, XOR

RATES = (1e-3, 2e-3, 4e-3)
RATE = "training.learning_rate"


@pytest.fixture(scope="module")
def ten():
    return synthetic.complexity(10)


@pytest.fixture(scope="module")
def grid():
    return synthetic.complexity(8, rates=RATES)


def runs_of(made) -> Runs:
    record, curves, lanes = made
    return Runs(curves, lanes, record)


def by_hand(curves, measure, feature, step, layer=None, target=None) -> np.ndarray:
    """One value a seed, straight from the table."""
    rows = curves.filter(
        pl.col("measure") == measure,
        pl.col("feature") == feature,
        pl.col("step") == step,
        pl.col("split") == "test",
    )
    rows = rows if layer is None else rows.filter(layer=layer)
    rows = rows if target is None else rows.filter(target=target)
    return rows.sort("seed")["value"].to_numpy().astype(np.float64)


def test_difference_at_the_end_with_all_defaults(ten):
    """Oracle: scipy's permutation test of the differences taken by hand."""
    a = by_hand(ten[1], "variance_explained", "linear", 800, layer="hidden4")
    b = by_hand(ten[1], "variance_explained", "xor_xor_xor", 800, layer="hidden4")
    found = estimate(runs_of(ten), Contrast(measure="variance_explained", of=LINEAR, minus=XOR))
    theirs = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=2e9)
    assert found.value == pytest.approx((a - b).mean(), rel=1e-12)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert (found.n, found.pairs, found.left_out, found.scale) == (10, 10, {}, "difference")
    assert found.interval.low < found.narrow.low < found.value < found.narrow.high


PAIRINGS = {
    "two features": Contrast(measure="variance_explained", of=LINEAR, minus=XOR, at=80),
    "two conditions": Contrast(
        measure="accuracy", of={**XOR, RATE: 1e-3}, minus={**XOR, RATE: 2e-3}, at=240
    ),
    "a ratio": Contrast(
        measure="reliance", of={**XOR, RATE: 1e-3}, minus={**XOR, RATE: 2e-3}, scale="ratio"
    ),
    "times": Contrast(measure="time_to_learn", of={**XOR, RATE: 1e-3}, minus={**XOR, RATE: 2e-3}),
}


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("turned", [False, True])
def test_sides_are_paired_by_seed(pairing, turned):
    """Oracle: SciPy's permutation test of the differences that a join on `seed` gives.

    The mean difference does not see which seed stands beside which; the test and its p do.
    """
    contrast = PAIRINGS[pairing]
    rates = (1e-3,) if pairing == "two features" else RATES[:2]
    record, curves, lanes = synthetic.complexity(10, rates=rates)
    shared = pl.col("seed") * 0.01  # what a seed gives to both of its networks
    curves = curves.with_columns(value=(pl.col("value") + shared).cast(pl.Float32))
    if pairing == "times":  # `minus` learns 8 steps after `of`, and each seed at its own time
        at = (
            80
            + 40 * pl.col("seed")
            + 8
            * (1 + pl.col("seed") % 3)
            * (pl.col("condition").cast(pl.String) == record.conditions[1].name)
        )
        of = (pl.col("measure") == "accuracy") & (pl.col("feature") == "xor_xor_xor")
        reached = pl.when(pl.col("step") >= at).then(1.0).otherwise(0.5)
        curves = curves.with_columns(
            value=pl.when(of).then(reached).otherwise("value").cast(pl.Float32)
        )
    plan = resolve(record, contrast)
    (a,), (b,) = plan.of[0], plan.minus or ()
    if pairing == "times":
        times = summary(curves, lanes, record).select(
            "condition", "seed", "feature", value="time_to_learn"
        )
        rows = [times.filter(feature=p.feature, condition=p.condition) for p in (a, b)]
    else:
        rows = [
            curves.filter(measure=contrast.measure, feature=p.feature, condition=p.condition,
                          split="test", step=800 if p.at == "end" else p.at)
            for p in (a, b)
        ]  # fmt: skip
        rows = [
            r.filter(
                pl.lit(True) if p.layer is None else pl.col("layer") == p.layer,
                pl.lit(True) if p.target is None else pl.col("target") == p.target,
            )
            for r, p in zip(rows, (a, b), strict=True)
        ]
    joined = (
        rows[0]
        .select("seed", a=pl.col("value").cast(pl.Float64))
        .join(rows[1].select("seed", b=pl.col("value").cast(pl.Float64)), on="seed")
        .sort("seed")
    )
    assert joined.height == 10
    if turned:  # the rows of a table stand in any order
        curves, lanes = curves.reverse(), lanes.reverse()
    found = estimate(Runs(curves, lanes, record), contrast)
    assert found.test is not None
    if contrast.scale == "ratio":
        np.testing.assert_allclose(found.test.a, joined["a"], rtol=1e-12)
        np.testing.assert_allclose(found.test.b, joined["b"], rtol=1e-12)
    else:
        np.testing.assert_allclose(found.test.a, joined["a"] - joined["b"], atol=1e-12)
    difference = (joined["a"] - joined["b"]).to_numpy()
    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=2e9
    ).pvalue
    assert found.p == pytest.approx(theirs, rel=1e-9)
    # And it is the pairing that decides: other partners give other differences.
    apart = (joined["a"] - joined["b"].reverse()).to_numpy()
    assert np.abs(np.sort(apart) - np.sort(difference)).max() > 1e-3


def test_columns_can_be_named_and_targets_default_to_the_features_own(ten):
    runs, curves = runs_of(ten), ten[1]
    found = estimate(runs, Contrast(
        measure="variance_explained", of={**LINEAR, "layer": "hidden1"},
        minus={**LINEAR, "layer": "hidden4"}))  # fmt: skip
    expected = by_hand(curves, "variance_explained", "linear", 800, "hidden1").mean()
    expected -= by_hand(curves, "variance_explained", "linear", 800, "hidden4").mean()
    assert found.value == pytest.approx(expected, rel=1e-9)
    other = estimate(runs, Contrast(measure="reliance", of=XOR, minus={**XOR, "target": "linear"}))
    own = by_hand(curves, "reliance", "xor_xor_xor", 800, target="xor_xor_xor")
    assert other.value == pytest.approx(
        (own - by_hand(curves, "reliance", "xor_xor_xor", 800, target="linear")).mean(), rel=1e-9
    )
    nulls = estimate(
        runs, Contrast(measure="reliance", of=LINEAR, minus={"feature": "linear null"})
    )
    assert nulls.value == pytest.approx(
        (
            by_hand(curves, "reliance", "linear", 800, target="linear")
            - by_hand(curves, "reliance", "linear null", 800, target="linear")
        ).mean(),
        rel=1e-9,
    )
    train = Contrast(measure="loss", of={**XOR, "split": "train"}, minus=XOR)
    assert estimate(runs, train).value == pytest.approx(0, abs=1e-6)  # made equal
    by_target = Contrast(measure="accuracy", of={"target": "linear"}, minus=XOR, at=80)
    expected = by_hand(curves, "accuracy", "linear", 80).mean()
    expected -= by_hand(curves, "accuracy", "xor_xor_xor", 80).mean()
    assert estimate(runs, by_target).value == pytest.approx(expected, rel=1e-9)


def test_a_measure_of_the_layer_and_one_side_alone(ten):
    found = estimate(runs_of(ten), Contrast(measure="participation_ratio", at=80))
    rows = ten[1].filter(measure="participation_ratio", layer="hidden4", step=80)
    assert found.value == pytest.approx(rows["value"].cast(pl.Float64).mean(), rel=1e-6)


def test_derived_measure_with_a_moment_a_side(ten):
    curves = ten[1]
    contrast = Contrast(
        measure="variance_absolute", of={**LINEAR, "at": 240}, minus={**LINEAR, "at": 80}
    )
    found = estimate(runs_of(ten), contrast)
    total = curves.filter(measure="total_variance", layer="hidden4")
    expected = [
        by_hand(curves, "variance_explained", "linear", step, "hidden4")
        * total.filter(step=step).sort("seed")["value"].to_numpy()
        for step in (240, 80)
    ]
    assert found.value == pytest.approx((expected[0] - expected[1]).mean(), rel=1e-5)
    assert found.unit == "activation²"


def test_ratio_of_times_is_of_means_of_min_t_tau():
    """Never learned and diverged lanes stay in, at tau; also what they learned before."""
    made = synthetic.complexity(10, diverged=(2,), never=(4, 7))
    record, curves, lanes = made
    table = summary(curves, lanes, record).with_columns(
        t=pl.when("diverged").then(784).otherwise(pl.col("time_to_learn").fill_null(784))
    )
    a, b = (table.filter(feature=f)["t"].to_numpy() for f in ("linear", "xor_xor_xor"))
    assert a[2] == b[2] == b[4] == b[7] == 784
    found = estimate(
        runs_of(made),
        Contrast(measure="time_to_learn", of=LINEAR, minus=XOR, scale="ratio"),
        beside=True,
    )
    assert found.value == pytest.approx(a.mean() / b.mean(), rel=1e-12)
    assert (found.pairs, found.left_out, found.unit) == (10, {}, "ratio")
    assert found.beside["of first"] == 9 and found.beside["tied"] == 1
    assert found.beside["P(of first)"] == 0.95
    difference = estimate(runs_of(made), Contrast(measure="time_to_learn", of=LINEAR, minus=XOR))
    assert difference.value == pytest.approx((a - b).mean()) and difference.unit == "steps"
    assert difference.p == pytest.approx(found.p, rel=1e-12)  # ratio 1 is difference 0


def test_the_other_end_of_the_grid_is_one_evaluation_earlier(ten):
    contrast, runs = Contrast(measure="time_to_learn", of=XOR, minus=LINEAR), runs_of(ten)
    late = estimate(runs, contrast).value
    assert estimate(runs, contrast, grid=("early", "late")).value == pytest.approx(late - 8)
    assert estimate(runs, contrast, grid=("late", "early")).value == pytest.approx(late + 8)
    assert estimate(runs, contrast, grid=("early", "early")).value == pytest.approx(late)


def test_mean_over_training_is_the_area_and_carries_a_stopped_lane_on():
    made = synthetic.complexity(8, stop="learned")
    record, curves, lanes = made
    runs = runs_of(made)
    found = estimate(runs, Contrast(measure="accuracy", of=LINEAR, minus=XOR, at="mean"))
    steps, tau = np.array(record.conditions[0].steps), 784
    expected = []
    for seed, end in lanes.select("seed", "end_step").rows():
        one = []
        for f in synthetic.FEATURES:
            rows = curves.filter(measure="accuracy", split="test", feature=f, seed=seed)
            y = rows.sort("step")["value"].to_numpy().astype(float)
            assert len(y) == end // 8 + 1 < len(steps)
            y = np.append(y, [y[-1]] * (len(steps) - len(y)))
            one.append(np.trapezoid(y[steps <= tau], steps[steps <= tau]) / tau)
        expected.append(one[0] - one[1])
    assert found.value == pytest.approx(np.mean(expected), rel=1e-9)
    with_trace = area(runs.trace("default", "accuracy", target="linear"), steps, tau)
    assert with_trace.shape == (8,)


def test_at_learned_each_side_at_its_own_time_or_at_one_features():
    made = synthetic.complexity(10, never=(3,))
    record, curves, lanes = made
    times = summary(curves, lanes, record).filter("learned")
    at = {(s, f): t for s, f, t in times.select("seed", "feature", "time_to_learn").rows()}
    rows = curves.filter(measure="variance_explained", layer="hidden4")
    value = {(s, f, t): v for s, f, t, v in rows.select("seed", "feature", "step", "value").rows()}
    seeds = [s for s in range(10) if s != 3]

    own = estimate(
        runs_of(made), Contrast(measure="variance_explained", of=LINEAR, minus=XOR, at="learned")
    )
    expected = [
        value[s, "linear", at[s, "linear"]] - value[s, "xor_xor_xor", at[s, "xor_xor_xor"]]
        for s in seeds
    ]
    assert own.value == pytest.approx(np.mean(expected), rel=1e-6)
    assert own.pairs == 9 and own.left_out == {"not learned within 784 steps": 1}

    at_one = Contrast(
        measure="variance_explained", of=LINEAR, minus=XOR, at={"learned": "xor_xor_xor"}
    )
    one = estimate(runs_of(made), at_one)
    expected = [
        value[s, "linear", at[s, "xor_xor_xor"]] - value[s, "xor_xor_xor", at[s, "xor_xor_xor"]]
        for s in seeds
    ]
    assert one.value == pytest.approx(np.mean(expected), rel=1e-6)


def test_diverged_lanes_are_left_out_at_the_end_and_counted_but_not_before_they_diverged():
    made = synthetic.complexity(10, diverged=(2, 5))
    contrast = Contrast(measure="variance_explained", of=LINEAR, minus=XOR)
    found = estimate(runs_of(made), contrast)
    assert found.pairs == 8 and found.left_out == {"diverged": 2}
    early = estimate(runs_of(made), dataclasses.replace(contrast, at=80))
    assert early.pairs == 10
    late = estimate(runs_of(made), dataclasses.replace(contrast, at=720))
    assert late.pairs == 8 and late.left_out == {"without a value": 2}


def test_too_few_pairs_and_neither_learned_are_untestable():
    few = estimate(
        runs_of(synthetic.complexity(10, diverged=(1, 2, 3, 4, 5))),
        Contrast(measure="variance_explained", of=LINEAR, minus=XOR),
    )
    assert few.problem == "only 5 of 10 seeds can be compared, and 6 are needed"
    assert few.p is None and few.value is not None
    runs = runs_of(synthetic.complexity(10, diverged=(1, 2, 3, 4, 5, 6)))
    neither = estimate(runs, Contrast(measure="time_to_learn", of=LINEAR, minus=XOR))
    assert neither.problem == "neither was learned within 784 steps in 6 of 10 seeds"
    assert neither.pairs == 10


def test_lanes_that_have_not_run_are_counted():
    record, curves, lanes = synthetic.complexity(10)
    record = dataclasses.replace(record, seeds=tuple(range(14)))
    found = estimate(
        Runs(curves, lanes, record), Contrast(measure="time_to_learn", of=LINEAR, minus=XOR)
    )
    assert (found.n, found.pairs, found.left_out) == (14, 10, {"not run": 4})


def test_a_stricter_criterion_cannot_be_judged_where_runs_stopped_before_it():
    runs = runs_of(synthetic.complexity(8, stop="learned"))
    contrast = Contrast(measure="time_to_learn", of=LINEAR, minus=XOR)
    assert estimate(runs, contrast, theta=0.75).problem is None
    assert "stopped, by the study's own criterion" in str(
        estimate(runs, contrast, theta=0.999).problem
    )


def test_half_the_budget_censors_there(ten):
    record, curves, lanes = ten
    contrast = Contrast(measure="time_to_learn", of=XOR, minus=LINEAR)
    found = estimate(runs_of(ten), contrast, budget=0.45)  # tau: 344
    times = summary(curves, lanes, record).filter(feature="xor_xor_xor")["time_to_learn"]
    first = summary(curves, lanes, record).filter(feature="linear")["time_to_learn"]
    assert (times > 344).any()
    expected = (np.minimum(times.to_numpy(), 344) - first.to_numpy()).mean()
    assert found.value == pytest.approx(expected)
    at = dataclasses.replace(contrast, measure="variance_explained", at=720)
    assert estimate(runs_of(ten), at, budget=0.5).problem == (
        "step 720 lies beyond the budget of 400 steps"
    )


def test_conditions_are_compared_with_a_log_rank_beside(grid):
    """Oracle: lifelines' logrank_test."""
    statistics = pytest.importorskip("lifelines.statistics")
    record, curves, lanes = grid
    contrast = Contrast(
        measure="time_to_learn", of={**XOR, RATE: 1e-3}, minus={**XOR, RATE: 2e-3}, scale="ratio"
    )
    found = estimate(runs_of(grid), contrast, beside=True)
    table = summary(curves, lanes, record).filter(feature="xor_xor_xor")
    a, b = (
        table.filter(condition=f"learning_rate={r}")["time_to_learn"].to_numpy()
        for r in ("0.001", "0.002")
    )
    assert found.value == pytest.approx(a.mean() / b.mean())
    theirs = statistics.logrank_test(a, b, np.ones(8), np.ones(8)).p_value
    assert found.beside["log-rank p"] == pytest.approx(theirs, rel=1e-9)


def test_where_the_test_is_all_that_is_asked_for_no_interval_is_computed(ten):
    contrast = Contrast(measure="variance_explained", of=LINEAR, minus=XOR)
    whole, short = (estimate(runs_of(ten), contrast, intervals=asked) for asked in (True, False))
    assert (short.interval, short.narrow, short.p) == (NOWHERE, NOWHERE, None)
    assert whole.test is not None and short.test is not None
    assert short.test.interval(0.95) == whole.interval and short.test.p(0.0) == whole.p
    assert (short.value, short.pairs, short.problem) == (whole.value, whole.pairs, whole.problem)


def test_log_rank_with_censoring():
    """Oracle: lifelines' logrank_test, some lanes never learned."""
    statistics = pytest.importorskip("lifelines.statistics")
    made = synthetic.complexity(9, rates=(1e-3, 2e-3), never=(1, 6))
    contrast = Contrast(measure="time_to_learn", of={**XOR, RATE: 1e-3}, minus={**XOR, RATE: 2e-3})
    found = estimate(runs_of(made), contrast, beside=True)
    table = summary(made[1], made[2], made[0]).filter(feature="xor_xor_xor")
    parts = [table.filter(condition=f"learning_rate={r}") for r in ("0.001", "0.002")]
    times = [p["time_to_learn"].fill_null(784).to_numpy() for p in parts]
    theirs = statistics.logrank_test(*times, *(p["learned"].to_numpy() for p in parts))
    assert found.beside["log-rank p"] == pytest.approx(theirs.p_value, rel=1e-9)


def test_trend_over_a_dose_with_page_beside(grid):
    """Oracles: scipy's kendalltau in each seed, and twice its Page test in the direction seen."""
    record, curves, lanes = grid
    contrast = Contrast(measure="time_to_learn", of=XOR, over=RATE)
    found = estimate(runs_of(grid), contrast, beside=True)
    table = summary(curves, lanes, record).filter(feature="xor_xor_xor")
    wide = table.pivot("condition", index="seed", values="time_to_learn").drop("seed").to_numpy()
    taus = [stats.kendalltau(RATES, row).statistic for row in wide]
    assert found.value == pytest.approx(np.mean(taus)) and found.value < -0.9
    assert found.scale == "trend" and found.p == 2 / 2**8
    page = stats.page_trend_test(wide[:, ::-1], method="asymptotic").pvalue
    assert found.beside["Page p"] == pytest.approx(2 * page, rel=1e-9)
    rising = estimate(
        runs_of(grid), Contrast(measure="accuracy", of=XOR, over=RATE, at=400), beside=True
    )
    assert rising.value > 0.5  # by then the quick have learned it
    assert rising.beside["Page p"] < 0.01  # falling, it would be near 1


def test_pooled_conditions_are_averaged_within_a_seed(grid):
    record, curves, lanes = grid
    contrast = Contrast(measure="time_to_learn", of=LINEAR, minus=XOR, pool=(RATE,))
    found = estimate(runs_of(grid), contrast)
    means = (
        summary(curves, lanes, record)
        .group_by("seed", "feature")
        .agg(pl.col("time_to_learn").mean())
    )
    a, b = (
        means.filter(feature=f).sort("seed")["time_to_learn"].to_numpy()
        for f in ("linear", "xor_xor_xor")
    )
    assert found.value == pytest.approx((a - b).mean()) and found.pairs == 8


def test_conditions_with_other_budgets_are_compared_as_far_as_both_were_watched(grid):
    record, curves, lanes = grid
    short = dataclasses.replace(record.conditions[2], steps=record.conditions[2].steps[:21])
    record = dataclasses.replace(record, conditions=(*record.conditions[:2], short))
    found = estimate(
        Runs(curves, lanes, record),
        Contrast(measure="time_to_learn", of={**XOR, RATE: 1e-3}, minus={**XOR, RATE: 4e-3}),
    )
    b = summary(curves, lanes, record).filter(
        pl.col("feature") == "xor_xor_xor", pl.col("condition") == "learning_rate=0.004"
    )["time_to_learn"]
    tau = short.tau
    assert tau == 144 and b.null_count() == 0
    assert found.value == pytest.approx((tau - b.to_numpy()).mean())


def test_share_learned_is_clopper_pearsons():
    """Oracle: scipy.stats.binomtest. A lane that diverged unlearned is counted apart."""
    runs = runs_of(synthetic.complexity(10, diverged=(0, 1), never=(0, 4, 7)))
    found = share_learned(runs, Contrast(measure="time_to_learn", of=XOR))
    theirs = stats.binomtest(7, 9).proportion_ci(method="exact")
    assert found.interval == pytest.approx((theirs.low, theirs.high))
    assert (found.successes, found.pairs, found.left_out) == (7, 9, {"diverged": 1})
    assert (found.value, found.p) == (7 / 9, None)


def test_nothing_stored_is_a_problem_not_a_crash(ten):
    record, curves, lanes = ten
    none = Runs(curves.clear(), lanes.clear(), record)
    for measure in ("variance_explained", "time_to_learn", "variance_absolute"):
        found = estimate(none, Contrast(measure=measure, of=LINEAR, minus=XOR))
        assert found.problem and found.value is None and found.pairs == 0
    only_train = Runs(curves.filter(split="train"), lanes, record)
    found = estimate(only_train, Contrast(measure="accuracy", of=LINEAR, minus=XOR))
    assert str(found.problem).startswith("no rows of accuracy for default (test, ")
    assert share_learned(none, Contrast(measure="time_to_learn", of=XOR)).problem


def c(**fields):
    return Contrast(**{"measure": "variance_explained", "of": LINEAR, "minus": XOR} | fields)


@pytest.mark.parametrize(
    ("contrast", "problem"),
    [
        (c(measure="time_to_lern"), 'measure = "time_to_lern": not measured. Did you mean '
         '"time_to_learn"?'),
        (c(of={"feature": "xor_xor_xorr"}), 'of.feature = "xor_xor_xorr": not a feature. Did you '
         'mean "xor_xor_xor"? There are: linear, xor_xor_xor'),
        (c(minus={"feature": "linear null"}), 'minus.feature = "linear null": not a feature.'),
        (c(of={}), "of: variance_explained is of a feature: name one. There are: linear,"),
        (c(of={**LINEAR, "layr": "hidden1"}), 'of.layr = "hidden1": no column is named "layr". '
         'Did you mean "layer"?'),
        (c(of={**LINEAR, "layer": "hidden9"}), 'of.layer = "hidden9": not a hidden layer.'),
        (c(of={**LINEAR, "split": "valid"}), 'of.split = "valid": not a split.'),
        (c(of={**LINEAR, "target": "linear"}), "of.target = \"linear\": variance_explained has no"),
        (c(measure="reliance", of={**LINEAR, "target": "lin"}), 'of.target = "lin": not a target.'),
        (c(measure="reliance", of={}), "of: reliance is of a feature"),
        (c(measure="accuracy", of={}), "of: accuracy is of a target: name one."),
        (c(measure="total_variance", of=LINEAR, minus=None),
         'of.feature = "linear": total_variance has no feature.'),
        (c(at=81), "at = 81: condition 'default' has no evaluation at step 81; the nearest are 80 "
         "and 88."),
        (c(of={**LINEAR, "at": 900}), "of.at = 900: condition 'default' has no evaluation at step "
         "900; the nearest is 800."),
        (c(of={**LINEAR, "at": "ende"}), 'of.at = "ende": not a moment of training. Did you mean '
         '"end"?'),
        (c(at={"learned": "xor"}), 'at.learned = "xor": not a feature.'),
        (c(measure="total_variance", of={}, minus=None, at="learned"),
         'at = "learned": total_variance has no feature: say which'),
        (c(measure="time_to_learn", at="mean"), 'at = "mean": time_to_learn has no `at` but a step '
         "by which it came"),
        (c(measure="time_to_learn", at=81), "at = 81: condition 'default' has no evaluation at "
         "step 81; the nearest"),
        (c(measure="time_to_learn", at=792), "at = 792: 1 evaluations of default follow, and "
         "confirming takes 2: the last step that can be confirmed is 784."),
        (c(measure="time_to_learn", minus={**XOR, "at": 80}), "at: time_to_learn is counted up to "
         "one step on all sides"),
        (c(measure="time_to_pick_up"), 'of = "linear": it has no time-to-pick-up: no slope of it'),
        (c(minus=None, scale="ratio"), 'scale = "ratio": a ratio needs `minus`'),
        (c(over="x", minus=None), 'over = "x": not a factor.'),
        (c(pool=("x",)), 'pool = "x": not a factor.'),
        (c(of={**LINEAR, "condition": "deflaut"}), 'of.condition = "deflaut": not a condition. Did '
         'you mean "default"?'),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_the_legal_choices_before_any_run(ten, contrast, problem):
    found = check(ten[0], contrast)
    assert any(p.startswith(problem) for p in found), found
    with pytest.raises(ValueError, match=r"[:=]"):
        estimate(runs_of(ten), contrast)


@pytest.mark.parametrize(
    ("contrast", "problem"),
    [
        (c(), "of: 3 conditions fit: training.learning_rate is 0.001, 0.002, 0.004. Name one here, "
         "or use `over` or `pool`"),
        (c(of={**LINEAR, RATE: 0.01}), "of.training.learning_rate = 0.01: no condition has it. "),
        (c(over=RATE), "over = \"training.learning_rate\": a trend takes the place of `minus`"),
        (c(over=RATE, minus=None, scale="ratio"), 'scale = "ratio": a trend has no ratio'),
        (c(over=RATE, minus=None, of={**LINEAR, RATE: 1e-3}), "over = \"training.learning_rate\": "
         "also fixed"),
        (c(over=RATE, minus=None, pool=(RATE,)), 'over = "training.learning_rate": also fixed'),
    ],
)  # fmt: skip
def test_open_factors_have_no_default(grid, contrast, problem):
    found = check(grid[0], contrast)
    assert any(p.startswith(problem) for p in found), found


def test_all_problems_at_once_and_none_where_all_is_well(ten, grid):
    two = c(of={"feature": "a", "layer": "hidden7"}, minus={"feature": "b"})
    assert len(check(ten[0], two)) == 3
    for h in ten[0].hypotheses:
        assert check(ten[0], h.contrast) == []
    assert check(grid[0], c(of={**LINEAR, RATE: 1e-3}, minus={**LINEAR, RATE: 0.002})) == []
    assert check(grid[0], c(pool=("condition",))) == []
    assert check(ten[0], c(measure="variance_absolute"), ["variance_explained"]) != []
    assert check(ten[0], c(measure="time_to_learn"), ["loss"]) != []  # its criterion is accuracy


def test_what_is_wrong_with_the_whole_does_not_hide_what_is_wrong_with_a_side(grid):
    wrong = {"feature": "xor_xor_xorr", RATE: 1e-3}
    said = (
        'minus.feature = "xor_xor_xorr": not a feature. Did you mean "xor_xor_xor"? There are: '
        "linear, xor_xor_xor"
    )
    contrast = c(of={**LINEAR, RATE: 1e-3}, minus=wrong, relative_to={"condition": "x"})
    assert check(grid[0], contrast) == [
        'relative_to.condition = "": is the same on both sides. There are: feature, layer, '
        "target, at",
        said,
    ]
    # A trend or an average of nothing leaves factors open: that is not said a second time.
    assert check(grid[0], c(minus=wrong, pool=("rate",))) == [
        'pool = "rate": not a factor. There are: training.learning_rate, condition',
        said,
    ]


def test_a_layer_is_asked_of_a_model_without_any(ten):
    record = ten[0]
    (condition,) = record.conditions
    bare = dataclasses.replace(condition, layers=(), spec={"model": {"kind": "linear"}})
    record = dataclasses.replace(record, conditions=(bare,))
    for of in (LINEAR, {**LINEAR, "layer": "hidden1"}):
        assert check(record, c(of=of, minus=None)) == [
            'of: variance_explained is of a hidden layer, and kind = "linear" has none: choose a '
            "measure of the outputs"
        ]


def test_levels_that_are_lists_are_shown_as_toml_and_found_however_they_are_written(grid):
    lists = ['["linear", "parity2"]', "[1.0, 2.0]", '[{"steps": 3}]']
    conditions = tuple(
        dataclasses.replace(condition, factors={"task.features": text})
        for condition, text in zip(grid[0].conditions, lists, strict=True)
    )
    record = dataclasses.replace(grid[0], conditions=conditions)
    assert check(record, c(minus=None)) == [
        'of: 3 conditions fit: task.features is ["linear", "parity2"], [1.0, 2.0], '
        '"[{\\"steps\\": 3}]". Name one here, or use `over` or `pool`'
    ]
    for i, given in enumerate(('["linear","parity2"]', "[1, 2]", lists[2])):
        plan = resolve(record, c(of={**LINEAR, "task.features": given}, minus=None))
        assert [p.condition for p in plan.picks] == [conditions[i].name]


def test_named_conditions_without_factors_are_told_apart_by_name(grid):
    record = grid[0]
    bare = tuple(dataclasses.replace(x, factors={}) for x in record.conditions)
    record = dataclasses.replace(record, conditions=bare)
    (problem, *_) = check(record, c())
    assert problem.startswith("of: 3 conditions fit: condition is")
    plan = resolve(
        record,
        c(of={**LINEAR, "condition": bare[0].name}, minus={**LINEAR, "condition": bare[1].name}),
    )
    assert [p.condition for p in plan.picks] == [bare[0].name, bare[1].name]


def test_a_feature_without_time_to_learn_says_why(ten):
    record = ten[0]
    condition = record.conditions[0]
    first, *rest = condition.features
    first = dataclasses.replace(first, criterion=None, reason="not identified")
    condition = dataclasses.replace(condition, features=(first, *rest))
    record = dataclasses.replace(record, conditions=(condition,))
    with pytest.raises(SelectionError, match="it has no time-to-learn: not identified"):
        resolve(record, c(measure="time_to_learn"))
    with pytest.raises(SelectionError, match="it has no time-to-learn"):
        resolve(record, c(at="learned"))
