"""Final scores in the summary: of the target that a feature determines, and of no other."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from primacy.analysis import summary
from primacy.analysis.runs import Runs
from primacy.calibration import hand_written
from primacy.records import curves
from primacy.records.study import FeatureRecord


@pytest.mark.parametrize("owned", [True, False])
def test_what_is_only_watched_has_no_score(owned):
    """A at .9 and B at .6: C is about neither. Where no feature has a target, it is their mean."""
    record = hand_written._record()
    condition, n = record.conditions[0], 3
    watched = FeatureRecord(
        name="C", columns=(0,), target=None, predictivity=None, complexity=None, criterion=None
    )
    features = (*condition.features, watched) if owned else (watched,)
    record = dataclasses.replace(
        record,
        conditions=(dataclasses.replace(condition, features=features),),
        seeds=tuple(range(n)),
        hypotheses=(),
    )
    values = np.full((n, len(condition.steps), 2), [0.9, 0.6], np.float32)
    who = {"condition": [condition.key] * n, "seed": list(range(n))}
    which = {"feature": ["A", "B"], "target": ["A", "B"]}
    if not owned:
        which = {"target": ["A", "B"]}
        card = dataclasses.replace(record.measures[0], axes=("target",))
        record = dataclasses.replace(record, measures=(card,))
    axes = [who, {"step": list(condition.steps)}, which]
    rows = curves.from_array(values, axes, measure="accuracy", split="test")
    lanes = [(condition.key, seed, "budget", condition.steps[-1]) for seed in range(n)]
    table = pl.DataFrame(lanes, schema=dict(curves.LANES), orient="row")
    runs = Runs(curves.named(rows, record), curves.named(table, record), record)
    found = dict(summary.table(runs).filter(seed=0).select("feature", "final_accuracy").rows())
    expected = {"A": 0.9, "B": 0.6, "C": None} if owned else {"C": 0.75}
    assert {str(k): v for k, v in found.items()} == {
        name: None if value is None else pytest.approx(value) for name, value in expected.items()
    }
