"""What two studies share: which conditions are the same, whether their seeds pair, what differs."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from primacy.records.study import ConditionRecord, StudyRecord

DATA = ("examples", "fit_examples", "test_examples")
"""Settings of training that decide which examples a seed draws."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Differs:
    """One thing in which studies differ."""

    what: str
    """Dotted key (`training.learning_rate`), or what of the study it is."""
    where: str
    """The conditions it is about; empty: the study as a whole."""
    values: tuple[str, ...]
    """In each study; `–` where it has none."""


def matched(base: StudyRecord, other: StudyRecord) -> dict[str, str]:
    """For each condition of `base` the one of `other` that stands for it, by display name.

    The same condition (an equal key), else one of that name, else the only one there is on both
    sides. Conditions without such a partner are left out.
    """
    if len(base.conditions) == len(other.conditions) == 1:
        return {base.conditions[0].name: other.conditions[0].name}
    theirs = {c.name: c.key for c in other.conditions}
    found: dict[str, str] = {}
    for fits in (_same_and_called_so, _same, _called_so):
        for c in base.conditions:
            left = (n for n in theirs if n not in found.values() and fits(c, n, theirs[n]))
            if c.name not in found and (partner := next(left, None)) is not None:
                found[c.name] = partner
    return {c.name: found[c.name] for c in base.conditions if c.name in found}


def _same_and_called_so(c: ConditionRecord, name: str, key: str) -> bool:
    # Members of a study of studies may share a key; their names tell them apart.
    return c.key == key and c.name == name


def _same(c: ConditionRecord, name: str, key: str) -> bool:
    return c.key == key


def _called_so(c: ConditionRecord, name: str, key: str) -> bool:
    return c.name == name


def unpaired(
    base: StudyRecord, other: StudyRecord, a: ConditionRecord, b: ConditionRecord
) -> str | None:
    """Why a seed of `a` and the same seed of `b` do not draw the same; null: they pair.

    A seed draws its examples before it sees any number of the task (`rng`), so tasks that differ
    in a number with a decimal point only still share their draws, as conditions of one study do.
    So do tasks on one file that split its rows alike.
    """
    if a.key == b.key:
        return None
    if set(base.seed_axes) != set(other.seed_axes):
        return "what differs between seeds is not the same (seed_axes)"
    if why := _other_examples(a.spec.get("task") or {}, b.spec.get("task") or {}):
        return why
    training = [c.spec.get("training") or {} for c in (a, b)]
    for name in DATA:
        if training[0].get(name) != training[1].get(name):
            return f"another number of examples ({name.replace('_', ' ')})"
    return None


def _other_examples(a: Mapping[str, Any], b: Mapping[str, Any]) -> str | None:
    """Why a seed draws other examples in two tasks, and what would pair; null: it draws the same.

    Of a user's file a seed draws rows, whatever columns are used of them.
    """
    if a.get("kind") == b.get("kind") == "arrays":
        if a.get("sha256") != b.get("sha256"):
            return (
                "the data files are not the same (to pair, use one file in both and choose its "
                "columns in [task.features])"
            )
        if any(a.get(key) != b.get(key) for key in ("split", "split_by")):
            return "rows are split in another way (to pair, use the same split and split_by)"
        return None
    if _structure(a) != _structure(b):
        return (
            "the tasks draw other examples (what pairs: tasks that differ in decimal numbers only)"
        )
    return None


def _structure(thing: Any) -> Any:
    """A specification without its numbers that may be changed without changing a draw."""
    if isinstance(thing, Mapping):
        return {k: _structure(v) for k, v in thing.items()}
    if isinstance(thing, list | tuple):
        return [_structure(v) for v in thing]
    return None if isinstance(thing, float) else thing


def differences(records: list[StudyRecord]) -> list[Differs]:
    """All in which studies differ: the study as a whole, then settings of matched conditions.

    A setting that differs in the same way in several conditions is one entry.
    """
    heads = [dict(_head(record)) for record in records]
    found = [
        Differs(what=key, where="", values=values)
        for key in dict.fromkeys(k for head in heads for k in head)
        if len(set(values := tuple(head.get(key, "–") for head in heads))) > 1
    ]
    base, *others = records
    maps = [matched(base, other) for other in others]
    settings: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for c in base.conditions:
        partners = [m.get(c.name) for m in maps]
        specs = [dict(_flat(c.spec))]
        for other, name in zip(others, partners, strict=True):
            specs.append({} if name is None else dict(_flat(other.condition(name).spec)))
        there = [True, *(name is not None for name in partners)]
        for key in dict.fromkeys(k for spec in specs for k in spec):
            own = [spec.get(key, "–") for spec in specs]
            if len({v for v, has in zip(own, there, strict=True) if has}) > 1:
                values = tuple(v if has else "" for v, has in zip(own, there, strict=True))
                settings.setdefault((key, values), []).append(c.name)
    every = len(base.conditions)
    for (key, values), names in settings.items():
        where = "" if len(names) == every else ", ".join(names)
        found.append(Differs(what=key, where=where, values=values))
    return found


def _head(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """What a study says beside the specifications of its conditions."""
    yield "study", record.name
    yield "seeds", _ranges(record.seeds)
    yield "seed axes", ", ".join(record.seed_axes) or "none"
    yield "conditions", ", ".join(c.name for c in record.conditions)
    yield "controls", record.controls
    yield "device", record.device or "unknown"
    for name, version in record.versions.items():
        yield f"version of {name}", version
    yield "measures", ", ".join(sorted(m.name for m in record.measures))
    for h in record.hypotheses:
        contrast = dataclasses.asdict(h.contrast)
        said = {k: v for k, v in contrast.items() if v not in (None, (), {})}
        said |= {"expect": h.expect, "margin": h.margin}
        yield f"hypothesis {h.id}", ", ".join(f"{k} = {_text(v)}" for k, v in said.items())


def _is_group(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[0], str):
        return False
    columns = value[1]
    return isinstance(columns, list | tuple) and all(isinstance(c, str) for c in columns)


def _is_named(value: Any) -> bool:
    pair = isinstance(value, list | tuple) and len(value) == 2
    return pair and all(isinstance(part, str) for part in value)


def _ranges(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"{len(seeds)} ({seeds[0]} to {seeds[-1]})"
    return f"{len(seeds)} ({', '.join(map(str, seeds))})"


def _flat(thing: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """A specification as dotted keys and texts."""
    for key, value in thing.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    """A setting as it is read: named groups of columns, and named values, by their names."""
    if isinstance(value, list | tuple) and value and all(map(_is_group, value)):
        return ", ".join(
            name if list(columns) == [name] else f"{name} ({', '.join(columns)})"
            for name, columns in value
        )
    if isinstance(value, list | tuple) and value and all(map(_is_named, value)):
        return ", ".join(f"{name} = {level}" for name, level in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
