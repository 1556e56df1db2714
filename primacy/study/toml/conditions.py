"""[task], [model], [training], [grid] and [[condition]] of a study file -> conditions."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as Folder
from typing import Any

from primacy.errors import quoted
from primacy.records.study import Level
from primacy.registry import models, tasks
from primacy.study.describe import null_name
from primacy.study.spec import Condition, Training
from primacy.study.toml.grid import (
    PARTS,
    Axis,
    Cell,
    Table,
    axes,
    cells,
    count,
    display,
    level,
    short,
    source,
)
from primacy.study.toml.inputs import unread
from primacy.study.toml.lines import Path
from primacy.study.toml.misfits import SIZES, idle_settings, impossible, misfits
from primacy.study.toml.mistakes import (
    Mistake,
    checked,
    dotted,
    name,
    not_among,
    unknown_key,
    value_at,
)

MOST = 10_000
"""Conditions of one study."""

BATCHES = 8
"""In an epoch at least, where the default batch is larger than the training set; 8192 examples in
batches of 1024, both defaults, are as many."""


@dataclasses.dataclass
class Conditions:
    """The conditions of a study file by display name, and all that is wrong with their tables."""

    conditions: dict[str, Condition] = dataclasses.field(default_factory=dict)
    factors: dict[str, dict[str, Level]] = dataclasses.field(default_factory=dict)
    mistakes: list[Mistake] = dataclasses.field(default_factory=list)
    followed: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """Defaults that were too large for the data, as sentences, and the conditions they are of."""

    @property
    def notes(self) -> tuple[str, ...]:
        """These sentences, each with a condition where it is not of all."""
        found = []
        for text, names in self.followed.items():
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            whole = len(names) == len(self.conditions)
            found.append(text if whole else f"{text} (condition {quoted(names[0])}{others})")
        return tuple(found)


def read_conditions(document: Mapping[str, Any], folder: Folder) -> Conditions:
    """What a study file says of conditions.

    Args:
        document: the study file.
        folder: where it lies; the data of a task lie there too.
    """
    defaults, overlays, across, mistakes = _written(document)
    total = count(overlays, across)
    if total > MOST:
        mistakes.append(Mistake(("grid",), f"{total} conditions; there can be {MOST} at most"))
        return Conditions(mistakes=mistakes)
    read = _Reader(folder)
    names = short([axis.key for axis in across if len(axis.values) > 1])
    found = Conditions(mistakes=mistakes)
    conditions, factors = found.conditions, found.factors
    keys: dict[str, str] = {}
    unused: dict[Path, str | None] = {}
    for cell in cells(defaults, overlays, across):
        condition, notes, wrong = read.condition(cell.table)
        idle = dict(idle_settings(cell.table, read.part("model", cell.table)[0]))
        for path, why in idle.items():
            if value_at(cell.table, path):  # at 0 or false it is not asked for
                # A setting that one condition leaves unused is fine where another uses it.
                at = source(path, cell, overlays, across)
                unused[at] = why and unused.get(at, why)
        mistakes += [
            dataclasses.replace(m, path=source(m.path, cell, overlays, across))
            for m in wrong
            if isinstance(document.get(str(m.path[0]), {}), dict)  # else that is the mistake
        ]
        if condition is None:
            continue
        levels = {axis.key: _level(condition, axis, i) for axis, i in _chosen(cell, across)}
        parts = [cell.label] if cell.label else []
        parts += [f"{names[key]}={display(value)}" for key, value in levels.items() if key in names]
        called = ", ".join(parts) or "default"
        at = ("grid",) if cell.overlay is None else ("condition", cell.overlay, "name")
        key, why = read.key(condition, cell.table, idle)
        if called in conditions:
            mistakes.append(Mistake(at, f"two conditions are called {quoted(called)}"))
        elif key in keys:
            mistakes.append(Mistake(at, f"{quoted(called)} is {quoted(keys[key])} again{why}"))
        conditions.setdefault(called, condition)
        keys.setdefault(key, called)
        factors.setdefault(called, ({"condition": cell.label} if cell.label else {}) | levels)
        for note in notes:
            found.followed.setdefault(note, []).append(called)
    mistakes += [Mistake(path, why) for path, why in unused.items() if why]
    return found


def feature_names(document: Mapping[str, Any], folder: Folder) -> tuple[set[str], set[str]] | None:
    """The features of all conditions as the tables of tasks give them, and those that are wrong.

    None: there is a task of which nobody can say.
    """
    defaults, overlays, across, mistakes = _written(document)
    if any(m.path[:1] == ("grid",) for m in mistakes) or count(overlays, across) > MOST:
        return None
    read = _Reader(folder)
    names: set[str] = set()
    doubtful: set[str] = set()
    for cell in cells(defaults, overlays, across):
        task, wrong = read.part("task", cell.table)
        written = cell.table.get("task", {}).get("features")
        if task is not None:
            names |= {f.name for f in task.declared}
        elif isinstance(written, list | dict):  # a task that is wrong still says which it means
            listed = list(written)
            bad = {m.path[2] for m in wrong if m.path[:2] == ("task", "features") and m.path[2:]}
            for i, name in enumerate(listed):
                if isinstance(name, str):
                    (doubtful if {i, name} & bad else names).add(name)
        else:
            return None
    return names | {null_name(name) for name in names}, doubtful


def _written(
    document: Mapping[str, Any],
) -> tuple[Table, list[Table], list[Axis], list[Mistake]]:
    """Defaults, overlays and grid lines that are well formed, and what is wrong with the rest."""
    mistakes: list[Mistake] = []
    defaults: Table = {}
    for part in PARTS:
        if isinstance(document.get(part, {}), dict):
            defaults[part] = document.get(part, {})
        else:
            mistakes.append(Mistake((part,), f"must be a table: [{part}]"))
    overlays = document.get("condition", [])
    if not isinstance(overlays, list):
        mistakes.append(Mistake(("condition",), "must be written [[condition]]"))
        overlays = []
    for i, overlay in enumerate(overlays):
        mistakes += _overlay(overlay, ("condition", i))
    overlays = [
        {"name": f"condition[{i}]"} | {key: o[key] for key in ("name", *PARTS) if _is_good(o, key)}
        for i, o in enumerate(overlays)
    ]
    across = []
    if isinstance(document.get("grid", {}), dict):
        for axis in axes(document.get("grid", {})):
            wrong = list(_axis(axis, across, overlays))
            mistakes += wrong
            if not wrong:
                across.append(axis)
    else:
        mistakes.append(Mistake(("grid",), "must be a table: [grid]"))
    return defaults, overlays, across, mistakes


def _is_good(overlay: Any, key: str) -> bool:
    wanted = dict if key in PARTS else str
    return isinstance(overlay, dict) and isinstance(overlay.get(key), wanted)


def _overlay(overlay: Any, path: Path) -> Iterator[Mistake]:
    if not isinstance(overlay, dict):
        yield Mistake(path, "must be a table: [[condition]]")
        return
    for key, value in overlay.items():
        if key not in ("name", *PARTS):
            yield unknown_key((*path, key), ("name", *PARTS))
        elif key in PARTS and not isinstance(value, dict):
            yield Mistake((*path, key), "must be a table: { key = value }")
    if "name" not in overlay:
        yield Mistake((*path, "name"), "missing")
    elif not isinstance(overlay["name"], str):
        yield Mistake((*path, "name"), "must be text in quotes")
    else:
        try:
            name(overlay["name"])
        except ValueError as error:
            yield Mistake((*path, "name"), str(error))


def _axis(axis: Axis, others: Sequence[Axis], overlays: Sequence[Table]) -> Iterator[Mistake]:
    key = tuple(axis.key.split("."))
    if key[0] not in PARTS or len(key) == 1:
        legal = tuple(f"{part}. ..." for part in PARTS)
        yield not_among(axis.path, axis.key, legal, "not a key of task, model or training")
    elif not isinstance(axis.values, list) or not axis.values:
        yield Mistake(axis.path, "must be a list of values, in [ ]")
    else:
        for i, value in enumerate(axis.values):
            if value in axis.values[:i]:
                yield Mistake((*axis.path, i), "stands twice")
        for other in others:
            theirs = tuple(other.key.split("."))
            if key[: len(theirs)] == theirs or theirs[: len(key)] == key:
                yield Mistake(axis.path, f"{dotted(other.path)} sets the same", shows=False)
        for overlay in overlays:
            if value_at(overlay, key) is not None:
                called = quoted(overlay.get("name"))
                yield Mistake(axis.path, f"condition {called} sets the same", shows=False)


class _Reader:
    """Makes specs of tables, each different table once."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.made: dict[str, tuple[Any, list[Mistake]]] = {}

    def condition(self, table: Table) -> tuple[Condition | None, list[str], list[Mistake]]:
        """A condition, with what is said of its defaults; or all that is wrong with it."""
        task, mistakes = self.part("task", table)
        model, wrong = self.part("model", table)
        mistakes = mistakes + wrong
        limited = task is not None and task.sizes is not None
        written = table.get("training", {})
        # Of data of limited size, all are used unless the file says how many.
        whole = dict.fromkeys(SIZES.values(), "all") if limited else {}
        training, wrong = self.part("training", table | {"training": whole | written})
        mistakes = mistakes + wrong
        if task is None or training is None:
            return None, [], mistakes
        wrong, notes = list(misfits(task, training, written)), []
        condition = None
        if model is not None and not wrong:
            condition = Condition(task=task, model=model, training=training)
            condition, notes = following(condition, written)
            wrong = [*impossible(condition), *unread(condition)]
        return (None if wrong else condition), notes, mistakes + wrong

    def key(
        self, condition: Condition, table: Table, idle: Mapping[Path, str | None]
    ) -> tuple[str, str]:
        """The key that a condition has without the settings that do nothing, and what these are."""
        why = {path: text for path, text in idle.items() if text is not None}
        if not why:
            return condition.key, ""
        plain = {
            part: {key: value for key, value in own.items() if (part, key) not in why}
            for part, own in table.items()
        }
        same, _, _ = self.condition(plain)
        said = "; ".join(f"{path[-1]} {text}" for path, text in why.items())
        return (same or condition).key, f": {said}"

    def part(self, part: str, table: Table) -> tuple[Any, list[Mistake]]:
        """The task, the model or the training of a table."""
        key = part + json.dumps(table.get(part, {}), sort_keys=True, default=str)
        if key not in self.made:
            self.made[key] = self.make(part, table.get(part, {}))
        return self.made[key]

    def make(self, part: str, table: Table) -> tuple[Any, list[Mistake]]:
        if part == "training":
            return checked(Training, table, (part,))
        registry = {"task": tasks, "model": models}[part].load()
        kinds = sorted(registry)
        path = (part, "kind")
        if "kind" not in table:
            text = f"missing. There are: {', '.join(kinds)}"
            return None, [Mistake(path, text, tuple(kinds), shows=False)]
        kind = table["kind"]
        if not isinstance(kind, str):
            return None, [Mistake(path, "must be text in quotes", tuple(kinds))]
        if part == "model" and kind == "own" and kind not in kinds:
            text = "is a network of your own code: name it with --model FILE.py:FUNCTION"
            return None, [Mistake(path, text)]
        if kind not in kinds:
            return None, [not_among(path, kind, kinds, f"not a {part}")]
        rest = {key: value for key, value in table.items() if key != "kind"}
        spec, mistakes = checked(registry[kind], rest, (part,), {"folder": self.folder})
        return spec, [
            dataclasses.replace(m, message=f"{m.message}  (`primacy explain {kind}` shows all)")
            if m.message.startswith("not a feature")
            else m
            for m in mistakes
        ]


