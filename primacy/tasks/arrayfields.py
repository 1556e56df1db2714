"""What the fields of the task `arrays` may say, each checked against the table that it names.

Messages name what was expected and the likely typo; `pydantic` places them in the study file.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field
from pydantic_core import core_schema

from primacy.registry import closest, spec
from primacy.tasks import datafile
from primacy.tasks.arraycolumns import wrong
from primacy.tasks.arraykinds import (
    MAX_LEVELS,
    all_numbers,
    check_kind,
    check_levels,
    kinds,
    majority,
    two_levels,
    values_of,
)
from primacy.tasks.arraysplits import SPLITS, labels_of, sizes
from primacy.tasks.datatable import Missing

FEWEST_ROWS = 10
"""For a split by seed: two rows to fit on and two to test on."""
LONGEST_NAME = 200


@spec
class First:
    """When a feature of own data counts as relied on, in place of a share of the run's own end."""

    amount: Annotated[float, Field(gt=0)] = 0.05
    """What must be reached, in the measure's unit: an absolute amount."""
    measure: Literal["reliance_accuracy", "reliance_r_squared", "reliance_loss", "reliance"] = (
        "reliance_accuracy"
    )
    """`reliance_accuracy`: accuracy lost when the group is interchanged among examples (with
    number targets `reliance_r_squared`). `reliance` is a share of the output's variance, above 0
    in an untrained network too."""
    split: Literal["train", "test"] = "test"
    """The examples among which the group is interchanged."""


class Levels(tuple[tuple[str, str], ...]):
    """Columns and the level that becomes 1, in order: made from a mapping, and hashable."""

    def __new__(cls, levels: Mapping[str, str] | Iterable = ()) -> "Levels":
        """Of `{"sex": "male"}`."""
        return super().__new__(cls, dict(levels).items())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(
            cls, handler.generate_schema(dict[str, str])
        )


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
    if not sha256 or "as_binary" not in info.data or "as_class" not in info.data:
        return None
    ones, classes = info.data["as_binary"] or (), info.data["as_class"]
    return datafile.table(Path(info.data["file"]), sha256).recoded(ones, classes)


def _find(table: datafile.Table, name: str, without: Iterable[str] = ()) -> tuple[str, ...]:
    if name in table.no_columns:
        raise ValueError(table.no_columns[name])
    found = table.spread((name,), tuple(without))
    if found == (name,) and name not in table.columns:
        near = closest(name, table.columns)
        some = ", ".join(table.columns[:20]) + (", ..." if len(table.columns) > 20 else "")
        what = "fits no column" if "*" in name or "?" in name else "no such column"
        raise ValueError(f"{what}.{near or f' There are: {some}'}")
    return found


def taken(data: Mapping[str, Any], table: datafile.Table) -> tuple[str, ...]:
    """The columns that patterns and ranges of a group leave out: targets, and what splits."""
    named = (data.get("split"), data.get("split_by"))
    return (*table.spread(data.get("target", ())), *(name for name in named if name is not None))


def check_as_binary(levels: Levels | None, info: Any) -> Levels | None:
    if levels is None or not (sha256 := info.data.get("sha256")):
        return levels
    table = datafile.table(Path(info.data["file"]), sha256)
    for name, level in levels:
        if name not in table.frame.columns:
            _find(table, name)
            raise ValueError(f'"{name}" is several columns; name one')
        found = sorted(set(labels_of(table, name)) - {""})
        if len(found) != 2:
            some = ", ".join(f'"{v[:40]}"' for v in found[:5]) + (", ..." if found[5:] else "")
            raise ValueError(
                f'"{name}" has {len(found)} levels ({some}); expected two. Of more, as inputs: '
                f'as_class = ["{name}"]; a target with more is a class by itself'
            )
        if level not in found:
            raise ValueError(f'"{name}" never is "{level}"; its levels: "{found[0]}", "{found[1]}"')
    return levels


