"""What a study of own data says first: was the task learned, and what does the network rely on?

Only of conditions whose features are judged by reliance (`ranks.by_use`), where nobody knows
the best predictor. What is not about the task (it was not learned, or test rows also train) comes
before what is.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.controls import shared_rows
from primacy.analysis.outcomes import MARGIN
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import ranks
from primacy.report.page.ranking import CLEAR, EQUAL, above, floor
from primacy.report.page.wording import among, apart, listed, number, share

Row = Mapping[str, Any]
NAMED = 4
"""Groups of columns that a sentence names; the others are counted."""
MOVES = 0.1
"""Reliance from which a group moves the output, and the share of it that held-out score must lose
for the group to be needed."""
CARRIES = 0.5
"""Share of what a feature costs in training that it must cost held-out rows to carry over."""


def cautions(record: StudyRecord, standings: Mapping[str, list[dict]]) -> list[str]:
    """What must be read before anything else: tasks not learned, test rows that also train."""
    said, several = [], len(record.conditions) > 1
    for c in record.conditions:
        with_ = f"With {c.name}: " if several else ""
        told = [unlearned(c, standings[c.name]), copied(c)]
        said += [f"{with_}{text}" for text in told if text is not None]
    # The same columns in several conditions are said once.
    leaks = (text for c in record.conditions if standings[c.name] for text in leaking(c))
    return [*said, *dict.fromkeys(leaks)]


def leaking(condition: ConditionRecord) -> list[str]:
    """Features that alone predict nearly all of a target, and what is to be done about them."""
    targets = {t.name: t for t in condition.targets}
    said = []
    for f in condition.features:
        for name, score in f.facts.get("predicts_alone", {}).items():
            so_well = f"with R² {share(score)}"
            if targets[name].score == "accuracy":
                most = f"the commonest class: {100 * targets[name].chance:.0f} %"
                so_well = f"in {100 * score:.0f} % of rows ({most})"
            said.append(
                f"{f.name} alone predicts {name} {so_well}: check that it was known before the "
                "outcome, or leave it out."
            )
    return said


def unlearned(condition: ConditionRecord, rows: Sequence[Row]) -> str | None:
    """That held-out examples are predicted no better than by a constant; None: they are."""
    if not rows or not ranks.by_use(condition):
        return None
    binary = condition.targets[0].score == "accuracy"
    column, called = ("final_accuracy", "accuracy") if binary else ("final_r_squared", "R²")
    # The mean, as the control "task learned" has it: the two must not contradict each other.
    score, chance = rows[0]["means"].get(column), _chance(condition)
    if score is None or score > chance + MARGIN:
        return None
    n, trained = rows[0]["seeds"], rows[0].get("final_score_train")
    networks = "the network is" if n == 1 else f"the {n} networks are"
    mean = "" if n == 1 else "mean "
    said = (
        f"on held-out examples {networks} no better than the best constant ({mean}{called} "
        f"{share(score)}; the constant {share(chance)})"
    )
    if trained is not None and trained > chance + MARGIN:
        return (
            f"What was learned in training does not carry over: {said}, on training examples "
            f"{called} is {share(trained)}."
        )
    return (
        f"The task was not learned: {said}. What the output relies on then says nothing about the "
        "data."
    )


def scored(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> str | None:
    """How well held-out examples are predicted at the end; None: no better than by a constant."""
    if unlearned(condition, rows) is not None:
        return None
    binary = condition.targets[0].score == "accuracy"
    column, called = ("final_accuracy", "accuracy") if binary else ("final_r_squared", "R²")
    table = _known(ranks.matrix(summary, condition.name, column))
    found = sorted(next(iter(own.values())) for own in table.values())
    if not found:
        return None
    n, chance = len(found), share(_chance(condition))
    seeds = (
        "" if n == 1 else f" (median of {n} seeds; range {share(found[0])} to {share(found[-1])})"
    )
    median = statistics.median(found)
    return f"Held-out {called} is {share(median)}{seeds}; the best constant guess has {chance}."


def has_place(row: Row) -> bool:
    """Whether a feature of own data may come first: it has a time in most seeds and is ranked."""
    return row["steps"] is not None and row["ranked"]


def _chance(condition: ConditionRecord) -> float:
    return sum(t.chance for t in condition.targets) / len(condition.targets)


def copied(condition: ConditionRecord) -> str | None:
    """That test rows also train, more than few different values bring about; None: they do not."""
    found = shared_rows(condition)
    if found is None or not found[2]:
        return None
    return (
        f"{100 * found[0]:.0f} % of the test rows have the same inputs as a row that trains, so a "
        "good score can be memory; split_by keeps rows that belong together on one side."
    )


def shortcuts(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> list[str]:
    """For each declared shortcut: is it relied on in training, how much, does it carry over?"""
    known = {r["feature"]: r for r in rows}
    return [
        _shortcut(condition, f.name, f.facts["shortcut"], known[f.name], summary)
        for f in condition.features
        if "shortcut" in f.facts and f.name in known
    ]


def _shortcut(
    condition: ConditionRecord,
    name: str,
    predicts: Mapping[str, Mapping[str, float]],
    row: Row,
    summary: pl.DataFrame,
) -> str:
    binary = condition.targets[0].score == "accuracy"
    costs, here = row.get("score_lost_train"), row.get("score_lost")
    what = "accuracy" if binary else "R²"
    chance = {t.name: t.chance for t in condition.targets}
    alone = " and ".join(
        f"{_alone(found, binary, chance[target])}{f' ({target})' if len(predicts) > 1 else ''}"
        for target, found in list(predicts.items())[:NAMED]
    )
    told = f"The shortcut {name}, which alone {alone},"
    if costs is None or here is None:
        return f"{told} was not measured in training."
    values = ranks.matrix(summary, condition.name, "score_lost_train")
    lost = [v for seed in values.values() if (v := seed.get(name)) is not None]
    amount = _amount(condition, name)
    n, k = len(lost), sum(v >= amount for v in lost)
    costing = (
        f"interchanging it among training examples costs {apart(costs, amount)} of {what}"
        f"{'' if n == 1 else ' (median)'}"
    )
    if k < n / 2:
        return f"{told} is not relied on in training: {costing}, {amount:g} or more {among(k, n)}."
    carried = (
        "It carries over to held-out examples, where that"
        if here >= CARRIES * costs
        else "It does not carry over to held-out examples, where that"
    )
    return (
        f"{told} is relied on in training {among(k, n)}: {costing}. {carried} costs {share(here)}."
    )


def _alone(found: Mapping[str, float], binary: bool, chance: float) -> str:
    """What a shortcut alone predicts, beside what a constant predicts."""
    if not binary:
        train, test = share(found["train"]), share(found["test"])
        return f"predicts R² {train} in training and {test} in test rows"
    train, test, most = (f"{100 * v:.0f} %" for v in (found["train"], found["test"], chance))
    if max(found["train"], found["test"]) <= chance + 0.005:
        return f"predicts no better than the commonest class does ({most} of rows)"
    return f"predicts {train} of training and {test} of test rows (the commonest class: {most})"


def _amount(condition: ConditionRecord, name: str) -> float:
    """What counts as relied on: the criterion's amount, or the floor below which it is not used."""
    criterion = next(f.criterion for f in condition.features if f.name == name)
    if criterion is None:
        return MARGIN
    return criterion.amount if criterion.amount is not None else criterion.floor or MARGIN


