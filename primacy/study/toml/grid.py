"""Which conditions a study file asks for: defaults, named overlays, every combination of a grid."""

import dataclasses
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from primacy.records.study import Level
from primacy.study.toml.lines import Path

Table = dict[str, Any]

PARTS = ("task", "model", "training")
"""The tables that make a condition."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """One line of [grid]: a dotted key and the values that it takes."""

    key: str
    values: Any
    """A list, once it was checked."""
    path: Path
    """Where it stands in the file: `"training.steps"` in quotes is one key, without it is two."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One condition to be, as written: which overlay (None: the plain defaults), which values."""

    table: Table
    """task, model and training, with overlay and grid values in their places."""
    overlay: int | None
    label: str | None
    """The overlay's name."""
    choice: tuple[int, ...]
    """For each axis, the number of its value."""


def axes(grid: Mapping[str, Any], path: Path = ("grid",)) -> list[Axis]:
    """The lines of [grid], with nested tables (unquoted dotted keys) flattened."""
    found = []
    for key, value in grid.items():
        here = (*path, key)
        if isinstance(value, dict):
            found += axes(value, here)
        else:
            found.append(Axis(".".join(map(str, here[1:])), value, here))
    return found


def count(overlays: Sequence[Table], grid: Sequence[Axis]) -> int:
    """How many conditions there will be."""
    return max(1, len(overlays)) * math.prod(len(axis.values) for axis in grid)


def cells(defaults: Table, overlays: Sequence[Table], grid: Sequence[Axis]) -> list[Cell]:
    """Every condition: each overlay (or else the defaults) with every combination of the grid."""
    found = []
    layers: list[tuple[int | None, Table]] = list(enumerate(overlays)) or [(None, {})]
    for number, overlay in layers:
        below = laid(defaults, {part: overlay[part] for part in PARTS if part in overlay})
        for choice in itertools.product(*(range(len(axis.values)) for axis in grid)):
            chosen: Table = {}
            for axis, i in zip(grid, choice, strict=True):
                *tables, last = axis.key.split(".")
                place = chosen
                for table in tables:
                    place = place.setdefault(table, {})
                place[last] = axis.values[i]
            found.append(Cell(laid(below, chosen), number, overlay.get("name"), choice))
    return found


def laid(below: Table, above: Table) -> Table:
    """`above` laid over `below`; phases replace `epochs` and `steps`, and these them."""
    merged, stated = merge(below, above), above.get("training", {})
    training = merged.get("training")
    if isinstance(stated, dict) and isinstance(training, dict):
        apart = (("phases",), ("epochs", "steps"))
        for these, others in (apart, apart[::-1]):
            if any(key in stated for key in these):
                training = {k: v for k, v in training.items() if k not in others or k in stated}
        merged = {**merged, "training": training}
    return merged


def merge(below: Table, above: Table) -> Table:
    """`above` laid over `below`, table by table; another `kind` replaces its whole table."""
    merged = dict(below)
    for key, value in above.items():
        under = below.get(key)
        merged[key] = value
        if isinstance(value, dict) and isinstance(under, dict):
            same = value.get("kind", under.get("kind")) == under.get("kind")
            merged[key] = merge(under, value) if same else value
    return merged


def source(path: Path, cell: Cell, overlays: Sequence[Table], grid: Sequence[Axis]) -> Path:
    """Where the file says what stands at `path` of a cell's table."""
    for axis, i in zip(grid, cell.choice, strict=True):
        key = tuple(axis.key.split("."))
        if path[: len(key)] == key:
            return (*axis.path, i, *path[len(key) :])
    if cell.overlay is not None and path:
        here: Any = overlays[cell.overlay]
        own = here.get(path[0])
        if isinstance(own, dict) and "kind" in own:
            return ("condition", cell.overlay, *path)
        for part in path:
            if not (isinstance(here, dict) and part in here):
                break
            here = here[part]
            if not isinstance(here, dict):
                return ("condition", cell.overlay, *path)
    return path


def short(keys: Sequence[str]) -> dict[str, str]:
    """Each dotted key's shortest ending that no other key has: `learning_rate`."""
    names = {}
    for key in keys:
        parts = key.split(".")
        for n in range(1, len(parts) + 1):
            ending = parts[-n:]
            if all(other == key or other.split(".")[-n:] != ending for other in keys):
                break
        names[key] = ".".join(ending)
    return names


def level(value: Any) -> Level:
    """A value as a level of a factor: lists and tables become their JSON text."""
    if isinstance(value, (str, int, float, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def display(value: Level) -> str:
    """A level in a condition's name: 0.003, 10, true, tanh."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)