def check_as_class(names: tuple[str, ...], info: Any) -> tuple[str, ...]:
    if not names or not (sha256 := info.data.get("sha256")):
        return names
    table = datafile.table(Path(info.data["file"]), sha256)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'"{name}" stands twice')
        if name in dict(info.data.get("as_binary") or ()):
            raise ValueError(f'"{name}" is in as_binary already')
        if name not in table.frame.columns:
            _find(table, name)
            raise ValueError(f'"{name}" is several columns; name one')
        try:
            check_levels(table, name)
        except ValueError as problem:
            raise ValueError(f'"{name}": {problem}') from None
    return names


def check_inputs(name: str | None, info: Any) -> str | None:
    if name is None or not (table := _table(info)):
        return name
    if name not in table.shapes:
        near = closest(name, table.shapes)
        some = f" There are: {', '.join(table.shapes)}" if table.shapes else " It has none"
        raise ValueError(f"expected an array of the npz with two axes or more.{near or some}")
    return name


def check_column(name: str, info: Any) -> str:
    if table := _table(info):
        imputed = info.data.get("impute") is not None
        for column in _find(table, name, taken(info.data, table)):
            where = f'"{column}": ' if column != name else ""
            try:
                values = table.numbers(column, missing=imputed)
            except Missing as problem:
                cure = 'impute = "median" (or "mean") fills them in'
                raise ValueError(f"{where}{problem}; {cure}") from None
            except ValueError as problem:
                cells = wrong(table, column)
                told = f"{cells.what}: {cells.cure}" if cells else str(problem)
                raise ValueError(f"{where}{told}{_recoding(table, column)}") from None
            if np.isnan(values).all():
                raise ValueError(f"{where}has no value in any row: leave it out")
    return name


def _recoding(table: datafile.Table, column: str) -> str:
    """How a column of text becomes numbers."""
    if not table.text(column):
        return ""
    levels = table.levels(column)
    more = f'. A 0/1 input for each of its {len(levels)} values: as_class = ["{column}"]'
    return two_levels(column, levels) or (more if len(levels) <= MAX_LEVELS else "")


def check_target(name: str, info: Any) -> str:
    if table := _table(info):
        for column in _find(table, name):
            try:
                table.missing(column)
                values = None if table.text(column) else table.numbers(column)
            except Missing as problem:
                raise ValueError(f"{problem}; leave these rows out of the file") from None
            except ValueError as problem:
                raise ValueError(_with_cure(table, column, problem)) from None
            if values is not None and (values == values[0]).all():
                raise ValueError(
                    f"always {values[0]:g} in all {values.size} rows: there is nothing to learn"
                )
            try:
                check_kind(table, column, info.data.get("target_kind"))
            except ValueError as problem:
                raise ValueError(_with_cure(table, column, problem)) from None
    return name


def _with_cure(table: datafile.Table, target: str, problem: ValueError) -> str:
    """Why a target is refused: single cells, where the others are numbers."""
    cells = wrong(table, target)
    return f"{cells.what}: {cells.cure_of_target}" if cells else str(problem)


