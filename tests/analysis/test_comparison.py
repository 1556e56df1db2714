"""Runs compared: oracles are SciPy on the joined tables, and runs whose difference was built in."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from scipy import stats

from primacy.analysis import comparison, matching
from primacy.analysis import summary as summaries
from primacy.analysis.compared import Side
from primacy.analysis.runs import Runs
from primacy.records.study import Contrast, Hypothesis
from tests.support import synthetic


def side(label, seeds=10, rate=1e-3, **changes):
    """A made-up run; another rate is another condition, whose features are learned sooner."""
    record, curves, lanes = synthetic.complexity(seeds, rates=(rate,))
    return Side(label, Runs(curves, lanes, dataclasses.replace(record, **changes)))


def spec(one, **task):
    """The run with another specification of its task, so that its conditions differ."""
    record = one.runs.record
    (c,) = record.conditions
    changed = dataclasses.replace(c, key=one.label, spec={**c.spec, "task": task})
    lanes = one.runs.curves.select("condition", "seed").unique(maintain_order=True)
    ends = lanes.with_columns(ended=pl.lit("budget"), end_step=pl.lit(c.budget, pl.Int64))
    record = dataclasses.replace(record, conditions=(changed,))
    return Side(one.label, Runs(one.runs.curves, ends, record))


@pytest.fixture(scope="module")
def pair():
    return side("slow", 10), side("fast", 12, rate=1.2e-3)


def joined(pair, column, feature):
    """The summaries of both runs joined by seed, in polars: first, other."""
    frames = []
    for one in pair:
        runs = one.runs
        lanes = pl.DataFrame(
            {"condition": "default", "seed": runs.seeds, "ended": runs.ended("default"),
             "end_step": runs.end_step("default")}
        )  # fmt: skip
        own = summaries.summary(runs.curves, lanes, runs.record)
        frames.append(own.filter(pl.col("feature") == feature).select("seed", column))
    both = frames[0].join(frames[1], on="seed", suffix="_other").sort("seed")
    assert both.height == 10
    return both[column].to_numpy(), both[f"{column}_other"].to_numpy()


@pytest.mark.parametrize("measure", ["variance_explained", "reliance", "time_to_learn"])
@pytest.mark.parametrize("feature", synthetic.FEATURES)
def test_paired_differences_are_those_of_scipy_on_the_joined_tables(pair, measure, feature):
    frame = comparison.compare(pair).frame
    row = frame.row(by_predicate=(pl.col("kind") == "quantity") & (pl.col("id") == measure)
                    & (pl.col("feature") == feature), named=True)  # fmt: skip
    a, b = joined(pair, measure, feature)
    oracle = stats.permutation_test(
        (b - a,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert row["paired"] and row["seeds"] == 10
    assert row["difference"] == pytest.approx((b - a).mean(), rel=1e-6, abs=1e-9)
    assert row["p"] == pytest.approx(oracle.pvalue, abs=1e-9)
    # The interval holds what the test does not reject: SciPy's p at its ends is about .05.
    if row["low"] < row["high"]:
        width = 1e-3 * (row["high"] - row["low"])
        for end, out in ((row["low"], -width), (row["high"], width)):
            beyond = stats.permutation_test(
                (b - a - end - out,), np.mean, permutation_type="samples", n_resamples=np.inf
            )
            inside = stats.permutation_test(
                (b - a - end + out,), np.mean, permutation_type="samples", n_resamples=np.inf
            )
            assert beyond.pvalue <= 0.05 < inside.pvalue


def test_a_contrast_is_compared_within_each_seed(pair):
    found = comparison.compare(pair)
    row = next(r for r in found.rows if r.id == "simple-stronger")
    first, other = (joined(pair, "variance_explained", f) for f in synthetic.FEATURES)
    by_hand = (first[1] - other[1]) - (first[0] - other[0])
    (d,) = row.differences
    assert d.value == pytest.approx(by_hand.mean(), rel=1e-5)
    assert d.p == pytest.approx(
        stats.permutation_test(
            (by_hand,), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
    )
    # The joined table of values gives it too.
    values = found.seeds.filter(pl.col("id") == "simple-stronger").pivot(
        on="run", index="seed", values="value"
    )
    assert (values["fast"] - values["slow"]).mean() == pytest.approx(d.value, rel=1e-9)


def test_a_ratio_is_compared_as_the_ratio_of_each_seeds_own(pair):
    row = next(r for r in comparison.compare(pair).rows if r.id == "simple-first")
    (a, b), (c, d) = (joined(pair, "time_to_learn", f) for f in synthetic.FEATURES)
    oracle = stats.gmean((b / d) / (a / c))
    (found,) = row.differences
    assert row.is_ratio and found.value == pytest.approx(oracle, rel=1e-9)
    assert found.low <= found.value <= found.high


def test_a_trend_is_compared_as_the_tau_of_each_seed():
    """Oracle: scipy's kendalltau in each seed, of times from the summary."""
    rates, xor = (1e-3, 1.5e-3, 2e-3), {"feature": "xor_xor_xor"}
    contrast = Contrast(measure="time_to_learn", of=xor, over="training.learning_rate")
    h = Hypothesis(id="trend", claim="", contrast=contrast, expect="less")

    def made(label, seeds):
        record, curves, lanes = synthetic.complexity(seeds, rates=rates, hypotheses=(h,))
        return Side(label, Runs(curves, lanes, record)), summaries.summary(curves, lanes, record)

    (few, _), (many, table) = made("few", 10), made("many", 12)
    found = comparison.compare((few, many))
    own = found.seeds.filter(pl.col("id") == "trend", pl.col("run") == "many").sort("seed")
    times = table.filter(pl.col("feature") == "xor_xor_xor").pivot(
        "condition", index="seed", values="time_to_learn"
    )
    taus = [stats.kendalltau(rates, row[1:]).statistic for row in times.sort("seed").rows()]
    np.testing.assert_allclose(own["value"], taus[: own.height], rtol=1e-9)
    (difference,) = next(r for r in found.rows if r.id == "trend").differences
    assert difference.value == 0  # the seeds that both have are the same networks


