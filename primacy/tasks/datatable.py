"""A table of named columns, and what its columns hold: numbers, text, the levels of a class.

Reads no other file of the package.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Collection, Iterable

import numpy as np
import polars as pl
from jaxtyping import Float


class Missing(ValueError):
    """A column has rows without a value."""


@dataclasses.dataclass(frozen=True)
class Table:
    """The named columns of a file."""

    sha256: str
    """Of the file's bytes."""
    frame: pl.DataFrame
    families: dict[str, tuple[str, ...]]
    """Of an array of an npz with more than one axis, the columns: of `x`, `x[0]`, `x[1]`, ..."""
    no_columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """Arrays of an npz of any other shape: why nothing can be asked of them."""
    shapes: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    """Of a family, the shape of one row: `(8, 8)` for images of 8 x 8, row by row its columns."""
    _numbers: dict[tuple[str, bool], np.ndarray] = dataclasses.field(
        default_factory=dict, repr=False
    )

    @property
    def columns(self) -> list[str]:
        """The names that can be asked for."""
        return [*self.families, *self.frame.columns]

    def spread(self, names: Iterable[str], without: Collection[str] = ()) -> tuple[str, ...]:
        """The columns of some names, patterns and ranges, in the order of the names.

        A name of a family stands for its columns. `*` and `?` in a pattern stand for any letters
        and for one; `a..b` for the columns from a to b in the file's order. These two leave out
        the columns `without`. What fits nothing stays as it is.
        """
        return tuple(column for name in names for column in self._fitting(name, without) or (name,))

    def _fitting(self, name: str, without: Collection[str]) -> tuple[str, ...]:
        """The columns that a name, a pattern or a range stands for."""
        columns, places = self.frame.columns, self._places
        if name in self.families or name in places:
            return self.families.get(name, (name,))
        if region := self._region(name):
            return region
        first, dots, last = name.partition("..")
        if dots and first in places and last in places:
            between = columns[places[first] : places[last] + 1]
            return tuple(c for c in between if c not in without)
        if "*" in name or "?" in name:
            # Brackets stand for themselves: npz columns are called x[0].
            fits = re.compile(re.escape(name).replace(r"\*", ".*").replace(r"\?", "."), re.S)
            return tuple(c for c in columns if fits.fullmatch(c) and c not in without)
        return ()

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        """Where each column is: looked up for every name, of an image thousands of times."""
        return {name: i for i, name in enumerate(self.frame.columns)}

    def _region(self, name: str) -> tuple[str, ...]:
        """The columns of a part of an array: `images[0..3, *]` of images of 8 x 8 is the top."""
        array, _, inside = name.partition("[")
        shape = self.shapes.get(array)
        parts = [part.strip() for part in inside.removesuffix("]").split(",")]
        if shape is None or not inside.endswith("]") or len(parts) != len(shape):
            return ()
        chosen = []
        for part, size in zip(parts, shape, strict=True):
            if part == "*":
                chosen.append(slice(None))
                continue
            if (ends := re.fullmatch(r"(\d+)(?:\.\.(\d+))?", part)) is None:
                return ()
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if not first <= last < size:
                return ()
            chosen.append(slice(first, last + 1))
        places = np.arange(math.prod(shape)).reshape(shape)[tuple(chosen)]
        return tuple(self.families[array][i] for i in places.ravel())

    def recoded(self, ones: tuple[tuple[str, str], ...], classes: tuple[str, ...] = ()) -> "Table":
        """The same with some columns as 0/1.

        Args:
            ones: columns of two levels, with the level that becomes 1.
            classes: columns that become a family of one 0/1 column for each level, `sex=male`.
        """
        if not ones and not classes:
            return self
        key = self.sha256, ones, classes
        if key not in _RECODED:
            frame = self.frame.with_columns(
                (pl.col(name).cast(pl.String) == level).cast(pl.Int8) for name, level in ones
            )
            families = dict(self.families)
            for name in classes:
                levels = self.levels(name)
                families[name] = tuple(f"{name}={level}" for level in levels)
                index = self.index(name)
                each = {
                    column: (index == i).astype(np.int8) for i, column in enumerate(families[name])
                }
                frame = frame.drop(name).with_columns(**{c: pl.Series(v) for c, v in each.items()})
            _RECODED[key] = Table(self.sha256, frame, families, self.no_columns, self.shapes)
        return _RECODED[key]

    def levels(self, name: str) -> tuple[str, ...]:
        """The different values of a column as text, numbers in order of size; none for no value."""
        if self.text(name):
            return tuple(sorted(set(self.frame[name].cast(pl.String).drop_nulls().to_list())))
        values = np.unique(self.numbers(name, missing=True))
        return tuple(f"{value:g}" for value in values[np.isfinite(values)])

    def index(self, name: str) -> Float[np.ndarray, "n"]:
        """Of each row the index of its level; NaN where there is no value."""
        if not self.text(name):
            values = self.numbers(name, missing=True)
            known = np.isfinite(values)
            found = np.searchsorted(np.unique(values[known]), np.where(known, values, 0))
            return np.where(known, found, np.nan).astype(np.float32)
        places = {level: float(i) for i, level in enumerate(self.levels(name))}
        text = self.frame[name].cast(pl.String).to_list()
        return np.array([np.nan if v is None else places[v] for v in text], np.float32)

    def missing(self, name: str) -> None:
        """Refuse a column with rows without a value.

        Raises:
            Missing: it has some; says how many and where the first is.
        """
        series = self.frame[name]
        absent = series.is_null().arg_true().to_numpy() if self.text(name) else _absent(series)
        if absent.size:
            what = "missing value" if absent.size == 1 else "missing values"
            raise Missing(f"{absent.size:,} {what} (first: row {absent[0] + 1})")

    def text(self, name: str) -> bool:
        """Whether a column holds text."""
        return self.frame.schema[name] in (pl.String, pl.Categorical, pl.Enum)

    def numbers(self, name: str, *, missing: bool = False) -> Float[np.ndarray, "n"]:
        """A column as single-precision numbers; false and true are 0 and 1.

        With `missing`, NaN where there is no value.

        Raises:
            ValueError: it holds something else; says what in which row (the first is row 1).
        """
        if (name, missing) not in self._numbers:
            self._numbers[name, missing] = _numbers(self.frame[name], missing)
        return self._numbers[name, missing]


