"""The conditions of a study in groups, a member study each; a grid of two factors as a map."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from primacy.records.members import FACTOR
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page.ranks import Number, racers, verb, when

FEW = 4
"""Conditions up to which one of them is shown in full, first."""
SHADES = 5
"""Steps of shading in a map."""
MAPS = 4
"""Features with a map of their own."""


def many(record: StudyRecord) -> bool:
    """Whether all conditions are shown side by side, and none in full before the others."""
    return bool(record.members) or len(record.conditions) > FEW


def groups(record: StudyRecord) -> list[tuple[str | None, list[ConditionRecord]]]:
    """The conditions by member study, in their order; None: the study has no members."""
    found: dict[str | None, list[ConditionRecord]] = {}
    for c in record.conditions:
        member = c.factors.get(FACTOR) if record.members else None
        found.setdefault(None if member is None else str(member), []).append(c)
    return list(found.items())


def short(condition: ConditionRecord, member: str | None) -> str:
    """What a condition is called within its member."""
    return condition.name.removeprefix(f"{member}/") if member else condition.name


def factors(conditions: Sequence[ConditionRecord]) -> tuple[str, str] | None:
    """The two numeric factors in which all these conditions differ; None: it is not such a grid."""
    keys = dict.fromkeys(k for c in conditions for k in c.factors if k != FACTOR)
    if len(keys) != 2 or any(k not in c.factors for c in conditions for k in keys):
        return None
    levels = [[c.factors[k] for c in conditions] for k in keys]
    if any(isinstance(x, bool | str) for own in levels for x in own):
        return None
    pairs = set(zip(*levels, strict=True))
    if min(len(set(own)) for own in levels) < 2 or len(pairs) < len(conditions):
        return None
    first, second = keys
    return first, second


def maps(
    conditions: Sequence[ConditionRecord], standings: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """For a grid of two numeric factors, a map a feature: median steps to learn in each cell.

    A cell is a dict of `condition`, `text`, `kind` (`shade1`, the soonest, to `shade5` on a
    logarithmic scale; `never` where less than half of the networks learned it; `missing`).
    """
    found = factors(conditions)
    if found is None:
        return []
    down, across = found
    names = list(dict.fromkeys(n for c in conditions for n in racers(c)))
    return [_map(conditions, standings, down, across, name) for name in names[:MAPS]]


def _map(
    conditions: Sequence[ConditionRecord],
    standings: Mapping[str, Sequence[Mapping[str, Any]]],
    down: str,
    across: str,
    name: str,
) -> dict[str, Any]:
    at = {(c.factors[down], c.factors[across]): c for c in conditions}
    rows = {
        c.name: next((r for r in standings[c.name] if r["feature"] == name), None)
        for c in conditions
    }
    known = [r["steps"] for r in rows.values() if r is not None and r["steps"] is not None]
    ends = (min(known), max(known)) if known else (0, 0)
    columns = sorted({a for _, a in at}, key=_size)

    def cell(d: Any, a: Any) -> dict[str, Any]:
        c = at.get((d, a))
        row = rows[c.name] if c is not None else None
        if c is None or row is None:
            return {"condition": None, "text": "–", "kind": "missing"}
        if row["steps"] is None:
            told = f"{row['learned']} of {row['seeds']}" if row["learned"] else "never"
            return {"condition": c, "text": told, "kind": "never"}
        return {"condition": c, "text": when(row, row["steps"]), "kind": _shade(row["steps"], ends)}

    return {
        "feature": name,
        "down": down,
        "across": across,
        "columns": [f"{a:g}" for a in columns],
        "rows": [
            (f"{d:g}", [cell(d, a) for a in columns]) for d in sorted({d for d, _ in at}, key=_size)
        ],
        "verb": verb(conditions[0]),
        "tau": max(c.tau for c in conditions),
    }


def _size(level: Any) -> float:
    return float(level)


def _shade(steps: Number, ends: tuple[Number, Number]) -> str:
    low, high = (math.log1p(x) for x in ends)
    part = (math.log1p(steps) - low) / (high - low) if high > low else 0.0
    return f"shade{min(SHADES, 1 + int(part * SHADES))}"
