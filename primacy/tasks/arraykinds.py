"""What a user's target columns are: 0/1, numbers or classes."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from primacy.tasks.datatable import Missing, Table

Kind = Literal["binary", "number", "class"]

MAX_CLASSES = 20
"""Distinct whole numbers up to which a target may be meant as classes, so that one must say."""
MAX_LEVELS = 50
"""Levels of a class: each is an output, and a column of a feature."""


def is_binary(values: np.ndarray) -> bool:
    """Whether all are 0 or 1."""
    return bool(np.isin(values, (0, 1)).all())


def kind_of(table: Table, column: str, told: Kind | None) -> Kind:
    """What a target is: what was told, or what the column shows.

    Text is a class, 0/1 is binary, and so are the whole numbers 0, 1, 2, ... without a gap a class.
    """
    if told is not None:
        return told
    if table.text(column):
        return "class"
    values = table.numbers(column)
    if is_binary(values):
        return "binary"
    return "class" if counts_up(np.unique(values)) else "number"


def counts_up(values: np.ndarray) -> bool:
    """Whether these are 0, 1, 2, ..., as classes are usually numbered."""
    few = 2 < len(values) <= MAX_CLASSES
    return few and bool((values == np.arange(len(values))).all())


def kinds(table: Table, target: Iterable[str], told: Kind | None) -> tuple[Kind, ...]:
    """What each target column is."""
    return tuple(kind_of(table, column, told) for column in table.spread(target))


def all_numbers(table: Table, target: Iterable[str], told: Kind | None) -> bool:
    """Whether the targets are numbers; else they are 0/1 or classes."""
    return "number" in kinds(table, target, told)


def values_of(table: Table, column: str, kind: Kind) -> Float[np.ndarray, " n"]:
    """A target's values: of a class, the index among its levels."""
    return table.index(column) if kind == "class" else table.numbers(column)


def majority(values: np.ndarray, kind: Kind) -> float:
    """Share of the most frequent value; 0 of numbers."""
    if kind == "number":
        return 0.0
    return float(np.unique(values, return_counts=True)[1].max() / len(values))


def check_levels(table: Table, column: str) -> tuple[str, ...]:
    """The levels of a column that is to be a class.

    Raises:
        ValueError: it has no value in some row, one level only, or too many.
    """
    levels = table.levels(column)
    if len(levels) == 1:
        raise ValueError(f'always "{levels[0][:40]}": there is nothing to learn')
    if len(levels) > MAX_LEVELS:
        raise ValueError(
            f"{len(levels)} different values; at most {MAX_LEVELS} classes. Group them, or leave "
            "the column out"
        )
    try:
        table.missing(column)
    except Missing as problem:
        raise ValueError(f"{problem}; leave these rows out, or name what is missing") from None
    return levels


def check_kind(table: Table, column: str, told: Kind | None) -> None:
    """Refuse a target that may be meant in two ways, or is not what it was told to be.

    Raises:
        ValueError: says what to write.
    """
    if told == "class":
        check_levels(table, column)
        return
    if table.text(column):
        _check_text(table, column, told)
        return
    values = table.numbers(column)
    if is_binary(values):
        return
    if told == "binary":
        raise ValueError('not 0/1 in every row, as target_kind = "binary" says')
    found = np.unique(values)
    if told or len(found) > MAX_CLASSES or (found % 1).any() or counts_up(found):
        return
    some = ", ".join(f"{v:g}" for v in found[:5]) + (", ..." if len(found) > 5 else "")
    raise ValueError(
        f'holds whole numbers ({some}): classes or amounts? Write target_kind = "class" or '
        'target_kind = "number"' + two_levels(column, table.levels(column))
    )


def _check_text(table: Table, column: str, told: Kind | None) -> None:
    levels = table.levels(column)
    if told is None and len(levels) != 2:
        check_levels(table, column)
        return
    some = ", ".join(f'"{level[:40]}"' for level in levels[:3])
    raise ValueError(
        f"holds text ({some}); expected 0/1 or numbers"
        + (two_levels(column, levels) or '. As classes: target_kind = "class"')
    )


def two_levels(column: str, levels: Sequence[str]) -> str:
    """The cure for a column of two levels; of more or fewer, nothing."""
    if len(levels) != 2:
        return ""
    return f'. Its two levels become 0 and 1 with as_binary = {{ {column} = "{levels[1][:40]}" }}'
