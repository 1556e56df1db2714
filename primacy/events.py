"""When each network learned each feature, with what is not known about it carried along.

A time-to-learn is always a time *and* whether it was reached: a lane that does not get there within
tau is censored at tau, as in survival analysis; it is never NaN, never infinity, never a silent
cap. tau is the last evaluation that can still be confirmed.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from primacy.record import ConditionRecord, Criterion, FeatureRecord, StudyRecord
from primacy.runs import Runs, criterion_of, own_target


class TimeToLearn(NamedTuple):
    """When each lane reached the criterion; where it never did, tau."""

    time: Int[np.ndarray, "..."]
    learned: Bool[np.ndarray, "..."]
    """False: censored, the true time is later than `time`."""
    forgotten: Bool[np.ndarray, "..."]
    """Later below the criterion for as long as confirming takes; `time` stands."""


def time_to_learn(
    values: Float[np.ndarray, "*lanes e"],
    steps: Int[np.ndarray, " e"],
    threshold: float | Float[np.ndarray, "*lanes"],
    confirm: int,
) -> TimeToLearn:
    """First evaluation at or above the threshold which stays there for `confirm` evaluations.

    Unit: training steps. Crossing once is not enough: at chance with 128 test examples and 100
    evaluations, 72 % of runs cross .60 by luck. NaN is not at the criterion, and not below it
    either, so the missing rows of a lane that stopped early are no forgetting. True times lie
    between this evaluation and the one before.

    Args:
        values: a curve a lane, higher is better.
        steps: the training step of each evaluation.
        threshold: of all lanes, or one a lane; NaN is never reached.
        confirm: evaluations in a row that must be at the threshold (m).
    """
    # The curves are float32: 950 of 1,000 must reach .95, which is .95 in double precision only.
    threshold = np.asarray(threshold).astype(values.dtype)[..., None]
    last = max(0, len(steps) - confirm)
    starts = _in_a_row(values >= threshold, confirm)
    learned = starts.any(axis=-1)
    first = np.where(learned, starts.argmax(axis=-1), last)
    lost = _in_a_row(values < threshold, confirm)
    later = np.arange(lost.shape[-1]) > first[..., None]
    forgotten = learned & (lost & later).any(axis=-1)
    return TimeToLearn(np.asarray(steps[first]), np.asarray(learned), np.asarray(forgotten))


def _in_a_row(true: Bool[np.ndarray, "*lanes e"], m: int) -> Bool[np.ndarray, "*lanes e"]:
    """Whether a run of `m` begins at each position."""
    e = true.shape[-1]
    starts = np.zeros_like(true)
    if m <= e:
        windows = np.lib.stride_tricks.sliding_window_view(true, m, axis=-1)
        starts[..., : e - m + 1] = windows.all(axis=-1)
    return starts


def area(
    values: Float[np.ndarray, "*lanes e"], steps: Int[np.ndarray, " e"], tau: int
) -> Float[np.ndarray, "*lanes"]:
    """Mean height of a curve over steps 0 to tau (trapezoid): learning without a threshold.

    In the measure's own unit: a constant curve gives that constant. The last value of a lane that
    stopped early is carried on. NaN: a value is missing before the end, or there is no span (tau
    is 0). It mixes speed and final height: two curves that cross can have one area.
    """
    inside = steps <= tau
    height = _carried(values.astype(np.float64))[..., inside]
    x = steps[inside]
    if tau <= 0 or len(x) < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.trapezoid(height, x, axis=-1) / (x[-1] - x[0]))


def _carried(values: Float[np.ndarray, "*lanes e"]) -> Float[np.ndarray, "*lanes e"]:
    """The curve with its last number in place of the NaN at its end."""
    seen = np.isfinite(values)
    e = values.shape[-1]
    last = np.where(seen.any(axis=-1), e - 1 - seen[..., ::-1].argmax(axis=-1), 0)[..., None]
    return np.where(np.arange(e) > last, np.take_along_axis(values, last, axis=-1), values)


def restricted_mean(time: Int[np.ndarray, "..."], tau: int) -> float:
    """Mean of min(T, tau): the steps until learned, where nobody is watched beyond tau (RMST).

    Unit: training steps. tau: nobody learned it in time. Valid as a plain mean only where every
    lane was watched up to tau. NaN: no lanes.

    Reference: Royston & Parmar 2013, BMC Medical Research Methodology 13:152.
    """
    return float(np.minimum(time, tau).mean()) if time.size else float("nan")


@dataclasses.dataclass(frozen=True)
class Times:
    """Time-to-learn of one feature in one condition, a lane (seed) a row."""

    time: Int[np.ndarray, " s"]
    """T, or tau where censored."""
    low: Int[np.ndarray, " s"]
    """The evaluation before T: the true time lies after it. tau where censored."""
    learned: Bool[np.ndarray, " s"]
    forgotten: Bool[np.ndarray, " s"]
    unknown: Bool[np.ndarray, " s"]
    """Stopped (by another criterion) before it was learned and before the budget ended."""
    tau: int


def times(
    runs: Runs,
    condition: str,
    feature: str | None,
    target: str | None = None,
    *,
    theta: float | None = None,
    budget: float = 1.0,
) -> Times | None:
    """Time-to-learn of a feature, or of a target itself where `feature` is None.

    None: it has no criterion, or what the criterion looks at was not measured.

    Args:
        runs: the study's runs.
        condition: display name.
        feature: a declared feature.
        target: of the feature's criterion; None: its own, else the only one.
        theta: criterion instead of the condition's own.
        budget: as if training had ended at this share of the budget.
    """
    key = ("times", condition, feature, target, theta, budget)
    if key not in runs.memo:
        runs.memo[key] = _times(runs, condition, feature, target, theta, budget)
    return runs.memo[key]


def _times(
    runs: Runs,
    name: str,
    feature: str | None,
    target: str | None,
    theta: float | None,
    budget: float,
) -> Times | None:
    condition = runs.record.condition(name)
    criterion = criterion_of(condition, feature, target)
    if criterion is None or criterion.measure not in runs.cards:
        return None
    target = target or own_target(condition, feature)
    full = runs.trace(name, criterion.measure, feature=feature, target=target)
    if full is None:
        return None
    steps = runs.steps(name, budget)
    values, last = full[:, : len(steps)], runs.last(name, budget)
    theta = condition.theta if theta is None else theta
    threshold = _threshold(criterion, theta, values[np.arange(len(values)), last])
    time, learned, forgotten = time_to_learn(values, steps, threshold, condition.confirm)
    before = steps[np.maximum(np.searchsorted(steps, time) - 1, 0)]
    early = (runs.ended(name) == "learned") & (runs.end_step(name) < steps[-1])
    tau = int(steps[max(0, len(steps) - condition.confirm)])
    return Times(time, np.where(learned, before, time), learned, forgotten, early & ~learned, tau)


def _threshold(
    criterion: Criterion, theta: float, end: Float[np.ndarray, " s"]
) -> Float[np.ndarray, " s"]:
    """Where each lane's criterion lies; NaN (never reached) for a feature that is not used."""
    if criterion.ceiling is not None:
        chance, ceiling = criterion.chance, criterion.ceiling
        return np.full(len(end), chance + theta * (ceiling - chance))
    ceiling = end.astype(np.float64)
    used = ceiling >= (-np.inf if criterion.floor is None else criterion.floor)
    return np.where(used, criterion.chance + theta * (ceiling - criterion.chance), np.nan)