_RECODED: dict[tuple, Table] = {}


def _numbers(series: pl.Series, missing: bool = False) -> np.ndarray:
    if series.dtype.is_nested() or series.dtype.is_temporal() or series.dtype == pl.Binary:
        raise ValueError(f"holds {str(series.dtype).lower()}; expected numbers")
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = series.cast(pl.String)
        # Most columns of text are numbers with a few strangers among them: name the first.
        strange = (text.is_not_null() & text.cast(pl.Float64, strict=False).is_null()).arg_true()
        row = int(strange[0]) if strange.len() else 0
        shown = (text[row] or "")[:40]
        raise ValueError(f'holds text ("{shown}" in row {row + 1}); expected numbers')
    if not missing and (absent := _absent(series)).size:
        what = "missing value" if absent.size == 1 else "missing values"
        raise Missing(f"{absent.size:,} {what} (first: row {absent[0] + 1})")
    exact = series.cast(pl.Float64).to_numpy()
    with np.errstate(over="ignore"):
        single = exact.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(single) & ~np.isnan(exact))
    if bad.size:
        value = exact[bad[0]]
        shown = "Inf" if np.isinf(value) else f"{value:g}"
        why = ", too large for single precision" if np.isfinite(value) else ""
        raise ValueError(f"{shown} in row {bad[0] + 1}{why}{_more(bad.size)}")
    single.flags.writeable = False  # shared by all who ask
    return single


def _absent(series: pl.Series) -> np.ndarray:
    """Rows without a value: null, or NaN."""
    numbers = series.cast(pl.Float64)
    return (numbers.is_null() | numbers.is_nan()).fill_null(True).arg_true().to_numpy()


def _more(count: int) -> str:
    return f" and in {count - 1} more" if count > 1 else ""
