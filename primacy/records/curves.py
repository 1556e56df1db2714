"""THE table: one measured number a row.

Columns: condition, seed, step, split, layer, feature, target, measure, value. What does not apply
to a row is null: a measure of the whole layer has no feature, accuracy has no layer. On disk the
condition is its key and all names are plain strings, so that `pl.scan_parquet` reads parts of any
two studies together; in memory the condition is its display name and names are Enums.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.errors import closest
from primacy.records.study import ConditionRecord, StudyRecord

NAMES = ("condition", "split", "layer", "feature", "target", "measure")
SCHEMA: Mapping[str, pl.DataType] = {
    "condition": pl.String(),
    "seed": pl.Int64(),
    "step": pl.Int64(),
    "split": pl.String(),
    "layer": pl.String(),
    "feature": pl.String(),
    "target": pl.String(),
    "measure": pl.String(),
    "value": pl.Float32(),
}
SPLITS = ("train", "fit", "test")
"""Which examples a number is of."""
KEY = tuple(c for c in SCHEMA if c != "value")
"""What identifies a row; `check` refuses a repeat."""

LANES: Mapping[str, pl.DataType] = {
    "condition": pl.String(),
    "seed": pl.Int64(),
    "ended": pl.String(),
    "end_step": pl.Int64(),
}
"""One row a lane. `ended` is one of `manifest.ENDS`; `end_step` its last evaluation."""


@runtime_checkable
class Rows(Protocol):
    """What rows of THE table are selected from: the table in memory, or `traces.Traces`."""

    def filter(self, *predicates: pl.Expr) -> pl.DataFrame:
        """The rows for which all of these hold, in memory's form (`named`)."""
        ...

    def clear(self) -> pl.DataFrame:
        """No row, of the same columns."""
        ...


DERIVED = {
    "variance_absolute": "variance_explained x total_variance of the same layer and step",
    "variance_explained_of_final": "variance_absolute / the lane's last total_variance",
}
"""Measures computed here from stored ones."""


def frame(rows: Iterable[tuple], order: Iterable[str] = tuple(SCHEMA)) -> pl.DataFrame:
    """A curves table from row tuples; NaN and infinities become null."""
    table = pl.DataFrame(list(rows), schema={c: SCHEMA[c] for c in order}, orient="row")
    return nulled(table).select(list(SCHEMA))


def from_array(
    values: Float[np.ndarray, "..."], axes: Sequence[Mapping[str, Sequence]], **same: str
) -> pl.DataFrame:
    """A curves table from one array.

    Args:
        values: any number of axes.
        axes: for each axis, the columns that it gives and their entry at every position; two
            columns of one axis (condition and seed of a lane) run together.
        same: columns that are the same in all rows.
    """
    positions = np.indices(values.shape).reshape(values.ndim, -1)
    columns = {
        name: pl.Series(name, entries, dtype=SCHEMA[name])[position.tolist()]
        for axis, position in zip(axes, positions, strict=True)
        for name, entries in axis.items()
    }
    table = pl.DataFrame({**columns, "value": np.asarray(values, np.float32).ravel()})
    rest = {c: pl.lit(same.get(c), dtype=SCHEMA[c]) for c in SCHEMA if c not in table.columns}
    return nulled(table.with_columns(**rest).select(list(SCHEMA)))


def nulled(table: pl.DataFrame) -> pl.DataFrame:
    """The table with null where `value` is not a finite number."""
    finite = pl.col("value").is_finite()
    return table.with_columns(value=pl.when(finite).then(pl.col("value")))


def named(table: pl.DataFrame | pl.LazyFrame, record: StudyRecord) -> pl.DataFrame:
    """The table as it is used in memory: display names of `record`'s conditions, Enum columns.

    Rows of conditions that the record does not hold are dropped.
    """
    names = {c.key: c.name for c in record.conditions}
    table = coded(table.lazy().collect(), ["condition"])
    own = _recoded(table["condition"], names, [c.name for c in record.conditions])
    return coded(table.with_columns(own).filter(own.is_not_null()), set(NAMES) - {"condition"})


def coded(table: pl.DataFrame, columns: Collection[str] = NAMES) -> pl.DataFrame:
    """The table with Enums of the names that stand in these columns, in order of appearance."""
    names = pl.col([c for c in table.columns if c in columns])
    found = table.select(names.drop_nulls().unique(maintain_order=True).implode())
    orders = {column.name: column[0].to_list() for column in found}
    return table.with_columns(pl.col(c).cast(pl.Enum(order)) for c, order in orders.items())


def _recoded(column: pl.Series, names: Mapping[str, str], order: Sequence[str]) -> pl.Series:
    """An Enum column with other names, null where there is none; no row's text is looked at."""
    known = [names.get(name) for name in _categories(column)]
    return pl.Series(column.name, known, dtype=pl.Enum(order)).gather(column.to_physical())


def _categories(column: pl.Series) -> list[str]:
    return column.dtype.categories.to_list()  # type: ignore[attr-defined]


