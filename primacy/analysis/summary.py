"""The summary table: when each network learned each feature, and how it ended."""

import itertools

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.analysis.learning_times import (
    TIME_TO_LEARN,
    TIME_TO_PICK_UP,
    Times,
    area,
    dropped,
    times,
)
from primacy.analysis.runs import Runs, costs, own_target, stand_in
from primacy.records.curves import Rows
from primacy.records.manifest import CUT_SHORT
from primacy.records.study import ConditionRecord, FeatureRecord, StudyRecord

WHOLE = ("seed", "rank", "time_to_learn", "low_step", "time_to_pick_up", "end_step")
YES_OR_NO = ("learned", "forgotten", "picked_up", "dropped", "diverged")
"""Columns of the summary; those of measured values are floats."""

SCORES = {"final_accuracy": "accuracy", "final_r_squared": "r_squared"}
"""Of a feature's target, by column."""


def summary(
    curves: Rows,
    lanes: pl.DataFrame,
    record: StudyRecord,
    *,
    theta: float | None = None,
    budget: float = 1.0,
) -> pl.DataFrame:
    """One row for each lane and declared feature: when learned, how it ended, final values.

    `learned` is null for a feature without a criterion, `time_to_learn` and `rank` where it was
    not learned; ranks of ties are shared. `low_step` is the evaluation before `time_to_learn`.
    `picked_up` and `dropped` are null for a feature without a reference slope, `time_to_pick_up`
    also where it was not picked up, and `dropped` where the lane diverged.
    `area` is the mean height of the criterion's curve up to tau. Final values are those of the
    lane's last evaluation, at the last hidden layer; null where the lane diverged or there is no
    such value. All that depends on a run's end is null where it crashed. Columns of measures that
    were not stored are left out.

    Args:
        curves: in memory's form (`curves.named`).
        lanes: a row a lane.
        record: the study.
        theta: criterion instead of each condition's own.
        budget: as if training had ended at this share of the budget.
    """
    return table(Runs(curves, lanes, record), theta=theta, budget=budget)


def table(runs: Runs, *, theta: float | None = None, budget: float = 1.0) -> pl.DataFrame:
    """The summary of runs that were read before."""
    record = runs.record
    names = dict.fromkeys(
        f.name for c in record.conditions for f in c.features if f.null_of is None
    )
    parts = [_lane_rows(runs, condition, theta, budget) for condition in record.conditions]
    rows = {c: list(itertools.chain.from_iterable(part[c] for part in parts)) for c in parts[0]}
    schema: dict[str, pl.DataType] = dict.fromkeys(rows, pl.Float64())
    schema |= dict.fromkeys(WHOLE, pl.Int64()) | dict.fromkeys(YES_OR_NO, pl.Boolean())
    schema["condition"] = pl.Enum([c.name for c in record.conditions])
    schema["feature"], schema["ended"] = pl.Enum(list(names)), pl.String()
    return pl.DataFrame(rows, schema=schema).filter(pl.col("ended") != "")


