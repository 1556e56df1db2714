"""What the tables say, in sentences that a person would write.

Counted from the summary and the verdicts alone: no sentence takes for granted which feature wins.
"in 28 of 30 seeds" counts networks; medians count those that never learned as later than any step.
"""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.verdicts import Verdict
from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import across, ranks, reliance
from primacy.report.page.figures import visible
from primacy.report.page.ranking import CLEAR, EQUAL, above
from primacy.report.page.ranks import when
from primacy.report.page.wording import among, listed, number, share

STRONGER = {
    "variance_explained": (
        *("represented", "represented more strongly", "represented most strongly"),
        "of the layer's variance",
    ),
    "reliance": ("used", "used more", "used most", ""),
}
"""Verb, comparative, superlative and unit of what a feature is at the end."""

LEAD = 3
"""Sentences of the answer that stand together; more is a list."""

Row = Mapping[str, Any]


def sentences(
    record: StudyRecord,
    summary: pl.DataFrame,
    verdicts: Sequence[Verdict],
    curves: Rows | None = None,
) -> list[str]:
    """The answer sentence by sentence; the first is the order of learning."""
    standings = ranks.standings(record, summary, curves)
    trained = [c for c in record.conditions if standings[c.name]]
    if not trained:
        return ["Nothing has been trained yet."]
    if len(trained) == 1:
        said = _one(trained[0], standings[trained[0].name], summary)
    else:
        said = across.conditions(trained, standings, summary)
    said = [*reliance.cautions(record, standings), *said]
    return [visible(s) for s in said + _judged(record, verdicts)]