def summary(
    curves: pl.DataFrame,
    lanes: pl.DataFrame,
    record: StudyRecord,
    *,
    theta: float | None = None,
    budget: float = 1.0,
) -> pl.DataFrame:
    """One row for each lane and declared feature: when learned, how it ended, final values.

    `learned` is null for a feature without a criterion, `time_to_learn` and `rank` where it was
    not learned; ranks of ties are shared. `low_step` is the evaluation before `time_to_learn`.
    `area` is the mean height of the criterion's curve up to tau. Final values are those of the
    lane's last evaluation, at the last hidden layer; null where the lane diverged or there is no
    such value. Columns of measures that were not stored are left out.

    Args:
        curves: in memory's form (`curves.named`).
        lanes: a row a lane.
        record: the study.
        theta: criterion instead of each condition's own.
        budget: as if training had ended at this share of the budget.
    """
    runs = Runs(curves, lanes, record)
    together = pl.concat(
        [_lane_rows(runs, condition, theta, budget) for condition in record.conditions],
        how="diagonal",
    )
    conditions = pl.Enum([c.name for c in record.conditions])
    names = dict.fromkeys(
        f.name for c in record.conditions for f in c.features if f.null_of is None
    )
    return together.with_columns(
        pl.col("condition").cast(conditions), pl.col("feature").cast(pl.Enum(list(names)))
    )