def test_where_seeds_do_not_pair_it_is_welchs_interval(pair):
    slow, fast = (spec(one, kind="boolean", units=n) for one, n in zip(pair, (8, 16), strict=True))
    frame = comparison.compare((slow, fast)).frame
    own = (pl.col("id") == "variance_explained") & (pl.col("feature") == "linear")
    row = frame.row(by_predicate=own, named=True)
    ends = [
        one.runs.trace("default", "variance_explained", feature="linear", layer="hidden4")[:, -1]
        for one in (slow, fast)
    ]
    ends = [values.astype(np.float64) for values in ends]
    oracle = stats.ttest_ind(ends[1], ends[0], equal_var=False)
    assert not row["paired"] and "other examples" in row["note"]
    assert row["p"] == pytest.approx(oracle.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(oracle.confidence_interval()))


def test_the_same_networks_do_not_differ():
    rows = comparison.compare((side("a"), side("b"))).rows
    told = [d for row in rows for d in row.differences if d.value is not None]
    assert len(told) > 8
    for row in rows:
        for d in row.differences:
            assert d.value == (1.0 if row.is_ratio else 0.0) or d.value is None
            assert d.p in (1.0, None)


@pytest.mark.parametrize("lost", [3, 6])
def test_a_time_that_most_networks_never_reach_gives_no_difference(lost):
    never = [
        Side(label, Runs(c, lanes, r))
        for label in "ab"
        for r, c, lanes in [synthetic.complexity(8, never=tuple(range(lost)))]
    ]
    rows = {r.id + (r.feature or ""): r for r in comparison.compare(never).rows}
    (d,) = rows["time_to_learnxor_xor_xor"].differences
    if lost > 4:
        assert d.value is None and "not reached" in d.note
    else:
        assert d.value == 0.0 and "not reached" not in (d.note or "")
    assert rows["time_to_learnlinear"].differences[0].value == 0.0


