"""Conditions and runs that were watched for different lengths are compared as far as all were."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from primacy.analysis.compared import Side
from primacy.analysis.comparison import compare
from primacy.analysis.contrasts import estimate
from primacy.analysis.runs import Runs
from primacy.calibration import hand_written
from primacy.records import curves
from primacy.records.study import Contrast, Hypothesis

N = 8
RECORD = hand_written._record()


def runs_of(budgets, times, hypotheses=()):
    """Conditions x = 1, 2, ... measured every 10 steps, each seed learning all at its time."""
    conditions = [
        dataclasses.replace(
            RECORD.conditions[0], key="abc"[i] * 12, name=f"x={i + 1}", factors={"x": i + 1},
            steps=tuple(range(0, budget + 10, 10)),
        )
        for i, budget in enumerate(budgets)
    ]  # fmt: skip
    record = dataclasses.replace(
        RECORD, conditions=tuple(conditions), seeds=tuple(range(N)), hypotheses=hypotheses
    )
    parts, lanes = [], []
    for condition, when in zip(conditions, times, strict=True):
        steps = np.array(condition.steps)
        height = np.where(steps >= np.broadcast_to(when, N)[:, None], 1.0, 0.5)
        values = np.repeat(height[..., None], 2, axis=-1).astype(np.float32)
        who = {"condition": [condition.key] * N, "seed": list(range(N))}
        which = {"feature": ["A", "B"], "target": ["A", "B"]}
        axes = [who, {"step": list(condition.steps)}, which]
        parts.append(curves.from_array(values, axes, measure="accuracy", split="test"))
        lanes += [(condition.key, seed, "budget", condition.steps[-1]) for seed in range(N)]
    table = pl.DataFrame(lanes, schema=dict(curves.LANES), orient="row")
    return Runs(curves.named(pl.concat(parts), record), curves.named(table, record), record)


def test_a_longer_training_alone_does_not_raise_the_mean_height():
    """Oracle: the same times in both conditions, so there is no difference."""
    times = np.array([20, 30, 40, 50, 20, 30, 40, 50])
    runs = runs_of((120, 300), (times, times))
    one, other = ({"x": x, "target": "A"} for x in (1, 2))
    found = estimate(runs, Contrast(measure="accuracy", of=one, minus=other, at="mean"))
    assert found.pairs == N and found.value == 0
    alone = estimate(runs, Contrast(measure="accuracy", of=one, at="mean"))
    assert found.columns[1] == pytest.approx(alone.columns[0])


def test_times_of_two_runs_are_cut_before_they_are_pooled():
    """By hand: (50 + 90) / 2 = 70 against (50 + min(900, 100)) / 2 = 75: 5 steps apart."""
    pooled = Contrast(measure="time_to_learn", of={"feature": "A"}, pool=("x",))
    asked = (Hypothesis(id="h", claim="", contrast=pooled, expect="greater", margin=0.0),)
    short = runs_of((120, 120), (50, 90), asked)
    long = runs_of((1020, 1020), (50, 900), asked)
    row = next(r for r in compare([Side("a", short), Side("b", long)]).rows if r.kind == "contrast")
    assert [f.value for f in row.found] == [70, 475]
    assert [set(seeds.values()) for seeds in row.by_seed] == [{70}, {75}]
    assert row.differences[0].value == 5
