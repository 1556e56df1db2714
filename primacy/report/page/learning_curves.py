"""A measure's course over training: rows for lines, and their median and band over seeds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from primacy.analysis.learning_times import own_target
from primacy.records import curves as tables
from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord
from primacy.records.traces import of


def path(
    condition: ConditionRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    measure: str,
    names: Sequence[str],
    *,
    split: str = "test",
) -> pl.DataFrame:
    """The course of a measure, held out unless `split` says otherwise: step, seed, feature, value.

    Of the last hidden layer and of the feature's own target, or the mean over all. A lane that
    stopped because everything was learned carries its last value on; a diverged one ends where it
    ended.
    """
    own = of(curves, condition.name)
    names_of = {condition.name: names}
    return paths([condition], own, lanes, measure, names_of, split=split).drop("condition")


MANY_ROWS = 200_000
"""Evaluations of all networks above which features are read one by one, to save memory."""


def paths(
    conditions: Sequence[ConditionRecord],
    curves: Rows,
    lanes: pl.DataFrame,
    measure: str,
    names: Mapping[str, Sequence[str]],
    *,
    split: str = "test",
) -> pl.DataFrame:
    """The same of several conditions at once, each with its own features: also condition."""
    features = list(dict.fromkeys(name for c in conditions for name in names[c.name]))
    groups = [features]
    if lanes.height * max((len(c.steps) for c in conditions), default=0) > MANY_ROWS:
        groups = [[name] for name in features] or groups
    parts = []
    for group in groups:
        own = {c.name: [name for name in names[c.name] if name in group] for c in conditions}
        parts.append(_paths(conditions, curves, lanes, measure, own, split))
    return pl.concat(parts).sort("condition", "feature", "seed", "step")


def _paths(
    conditions: Sequence[ConditionRecord],
    curves: Rows,
    lanes: pl.DataFrame,
    measure: str,
    names: Mapping[str, Sequence[str]],
    split: str,
) -> pl.DataFrame:
    """The same in no promised order."""
    wanted = pl.DataFrame(
        [(c.name, n, own_target(c, n)) for c in conditions for n in names[c.name]],
        schema=dict.fromkeys(("condition", "feature", "owned"), pl.String()),
        orient="row",
    )
    last = pl.DataFrame(
        [(c.name, c.layers[-1] if c.layers else None) for c in conditions],
        schema=dict.fromkeys(("condition", "last"), pl.String()),
        orient="row",
    )
    # No more than may be drawn is made a table of: a measure can have millions of rows.
    known, layers = wanted["feature"].unique(), last["last"].drop_nulls().unique()
    where = (
        pl.col("split") == split,
        pl.col("feature").cast(pl.String).is_in(known.to_list()),
        pl.col("layer").is_null() | pl.col("layer").cast(pl.String).is_in(layers.to_list()),
    )
    rows = (
        tables.rows(curves, measure, *where)
        .with_columns(pl.col("condition", "feature", "target", "layer").cast(pl.String))
        .join(wanted, on=["condition", "feature"], maintain_order="left")
        .join(last, on="condition", maintain_order="left")
        .filter(
            pl.col("layer").is_null() | (pl.col("layer") == pl.col("last")),
            pl.col("target").is_null()
            | pl.col("owned").is_null()
            | (pl.col("target") == pl.col("owned")),
        )
    )
    return _carried(rows, conditions, lanes)


def task_path(
    condition: ConditionRecord, curves: Rows, lanes: pl.DataFrame, measure: str
) -> pl.DataFrame:
    """The same for a measure of whole targets; the target stands in the column `feature`."""
    where = (pl.col("split") == "test", pl.col("target").is_not_null())
    rows = tables.rows(of(curves, condition.name), measure, *where).with_columns(
        pl.col("condition").cast(pl.String), feature=pl.col("target").cast(pl.String)
    )
    return _carried(rows, [condition], lanes).drop("condition")


def _carried(
    rows: pl.DataFrame, conditions: Sequence[ConditionRecord], lanes: pl.DataFrame
) -> pl.DataFrame:
    lane = ["condition", "seed"]
    line = [*lane, "feature"]
    rows = rows.group_by(*line, "step").agg(pl.col("value").mean().cast(pl.Float64))
    ended = lanes.select(
        pl.col("condition").cast(pl.String),
        "seed",
        stopped=pl.col("ended").cast(pl.String) == "learned",
    )
    steps = pl.DataFrame(
        [(c.name, step) for c in conditions for step in c.steps],
        schema={"condition": pl.String, "step": pl.Int64},
        orient="row",
    )
    grid = rows.select(line).unique().join(steps, on="condition")
    grid = grid.join(rows, on=[*line, "step"], how="left").join(ended, on=lane, how="left")
    on = pl.col("value").forward_fill().over(line, order_by="step")
    value = pl.when(pl.col("stopped")).then(on).otherwise(pl.col("value"))
    return (
        grid.with_columns(value=value)
        .drop_nulls("value")
        .select("condition", "step", "seed", "feature", "value")
        .sort("condition", "feature", "seed", "step")
    )


def diverged(condition: ConditionRecord, lanes: pl.DataFrame) -> int:
    """How many of a condition's lanes diverged, and so leave its curves early."""
    own = lanes.filter(pl.col("condition").cast(pl.String) == condition.name)
    return own.filter(pl.col("ended").cast(pl.String) == "diverged").height


