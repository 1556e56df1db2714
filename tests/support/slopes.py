"""Made-up runs of a regression study whose features are judged by their slopes."""

import numpy as np
import polars as pl

from primacy.analysis.runs import Runs
from primacy.records import curves as curves_module
from primacy.records.study import (
    ConditionRecord,
    Criterion,
    FeatureRecord,
    StudyRecord,
    TargetRecord,
)
from tests.support import synthetic

STEPS = tuple(range(0, 1100, 100))
SLOPE = "input_gradient_signed"


def feature(name, column, best=None, solo=None, columns=None) -> FeatureRecord:
    """A feature as `describe` records it."""
    criterion = Criterion(measure=SLOPE, chance=0.0, ceiling=best) if best else None
    return FeatureRecord(
        name=name, columns=columns or (column,), target=None, predictivity=None, complexity=None,
        criterion=criterion, best=best, solo=solo,
        reason=None if criterion else "not learned, and why",
    )  # fmt: skip


FEATURES = (
    feature("clean", 0, best=1.0, solo=1.0),
    feature("reversed", 1, best=-2.0, solo=0.5),
    feature("noisy", 2, best=0.0, solo=-0.8),
    feature("copy", 3, best=None, solo=1.0),
    feature("copy #2", 4, best=None, solo=1.0),
    feature("noise", 5, best=0.0, solo=0.0),
    feature("distractors", 6, best=0.0, solo=0.0, columns=(6, 7)),
)


def study(slopes, *, ended=None, r_squared=None, features=FEATURES, hypotheses=(), name="default"):
    """Runs of which feature f of seed s has the curve `slopes[f][s]` over `STEPS`.

    Returns:
        record, curves, lanes.
    """
    n = len(next(iter(slopes.values())))
    condition = ConditionRecord(
        key="k" * 12, name=name, factors={}, spec={}, features=features,
        targets=(TargetRecord(name="y", kind="number", chance=0.0, ceiling=1.0,
                              ceiling_known=True),),
        inputs=tuple("abcdefgh"), layers=("hidden1",), steps=STEPS, steps_per_epoch=None,
        theta=0.9, confirm=3, stop="budget", parameters=10,
    )  # fmt: skip
    axes = {SLOPE: ("site", "target"), "r_squared": ("target",)}
    record = StudyRecord(
        name="slopes", question="", study_hash="0" * 64, seeds=tuple(range(n)),
        conditions=(condition,), hypotheses=hypotheses,
        measures=tuple(synthetic.dataclasses.replace(
            synthetic.card("reliance"), name=m, axes=a) for m, a in axes.items()),
    )  # fmt: skip
    parts = {(SLOPE, f): values for f, values in slopes.items()}
    if r_squared is not None:
        parts["r_squared", None] = r_squared
    tables = [
        curves_module.from_array(
            np.asarray(values, float),
            [{"condition": ["k" * 12] * n, "seed": list(range(n))}, {"step": list(STEPS)}],
            measure=measure,
            split="test",
            target="y",
            **({"feature": f} if f else {}),
        )
        for (measure, f), values in parts.items()
    ]
    ends = [("k" * 12, s, *(ended or {}).get(s, ("budget", STEPS[-1]))) for s in range(n)]
    lanes = pl.DataFrame(ends, schema=dict(curves_module.LANES), orient="row")
    last = {s: end for _, s, _, end in ends}
    table = pl.concat(tables).filter(
        pl.col("step") <= pl.col("seed").replace_strict(last, return_dtype=pl.Int64)
    )
    return record, curves_module.named(table, record), curves_module.named(lanes, record)


def runs(*args, **kwargs) -> Runs:
    """The same, opened."""
    record, curves, lanes = study(*args, **kwargs)
    return Runs(curves, lanes, record)


def reaches(at, low=0.0, high=1.0):
    """A curve that steps from `low` to `high` at step `at`; never, where `at` is None."""
    return np.where(np.array(STEPS) >= (at if at is not None else np.inf), high, low)