def parts(said: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is read first, up to `LEAD` sentences, and the rest, which is a list."""
    ends = itertools.accumulate(len(re.findall(r"[.?!](?=\s|$)", text)) for text in said)
    k = max(1, sum(end <= LEAD for end in ends))
    return list(said[:k]), list(said[k:])


def _one(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> list[str]:
    n = rows[0]["seeds"]
    diverged = rows[0]["diverged"]
    if diverged == n:
        return [
            f"{'The one network' if n == 1 else f'All {n} networks'} diverged, "
            "so there is no order of learning to tell."
        ]
    if ranks.by_use(condition):
        return _own_data(condition, rows, summary)
    came = order(condition, rows, summary)
    said = []
    first = rows[0]["feature"] if rows[0]["steps"] is not None else None
    for column, words in STRONGER.items():
        if sentence := stronger(condition, rows, summary, column, words, first):
            said.append(sentence)
    return [came, *said, *_exceptions(condition, rows)]


def _own_data(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> list[str]:
    """What the network relies on, then what it represents and when: times are the weaker finding.

    Of a task that was not learned only what the output relies on, unless times are of training.
    """
    first = next((r["feature"] for r in rows if r["place"] == 1), None)
    told = [
        *reliance.shortcuts(condition, rows, summary),
        reliance.relied(condition, rows, summary),
        reliance.scored(condition, rows, summary),
        reliance.needs(condition, rows),
    ]
    if not reliance.contested(condition, rows, summary):
        told += reliance.suspects(condition, rows)
    if ranks.split(condition) == "train" or reliance.unlearned(condition, rows) is None:
        column = "variance_explained"
        told.append(stronger(condition, rows, summary, column, STRONGER[column], first))
        told.append(order(condition, rows, summary))
        told += _exceptions(condition, rows)
    return [sentence for sentence in told if sentence]


def _median(row: Row) -> str | None:
    return when(row, row["steps"])


def order(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> str:
    """Which feature came first, in how many seeds, after how many steps."""
    timed = [r for r in rows if r["timed"]]
    n, verb, tau = rows[0]["seeds"], ranks.verb(condition), f"{condition.tau:,} steps"
    ending = _meaning(condition)
    if not timed:
        return "No feature of this study has a time-to-learn."
    if all(r["learned"] == 0 for r in timed):
        names = listed([r["feature"] for r in timed], "nor")
        prefix = "Neither " if len(timed) == 2 else "None of " if len(timed) > 2 else ""
        if len(timed) > 2:
            names = listed([r["feature"] for r in timed])
        if ranks.relative(condition) and any((r.get("score_lost") or 0) > 0.01 for r in timed):
            end = f"{100 * condition.theta:g} % of its own end value"
            return f"No feature stays at {end}, so no time is told."
        return f"{prefix}{names} was{'' if prefix else ' not'} {verb} within {tau}, in any seed."
    if verb != "learned" and (there := [r["feature"] for r in timed if r["steps"] == 0]):
        return _from_the_start(there, timed, ranks.relative(condition)) + ending
    if ranks.by_use(condition) and (late := [r for r in timed if not reliance.has_place(r)]):
        return _among_needed(condition, [r for r in timed if r not in late], late, summary)
    if len(timed) == 1:
        row = timed[0]
        after = f", after {_median(row)} steps (median)" if row["steps"] is not None else ""
        return (
            f"{row['feature']} was {verb} within {tau} {among(row['learned'], n)}{after}.{ending}"
        )
    table = ranks.matrix(ranks.times(summary), condition.name, "time")
    if len(timed) == 2:
        return _pair(timed, table, n, verb, condition) + ending
    leader, last = timed[0], timed[-1]
    wins = across.firsts(table, [r["feature"] for r in timed])
    k = wins.get(leader["feature"], 0)
    if k < CLEAR * n:
        told = listed([f"{name} in {w}" for name, w in wins.most_common() if w])
        ties = n - sum(wins.values())
        return (
            f"The seeds disagree about which of {len(timed)} features is {verb} first: "
            f"{told or 'none'} of {n}{f' (ties or none in {ties})' if ties else ''}.{ending}"
        )
    tail = (
        f"{last['feature']} came last ({_median(last)})"
        if last["steps"] is not None
        else f"{last['feature']} came last ({_reached(last, verb)} within {tau})"
    )
    after = f" (median step {_median(leader)})" if leader["steps"] is not None else ""
    return (
        f"{leader['feature']} was {verb} first of {len(timed)} features {among(k, n)}{after}; "
        f"{tail}.{ending}"
    )


def _among_needed(
    condition: ConditionRecord, kept: Sequence[Row], late: Sequence[Row], summary: pl.DataFrame
) -> str:
    """The order of what is needed in most seeds; a time of the others is chance, and no rival."""
    if not kept:
        n = late[0]["seeds"]
        timed = [f"{r['feature']} in {r['learned']}" for r in late if r["ranked"] and r["learned"]]
        told = f": {listed(timed)} of {n}" if timed else ""
        return f"No feature has a time in most seeds, so none came first{told}."
    names = [r["feature"] for r in late]
    if (more := len(late) - reliance.NAMED) > 1:
        names = [*names[: reliance.NAMED], f"{more} more"]
    why = f"{ranks.verb(condition)} too little or in too few seeds"
    return f"{order(condition, kept, summary)} Not ranked, as {why}: {listed(names)}."


def _meaning(condition: ConditionRecord) -> str:
    """What the times of own data mean; nothing where features are learned."""
    found = next((f.criterion for f in condition.features if f.criterion is not None), None)
    if found is None or not ranks.by_use(condition):
        return ""
    where = "training" if found.split == "train" else "held-out"
    cost = {
        "reliance": "its reliance is",
        "reliance_loss": f"interchanging it among {where} examples costs",
    }.get(found.measure, f"interchanging it among {where} examples costs")
    what = {"reliance": "", "reliance_loss": " of loss", "reliance_accuracy": " of accuracy"}
    said = f" {ranks.verb(condition).capitalize()}: {cost}"
    if found.amount is not None:
        return f"{said} {found.amount:g}{what.get(found.measure, ' of R²')} or more."
    end = f"{100 * condition.theta:g} % of its value at the run's own end"
    if found.measure != "reliance":
        of = what.get(found.measure, " of R²").removeprefix(" of ")
        end = f"{100 * condition.theta:g} % of the {of} that it costs at the run's own end"
    return f"{said} {end}. Times are relative to each run's own end."


def _from_the_start(there: Sequence[str], timed: Sequence[Row], relative: bool) -> str:
    """Where the criterion holds before training: an untrained network's output varies too."""
    later = [
        f"{r['feature']} got there after {_median(r)} steps (median)"
        if r["steps"] is not None
        else f"{r['feature']} got there {among(r['learned'], r['seeds'])}"
        if r["learned"]
        else f"{r['feature']} never got there"
        for r in timed
        if r["steps"] != 0
    ]
    was, it_was = ("was", "it was") if len(there) == 1 else ("were", "they were")
    if not relative:
        met = "meets" if len(there) == 1 else "meet"
        return (
            f"{listed(there)} {met} the criterion before any training in half of the networks, as "
            f"chance gives some of them the right slope{f'; {listed(later)}' if later else ''}."
        )
    return (
        f"{listed(there)} {was} relied on before any training as much as at the end, so no time "
        f"tells when {it_was} learned{f'; {listed(later)}' if later else ''}."
    )


def _reached(row: Row, verb: str) -> str:
    """`learned in 2 of 6 seeds`; `not learned` where there is one seed, in which it was not."""
    if row["seeds"] == 1 and not row["learned"]:
        return f"not {verb}"
    return f"{verb} {among(row['learned'], row['seeds'])}"


def _pair(timed: Sequence[Row], table: dict, n: int, verb: str, condition: ConditionRecord) -> str:
    (a, b), tau, epoch = timed, f"{condition.tau:,} steps", condition.steps_per_epoch
    ahead, behind, ties = ranks.wins(table, a["feature"], b["feature"], time=True)
    epochs = [number(r["steps"] / epoch) for r in timed if epoch and r["steps"] is not None]
    medians = (
        f"after {_median(a)} steps against {_median(b)} (medians"
        f"{f'; epochs {listed(epochs)}' if epochs else ''})"
        if b["steps"] is not None
        else f"after {_median(a)} steps (median), while {b['feature']} was "
        f"{_reached(b, verb)} within {tau}"
        if a["steps"] is not None
        else f"{verb} within {tau} {among(a['learned'], n)} and {among(b['learned'], n)}"
    )
    if len(ahead) >= CLEAR * n:
        return f"{a['feature']} was {verb} before {b['feature']} {among(len(ahead), n)}: {medians}."
    if len(ties) >= CLEAR * n:
        return (
            f"{a['feature']} and {b['feature']} were {verb} at the same evaluation, or both not, "
            f"{among(len(ties), n)}: {medians}."
        )
    tied = f", tied in {len(ties)}" if ties else ""
    return (
        f"The seeds disagree about the order: {a['feature']} was {verb} first in {len(ahead)} of "
        f"{n}, {b['feature']} in {len(behind)}{tied}; {medians}."
    )


def stronger(
    condition: ConditionRecord,
    rows: Sequence[Row],
    summary: pl.DataFrame,
    column: str,
    words: tuple[str, str, str, str],
    first: str | None,
) -> str | None:
    """Which feature leads in a column at the end, and in how many seeds; None: nothing to say."""
    known = sorted((r for r in rows if r.get(column) is not None), key=lambda r: -r[column])
    verb, more, most, unit = words
    if len(known) < 2:
        return None
    a, b = known[0], known[1]
    # "At the end" once is enough: the sentence on what is represented has it.
    end, of = (
        ("", "median reliance at the end") if column == "reliance" else ("At the end ", "medians")
    )
    values = f"{of} {share(a[column])} and {share(b[column])} {unit}".rstrip()
    if len(known) > 2:
        rest = reliance.each(known[1:], column)
        values = f"{of} {share(a[column])}{f' {unit}' if unit else ''}; {rest}"
    if not above(a, column):
        return f"No feature is measurably {verb} at the end ({values})."
    table = ranks.matrix(summary, condition.name, column)
    ahead, behind, ties = ranks.wins(table, a["feature"], b["feature"], time=False)
    n = len(ahead) + len(behind) + len(ties)
    if a[column] - b[column] < EQUAL * a[column]:
        level = [r for r in known if a[column] - r[column] < EQUAL * a[column]]
        lead = f"{most} and about equally"
        if len(level) == len(known):
            lead = f"{verb} about equally"
        if len(known) > 2:
            shown = listed([share(r[column]) for r in level])
            below = reliance.each([r for r in known if r not in level], column)
            values = f"{of} {shown} {unit}".rstrip() + (f"; {below}" if below else "")
        return f"{end}{listed([r['feature'] for r in level])} are {lead} ({values})."
    if len(ahead) < CLEAR * n:
        if not (a["ranked"] and b["ranked"]):
            return None
        return (
            f"The seeds disagree about which is {more} at the end: {a['feature']} in {len(ahead)} "
            f"of {n}, {b['feature']} in {len(behind)} ({values})."
        )
    also = "also " if a["feature"] == first else ""
    lead = most if len(known) > 2 else more
    return f"{end}{a['feature']} is {also}{lead}, {among(len(ahead), n)} ({values})."


def _exceptions(condition: ConditionRecord, rows: Sequence[Row]) -> list[str]:
    n, diverged = rows[0]["seeds"], rows[0]["diverged"]
    verb, tau = ranks.verb(condition), f"within {condition.tau:,} steps"
    # Where half never got there the order has said so.
    missed = {
        r["feature"]: n - r["learned"] - diverged
        for r in rows
        if r["timed"] and r["ranked"] and r["steps"] is not None and n - r["learned"] - diverged > 0
    }
    said = []
    if missed and ranks.relative(condition):
        told = listed([f"{name} in {k}" for name, k in missed.items()])
        said.append(
            f"No time can be told where a feature's value does not stay at "
            f"{100 * condition.theta:g} % of its value at the end: {told} of {n} seeds."
        )
    elif len(missed) == 1:
        ((name, k),) = missed.items()
        said.append(f"{name} was not {verb} {tau} in {k} of {n} seeds.")
    elif missed:
        told = listed([f"{name} in {k}" for name, k in missed.items()])
        said.append(f"Not {verb} {tau}: {told} of {n} seeds.")
    # Relative to the run's own end the criterion holds there: what was lost came back.
    lost = [
        f"{r['feature']} in {r['forgotten']} of {r['learned']}"
        for r in rows
        if r["timed"] and 2 * r["forgotten"] > r["learned"] and not ranks.relative(condition)
    ]
    if told := listed(lost):
        said.append(f"Reached the criterion and later fell below it again: {told} networks.")
    if diverged:
        said.append(f"{diverged} of {n} networks diverged.")
    return said


def _judged(record: StudyRecord, verdicts: Sequence[Verdict]) -> list[str]:
    if not verdicts:
        return []
    n, words = len(verdicts), Counter(v.word for v in verdicts)
    fixed = "" if record.post_hoc else " fixed before the runs"
    fragile = sum("fragile" in v.flags for v in verdicts)
    note = (
        "" if not fragile else ", though fragile" if n == 1 else f"; {fragile} of these verdicts "
    )
    note += "" if not fragile or n == 1 else "is fragile" if fragile == 1 else "are fragile"
    if n == 1:
        said = [f"The one claim{fixed} {_is(1, verdicts[0].word)}{note}."]
    elif len(words) == 1:
        said = [f"All {n} claims{fixed} {_is(n, verdicts[0].word)}{note}."]
    else:
        (word, k), *rest = words.most_common()
        parts = [f"{k} {_is(k, word)}"]
        # The verb is said once, where it is the same.
        parts += [f"{j} {w if 'no effect' not in (word, w) else _is(j, w)}" for w, j in rest]
        said = [f"Of {n} claims{fixed}, {listed(parts)}{note}."]
    return said + [f"{s}." for s in (control(v, verdicts) for v in verdicts) if s]


def _is(k: int, word: str) -> str:
    if word == "no effect":
        return f"show{'s' * (k == 1)} no effect"
    return f"{'is' if k == 1 else 'are'} {word}"


def control(verdict: Verdict, verdicts: Sequence[Verdict]) -> str | None:
    """That a control arm came out otherwise than what it controls; None where it did not."""
    main = next((v for v in verdicts if v.id == verdict.control_for), None)
    if main is None or main.word == verdict.word:
        return None
    return (
        f"The control {verdict.id} is {verdict.word}, where {main.id}, which it controls, is "
        f"{main.word}"
    )