def check_targets(names: tuple[str, ...], info: Any) -> tuple[str, ...]:
    if not names:
        raise ValueError("expected at least one column")
    if table := _table(info):
        columns = table.spread(names)
        if twice := sorted({c for c in columns if columns.count(c) > 1}):
            raise ValueError(f'"{twice[0]}" stands twice')
        found = dict(zip(columns, kinds(table, names, info.data.get("target_kind")), strict=True))
        if len(set(found.values()) - {"number"}) and "number" in found.values():
            yes = next(c for c, kind in found.items() if kind != "number")
            no = next(c for c, kind in found.items() if kind == "number")
            told = "0/1" if found[yes] == "binary" else "a class"
            raise ValueError(
                f'all must be of one kind: "{yes}" is {told}, "{no}" holds other numbers'
            )
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
        read = info.data.get("inputs")
        inside = set(table.families[read]) if read else set()
        for name, columns in groups:
            for column in table.spread(columns, taken(info.data, table)):
                if owner.get(column) == "target":
                    raise ValueError(
                        f'"{column}" in "{name}" is the target: the network would see the answer'
                    )
                if read and column not in inside:
                    raise ValueError(
                        f'"{column}" in "{name}" is no part of inputs = "{read}"; a region of it '
                        f'is written "{read}[{", ".join("0..1" for _ in table.shapes[read])}]"'
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
        targets = info.data.get("target", ())
        told = kinds(table, targets, info.data.get("target_kind"))
        for target, kind in zip(table.spread(targets), told, strict=True):
            if np.ptp(values_of(table, target, kind)[rows]) == 0:
                raise ValueError(f'"{target}" is constant in the rows of "{name}"')
    return split


def check_split_by(column: str | None, info: Any) -> str | None:
    if column is None or not (table := _table(info)) or "split" not in info.data:
        return column
    if _find(table, column) != (column,):
        raise ValueError("is several columns; name one that says what belongs together")
    if info.data["split"] != "seed":
        raise ValueError(f'the column "{info.data["split"]}" splits already: leave out one of them')
    groups, rows = np.unique(labels_of(table, column), return_counts=True)
    if "" in groups:
        raise ValueError("has rows without a value: every row must belong to something")
    if len(groups) < FEWEST_ROWS:
        raise ValueError(f"{len(groups)} different values; expected at least {FEWEST_ROWS}")
    if sizes(table, "seed", column)["train"] < table.frame.height // 5:
        raise ValueError(
            f'{rows.max()} of {rows.sum()} rows are of "{groups[rows.argmax()]}": too large a part '
            "for either side of a split"
        )
    return column


def check_standardize_target(chosen: bool | None, info: Any) -> bool | None:
    if not (table := _table(info)) or "target" not in info.data:
        return chosen
    number = all_numbers(table, info.data["target"], info.data.get("target_kind"))
    if chosen and not number:
        raise ValueError("0/1 targets and classes have no scale: leave it out")
    return number if chosen is None and number else chosen


def check_shortcut(names: tuple[str, ...], info: Any) -> tuple[str, ...]:
    groups = [name for name, _ in info.data.get("features", ())]
    for name in names if groups else ():
        if name not in groups:
            near = closest(name, groups) or f" There are: {', '.join(groups)}"
            raise ValueError(f'"{name}" is not one of the features.{near}')
    return names


def check_first(first: First | None, info: Any) -> First | None:
    if first is None or not (table := _table(info)) or "target" not in info.data:
        return first
    number = all_numbers(table, info.data["target"], info.data.get("target_kind"))
    if not number and first.measure == "reliance_r_squared":
        raise ValueError(
            'reliance_r_squared is of number targets; for 0/1 and classes: "reliance_accuracy"'
        )
    return first


def check_ceiling(ceiling: float | None, info: Any) -> float | None:
    if ceiling is None or not (table := _table(info)) or "target" not in info.data:
        return ceiling
    columns = table.spread(info.data["target"])
    told = kinds(table, info.data["target"], info.data.get("target_kind"))
    each = zip(columns, told, strict=True)
    chance = max(majority(values_of(table, name, kind), kind) for name, kind in each)
    if not chance < ceiling <= 1:
        raise ValueError(f"expected above chance ({chance:.4g}) and at most 1")
    return ceiling


def problems_of(checks: list[tuple[str, Any, Any]], info: Any) -> list[str]:
    """What is wrong with fields (name, value, check), each with its place; empty: nothing."""
    problems = []
    for name, value, check in checks:
        try:
            check(value, info)
        except ValueError as problem:
            shown = f' = "{value}"' if isinstance(value, str) else ""
            problems.append(f"{name}{shown}: {problem}")
    return problems
