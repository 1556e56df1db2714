"""Networks that diverged or crashed: what they held last is no final value of anything.

Oracle: the same networks without those that were cut short.
"""

import dataclasses

import numpy as np
import polars as pl
import pytest

from primacy.analysis import between, controls, summary
from primacy.analysis.contrasts import estimate
from primacy.analysis.runs import Runs
from primacy.calibration import hand_written
from primacy.records import curves
from primacy.records.study import Contrast, FeatureRecord
from primacy.report.page import ranks, reliance

N = 10
RECORD = hand_written._record()
CONDITION = RECORD.conditions[0]
STEPS = CONDITION.steps


def lanes_of(record, ended, last):
    """A lane a seed of the only condition."""
    key = record.conditions[0].key
    rows = [(key, seed, *how) for seed, how in enumerate(zip(ended, last, strict=True))]
    return curves.named(pl.DataFrame(rows, schema=dict(curves.LANES), orient="row"), record)


def rows_of(record, values, *axes, measure):
    """The rows of `[seed step ...]`."""
    who = {"condition": [record.conditions[0].key] * N, "seed": list(range(N))}
    made = curves.from_array(
        values.astype(np.float32), [who, {"step": list(STEPS)}, *axes], measure=measure,
        split="test",
    )  # fmt: skip
    return curves.named(made, record)


def numbers():
    """A record whose targets are numbers, scored by R²."""
    targets = tuple(dataclasses.replace(t, kind="number") for t in CONDITION.targets)
    criterion = CONDITION.features[0].criterion
    criterion = dataclasses.replace(criterion, measure="r_squared", chance=0.0)
    features = tuple(dataclasses.replace(f, criterion=criterion) for f in CONDITION.features)
    card = dataclasses.replace(RECORD.measures[0], name="r_squared", high=1.0, low=None)
    condition = dataclasses.replace(CONDITION, targets=targets, features=features)
    return dataclasses.replace(
        RECORD, conditions=(condition,), measures=(card,), hypotheses=(), seeds=tuple(range(N))
    )


@pytest.fixture
def huge():
    """Ten networks with R² .9, of which three diverge: their last loss is huge, yet finite."""
    record = numbers()
    values = np.full((N, len(STEPS), 2), 0.9)
    values[:3, -1] = -1e19
    rows = rows_of(record, values, {"feature": ["A", "B"], "target": ["A", "B"]},
                   measure="r_squared")  # fmt: skip
    ended = ["diverged"] * 3 + ["budget"] * 7
    return record, Runs(rows, lanes_of(record, ended, [STEPS[-1]] * N), record)


def test_a_diverged_network_has_no_final_value(huge):
    record, runs = huge
    table = summary.table(runs)
    final = table.filter(pl.col("feature") == "A")["final_r_squared"].to_list()
    assert final == [None] * 3 + [pytest.approx(0.9)] * 7
    row = ranks.standings(record, table)["default"][0]
    told = estimate(runs, Contrast(measure="r_squared", of={"target": "A"}))
    assert told.pairs == 7 and told.left_out == {"diverged": 3}
    assert row["final_r_squared"] == row["means"]["final_r_squared"] == pytest.approx(told.value)


def test_one_diverged_network_does_not_make_the_task_unlearned(huge):
    record, runs = huge
    rows = ranks.standings(record, summary.table(runs))["default"]
    own = dataclasses.replace(
        record.conditions[0],
        features=tuple(
            dataclasses.replace(f, criterion=dataclasses.replace(f.criterion, ceiling=None))
            for f in record.conditions[0].features
        ),
    )
    assert reliance.unlearned(own, rows) is None


def test_a_crashed_network_has_no_area_and_does_not_fail_a_control():
    """All learn alike; five crash before. Areas are null, "task learned" is of the other five."""
    height = np.full((N, len(STEPS), 2), 0.5)
    height[:, 4:, 0], height[:, 7:, 1] = 1.0, 1.0
    feature = {"feature": ["A", "B"], "target": ["A", "B"]}
    rows = rows_of(RECORD, height, feature, measure="accuracy")
    ended = ["crashed"] * 5 + ["budget"] * 5
    last = [STEPS[2]] * 5 + [STEPS[-1]] * 5
    rows = rows.filter(pl.col("step") <= pl.col("seed").replace_strict(dict(enumerate(last))))
    lanes = lanes_of(RECORD, ended, last)
    areas = between.table(Runs(rows, lanes, dataclasses.replace(RECORD, seeds=tuple(range(N)))))
    assert areas["area"].is_null().to_list() == [True] * 5 + [False] * 5
    assert areas["area"].drop_nulls().n_unique() == 1
    free = tuple(
        dataclasses.replace(f, criterion=dataclasses.replace(f.criterion, ceiling=None))
        for f in CONDITION.features
    )
    own = dataclasses.replace(CONDITION, features=free)
    record = dataclasses.replace(RECORD, conditions=(own,), hypotheses=())
    (found,) = controls.learned(record, rows, lanes, [])
    assert (found.n, found.value) == (5, 1.0)


@pytest.mark.parametrize("diverged", [False, True])
def test_control_columns_are_asked_as_their_feature_is(diverged):
    """A feature without a target of its own: both are means over the targets, (.6 + 0) / 2."""
    group = FeatureRecord(
        name="g", columns=(0,), target=None, predictivity=None, complexity=None, criterion=None
    )
    null = dataclasses.replace(group, name="g null", columns=(1,), null_of="g")
    card = dataclasses.replace(RECORD.measures[0], name="reliance", axes=("site", "target"))
    condition = dataclasses.replace(CONDITION, features=(group, null))
    record = dataclasses.replace(
        RECORD, conditions=(condition,), hypotheses=(), measures=(card,), seeds=tuple(range(N))
    )
    values = np.zeros((N, len(STEPS), 2, 2))
    values[..., 0, :], values[..., 1, 0] = 0.2, 0.6
    ended = ["budget"] * N
    if diverged:
        values[3, :, 1], ended[3] = 5.0, "diverged"
    rows = rows_of(record, values, {"feature": ["g", "g null"]}, {"target": ["A", "B"]},
                   measure="reliance")  # fmt: skip
    table = summary.table(Runs(rows, lanes_of(record, ended, [STEPS[-1]] * N), record))
    assert table["reliance"].drop_nulls().to_list()[0] == pytest.approx(0.2)
    assert ranks.controls(record, table, rows) == {("default", "g"): pytest.approx(0.3)}