def following(condition: Condition, written: Table) -> tuple[Condition, list[str]]:
    """The condition with defaults that its data allow, and what of them was changed.

    Only what the file does not say is changed, and only where the default is impossible: a small
    data set is tried with a few lines, and its own numbers are looked up later.

    Args:
        condition: with the defaults as they are.
        written: its table `training`.
    """
    notes = []

    def changed(key: str, value: int, why: str) -> Condition:
        default = getattr(condition.training, key)
        notes.append(f"{key} = {value}: it defaults to {default}, but {why}")
        training = dataclasses.replace(condition.training, **{key: value})
        return dataclasses.replace(condition, training=training)

    size = condition.examples.get("train")
    if size is not None and condition.training.batch_size > size and "batch_size" not in written:
        batch = 1 << max(0, (size // BATCHES).bit_length() - 1)
        condition = changed("batch_size", batch, f"there are {size} training examples")
    elif size is not None and condition.training.batch_size > size:
        return condition, notes  # which is refused, and then has no number of steps
    most = condition.budget + 1
    if condition.training.evaluations > most and "evaluations" not in written:
        why = f"{most - 1} steps allow at most {most}"
        condition = changed("evaluations", most, why)
    count = condition.training.evaluations
    if condition.training.confirm > count and "confirm" not in written:
        condition = changed("confirm", count, f"there are {count} evaluations")
    return condition, notes


def _chosen(cell: Cell, across: Sequence[Axis]) -> Iterator[tuple[Axis, int]]:
    yield from zip(across, cell.choice, strict=True)


def _level(condition: Condition, axis: Axis, i: int) -> Level:
    """The value as the spec has it: 1 is 1.0 where a number is asked for."""
    here: Any = condition
    for part in axis.key.split("."):
        here = here.get(part) if isinstance(here, Mapping) else getattr(here, part, None)
    return level(axis.values[i] if here is None else here)