def relied(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> str | None:
    """What the output relies on most at the end, with every other group; None: not measured."""
    known = sorted((r for r in rows if r.get("reliance") is not None), key=lambda r: -r["reliance"])
    if not known:
        return None
    a, rest = known[0], known[1:]
    if not above(a, "reliance"):
        return f"No single feature is relied on by more than {floor(a, 'reliance'):.2g} at the end."
    several = (
        "" if len(condition.targets) == 1 else f" (mean over {len(condition.targets)} targets)"
    )
    if not rest:
        return f"The output relies on {a['feature']} by {share(a['reliance'])} (median){several}."
    level = [r for r in known if a["reliance"] - r["reliance"] < EQUAL * a["reliance"]]
    if len(level) > 1:
        told = listed([r["feature"] for r in level])
        others = [r for r in known if r not in level]
        also = f"; {each(others)}" if others else ""
        values = listed([share(r["reliance"]) for r in level])
        return (
            f"The output relies about equally on {told} (median reliance {values}{also}){several}."
        )
    tops = _tops(condition, summary)
    k, n = tops.count(a["feature"]), len(tops)
    if contested(condition, rows, summary):
        return (
            f"No single feature is relied on most in {100 * CLEAR:g} % of the seeds (median "
            f"reliance {each(known)}){several}."
        )
    if k < CLEAR * n:
        counts = [
            f"{r['feature']} in {tops.count(r['feature'])}" for r in known if r["feature"] in tops
        ]
        return (
            f"The seeds disagree about what the output relies on most: {listed(counts)} of {n} "
            f"(median reliance {each(known)}){several}."
        )
    return (
        f"The output relies most on {a['feature']} {among(k, n)} (median reliance "
        f"{share(a['reliance'])}; {each(rest)}){several}."
    )


def _tops(condition: ConditionRecord, summary: pl.DataFrame) -> list[str]:
    """In each seed, the feature that the output relies on most at the end."""
    table = _known(ranks.matrix(summary, condition.name, "reliance"))
    return [max(own, key=lambda f: own[f]) for own in table.values()]


def contested(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> bool:
    """Whether the seeds rely most on different features, of which at most one may be ranked."""
    tops = _tops(condition, summary)
    rivals = [r for r in rows if r["feature"] in tops and r["ranked"]]
    return len(rivals) < 2 and max(map(tops.count, tops), default=0) < CLEAR * len(tops)


def needs(condition: ConditionRecord, rows: Sequence[Row]) -> str | None:
    """What the score loses without each feature that it needs; None: that was not measured."""
    binary = condition.targets[0].score == "accuracy"
    where = "training" if ranks.split(condition) == "train" else "held-out"
    score = f"{where} {'accuracy' if binary else 'R²'}"
    costs = {r["feature"]: ranks.cost(r) for r in rows if r["costs"]}
    ranked = {r["feature"] for r in rows if r["ranked"]}
    if not costs or (where == "held-out" and unlearned(condition, rows) is not None):
        return None
    kept = [f for f in sorted(costs, key=lambda f: -costs[f]) if f in ranked]
    if not kept:
        most = max(0.01, math.ceil(100 * max(costs.values()) - ranks.TIE) / 100)
        return f"No single feature is needed for more than {most:g} of {score}, so none came first."
    told = [f"{name} {share(costs[name])}" for name in kept]
    if (more := len(told) - NAMED) > 1:
        told = [*told[:NAMED], f"less for {more} others"]
    return f"Cost of interchanging, in {score} (median): {', '.join(told)}."


def _known(
    table: Mapping[int, Mapping[str, ranks.Number | None]],
) -> dict[int, dict[str, ranks.Number]]:
    found = {s: {f: v for f, v in own.items() if v is not None} for s, own in table.items()}
    return {s: own for s, own in found.items() if own}


def each(rows: Sequence[Row], column: str = "reliance") -> str:
    """Every feature with its median; beyond `NAMED` the others with their largest."""
    told = [f"{r['feature']} {share(r[column])}" for r in rows[:NAMED]]
    if more := rows[NAMED:]:
        most = max(r[column] for r in more)
        told.append(f"{len(more)} more, {number(round(most, 2))} at most")
    return ", ".join(told)


def suspects(condition: ConditionRecord, rows: Sequence[Row]) -> list[str]:
    """Groups that move the output and are worth nothing to held-out answers."""
    found = next((f.criterion for f in condition.features if f.criterion is not None), None)
    if found is None or found.measure == "reliance" or found.split == "train":
        return []
    declared = {f.name for f in condition.features if "shortcut" in f.facts}
    said = []
    for row in rows:
        moves, worth = row.get("reliance"), row.get("score_lost")
        if row["feature"] in declared or moves is None or worth is None:
            continue
        if moves >= MOVES and worth < max(MARGIN, MOVES * moves):
            score = "accuracy" if condition.targets[0].score == "accuracy" else "R²"
            said.append(
                f"{row['feature']} moves the output (reliance {share(moves)}), but held-out "
                f"{score} hardly needs it (interchanging it costs {share(worth)}); if it predicts "
                f'in training only, shortcut = ["{row["feature"]}"] in [task] shows that.'
            )
    return said