def _lane_rows(
    runs: Runs, condition: ConditionRecord, theta: float | None, budget: float
) -> dict[str, list]:
    """The columns of one condition, by seed and then by feature; `ended` is "" if not run."""
    name = condition.name
    features = [f for f in condition.features if f.null_of is None]
    s, k = len(runs.seeds), len(features)
    no = np.zeros(s, dtype=bool)
    nothing = Times(no.astype(np.int64), no.astype(np.int64), no, no, ~no, 0)

    def all_times(event: str) -> list[Times]:
        given = [
            times(runs, name, f.name, event=event, theta=theta, budget=budget) for f in features
        ]
        return [nothing if found is None else found for found in given]

    def stack(columns: list[np.ndarray], dtype: type) -> np.ndarray:
        return np.stack(columns or [np.empty(0)], axis=-1).astype(dtype).reshape(s, k)

    learning, picking = all_times(TIME_TO_LEARN), all_times(TIME_TO_PICK_UP)
    ended = runs.ended(name)
    ran = np.repeat(ended != "crashed", k).reshape(s, k)  # of the others nobody knows the end
    time = stack([t.time for t in learning], np.int64)
    learned = stack([t.learned for t in learning], bool) & ran
    known = ~stack([t.unknown for t in learning], bool) & ran
    picked_up = stack([t.learned for t in picking], bool) & ran
    seen = ~stack([t.unknown for t in picking], bool) & ran
    left = [dropped(runs, name, f.name, budget=budget) for f in features]
    gone = stack([no if one is None else one for one in left], bool)
    earlier = (time[:, None, :] < time[:, :, None]) & learned[:, None, :]
    whole = np.repeat(~np.isin(ended, CUT_SHORT), k).reshape(s, k)

    def lane(values: np.ndarray) -> list:
        return np.repeat(values, k).tolist()

    rows = {
        "condition": [name] * (s * k),
        "seed": lane(runs.seeds),
        "feature": [f.name for f in features] * s,
        "rank": _where(1 + earlier.sum(axis=-1), learned),
        "time_to_learn": _where(time, learned),
        "low_step": _where(stack([t.low for t in learning], np.int64), learned),
        "learned": _where(learned, known),
        "forgotten": _where(stack([t.forgotten for t in learning], bool), known),
        "time_to_pick_up": _where(stack([t.time for t in picking], np.int64), picked_up),
        "picked_up": _where(picked_up, seen),
        "dropped": _where(gone, seen & whole),
        "diverged": lane(ended == "diverged"),
        "ended": lane(ended),
        "end_step": lane(runs.end_step(name)),
    }
    last = _last_values(runs, condition, features, budget)
    return rows | {c: _where(values, np.isfinite(values)) for c, values in last.items()}


def _where(values: np.ndarray, holds: np.ndarray) -> list:
    """The values in a row, None where they do not hold."""
    pairs = zip(values.ravel().tolist(), holds.ravel().tolist(), strict=True)
    return [value if held else None for value, held in pairs]


def _last_values(
    runs: Runs, condition: ConditionRecord, features: list[FeatureRecord], budget: float
) -> dict[str, Float[np.ndarray, "s k"]]:
    """Area, accuracy, what the cards place in the summary, total variance, reliance."""
    measures = SCORES | {m: m for m, card in runs.cards.items() if card.section is not None}
    measures |= {"total_variance": "total_variance", "reliance": "reliance"}
    steps, last = runs.steps(condition.name, budget), runs.last(condition.name, budget)
    layer = condition.layers[-1] if condition.layers else None
    shape = (len(runs.seeds), len(features))
    area_column = np.full(shape, np.nan)
    columns = {"area": area_column} | {
        c: np.full(shape, np.nan) for c, m in measures.items() if m in runs.cards
    }
    cut = np.isin(runs.ended(condition.name), CUT_SHORT)
    tau = int(steps[max(0, len(steps) - condition.confirm)])
    owned = {t.name for t in condition.targets} <= {f.target for f in condition.features}
    for k, feature in enumerate(features):
        at = {"feature": feature.name, "target": own_target(condition, feature.name)}
        for column in columns.keys() & measures.keys():
            if column in SCORES and feature.target is None and owned:
                continue  # only watched: every target is another feature's, and so is its score
            measure = stand_in(runs, measures[column], feature)
            trace = runs.trace(condition.name, measure, layer=layer, **at)
            if trace is not None:
                columns[column][:, k] = trace[np.arange(len(last)), last]
        for column, values in costs(runs, condition, feature, last).items():
            columns.setdefault(column, np.full(shape, np.nan))[:, k] = values
        if feature.criterion is not None and feature.criterion.measure in runs.cards:
            at["split"] = feature.criterion.split
            trace = runs.trace(condition.name, feature.criterion.measure, **at)
            if trace is not None:
                heights = area(trace[:, : len(steps)], steps, tau)
                area_column[:, k] = heights
    # What a lane that was cut short held last is no final value, though it may be a number.
    return {name: np.where(cut[:, None], np.nan, own) for name, own in columns.items()}