def _lane_rows(
    runs: Runs, condition: ConditionRecord, theta: float | None, budget: float
) -> pl.DataFrame:
    """The rows of one condition, by seed and then by feature."""
    name = condition.name
    features = [f for f in condition.features if f.null_of is None]
    found = [times(runs, name, f.name, theta=theta, budget=budget) for f in features]
    s, k = len(runs.seeds), len(features)

    def stack(field: str, dtype: type) -> np.ndarray:
        return np.stack(
            [getattr(t, field) if t else np.zeros(s, dtype) for t in found] or [[]], axis=-1
        ).reshape(s, k)

    judged = np.broadcast_to(np.array([t is not None for t in found], dtype=bool), (s, k))
    time, low, learned = stack("time", np.int64), stack("low", np.int64), stack("learned", bool)
    known = judged & ~stack("unknown", bool)
    earlier = (time[:, None, :] < time[:, :, None]) & learned[:, None, :]
    ended = runs.ended(name)

    def lane(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, k)

    rows = {
        "condition": [name] * (s * k),
        "seed": lane(runs.seeds),
        "feature": [f.name for f in features] * s,
        "rank": _where(1 + earlier.sum(axis=-1), learned),
        "time_to_learn": _where(time, learned),
        "low_step": _where(low, learned),
        "learned": _where(learned, known),
        "forgotten": _where(stack("forgotten", bool), known),
        "diverged": lane(ended == "diverged"),
        "ended": lane(ended).tolist(),
        "end_step": lane(runs.end_step(name)),
    }
    schema: dict[str, pl.DataType] = dict.fromkeys(rows, pl.Int64())
    schema |= dict.fromkeys(("condition", "feature", "ended"), pl.String())
    schema |= dict.fromkeys(("learned", "forgotten", "diverged"), pl.Boolean())
    for column, values in _last_values(runs, condition, features, budget).items():
        rows[column], schema[column] = _where(values, np.isfinite(values)), pl.Float64()
    return pl.DataFrame(rows, schema=schema).filter(pl.Series(lane(ended != ""), dtype=pl.Boolean))


def _where(values: np.ndarray, holds: np.ndarray) -> list:
    """The values in a row, None where they do not hold."""
    pairs = zip(values.ravel().tolist(), holds.ravel().tolist(), strict=True)
    return [value if held else None for value, held in pairs]


def _last_values(
    runs: Runs, condition: ConditionRecord, features: list[FeatureRecord], budget: float
) -> dict[str, Float[np.ndarray, "s k"]]:
    """Area, accuracy, variance explained in each definition, total variance, reliance."""
    measures = {"final_accuracy": "accuracy", "final_r_squared": "r_squared"}
    measures |= {m: m for m in runs.cards if m.startswith("variance_")}
    measures |= {"total_variance": "total_variance", "reliance": "reliance"}
    steps, last = runs.steps(condition.name, budget), runs.last(condition.name, budget)
    layer = condition.layers[-1] if condition.layers else None
    shape = (len(runs.seeds), len(features))
    area_column = np.full(shape, np.nan)
    columns = {"area": area_column} | {
        c: np.full(shape, np.nan)
        for c, m in measures.items()
        if m in runs.cards and m != "variance_explained_of_final"  # at the end: variance_explained
    }
    diverged = runs.ended(condition.name) == "diverged"
    tau = int(steps[max(0, len(steps) - condition.confirm)])
    for k, feature in enumerate(features):
        at = {"feature": feature.name, "target": own_target(condition, feature.name)}
        for column in columns.keys() - {"area"}:
            trace = runs.trace(condition.name, measures[column], layer=layer, **at)
            if trace is not None:
                columns[column][:, k] = trace[np.arange(len(last)), last]
        if feature.criterion is not None and feature.criterion.measure in runs.cards:
            trace = runs.trace(condition.name, feature.criterion.measure, **at)
            if trace is not None:
                heights = area(trace[:, : len(steps)], steps, tau)
                area_column[:, k] = np.where(diverged, np.nan, heights)
    return columns
