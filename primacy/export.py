"""Results in other tools' formats."""

from collections.abc import Sequence

import polars as pl

from primacy.record import ConditionRecord, StudyRecord

DEMO_LAYER_MEASURES = ("total_variance", "variance_explained_unit_mean")


def demo_csv(record: StudyRecord, curves: pl.DataFrame, condition: str | None = None) -> str:
    """The table of the Lampinen et al. 2024 demo: its columns, its order, its eight decimals.

    One row a seed and epoch, from the last hidden layer; a number that is null is left empty.

    Args:
        record: the study.
        curves: THE table, in memory.
        condition: display name; may be left out where there is only one.

    Raises:
        ValueError: several conditions and none named, or a measure that the table needs was not
            stored.
    """
    chosen = one_condition(record, condition)
    if chosen.steps_per_epoch is None:
        raise ValueError("the demo's table counts epochs; this study trains on a stream")
    own = curves.filter(pl.col("condition") == chosen.name)
    needed = {"loss", "accuracy", *DEMO_LAYER_MEASURES}
    if missing := needed - set(own["measure"].cast(pl.String).unique()):
        raise ValueError(f"the demo's table needs {', '.join(sorted(missing))}; not stored")
    features = [f for f in chosen.features if f.target is not None]
    columns = [("train-loss", _rows(own, "loss", "train")), ("test-loss", _rows(own, "loss"))]
    columns.append(("total-variance", _rows(own, "total_variance", layer=chosen.layers[-1])))
    labels = [(f"feature{i}-{f.name}", f) for i, f in enumerate(features)]
    for name, measure, split in (
        ("train-acc", "accuracy", "train"),
        ("test-acc", "accuracy", "test"),
        ("train-loss", "loss", "train"),
        ("test-loss", "loss", "test"),
    ):
        columns += [
            (f"{name}_{label}", _rows(own, measure, split, target=f.target)) for label, f in labels
        ]
    columns += [
        (f"rep-R2_{label}", _rows(own, DEMO_LAYER_MEASURES[1], feature=f.name, layer=chosen.layers[-1]))
        for label, f in labels
    ]  # fmt: skip
    table = own.select("seed", "step").unique().sort("seed", "step")
    for name, rows in columns:
        table = table.join(rows.rename({"value": name}), on=["seed", "step"], how="left")
    told = f"({', '.join(f.name for f in features)})"
    lines = [", ".join(["seed", "epoch", "features", *(name for name, _ in columns)])]
    for seed, step, *values in table.rows():
        numbers = ["" if v is None else f"{v:.8f}" for v in values]
        lines.append(", ".join([str(seed), str(step // chosen.steps_per_epoch), told, *numbers]))
    return "\n".join(lines) + "\n"


def one_condition(record: StudyRecord, name: str | None) -> ConditionRecord:
    """The condition of that display name, or the only one.

    Raises:
        ValueError: no such condition, or several and none named.
    """
    names = [c.name for c in record.conditions]
    if name is None and len(names) == 1:
        return record.conditions[0]
    if name not in names:
        given = "several conditions" if name is None else f"no condition {name!r}"
        raise ValueError(f"{given}; give --condition, one of: {', '.join(names)}")
    return record.condition(name)


def _rows(
    own: pl.DataFrame, measure: str, split: str = "test", *, target: str | None = None,
    feature: str | None = None, layer: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    keep: Sequence[pl.Expr] = [
        pl.col("measure") == measure,
        pl.col("split") == split,
        pl.col("target").is_null() if target is None else pl.col("target") == target,
        pl.col("layer").is_null() if layer is None else pl.col("layer") == layer,
    ]
    if feature is not None:
        keep = [*keep, pl.col("feature") == feature]
    return own.filter(*keep).select("seed", "step", "value")
