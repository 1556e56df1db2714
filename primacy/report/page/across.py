"""What the tables say of several conditions, in sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.errors import counted
from primacy.records.study import ConditionRecord
from primacy.report.page import ranks, reliance
from primacy.report.page.ranking import CLEAR, EQUAL, above
from primacy.report.page.ranks import when
from primacy.report.page.wording import among, listed

NAMED = 3
"""Conditions that a sentence names; more are counted."""


def conditions(
    trained: Sequence[ConditionRecord],
    standings: Mapping[str, list[dict]],
    summary: pl.DataFrame,
) -> list[str]:
    """The sentences of a study with several trained conditions."""
    n = len(trained)
    if all(r["diverged"] == r["seeds"] for c in trained for r in standings[c.name]):
        return [f"Every network of all {n} conditions diverged, so there is no order to tell."]
    leaders: dict[str, list[str]] = {}
    times = ranks.times(summary)
    for c in trained:
        timed = [r for r in standings[c.name] if r["timed"]]
        if len(timed) < 2:
            continue
        leader, alone = timed[0], timed[0]["place"] == 1 and timed[1]["place"] != 1
        if alone:
            table = ranks.matrix(times, c.name, "time")
            wins = firsts(table, [r["feature"] for r in timed if r["ranked"]])
            alone = wins.get(leader["feature"], 0) >= CLEAR * leader["seeds"]
        leaders.setdefault(leader["feature"] if alone else "", []).append(c.name)
    said = _shortcuts(trained, standings, summary)
    verb = ranks.verb(trained[0])
    said += _by_condition(leaders, standings, verb) if leaders else _alone(trained, standings)
    for column, most in (
        ("variance_explained", "represented most strongly"),
        ("reliance", "used most"),
    ):
        if told := _tops(trained, standings, column, most):
            said.append(told)
    never: dict[str, list[str]] = {}
    for c in trained:
        for r in standings[c.name]:
            if r["timed"] and r["steps"] is None:
                never.setdefault(r["feature"], []).append(c.name)
    said += _never(never, n, verb) if leaders else []
    if diverged := sum(standings[c.name][0]["diverged"] for c in trained):
        lanes = sum(standings[c.name][0]["seeds"] for c in trained)
        said.append(f"{diverged} of {lanes} networks diverged.")
    return said


def _never(never: Mapping[str, list[str]], n: int, verb: str) -> list[str]:
    """What fewer than half of the networks learned, and where: a sentence for the same places."""
    said = []
    for own in dict.fromkeys(map(tuple, never.values())):
        names = [name for name, where in never.items() if tuple(where) == own]
        if len(names) > 1:
            was = "was learned" if verb == "learned" else f"is {verb}"
            none = (
                f"neither {listed(names, 'nor')}" if len(names) == 2 else f"none of {listed(names)}"
            )
            told = f"{none} {was} in half of the networks"
        else:
            few = "fewer than half of the networks"
            told = f"{few} learned {names[0]}"
            told = told if verb == "learned" else f"{names[0]} is {verb} in {few}"
        said.append(f"{_in_conditions(own, n)}, {told}.")
    return said


def _conditions(names: Sequence[str], n: int) -> str:
    if len(names) == n or len(names) > NAMED:
        return among(len(names), n, "condition")
    return f"with {listed(names)}"


def _in_conditions(names: Sequence[str], n: int) -> str:
    """The same at the beginning of a sentence: `In both conditions`, `With a and b`."""
    if len(names) == n:
        return "In both conditions" if n == 2 else f"In all {n} conditions"
    where = _conditions(names, n)
    return where[:1].upper() + where[1:]


def _shortcuts(
    trained: Sequence[ConditionRecord],
    standings: Mapping[str, list[dict]],
    summary: pl.DataFrame,
) -> list[str]:
    """What the declared shortcuts of each condition are worth to it."""
    return [
        f"With {c.name}: {text[:1].lower()}{text[1:]}"
        for c in trained
        for text in reliance.shortcuts(c, standings[c.name], summary)
    ]


def _tops(
    trained: Sequence[ConditionRecord],
    standings: Mapping[str, list[dict]],
    column: str,
    most: str,
) -> str | None:
    """The feature that leads a column in most conditions, and in how many; equal ones apart."""
    tops: dict[str, list[str]] = {}
    level: Counter = Counter()
    every = nothing = seen = 0
    for c in trained:
        known = sorted(
            (r for r in standings[c.name] if r.get(column) is not None), key=lambda r: -r[column]
        )
        if len(known) < 2:
            continue
        seen += 1
        if not above(known[0], column):
            nothing += 1
            continue
        top = known[0][column]
        near = [r["feature"] for r in known if top - r[column] < EQUAL * abs(top)]
        if len(near) < 2:  # none is near a top of 0
            tops.setdefault(known[0]["feature"], []).append(c.name)
        else:
            level[tuple(sorted(near))] += 1
            every += len(near) == len(known)
    if not seen:
        return None
    none = f"none measurably in {nothing}" if nothing else ""
    if not tops:
        if every + nothing == seen:
            notes = [f"about equal in {every}"] if every else []
            notes += [none] if none else []
            return (
                f"At the end no feature is {most} in {counted(seen, 'condition')}: {listed(notes)}."
            )
        names, k = level.most_common(1)[0]
        return (
            f"At the end {listed(names)} are {most}, about equally, {among(k, seen, 'condition')}."
        )
    name, own = max(tops.items(), key=lambda top: len(top[1]))
    equal = level.total()
    notes = [f"about equal in {equal}"] if equal else []
    notes += [none] if none else []
    note = f" ({listed(notes)})" if notes else ""
    others = [f"{f} with {listed(c)}" for f, c in tops.items() if f != name]
    if others and seen <= NAMED:
        return f"At the end {name} is {most} with {listed(own)}, {listed(others)}{note}."
    return f"At the end {name} is {most} {among(len(own), seen, 'condition')}{note}."


def _by_condition(
    leaders: Mapping[str, list[str]], standings: Mapping[str, list[dict]], verb: str
) -> list[str]:
    n = sum(map(len, leaders.values()))
    ranked = sorted(((f, c) for f, c in leaders.items() if f), key=lambda p: -len(p[1]))
    if not ranked:
        return ["In no condition does one feature alone have the soonest median time."]
    name, own = ranked[0]
    first = min((standings[c][0] for c in own), key=lambda r: r["steps"])
    span = f"median step {when(first, first['steps'], max(standings[c][0]['steps'] for c in own))}"
    others = [(f, c) for f, c in [*ranked[1:], ("no single feature", leaders.get("", []))] if c]
    told = [f"{f} {f'with {listed(c)}' if len(c) <= NAMED else f'in {len(c)}'}" for f, c in others]
    where = f"with {listed(own)}" if told and n <= NAMED else among(len(own), n, "condition")
    seeds = {standings[c][0]["seeds"] for c in own}
    each = f", {seeds.pop()} seeds each" if len(seeds) == 1 else ""
    rest = f"; {listed(told)}" if told else ""
    return [f"{name} was {verb} first {where} ({span}{each}){rest}."]


def _alone(conditions: Sequence[ConditionRecord], standings: Mapping[str, list[dict]]) -> list[str]:
    """Conditions with one timed feature each: how soon it was learned, where."""
    timed = {c.name: r for c in conditions for r in standings[c.name] if r["timed"]}
    if not timed:
        return ["No feature of this study has a time-to-learn."]
    reached = {c: r for c, r in timed.items() if r["steps"] is not None}
    names = dict.fromkeys(r["feature"] for r in timed.values())
    name = next(iter(names)) if len(names) == 1 else "the feature"
    said = (
        f"At least half of the seeds learned {name} {among(len(reached), len(timed), 'condition')}"
    )
    if reached:
        ranked = sorted(reached, key=lambda c: reached[c]["steps"])
        said += f": soonest with {ranked[0]} (median step {_median(reached[ranked[0]])})"
        if len(ranked) > 1:
            said += f", latest with {ranked[-1]} ({_median(reached[ranked[-1]])})"
    lost = [c for c in timed if c not in reached]
    if reached and lost:
        said += f"; not with {listed(lost) if len(lost) <= NAMED else f'{len(lost)} others'}"
    return [f"{said}."]


def _median(row: Mapping[str, Any]) -> str | None:
    return when(row, row["steps"])


def firsts(table: Mapping[int, Mapping[str, ranks.Number | None]], names: Sequence[str]) -> Counter:
    """In how many seeds each feature alone came first."""
    found: Counter = Counter()
    for values in table.values():
        known = {f: t for f in names if (t := values.get(f)) is not None}
        best = [f for f, t in known.items() if t == min(known.values())]
        if len(best) == 1:
            found[best[0]] += 1
    return found
