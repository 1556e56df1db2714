"""How networks share their use among features that the data cannot tell apart.

Of two copies, any division of the slope predicts equally well: the data fix its sum and not its
parts. Which division a network arrives at then says something about its initialization and the
way of training, nothing about the task; so it is given as a distribution over seeds.
"""

import polars as pl

from primacy.analysis.runs import SLOPE
from primacy.records.curves import Rows
from primacy.records.manifest import CUT_SHORT
from primacy.records.study import ConditionRecord, StudyRecord

SIZE = "input_gradient"
"""The measure of use where the signed slope was not stored."""


def not_identified(condition: ConditionRecord) -> list[str]:
    """The features that predict alone, but whose part in the best predictor the data leave open."""
    return [
        f.name
        for f in condition.features
        if f.criterion is None and f.best is None and f.solo and len(f.columns) == 1
    ]


def shares(
    curves: Rows,
    record: StudyRecord,
    condition: str,
    *,
    lanes: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Each such feature's share of the networks' slopes along all of them, at the end of training.

    Columns: seed, feature, share; a row for each seed that has run and each feature that
    `not_identified` names. The share is |slope| over the sum of |slopes|, with
    `input_gradient_signed` for the slope (`input_gradient` where that was not stored): 0, it is
    not used; 1, none of the others is. Null: every slope is 0, one is missing (0/0 is no share), or
    the lane diverged. Compare sizes only where the columns have one scale; signs are lost.

    Args:
        curves: in memory's form (`curves.named`).
        record: the study. Seeds it does not name are not looked at.
        condition: display name.
        lanes: a row a lane; tells which diverged to a loss that is huge but still a number.
    """
    names = not_identified(record.condition(condition))
    stored = {m.name for m in record.measures}
    rows = curves.filter(
        pl.col("condition").cast(pl.String) == condition,
        pl.col("split").cast(pl.String) == "test",
        pl.col("seed").is_in(record.seeds),
        pl.col("measure").cast(pl.String) == (SLOPE if SLOPE in stored else SIZE),
        pl.col("feature").cast(pl.String).is_in(names),
    )
    own = rows.select("seed", "step", pl.col("feature").cast(pl.String), "value")
    # At the lane's own end, where a value may be missing: a null there must stay one.
    last = own.filter(pl.col("step") == pl.col("step").max().over("seed"))
    size = pl.col("value").cast(pl.Float64).abs()
    whole = size.sum().over("seed")
    known = size.is_not_null().all().over("seed") & (whole > 0)
    if lanes is not None:
        cut = lanes.filter(
            pl.col("condition").cast(pl.String) == condition, pl.col("ended").is_in(CUT_SHORT)
        )
        known &= ~pl.col("seed").is_in(cut["seed"].to_list())
    order = {name: i for i, name in enumerate(names)}
    place = pl.col("feature").replace_strict(order, return_dtype=pl.Int64)
    return (
        last.select("seed", "feature", share=pl.when(known).then(size / whole))
        .sort("seed", place)
        .with_columns(pl.col("feature").cast(pl.Enum(names)))
    )
