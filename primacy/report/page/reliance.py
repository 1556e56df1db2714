"""What a study of own data says first: was the task learned, and what does the network rely on?

Only of conditions whose features are judged by reliance (`ranks.by_use`), where nobody knows
the best predictor. What is not about the task (it was not learned, or test rows also train) comes
before what is.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.controls import shared_rows
from primacy.analysis.outcomes import MARGIN
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import ranks
from primacy.report.page.ranking import CLEAR, EQUAL, above
from primacy.report.page.wording import among, listed, number, share

Row = Mapping[str, Any]
NAMED = 8
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
    return said


def unlearned(condition: ConditionRecord, rows: Sequence[Row]) -> str | None:
    """That held-out examples are predicted no better than by a constant; None: they are."""
    if not rows or not ranks.by_use(condition):
        return None
    binary = condition.targets[0].score == "accuracy"
    column, called = ("final_accuracy", "accuracy") if binary else ("final_r_squared", "R²")
    score, chance = rows[0].get(column), _chance(condition)
    if score is None or score > chance + MARGIN:
        return None
    n, trained = rows[0]["seeds"], rows[0].get("final_score_train")
    networks = "the network is" if n == 1 else f"the {n} networks are"
    median = "" if n == 1 else "median "
    said = (
        f"on held-out examples {networks} no better than the best constant ({median}{called} "
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
    seeds = "" if n == 1 else f" (median of {n} seeds; {share(found[0])} to {share(found[-1])})"
    median = statistics.median(found)
    return f"Held-out {called} is {share(median)}{seeds}; the best constant guess has {chance}."


def has_place(row: Row) -> bool:
    """Whether a feature of own data may come first: needed in most seeds, more than its control.

    A cost within rounding of nothing reaches 90 % of itself at any step.
    """
    relied = row.get("reliance")
    return row["steps"] is not None and (relied is None or above(row, "reliance"))


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
    alone = " and ".join(
        f"{_alone(found, binary)} {'of' if binary else 'for'} {target}"
        if len(predicts) > 1
        else _alone(found, binary)
        for target, found in list(predicts.items())[:NAMED]
    )
    told = f"The shortcut {name}, which alone predicts {alone},"
    if costs is None or here is None:
        return f"{told} was not measured in training."
    values = ranks.matrix(summary, condition.name, "score_lost_train")
    lost = [v for seed in values.values() if (v := seed.get(name)) is not None]
    amount = _amount(condition, name)
    n, k = len(lost), sum(v >= amount for v in lost)
    costing = (
        f"interchanging it among training examples costs {share(costs)} of {what}"
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


def _alone(found: Mapping[str, float], binary: bool) -> str:
    if binary:
        return (
            f"{100 * found['train']:.0f} % of training and {100 * found['test']:.0f} % of test rows"
        )
    return f"R² {share(found['train'])} in training and {share(found['test'])} in test rows"


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
    if a["reliance"] <= 0:
        return "The output relies on none of the features at the end."
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
    table = ranks.matrix(summary, condition.name, "reliance")
    tops = [max(own, key=lambda f: own[f]) for own in _known(table).values()]
    k, n = tops.count(a["feature"]), len(tops)
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
