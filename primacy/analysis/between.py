"""The area between two learning curves: how far apart two features are learned, at no threshold.

The height of a curve is the fraction of the way from chance to ceiling, by each feature's own
criterion, so that accuracies and shares of variance compare. A test of the signed area over
networks is a contrast of the criterion's measure with `at = "mean"`.
"""

import itertools
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from primacy.analysis.learning_times import carried
from primacy.analysis.runs import Runs, own_target
from primacy.records.manifest import CUT_SHORT
from primacy.records.study import ConditionRecord, FeatureRecord


class Areas(NamedTuple):
    """The mean distance of two curves over steps 0 to tau, by the trapezoid rule."""

    signed: Float[np.ndarray, "*lanes"]
    """First minus second: positive where the first is learned sooner, or further. Curves that cross
    may have 0. NaN: a value is missing, or there is no span."""
    total: Float[np.ndarray, "*lanes"]
    """The distance without its sign: 0 only where the curves are one, and larger than the signed
    one in size where they cross. Noise of either curve adds to it."""


def area_between(
    first: Float[np.ndarray, "*lanes e"],
    second: Float[np.ndarray, "*lanes e"],
    steps: Int[np.ndarray, " e"],
    tau: int,
) -> Areas:
    """The area between two curves, over its width: in the curves' own unit.

    The last value of a lane that stopped early is carried on. Where two lines between evaluations
    cross, both triangles count in the total.
    """
    inside = steps <= tau
    x = steps[inside].astype(np.float64)
    gap = carried(first.astype(np.float64)) - carried(second.astype(np.float64))
    gap = gap[..., inside]
    if tau <= 0 or len(x) < 2:
        nothing = np.full(gap.shape[:-1], np.nan)
        return Areas(nothing, nothing)
    left, right, width = gap[..., :-1], gap[..., 1:], np.diff(x)
    size = np.abs(left) + np.abs(right)
    crossing = (left**2 + right**2) / (2 * np.where(size > 0, size, 1.0))
    apart = np.where(left * right < 0, crossing, size / 2)
    whole = x[-1] - x[0]
    return Areas(
        np.asarray(((left + right) / 2 * width).sum(axis=-1) / whole),
        np.asarray((apart * width).sum(axis=-1) / whole),
    )


def table(runs: Runs) -> pl.DataFrame:
    """One row for each condition, seed and pair of features with a ceiling of their own.

    `area` is positive where `first` is learned sooner or further; null where the lane diverged or
    crashed, or a value is missing.
    """
    rows: dict[str, list] = {name: [] for name in SCHEMA}
    for condition in runs.record.conditions:
        heights = {
            f.name: height
            for f in condition.features
            if (height := _height(runs, condition, f)) is not None
        }
        steps = runs.steps(condition.name)
        tau = int(steps[max(0, len(steps) - condition.confirm)])
        lost = np.isin(runs.ended(condition.name), CUT_SHORT)
        for one, other in itertools.combinations(heights, 2):
            found = area_between(heights[one], heights[other], steps, tau)
            for i, seed in enumerate(runs.seeds.tolist()):
                areas = [float(a[i]) for a in found]
                known = np.isfinite(areas).all() and not lost[i]
                values = (condition.name, seed, one, other, *(areas if known else (None, None)))
                for name, value in zip(SCHEMA, values, strict=True):
                    rows[name].append(value)
    return pl.DataFrame(rows, schema=SCHEMA)


SCHEMA = {
    "condition": pl.String(),
    "seed": pl.Int64(),
    "first": pl.String(),
    "second": pl.String(),
    "area": pl.Float64(),
    "area_total": pl.Float64(),
}


def _height(
    runs: Runs, condition: ConditionRecord, feature: FeatureRecord
) -> Float[np.ndarray, "s e"] | None:
    """A feature's curve from 0 at chance to 1 at the ceiling; None: it has no such curve."""
    criterion = feature.criterion
    if feature.null_of is not None or criterion is None or criterion.ceiling is None:
        return None
    if criterion.measure not in runs.cards or criterion.ceiling == criterion.chance:
        return None
    trace = runs.trace(
        condition.name,
        criterion.measure,
        split=criterion.split,
        feature=feature.name,
        target=own_target(condition, feature.name),
    )
    if trace is None:
        return None
    return (trace - criterion.chance) / (criterion.ceiling - criterion.chance)