def together(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Tables of different conditions as one, all as `named` gives them."""
    kept = [c for c in NAMES if c in tables[0].columns]
    union = {
        c: list(dict.fromkeys(name for table in tables for name in _categories(table[c])))
        for c in kept
    }
    return pl.concat(
        table.with_columns(
            _recoded(table[c], dict(zip(names, names, strict=True)), names)
            for c, names in union.items()
        )
        for table in tables
    )


def derived(curves: Rows, measure: str, *where: pl.Expr) -> pl.DataFrame:
    """The rows of a measure of `DERIVED`, computed from the stored ones; those where all hold.

    Null where the share or the total variance is null; `variance_explained_of_final` is null where
    the lane's last total variance is 0.
    """
    at = ["condition", "seed", "step", "split", "layer"]
    place = [one for one in where if set(one.meta.root_names()) <= set(at)]  # of a whole layer
    total = curves.filter(pl.col("measure") == "total_variance", *place).select(*at, total="value")
    share = curves.filter(pl.col("measure") == "variance_explained", *where)
    rows = share.join(total, on=at, how="left")
    value = pl.col("value") * pl.col("total")
    if measure == "variance_explained_of_final":
        lane = ["condition", "seed", "split", "layer"]
        last = total.sort("step").group_by(lane).agg(last=pl.col("total").last())
        rows = rows.join(last, on=lane, how="left")
        value = pl.when(pl.col("last") > 0).then(value / pl.col("last"))
    elif measure != "variance_absolute":
        raise ValueError(f"{measure!r} is not a derived measure: {', '.join(DERIVED)}")
    return rows.with_columns(
        value=value.cast(pl.Float32), measure=pl.lit(measure, dtype=pl.String)
    ).select(list(SCHEMA))


def select(curves: pl.DataFrame, measure: str, **where: str | int) -> pl.DataFrame:
    """Rows of one measure, stored or derived.

    Args:
        curves: `result.curves`.
        measure: its name.
        **where: what other columns must hold: `feature="linear", seed=0, split="test"`.

    Raises:
        ValueError: there are none, or a column or a value does not exist; names those that do.
    """
    known = [*curves["measure"].cast(pl.String).unique().sort(), *DERIVED]
    _known("measure", measure, known)
    found = rows(curves, measure)
    for column, value in where.items():
        _known("column", column, found.columns)
        text = pl.col(column).cast(pl.String)
        levels = found[column].cast(pl.String).drop_nulls().unique(maintain_order=True)
        _known(column, str(value), levels.to_list())
        found = found.filter(text == str(value))
    return found


def _known(what: str, given: str, choices: Sequence[str]) -> None:
    if given not in choices:
        shown = ", ".join(choices[:20]) + (", ..." if len(choices) > 20 else "")
        raise ValueError(f'no {what} "{given}" here.{closest(given, choices)} There are: {shown}')


def rows(curves: Rows, measure: str, *where: pl.Expr) -> pl.DataFrame:
    """Rows of one measure, stored or derived, where all of these hold; none if not measured."""
    if measure in DERIVED:
        return derived(curves, measure, *where)
    return curves.filter(pl.col("measure") == measure, *where)


def check(table: pl.DataFrame) -> None:
    """Refuse a table that is not one number a row.

    Raises:
        ValueError: wrong columns, a repeated key, or a value that is not finite.
    """
    if dict(table.schema) != dict(SCHEMA):
        raise ValueError(f"not a curves table: {table.schema} where {SCHEMA} was expected")
    if table.select(KEY).is_duplicated().any():
        raise ValueError("a curves table holds two values for one key")
    if not np.isfinite(table["value"].drop_nulls().to_numpy()).all():
        raise ValueError("a curves table holds a value that is not a finite number")


def most_rows(lanes: Collection[tuple[str, int]], record: StudyRecord) -> int:
    """Rows that no honest table of these lanes exceeds."""
    most = {c.key: _most(c, record) for c in record.conditions}
    # Lanes of a condition that the study no longer has are bounded by the largest that it has.
    largest = max(most.values(), default=0)
    return sum(most.get(key, largest) for key, _ in lanes)


def _most(c: ConditionRecord, record: StudyRecord) -> int:
    places = (len(c.layers) + 1) * (len(c.features) + 1) * (len(c.targets) + 1)
    return len(c.steps) * len(record.measures) * len(SPLITS) * places


def check_known(
    table: pl.DataFrame, lanes: Collection[tuple[str, int]], record: StudyRecord
) -> None:
    """Refuse a table with rows that the study cannot have.

    Rows of conditions that the record no longer holds are of `lanes`, and else not looked at.

    Args:
        table: of `SCHEMA`.
        lanes: conditions by key, and seeds, that it may have.
        record: of the study.

    Raises:
        ValueError: another lane, or a step, split, layer, feature, target or measure that is not
            the condition's; names the first.
    """
    for row in table.select("condition", "seed").unique(maintain_order=True).rows():
        if row not in lanes:
            raise ValueError(f"it has rows of condition {row[0]!r}, seed {row[1]!r}")
    cards = {m.name: m for m in record.measures}
    own = {
        c.key: {
            "step": frozenset(c.steps),
            "split": frozenset(SPLITS),
            "layer": frozenset(c.layers),
            "feature": frozenset(f.name for f in c.features),
            "target": frozenset(t.name for t in c.targets),
        }
        for c in record.conditions
    }
    for key, step in table.select("condition", "step").unique(maintain_order=True).rows():
        if key in own and step not in own[key]["step"]:
            raise ValueError(f"it has rows of step {step!r}, which is no evaluation of {key}")
    names = ["condition", "measure", "split", "layer", "feature", "target"]
    for row in table.select(names).unique(maintain_order=True).to_dicts():
        key, card = row.pop("condition"), cards.get(row.pop("measure"))
        if key not in own:
            continue
        if card is None:
            raise ValueError("it has rows of a measure that the study does not have")
        alone = {"feature", "site"}.isdisjoint(card.axes)
        optional = {
            "layer": not card.by_layer,
            "feature": alone,
            "target": alone or "target" not in card.axes,
        }
        for column, name in row.items():
            if name is None and optional.get(column):
                continue
            if name not in own[key][column] or (column == "layer" and not card.by_layer):
                raise ValueError(f"{card.name} has rows of {column} {name!r}")
