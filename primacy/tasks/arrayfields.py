"""What the fields of the task `arrays` may say, each checked against the table that it names.

Messages name what was expected and the likely typo; `pydantic` places them in the study file.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator
from pydantic_core import core_schema

from primacy.registry import closest
from primacy.tasks import datafile

SPLITS = ("train", "fit", "test")
FEWEST_ROWS = 10
"""For a split by seed: two rows to fit on and two to test on."""
LONGEST_NAME = 200


class Groups(tuple[tuple[str, tuple[str, ...]], ...]):
    """Named groups of columns, in order: made from a mapping, and hashable unlike one."""

    def __new__(cls, groups: Mapping[str, Iterable[str]] | Iterable = ()) -> "Groups":
        """Of `{"size": ["radius", "area"]}`."""
        pairs = ((name, tuple(columns)) for name, columns in dict(groups).items())
        return super().__new__(cls, pairs)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        column = Annotated[str, AfterValidator(check_column)]
        written = handler.generate_schema(dict[str, tuple[column, ...]])
        return core_schema.no_info_after_validator_function(cls, written)


# Each check gets the fields above its own in `info.data` (pydantic.ValidationInfo): where the
# file could not be read there is no `sha256`, and its columns are not looked up.


def check_file(file: str, info: Any) -> str:
    folder = (info.context or {}).get("folder")
    if folder is None:
        raise ValueError("cannot be found without the folder of the study file (arrays.load)")
    path = datafile.locate(folder, file)
    opened(path)
    return str(path)


def check_sha256(sha256: str, info: Any) -> str:
    if "file" not in info.data:
        return sha256
    found = opened(Path(info.data["file"])).sha256
    if sha256 not in ("", found):
        raise ValueError(f"the file's is {found}: it is another file, or has changed")
    return found


def opened(path: Path) -> datafile.Table:
    try:
        return datafile.read(path)
    except OSError as error:
        raise ValueError(f"cannot be opened: {error.strerror}") from None


def _table(info: Any) -> datafile.Table | None:
    sha256 = info.data.get("sha256")
    return datafile.table(Path(info.data["file"]), sha256) if sha256 else None


def _find(table: datafile.Table, name: str) -> tuple[str, ...]:
    if name in table.no_columns:
        raise ValueError(table.no_columns[name])
    if name not in table.columns:
        near = closest(name, table.columns)
        some = ", ".join(table.columns[:20]) + (", ..." if len(table.columns) > 20 else "")
        raise ValueError(f"no such column.{near or f' There are: {some}'}")
    return table.spread((name,))


def check_column(name: str, info: Any) -> str:
    if table := _table(info):
        for column in _find(table, name):
            try:
                table.numbers(column)
            except ValueError as problem:
                where = f'"{column}": ' if column != name else ""
                raise ValueError(f"{where}{problem}") from None
    return name


def check_target(name: str, info: Any) -> str:
    if table := _table(info):
        for column in _find(table, name):
            if table.text(column):
                values = table.frame[column].drop_nulls().unique(maintain_order=True).to_list()
                some = ", ".join(f'"{str(v)[:40]}"' for v in values[:3])
                raise ValueError(
                    f"holds text ({some}); expected 0/1 or numbers. Make one 0/1 column a class, "
                    f'in polars: frame.with_columns(new=(pl.col("{column}") == '
                    f'"{str(values[0])[:40] if values else ""}").cast(pl.Int8))'
                )
            values = table.numbers(column)
            if (values == values[0]).all():
                raise ValueError(
                    f"always {values[0]:g} in all {values.size} rows: there is nothing to learn"
                )
    return name


def check_targets(names: tuple[str, ...], info: Any) -> tuple[str, ...]:
    if not names:
        raise ValueError("expected at least one column")
    if table := _table(info):
        columns = table.spread(names)
        if twice := sorted({c for c in columns if columns.count(c) > 1}):
            raise ValueError(f'"{twice[0]}" stands twice')
        kinds = {column: is_binary(table.numbers(column)) for column in columns}
        if len(set(kinds.values())) > 1:
            yes, no = (next(c for c, k in kinds.items() if k is kind) for kind in (True, False))
            raise ValueError(f'all must be of one kind: "{yes}" is 0/1, "{no}" holds other numbers')
    return names


def check_groups(groups: Groups, info: Any) -> Groups:
    if not groups:
        raise ValueError('expected groups of columns: { size = ["radius", "area"] }')
    normal: dict[str, str] = {}
    for name, columns in groups:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise ValueError(f'"{name[:20]}": a name has 1 to {LONGEST_NAME} characters')
        if (form := unicodedata.normalize("NFC", name)) in normal:
            raise ValueError(f'"{name}" and "{normal[form]}" look the same')
        normal[form] = name
        if not columns:
            raise ValueError(f'"{name}" has no columns')
    if table := _table(info):
        owner: dict[str, str] = dict.fromkeys(table.spread(info.data.get("target", ())), "target")
        for name, columns in groups:
            for column in table.spread(columns):
                if owner.get(column) == "target":
                    raise ValueError(
                        f'"{column}" in "{name}" is the target: the network would see the answer'
                    )
                if column in owner:
                    both = "twice in" if owner[column] == name else f'in "{owner[column]}" and'
                    raise ValueError(f'"{column}" stands {both} "{name}"; expected once')
                owner[column] = name
    return groups


def check_split(split: str, info: Any) -> str:
    table = _table(info)
    if table is None:
        return split
    if split == "seed":
        if table.frame.height < FEWEST_ROWS:
            raise ValueError(f"{table.frame.height} rows; expected at least {FEWEST_ROWS}")
        return split
    if _find(table, split) != (split,) or not table.text(split):
        raise ValueError(f'expected "seed", or a column that holds {", ".join(SPLITS)}')
    values = labels_of(table, split)
    if (odd := np.flatnonzero(~np.isin(values, SPLITS))).size:
        value = str(values[odd[0]])
        near = closest(value, SPLITS) or f" Expected {', '.join(SPLITS)}"
        raise ValueError(f'"{value[:40]}" in row {odd[0] + 1}.{near}')
    for name in SPLITS:
        rows = values == name
        if rows.sum() < 2:
            raise ValueError(f'{rows.sum()} rows of "{name}"; expected at least 2')
        for target in table.spread(info.data.get("target", ())):
            if np.ptp(table.numbers(target)[rows]) == 0:
                raise ValueError(f'"{target}" is constant in the rows of "{name}"')
    return split


def check_ceiling(ceiling: float | None, info: Any) -> float | None:
    if ceiling is None or not (table := _table(info)) or "target" not in info.data:
        return ceiling
    chance = max(majority(table.numbers(name)) for name in table.spread(info.data["target"]))
    if not chance < ceiling <= 1:
        raise ValueError(f"expected above chance ({chance:.4g}) and at most 1")
    return ceiling


def labels_of(table: datafile.Table, column: str) -> np.ndarray:
    return np.array(table.frame[column].cast(str).fill_null("").to_list(), dtype=str)


def is_binary(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def majority(values: np.ndarray) -> float:
    if not is_binary(values):
        return 0.0
    rate = float(values.mean(dtype=np.float64))
    return max(rate, 1 - rate)
