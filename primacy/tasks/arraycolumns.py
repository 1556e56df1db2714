"""What a column of a user's table is before anybody asks: numbers but for some cells, an
identifier, without a name.
"""

import dataclasses
import re

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.tasks.arraykinds import MAX_CLASSES
from primacy.tasks.datatable import Table

MOSTLY = 0.9
"""Share of numbers from which a column of text is one of numbers, with cells to correct."""
MOSTLY_OF_FEW = 0.99
"""The same where so few different numbers occur that these may be classes with one more name."""
MOST_SHOWN = 3
"""Cells that a message names."""
MIN_ROWS = 50
"""Rows below which different whole numbers are no sign of an identifier unless they leave no gap:
ages can be all different, too."""
DENSE = 10
"""Numbers that an identifier leaves unused, as a multiple of the rows. Whole numbers drawn at
random from so many are all different with a chance of exp(-rows / 20): a numbering is meant."""
NEARLY = 0.9
"""Share of different values of an identifier of which some rows repeat."""
DENSE_NEARLY = 2
"""As `DENSE`, for those. Of whole numbers drawn at random from twice as many as there are rows,
only 79 % are different."""
CALLED_ID = re.compile(r"(?i:(?:^|[^a-z])(?:id|key|nr|no|uuid|number)$)|[a-z]I[dD]$")
NO_NAME = "column {} without a name"
"""What a column without a name is called."""
INDEX = "a pandas index? Write the file with index=False"


@dataclasses.dataclass(frozen=True)
class Wrong:
    """Cells that keep a column of numbers from being one."""

    what: str
    cells: int

    @property
    def cure(self) -> str:
        """What to do in an input."""
        each, them = ("this cell", "it") if self.cells == 1 else ("these cells", "them")
        return f"correct {each}, or leave {them} empty and set impute"

    @property
    def cure_of_target(self) -> str:
        """What to do in a target, which nothing can be imputed to."""
        one = self.cells == 1
        return "correct this cell, or remove its row" if one else "correct them, or remove the rows"


def wrong(table: Table, column: str) -> Wrong | None:
    """The cells of a column of numbers that are none; nothing of a column that is meant as text."""
    series, text = table.frame[column], table.text(column)
    if not text:
        try:
            table.numbers(column, missing=True)
        except ValueError as problem:  # infinite, or too large
            bad = _strange(series)
            return Wrong(str(problem), bad.size) if bad.size else None
        return None
    bad, values = _strange(series), finite(table, column)
    known = values[np.isfinite(values)]
    few = len(np.unique(known)) <= min(MAX_CLASSES, len(values) // 3)
    every = known.size + bad.size
    if not bad.size or not known.size or known.size < every * (MOSTLY_OF_FEW if few else MOSTLY):
        return None
    cells = ", ".join(f"'{str(series[int(i)])[:40]}' (row {i + 1})" for i in bad[:MOST_SHOWN])
    more = f" and {bad.size - MOST_SHOWN:,} more" if bad.size > MOST_SHOWN else ""
    told = f"{known.size:,} of {every:,} are numbers; not: {cells}{more}"
    return Wrong(told, bad.size)


def finite(table: Table, column: str) -> Float[np.ndarray, " n"]:
    """A column's numbers in single precision; NaN where there is none, or an infinite one."""
    with np.errstate(over="ignore"):
        single = _numbers(table.frame[column]).to_numpy().astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(single), single, np.nan)


def _numbers(series: pl.Series) -> pl.Series:
    """Null where there is no number; text may have blanks around it, as in a CSV file."""
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        series = series.cast(pl.String).str.strip_chars()
    return series.cast(pl.Float64, strict=False)


def _castable(series: pl.Series) -> bool:
    kind = series.dtype
    return not (kind.is_nested() or kind.is_temporal() or kind == pl.Binary)


def _strange(series: pl.Series) -> np.ndarray:
    """Rows that hold something, and no number of single precision."""
    if not _castable(series):
        return np.zeros(0, int)
    numbers = _numbers(series)
    most = float(np.finfo(np.float32).max)
    fits = (numbers.abs() <= most) | numbers.is_nan()
    return (series.is_not_null() & ~fits.fill_null(False)).arg_true().to_numpy()


def numeric(table: Table, column: str) -> bool:
    """Whether a column holds numbers, or is meant to: all but a few cells do."""
    if table.text(column):
        return wrong(table, column) is not None
    return _castable(table.frame[column])


def distinct(table: Table) -> pl.DataFrame:
    """The rows of a table, each of them once: a copied row has the number of the other.

    Where more than half of them are copies, all rows: then few values repeat, as in a table of
    doses and their answers, and whatever tells these apart would pass for an identifier.
    """
    rows = table.frame.unique()
    return rows if 2 * rows.height >= table.frame.height else table.frame


def all_different(rows: pl.DataFrame, column: str) -> bool:
    """Whether each row has a value of its own, in text or whole numbers: an identifier, perhaps.

    A whole number of a measurement, such as an income, can be one by chance.

    Args:
        rows: of a table, `distinct`.
        column: which.
    """
    own = rows[column]
    whole = own.dtype.is_integer() or own.dtype == pl.String
    return whole and len(own) >= MIN_ROWS and own.null_count() == 0 and own.n_unique() == len(own)


def identifies(rows: pl.DataFrame, column: str) -> bool:
    """Whether a column numbers the rows: different, and close together or called an id.

    Nearly all different is enough where these numbers leave few others unused: then some rows
    repeat what is not copied as a whole. A measurement with a fraction is none, however different.

    Args:
        rows: of a table, `distinct`.
        column: which.
    """
    own = rows[column]
    different = own.n_unique()
    if own.null_count() or different < max(2, NEARLY * len(own)):
        return False
    if own.dtype == pl.String:
        return different == len(own) or CALLED_ID.search(column) is not None
    if not own.dtype.is_numeric() or not bool((own == own.round()).all()):
        return False
    if CALLED_ID.search(column):
        return True
    span = float(own.max()) - float(own.min())  # type: ignore[arg-type]
    if len(own) < MIN_ROWS:
        return different == len(own) == span + 1
    return span < (DENSE if different == len(own) else DENSE_NEARLY) * len(own)


def named(table: Table) -> tuple[Table, dict[str, str]]:
    """The table with a name for the column that has none, and what to do about that column."""
    names = {
        old: NO_NAME.format(i + 1)
        for i, old in enumerate(table.frame.columns)
        if not old.strip() and NO_NAME.format(i + 1) not in table.frame.columns
    }
    if not names:
        return table, {}
    frame = table.frame.rename(names)
    return dataclasses.replace(table, frame=frame), dict.fromkeys(names.values(), INDEX)
