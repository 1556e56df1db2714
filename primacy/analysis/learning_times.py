"""When each network learned each feature, with what is not known about it carried along.

A time-to-learn is always a time *and* whether it was reached: a lane that does not get there within
tau is censored at tau, as in survival analysis; it is never NaN, never infinity, never a silent
cap. tau is the last evaluation that can still be confirmed.

A time-to-pick-up is the same at a lower mark, for features that are judged by their slope: a
quarter of the slope that the best predictor gives the feature, from all features or from this one
alone. So it is told of a tempting feature that the best predictor ignores, too.

A time-to-abandon is when a network stops relying on a feature that it relied on before: a feature
that it never relied on is censored as one that it never gave up.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from primacy.analysis.runs import (
    RELIANCE,
    SLOPE,
    Runs,
    criterion_of,
    feature_record,
    own_target,
    reference_slope,
)
from primacy.records.study import ConditionRecord, Criterion

TIME_TO_LEARN = "time_to_learn"
TIME_TO_PICK_UP = "time_to_pick_up"
TIME_TO_ABANDON = "time_to_abandon"
EVENTS = {TIME_TO_LEARN: "learned", TIME_TO_PICK_UP: "picked up", TIME_TO_ABANDON: "abandoned"}
"""What can stand where a measure's name stands, and what has happened once its time has come."""

PICKED_UP = 0.25
DROPPED = 0.1
"""Shares of the reference slope (`runs.reference_slope`) at which a feature counts as picked up,
and below which one that was picked up counts as dropped."""

RELIED_ON = 0.25
ABANDONED = 0.1
"""Reliance (`measures.used`) from which an output relies on a feature, and below which it has
abandoned one that it relied on."""


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


def time_to_abandon(
    values: Float[np.ndarray, "*lanes e"],
    steps: Int[np.ndarray, " e"],
    confirm: int,
    last: Int[np.ndarray, " *lanes"] | None = None,
) -> TimeToLearn:
    """First evaluation of those below `ABANDONED` up to the end, after `RELIED_ON` was reached.

    Unit: training steps. Relied on: from `RELIED_ON` on for `confirm` evaluations, as a time-to-
    learn is confirmed. Abandoned: below `ABANDONED` at every evaluation from then to the lane's
    last, and at `confirm` of them at least. A lane that never relied on the feature, or does so
    again, is censored at tau. `forgotten` is never true: what is abandoned stays so.

    Args:
        values: the reliance of each lane.
        steps: the training step of each evaluation.
        confirm: evaluations in a row that it takes (m).
        last: position of each lane's last evaluation; None: the last of all.
    """
    e = len(steps)
    end = np.full(values.shape[:-1], e - 1) if last is None else np.minimum(last, e - 1)
    began = time_to_learn(values, steps, RELIED_ON, confirm)
    below = (values < values.dtype.type(ABANDONED)) | (np.arange(e) > end[..., None])
    stays = np.flip(np.logical_and.accumulate(np.flip(below, -1), axis=-1), -1)
    confirmed = np.arange(e) + confirm <= end[..., None] + 1
    later = began.learned[..., None] & (steps > began.time[..., None])
    starts = stays & confirmed & later
    gone = starts.any(axis=-1)
    first = np.where(gone, starts.argmax(axis=-1), max(0, e - confirm))
    return TimeToLearn(np.asarray(steps[first]), np.asarray(gone), np.zeros_like(gone))


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
    height = carried(values.astype(np.float64))[..., inside]
    x = steps[inside]
    if tau <= 0 or len(x) < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.trapezoid(height, x, axis=-1) / (x[-1] - x[0]))


def carried(values: Float[np.ndarray, "*lanes e"]) -> Float[np.ndarray, "*lanes e"]:
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
    """Time-to-learn (or to pick up) of one feature in one condition, a lane (seed) a row."""

    time: Int[np.ndarray, " s"]
    """T, or tau where censored."""
    low: Int[np.ndarray, " s"]
    """The evaluation before T: the true time lies after it. tau where censored."""
    learned: Bool[np.ndarray, " s"]
    """Or picked up: the event was reached within tau, and confirmed."""
    forgotten: Bool[np.ndarray, " s"]
    """Later below the threshold for as long as confirming takes."""
    unknown: Bool[np.ndarray, " s"]
    """Stopped (by another criterion) before it was learned and before the budget ended."""
    tau: int


def times(
    runs: Runs,
    condition: str,
    feature: str | None,
    target: str | None = None,
    *,
    event: str = TIME_TO_LEARN,
    by: int | None = None,
    theta: float | None = None,
    budget: float = 1.0,
) -> Times | None:
    """Time-to-learn of a feature, or of a target itself where `feature` is None.

    None: it has no criterion, what the criterion looks at was not measured, or `by` cannot be
    confirmed within the budget.

    Args:
        runs: the study's runs.
        condition: display name.
        feature: a declared feature.
        target: of the feature's criterion; None: its own, else the only one.
        event: `time_to_learn`, `time_to_pick_up` (of features with a reference slope), or
            `time_to_abandon` (of features whose columns can be interchanged).
        by: an evaluation that takes the place of tau; it is confirmed by those that follow it.
        theta: criterion instead of the condition's own (a pick-up has its own: `PICKED_UP`).
        budget: as if training had ended at this share of the budget.
    """
    key = ("times", condition, feature, target, event, by, theta, budget)
    if key not in runs.memo:
        runs.memo[key] = _times(runs, condition, feature, target, event, by, theta, budget)
    return runs.memo[key]


