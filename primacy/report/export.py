"""Results in other tools' formats."""

from collections.abc import Sequence

import polars as pl

from primacy.analysis.verdicts import Verdict
from primacy.records import curves as tables
from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.records.traces import measures_of, of
from primacy.report.page.ranks import Number, standings
from primacy.report.page.tex import escaped

DEMO_LAYER_MEASURES = ("total_variance", "variance_explained_unit_mean")


def demo_csv(record: StudyRecord, curves: Rows, condition: str | None = None) -> str:
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
    own = of(curves, chosen.name)
    needed = {"loss", "accuracy", *DEMO_LAYER_MEASURES}
    if missing := needed - measures_of(own):
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
    last, share = chosen.layers[-1], DEMO_LAYER_MEASURES[1]
    columns += [
        (f"rep-R2_{label}", _rows(own, share, feature=f.name, layer=last)) for label, f in labels
    ]
    table = tables.rows(own, "loss").select("seed", "step").unique().sort("seed", "step")
    for name, rows in columns:
        table = table.join(rows.rename({"value": name}), on=["seed", "step"], how="left")
    told = f"({', '.join(f.name for f in features)})"
    lines = [", ".join(["seed", "epoch", "features", *(name for name, _ in columns)])]
    for seed, step, *values in table.rows():
        numbers = ["" if v is None else f"{v:.8f}" for v in values]
        lines.append(", ".join([str(seed), str(step // chosen.steps_per_epoch), told, *numbers]))
    return "\n".join(lines) + "\n"


NULL = "--"


def latex(record: StudyRecord, summary: pl.DataFrame, verdicts: Sequence[Verdict]) -> str:
    """Two tables for a paper: the verdicts, and what was first, represented and used.

    Needs `\\usepackage{booktabs}`. A number that is null is a dash. Time-to-learn is the step by
    which half of all seeds had learned the feature, with those of a quarter and three quarters;
    `>` stands where fewer had by the last step at which it could be confirmed. The other columns
    are medians over seeds at the end of training.
    """
    parts = []
    if verdicts:
        head = ["Claim", "Verdict", r"Effect [95\,\% interval]", "$n$", "$p$", "$p$ (Holm)"]
        told = [
            [
                escaped(v.claim),
                escaped(", ".join((v.word, *v.flags))),
                _effect(v),
                str(v.pairs),
                *(
                    NULL if p is None else r"$<$0.001" if p < 0.001 else f"{p:.3f}"
                    for p in (v.p, v.p_holm)
                ),
            ]
            for v in verdicts
        ]
        parts.append(_booktabs("lllrrr", head, told))
    head = ["Condition", "Feature", "Learned", "First: steps", "Represented", "Used"]
    rows = [
        [
            escaped(condition),
            escaped(row["feature"]),
            _learned(row),
            _steps(row),
            _number(row.get("variance_explained")),
            _number(row.get("reliance")),
        ]
        for condition, features in standings(record, summary).items()
        for row in features
    ]
    parts.append(_booktabs("llrrrr", head, rows))
    return "\n".join(parts)


def _booktabs(columns: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", " & ".join(head) + r" \\"]
    lines += [r"\midrule", *(" & ".join(row) + r" \\" for row in rows), r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def _effect(v: Verdict) -> str:
    if v.value is None:
        return NULL
    interval = "" if v.low is None or v.high is None else f" [{_number(v.low)}, {_number(v.high)}]"
    bound = f"${v.bound}$" if v.bound else ""
    return f"{bound}{_number(v.value)}{interval} {escaped(v.unit)}".strip()


def _learned(row: dict) -> str:
    return f"{row['learned']} of {row['seeds']}" if row["timed"] else NULL


def _steps(row: dict) -> str:
    if not row["timed"]:
        return NULL
    low, half, high = (
        f"$>${row['tau']}" if row[c] is None else f"{row[c]:.0f}"
        for c in ("steps_low", "steps", "steps_high")
    )
    return f"{half} [{low}, {high}]"


def _number(value: Number | None) -> str:
    if value is None:
        return NULL
    text = f"{value:.3g}".replace("inf", r"\infty")
    return f"${text}$" if text.startswith("-") or "inf" in text else text


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
    own: Rows,
    measure: str,
    split: str = "test",
    *,
    target: str | None = None,
    feature: str | None = None,
    layer: str | None = None,
) -> pl.DataFrame:
    keep: Sequence[pl.Expr] = [
        pl.col("measure") == measure,
        pl.col("split") == split,
        pl.col("target").is_null() if target is None else pl.col("target") == target,
        pl.col("layer").is_null() if layer is None else pl.col("layer") == layer,
    ]
    if feature is not None:
        keep = [*keep, pl.col("feature") == feature]
    return own.filter(*keep).select("seed", "step", "value")
