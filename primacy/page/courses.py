"""A measure's course over training: rows for lines, and their median and band over seeds."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from primacy import curves as tables
from primacy.events import own_target
from primacy.record import ConditionRecord


def path(
    condition: ConditionRecord,
    curves: pl.DataFrame,
    lanes: pl.DataFrame,
    measure: str,
    names: Sequence[str],
) -> pl.DataFrame:
    """The held-out course of a measure: step, seed, feature, value.

    Of the last hidden layer and of the feature's own target. A lane that stopped because
    everything was learned carries its last value on; a diverged one ends where it ended.
    """
    own = curves.filter(
        (pl.col("condition").cast(pl.String) == condition.name) & (pl.col("split") == "test")
    )
    rows = tables.select(own, measure).with_columns(
        pl.col("feature", "target", "layer").cast(pl.String)
    )
    targets = {f.name: own_target(condition, f.name) for f in condition.features}
    last = condition.layers[-1] if condition.layers else None
    rows = rows.filter(
        pl.col("feature").is_in(list(names)),
        pl.col("layer").is_null() | (pl.col("layer") == last),
    ).with_columns(
        owned=pl.col("feature").replace_strict(targets, default=None, return_dtype=pl.String)
    )
    rows = rows.filter(
        pl.col("target").is_null()
        | pl.col("owned").is_null()
        | (pl.col("target") == pl.col("owned"))
    )
    return _carried(rows, condition, lanes, "feature")


def task_path(
    condition: ConditionRecord, curves: pl.DataFrame, lanes: pl.DataFrame, measure: str
) -> pl.DataFrame:
    """The same for a measure of whole targets; the target stands in the column `feature`."""
    own = curves.filter(
        (pl.col("condition").cast(pl.String) == condition.name)
        & (pl.col("split") == "test")
        & pl.col("target").is_not_null()
    )
    rows = tables.select(own, measure).with_columns(feature=pl.col("target").cast(pl.String))
    return _carried(rows, condition, lanes, "feature")


def _carried(
    rows: pl.DataFrame, condition: ConditionRecord, lanes: pl.DataFrame, key: str
) -> pl.DataFrame:
    rows = rows.group_by("step", "seed", key).agg(pl.col("value").mean().cast(pl.Float64))
    ended = lanes.filter(pl.col("condition").cast(pl.String) == condition.name).select(
        "seed", stopped=pl.col("ended").cast(pl.String) == "learned"
    )
    steps = pl.DataFrame({"step": condition.steps}, schema={"step": pl.Int64})
    grid = rows.select("seed", key).unique(maintain_order=True).join(steps, how="cross")
    grid = grid.join(rows, on=["step", "seed", key], how="left").join(ended, on="seed", how="left")
    on = pl.col("value").forward_fill().over(["seed", key], order_by="step")
    value = pl.when(pl.col("stopped")).then(on).otherwise(pl.col("value"))
    return (
        grid.with_columns(value=value)
        .drop_nulls("value")
        .select("step", "seed", key, "value")
        .sort(key, "seed", "step")
    )


def diverged(condition: ConditionRecord, lanes: pl.DataFrame) -> int:
    """How many of a condition's lanes diverged, and so leave its curves early."""
    own = lanes.filter(pl.col("condition").cast(pl.String) == condition.name)
    return own.filter(pl.col("ended").cast(pl.String) == "diverged").height


def bands(course: pl.DataFrame) -> pl.DataFrame:
    """Median and band over seeds: step, feature, median, low, high, seeds.

    The band is the 10-90 % range, and the whole range with fewer than 10 seeds.
    """
    few = pl.col("value").count() < 10
    low = (
        pl.when(few).then(pl.col("value").min()).otherwise(pl.col("value").quantile(0.1, "linear"))
    )
    high = (
        pl.when(few).then(pl.col("value").max()).otherwise(pl.col("value").quantile(0.9, "linear"))
    )
    return (
        course.group_by("feature", "step")
        .agg(median=pl.col("value").median(), low=low, high=high, seeds=pl.col("value").count())
        .sort("feature", "step")
    )


def thinned(course: pl.DataFrame, most: int = 60) -> pl.DataFrame:
    """At most so many evaluations, for lines a pixel wide; the first two and the last are kept.

    Half of them evenly over training and half evenly on a log-like axis, where the early ones
    stand far apart.
    """
    steps = course["step"].unique().sort().to_numpy()
    if len(steps) <= most:
        return course
    half = most // 2
    even = np.linspace(0, len(steps) - 1, half).round().astype(int)
    height = np.log1p(steps / steps[1])
    log = np.searchsorted(height, np.linspace(height[1], height[-1], half)).clip(max=len(steps) - 1)
    kept = np.unique(steps[np.concatenate([even, log])])
    return course.filter(pl.col("step").is_in(kept.tolist()))