def _times(
    runs: Runs,
    name: str,
    feature: str | None,
    target: str | None,
    event: str,
    by: int | None,
    theta: float | None,
    budget: float,
) -> Times | None:
    condition = runs.record.condition(name)
    criterion = event_criterion(condition, event, feature, target)
    if criterion is None or criterion.measure not in runs.cards:
        return None
    target = target or own_target(condition, feature)
    at = {"split": criterion.split, "feature": feature, "target": target}
    full = runs.trace(name, criterion.measure, **at)
    if full is None:
        return None
    steps = runs.steps(name, budget)
    if event == TIME_TO_PICK_UP:
        theta = PICKED_UP
    theta = condition.theta if theta is None else theta
    end = full[np.arange(len(full)), runs.last(name, budget)]
    threshold = _threshold(criterion, theta / condition.theta, theta, end)
    if by is not None:
        # The criterion stays that of the whole run; only the time in which to reach it is shorter.
        length = int(np.searchsorted(steps, by)) + condition.confirm
        if by not in steps or length > len(steps):
            return None
        steps = steps[:length]
    below = criterion.ceiling is not None and criterion.ceiling < criterion.chance
    sign = -1 if below else 1  # a ceiling below chance is reached from above
    values = sign * full[:, : len(steps)]
    tau = int(steps[max(0, len(steps) - condition.confirm)])
    if event == TIME_TO_ABANDON:
        # Abandoned is what stays so to the end, however early `by` asks about it.
        whole = runs.steps(name, budget)
        found = time_to_abandon(full[:, : len(whole)], whole, condition.confirm, runs.last(name))
        soon = found.learned & (found.time <= tau)
        found = found._replace(time=np.where(soon, found.time, tau), learned=soon)
    else:
        found = time_to_learn(values, steps, sign * threshold, condition.confirm)
    time, learned, forgotten = found
    before = steps[np.maximum(np.searchsorted(steps, time) - 1, 0)]
    early = (runs.ended(name) == "learned") & (runs.end_step(name) < steps[-1])
    return Times(time, np.where(learned, before, time), learned, forgotten, early & ~learned, tau)


def event_criterion(
    condition: ConditionRecord, event: str, feature: str | None, target: str | None = None
) -> Criterion | None:
    """What an event is judged by; None: this has no such event."""
    if event == TIME_TO_LEARN:
        return criterion_of(condition, feature, target)
    if event == TIME_TO_ABANDON:
        has = feature is not None and feature_record(condition, feature).columns
        return Criterion(measure=RELIANCE, chance=0.0, ceiling=1.0) if has else None
    slope = None if feature is None else reference_slope(condition, feature)
    return None if slope is None else Criterion(measure=SLOPE, chance=0.0, ceiling=slope)


def dropped(
    runs: Runs, condition: str, feature: str, *, budget: float = 1.0
) -> Bool[np.ndarray, " s"] | None:
    """Which lanes picked a feature up and have let it go by their end.

    Let go: a slope smaller in size than `DROPPED` of the reference slope, in each of the lane's
    last m evaluations. False also where it was never picked up, and where the lane diverged.
    None: the feature has no time-to-pick-up.
    """
    found = times(runs, condition, feature, event=TIME_TO_PICK_UP, budget=budget)
    record = runs.record.condition(condition)
    slope = reference_slope(record, feature)
    if found is None or slope is None:
        return None
    trace = runs.trace(condition, SLOPE, feature=feature, target=own_target(record, feature))
    if trace is None:
        return None
    small = _in_a_row(np.abs(trace) < np.float32(DROPPED * abs(slope)), record.confirm)
    first = np.maximum(runs.last(condition, budget) - record.confirm + 1, 0)
    return found.learned & small[np.arange(len(small)), first]


def _threshold(
    criterion: Criterion, scale: float, theta: float, end: Float[np.ndarray, " s"]
) -> Float[np.ndarray, " s"]:
    """Where each lane's criterion lies; NaN (never reached) for a feature that is not used.

    Another theta scales a stated amount too.
    """
    if criterion.amount is not None:
        return np.full(len(end), scale * criterion.amount)
    if criterion.ceiling is not None:
        chance, ceiling = criterion.chance, criterion.ceiling
        return np.full(len(end), chance + theta * (ceiling - chance))
    ceiling = end.astype(np.float64)
    used = ceiling >= (-np.inf if criterion.floor is None else criterion.floor)
    return np.where(used, criterion.chance + theta * (ceiling - criterion.chance), np.nan)