def test_few_shared_seeds_give_a_value_and_no_interval():
    (d, *_) = comparison.compare((side("a", 4), side("b", 9))).rows[1].differences
    assert d.seeds == 4 and d.value is not None and d.p is None
    assert "4 shared seeds" in d.note


def test_holm_is_taken_over_all_differences(pair):
    from statsmodels.stats.multitest import multipletests

    frame = comparison.compare(pair).frame.drop_nulls("p")
    oracle = multipletests(frame["p"].to_numpy(), method="holm")[1]
    np.testing.assert_allclose(frame["p_holm"].to_numpy(), oracle, rtol=1e-12)


def test_what_differs_is_said_once_and_only_what_differs():
    base = side("a").runs.record
    other = side("b", 12, rate=3e-3).runs.record
    found = {d.what: d.values for d in matching.differences([base, other])}
    assert found == {
        "seeds": ("10 (0 to 9)", "12 (0 to 11)"),
        "training.learning_rate": ("0.001", "0.003"),
    }
    assert matching.differences([base, base]) == []


def test_conditions_stand_for_each_other_by_key_then_by_name():
    def record(**names):
        (c,) = synthetic.complexity(1)[0].conditions
        made = tuple(dataclasses.replace(c, name=n, key=k * 12) for n, k in names.items())
        return dataclasses.replace(synthetic.complexity(1)[0], conditions=made)

    assert matching.matched(record(x="1", y="2"), record(y="1", x="3")) == {"x": "y"}
    assert matching.matched(record(x="1", y="2"), record(z="1", y="4")) == {"x": "z", "y": "y"}
    assert matching.matched(record(x="1"), record(y="2")) == {"x": "y"}
    # The only one is no partner where the other side has several.
    assert matching.matched(record(x="1", y="2"), record(z="3")) == {}
    assert matching.matched(record(z="3"), record(x="1", y="2")) == {}
    assert matching.matched(record(x="1", y="2"), record(u="3", v="4")) == {}


def test_what_differs_names_its_conditions_unless_all_of_them_do():
    def record(**rates):
        (c,) = synthetic.complexity(1)[0].conditions
        made = tuple(
            dataclasses.replace(c, name=n, key=n * 12, spec={"training": {"learning_rate": rate}})
            for n, rate in rates.items()
        )
        return dataclasses.replace(synthetic.complexity(1)[0], conditions=made)

    def where(one, other):
        return {d.what: d.where for d in matching.differences([one, other])}

    assert where(record(x=0.1, y=0.1), record(x=0.1, y=0.2))["training.learning_rate"] == "y"
    assert where(record(x=0.1, y=0.1), record(x=0.2, y=0.2))["training.learning_rate"] == ""


def test_a_number_of_the_task_leaves_the_draws_and_a_structure_does_not():
    (c,) = synthetic.complexity(1)[0].conditions
    record = synthetic.complexity(1)[0]

    def why(one, two, **other):
        made = [dataclasses.replace(c, key=k, spec=s) for k, s in (("1", one), ("2", two))]
        return matching.unpaired(record, dataclasses.replace(record, **other), *made)

    task = {"kind": "sum", "scale": 1.0, "features": ["a", "b"]}
    assert why({"task": task}, {"task": task | {"scale": 2.0}}) is None
    assert "other examples" in why({"task": task}, {"task": task | {"features": ["a"]}})
    training = {"examples": 64, "learning_rate": 0.1}
    assert why({"training": training}, {"training": training | {"learning_rate": 1.0}}) is None
    assert "examples" in why({"training": training}, {"training": training | {"examples": 128}})
    assert "seed_axes" in why({"task": task}, {"task": task}, seed_axes=("init",))


def test_one_run_alone_is_no_comparison():
    with pytest.raises(ValueError, match="two runs or more"):
        comparison.compare((side("a"),))