def by_condition(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each condition that has some."""
    return {str(k[0]): t for k, t in table.group_by("condition", maintain_order=True)}


FEW = 10
"""Seeds below which a band is the whole range: tenths of them would be invented."""


def band_name(seeds: Iterable[int]) -> str:
    """What the bands of conditions with so many seeds each are."""
    few = {n < FEW for n in seeds}
    tenths, whole = "10th to 90th percentile", "lowest to highest seed"
    if len(few) > 1:
        return f"{tenths}, or {whole} where there are fewer than {FEW}"
    return whole if True in few else tenths


ROUNDING = 1e-6
"""A median that is so small a share of its band is 0: the mean of two float32 that cancel."""


def bands(course: pl.DataFrame) -> pl.DataFrame:
    """Median and band over seeds: step, feature, median, low, high, seeds (of each condition).

    The band is the 10-90 % range, and the whole range with fewer than 10 seeds.
    """
    few = pl.col("value").count() < FEW
    low = (
        pl.when(few).then(pl.col("value").min()).otherwise(pl.col("value").quantile(0.1, "linear"))
    )
    high = (
        pl.when(few).then(pl.col("value").max()).otherwise(pl.col("value").quantile(0.9, "linear"))
    )
    place = [c for c in ("condition", "feature", "step") if c in course.columns]
    reach = pl.max_horizontal(pl.col("low", "high").abs())
    nothing = pl.col("median").abs() <= ROUNDING * reach
    return (
        course.group_by(place)
        .agg(median=pl.col("value").median(), low=low, high=high, seeds=pl.col("value").count())
        .with_columns(median=pl.when(nothing).then(0.0).otherwise("median"))
        .sort(place)
    )


BEYOND = 3
"""A seed whose highest value is above so many times the seeds' median is not drawn in full."""


def beyond(course: pl.DataFrame) -> pl.DataFrame:
    """The lines that would flatten all others: feature, seed, peak; most often there is none.

    Those whose highest value is above `BEYOND` times the median over seeds of each seed's highest.
    """
    peaks = course.group_by("feature", "seed").agg(peak=pl.col("value").max())
    usual = peaks.group_by("seed").agg(pl.col("peak").max())["peak"].median()
    if usual is None or usual <= 0:  # type: ignore[operator]
        return peaks.clear()
    return peaks.filter(pl.col("peak") > BEYOND * usual).sort("feature", "seed")  # type: ignore[operator]


def thinned(course: pl.DataFrame, most: int = 60) -> pl.DataFrame:
    """At most so many evaluations, for lines a pixel wide; the first two and the last are kept.

    Half of them evenly over training and half evenly on a log-like axis, where the early ones
    stand far apart.
    """
    steps = np.unique(course["step"].to_numpy())
    if len(steps) <= most:
        return course
    half = most // 2
    even = np.linspace(0, len(steps) - 1, half).round().astype(int)
    height = np.log1p(steps / steps[1])
    log = np.searchsorted(height, np.linspace(height[1], height[-1], half)).clip(max=len(steps) - 1)
    kept = np.unique(steps[np.concatenate([even, log])])
    return course.filter(pl.col("step").is_in(kept.tolist()))
