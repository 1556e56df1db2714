"""What the tables say, in sentences that a person would write.

Counted from the summary and the verdicts alone: no sentence takes for granted which feature wins.
"in 28 of 30 seeds" counts networks; medians count those that never learned as later than any step.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.page import standing
from primacy.page.figures import visible
from primacy.page.ranking import CLEAR, EQUAL, above
from primacy.page.standing import when
from primacy.page.wording import among, counted, listed, number, share
from primacy.record import ConditionRecord, StudyRecord
from primacy.verdicts import Verdict

STRONGER = {
    "variance_explained": (
        *("represented", "represented more strongly", "represented most strongly"),
        "of the layer's variance",
    ),
    "reliance": ("used", "used more", "used most", ""),
}
"""Verb, comparative, superlative and unit of what a feature is at the end."""

Row = Mapping[str, Any]


def sentences(
    record: StudyRecord,
    summary: pl.DataFrame,
    verdicts: Sequence[Verdict],
    curves: pl.DataFrame | None = None,
) -> list[str]:
    """The answer sentence by sentence; the first is the order of learning."""
    standings = standing.standings(record, summary, curves)
    trained = [c for c in record.conditions if standings[c.name]]
    if not trained:
        return ["Nothing has been trained yet."]
    if len(trained) == 1:
        said = _one(trained[0], standings[trained[0].name], summary)
    else:
        said = _many(trained, standings, summary)
    return [visible(s) for s in said + _judged(record, verdicts)]


def _one(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> list[str]:
    n = rows[0]["seeds"]
    diverged = rows[0]["diverged"]
    if diverged == n:
        return [
            f"{'The one network' if n == 1 else f'All {n} networks'} diverged, "
            "so there is no order of learning to tell."
        ]
    came = order(condition, rows, summary)
    said = []
    first = rows[0]["feature"] if rows[0]["steps"] is not None else None
    for column, words in STRONGER.items():
        if sentence := stronger(condition, rows, summary, column, words, first):
            said.append(sentence)
    # Times that are relative to the run's own end are the weaker finding.
    said = [*reversed(said), came] if standing.relative(condition) else [came, *said]
    return said + _exceptions(condition, rows)


def _median(row: Row) -> str | None:
    return when(row, row["steps"])


def _verb(condition: ConditionRecord) -> str:
    return "relied on" if standing.relative(condition) else "learned"


def order(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> str:
    """Which feature came first, in how many seeds, after how many steps."""
    timed = [r for r in rows if r["timed"]]
    n, verb, tau = rows[0]["seeds"], _verb(condition), f"{condition.tau:,} steps"
    ending = " Times are relative to each run's own end." if verb != "learned" else ""
    if not timed:
        return "No feature of this study has a time-to-learn."
    if all(r["learned"] == 0 for r in timed):
        names = listed([r["feature"] for r in timed], "nor")
        prefix = "Neither " if len(timed) == 2 else "None of " if len(timed) > 2 else ""
        if len(timed) > 2:
            names = listed([r["feature"] for r in timed])
        return f"{prefix}{names} was{'' if prefix else ' not'} {verb} within {tau}, in any seed."
    if verb != "learned" and (there := [r["feature"] for r in timed if r["steps"] == 0]):
        return _from_the_start(there, timed) + ending
    if len(timed) == 1:
        row = timed[0]
        after = f", after {_median(row)} steps (median)" if row["steps"] is not None else ""
        return (
            f"{row['feature']} was {verb} within {tau} {among(row['learned'], n)}{after}.{ending}"
        )
    table = standing.matrix(standing.times(summary), condition.name, "time")
    if len(timed) == 2:
        return _pair(timed, table, n, verb, condition) + ending
    leader, last = timed[0], timed[-1]
    wins = _firsts(table, [r["feature"] for r in timed])
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


def _from_the_start(there: Sequence[str], timed: Sequence[Row]) -> str:
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
    return (
        f"{listed(there)} {was} relied on before any training as much as at the end, so no time "
        f"tells when {it_was} learned{f'; {listed(later)}' if later else ''}."
    )


def _reached(row: Row, verb: str) -> str:
    """`learned in 2 of 6 seeds`; `not learned` where there is one seed, in which it was not."""
    if row["seeds"] == 1 and not row["learned"]:
        return f"not {verb}"
    return f"{verb} {among(row['learned'], row['seeds'])}"


def _firsts(
    table: Mapping[int, Mapping[str, standing.Number | None]], names: Sequence[str]
) -> Counter:
    """In how many seeds each feature alone came first."""
    found: Counter = Counter()
    for values in table.values():
        known = {f: t for f in names if (t := values.get(f)) is not None}
        best = [f for f, t in known.items() if t == min(known.values())]
        if len(best) == 1:
            found[best[0]] += 1
    return found


def _pair(timed: Sequence[Row], table: dict, n: int, verb: str, condition: ConditionRecord) -> str:
    (a, b), tau, epoch = timed, f"{condition.tau:,} steps", condition.steps_per_epoch
    ahead, behind, ties = standing.wins(table, a["feature"], b["feature"], time=True)
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
    if not above(a, column):
        return f"No feature is measurably {verb} at the end ({values})."
    table = standing.matrix(summary, condition.name, column)
    ahead, behind, ties = standing.wins(table, a["feature"], b["feature"], time=False)
    n = len(ahead) + len(behind) + len(ties)
    if a[column] - b[column] < EQUAL * a[column]:
        both = f"{a['feature']} and {b['feature']}"
        lead = f"{most} and about equally" if len(known) > 2 else f"{verb} about equally"
        return f"{end}{both} are {lead} ({values})."
    if len(ahead) < CLEAR * n:
        return (
            f"The seeds disagree about which is {more} at the end: {a['feature']} in {len(ahead)} "
            f"of {n}, {b['feature']} in {len(behind)} ({values})."
        )
    also = "also " if a["feature"] == first else ""
    lead = most if len(known) > 2 else more
    return f"{end}{a['feature']} is {also}{lead}, {among(len(ahead), n)} ({values})."


def _exceptions(condition: ConditionRecord, rows: Sequence[Row]) -> list[str]:
    n, diverged = rows[0]["seeds"], rows[0]["diverged"]
    verb, tau = _verb(condition), f"within {condition.tau:,} steps"
    # Where half never got there the order has said so.
    missed = {
        r["feature"]: n - r["learned"] - diverged
        for r in rows
        if r["timed"] and r["steps"] is not None and n - r["learned"] - diverged > 0
    }
    said = []
    if len(missed) == 1:
        ((name, k),) = missed.items()
        said.append(f"{name} was not {verb} {tau} in {k} of {n} seeds.")
    elif missed:
        told = listed([f"{name} in {k}" for name, k in missed.items()])
        said.append(f"Not {verb} {tau}: {told} of {n} seeds.")
    if diverged:
        said.append(f"{diverged} of {n} networks diverged.")
    return said


def _many(
    conditions: Sequence[ConditionRecord],
    standings: Mapping[str, list[dict]],
    summary: pl.DataFrame,
) -> list[str]:
    n = len(conditions)
    if all(r["diverged"] == r["seeds"] for c in conditions for r in standings[c.name]):
        return [f"Every network of all {n} conditions diverged, so there is no order to tell."]
    leaders: dict[str, list[str]] = {}
    lanes = standing.times(summary)
    for c in conditions:
        timed = [r for r in standings[c.name] if r["timed"]]
        if len(timed) < 2:
            continue
        leader, alone = timed[0], timed[0]["place"] == 1 and timed[1]["place"] != 1
        if alone:
            table = standing.matrix(lanes, c.name, "time")
            wins = _firsts(table, [r["feature"] for r in timed])
            alone = wins.get(leader["feature"], 0) >= CLEAR * leader["seeds"]
        leaders.setdefault(leader["feature"] if alone else "", []).append(c.name)
    said = _by_condition(leaders, standings) if leaders else _alone(conditions, standings)
    for column, (_, _, most, _) in STRONGER.items():
        if told := _tops(conditions, standings, column):
            said.append(f"At the end {told[0]} is {most} {told[1]}.")
    never: dict[str, list[str]] = {}
    for c in conditions:
        for r in standings[c.name]:
            if r["timed"] and r["steps"] is None:
                never.setdefault(r["feature"], []).append(c.name)
    for name, own in never.items() if leaders else ():
        said.append(f"{name} was not learned by half of the seeds {_conditions(own, n)}.")
    if diverged := sum(standings[c.name][0]["diverged"] for c in conditions):
        lanes = sum(standings[c.name][0]["seeds"] for c in conditions)
        said.append(f"{diverged} of {lanes} networks diverged.")
    return said


def _conditions(names: Sequence[str], n: int) -> str:
    if len(names) == n or len(names) > 3:
        return among(len(names), n, "condition")
    return f"with {listed(names)}"


def _tops(
    conditions: Sequence[ConditionRecord], standings: Mapping[str, list[dict]], column: str
) -> tuple[str, str] | None:
    """The feature that leads a column in most conditions, and in how many; others counted apart."""
    tops: Counter = Counter()
    equal = nothing = seen = 0
    for c in conditions:
        known = sorted(
            (r for r in standings[c.name] if r.get(column) is not None), key=lambda r: -r[column]
        )
        if len(known) < 2:
            continue
        seen += 1
        if not above(known[0], column):
            nothing += 1
        elif known[0][column] - known[1][column] < EQUAL * known[0][column]:
            equal += 1
        else:
            tops[known[0]["feature"]] += 1
    if not seen:
        return None
    notes = [f"about equal in {equal}"] if equal else []
    notes += [f"none measurably in {nothing}"] if nothing else []
    if not tops:
        return "no feature", f"in {counted(seen, 'condition')}: {listed(notes)}"
    name, k = tops.most_common(1)[0]
    note = f" ({listed(notes)})" if notes else ""
    return name, among(k, seen, "condition") + note


def _by_condition(
    leaders: Mapping[str, list[str]], standings: Mapping[str, list[dict]]
) -> list[str]:
    n = sum(map(len, leaders.values()))
    ranked = sorted(((f, c) for f, c in leaders.items() if f), key=lambda p: -len(p[1]))
    if not ranked:
        return ["In no condition does one feature alone have the soonest median time."]
    name, own = ranked[0]
    first = min((standings[c][0] for c in own), key=lambda r: r["steps"])
    span = f"median step {when(first, first['steps'], max(standings[c][0]['steps'] for c in own))}"
    others = [(f, c) for f, c in [*ranked[1:], ("no single feature", leaders.get("", []))] if c]
    told = [
        f"{f} in {c[0] if len(c) == 1 else listed(c) if len(c) <= 3 else len(c)}" for f, c in others
    ]
    seeds = {standings[c][0]["seeds"] for c in own}
    each = f", {seeds.pop()} seeds each" if len(seeds) == 1 else ""
    rest = f"; {listed(told)}" if told else ""
    return [f"{name} was learned first {among(len(own), n, 'condition')} ({span}{each}){rest}."]


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
        said += f"; not with {listed(lost) if len(lost) <= 3 else f'{len(lost)} others'}"
    return [f"{said}."]


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
        said = [f"The one claim{fixed} is {_is(verdicts[0].word)}{note}."]
    elif len(words) == 1:
        said = [f"All {n} claims{fixed} are {_is(verdicts[0].word)}{note}."]
    else:
        (word, k), *rest = words.most_common()
        parts = [f"{k} {'is' if k == 1 else 'are'} {_is(word)}"]
        parts += [f"{k} {_is(word)}" for word, k in rest]
        said = [f"Of {n} claims{fixed}, {listed(parts)}{note}."]
    return said + [f"{s}." for s in (control(v, verdicts) for v in verdicts) if s]


def _is(word: str) -> str:
    return "found without effect" if word == "no effect" else word


def control(verdict: Verdict, verdicts: Sequence[Verdict]) -> str | None:
    """That a control arm came out otherwise than what it controls; None where it did not."""
    main = next((v for v in verdicts if v.id == verdict.control_for), None)
    if main is None or main.word == verdict.word:
        return None
    return (
        f"The control {verdict.id} is {verdict.word}, where {main.id}, which it controls, is "
        f"{main.word}"
    )
