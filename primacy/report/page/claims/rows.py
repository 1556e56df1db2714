"""Claims as the page shows them: what was reported, every reading, and why the word depends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from primacy.analysis.learning_times import EVENTS
from primacy.analysis.readings import MOMENTS, Claim, Moment, Reading, claims
from primacy.analysis.runs import Runs
from primacy.errors import counted
from primacy.records.members import FACTOR
from primacy.records.study import Hypothesis, MeasureRecord, StudyRecord
from primacy.report.page.claims.figure import figure
from primacy.report.page.judged import SYMBOLS
from primacy.report.page.wording import listed, number, ratio, signed

HEADS = {
    "own": "each at its own time",
    "learned": "just learned",
    "end": "at the end",
    "stated": "as stated",
}
"""Titles of the moments' columns."""
OPEN = ("inconclusive", "untestable")
"""Words that leave a claim open."""
WAYS = {"moment": "depending on the moment", "definition": "depending on the definition"}
"""What the words of several claims depend on."""


def asked(record: StudyRecord) -> bool:
    """Whether any claim of the study was reported before, so that there is something to compare."""
    return any(h.reported_by is not None for h in record.hypotheses)


def groups(runs: Runs) -> list[dict[str, Any]]:
    """The claims of each member study (or of the study itself), as rows of the page."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    for i, claim in enumerate(claims(runs), 1):
        h = claim.first
        member = str(h.contrast.of.get(FACTOR)) if runs.record.members else None
        member = member if member in runs.record.members else None
        found.setdefault(member, []).append({"id": f"claim-{i}", **_row(runs, claim, member)})
    return [{"name": name, "rows": rows} for name, rows in found.items()]


def _row(runs: Runs, claim: Claim, member: str | None) -> dict[str, Any]:
    moments = [m for m in (*MOMENTS, "stated") if any(r.moment == m for r in claim.readings)]
    measures = list(dict.fromkeys(r.measure for r in claim.readings))
    cells = {(r.measure, r.moment): _cell(r, claim.first) for r in claim.readings}
    return {
        "claims": [(h.id, h.claim) for h in claim.hypotheses],
        "reported_by": next((h.reported_by for h in claim.hypotheses if h.reported_by), None),
        "expected": expected(claim.first),
        "heads": [HEADS[m] for m in moments],
        "rows": [
            (shown(runs.cards.get(measure), measure), [cells.get((measure, m)) for m in moments])
            for measure in measures
        ],
        "depends": depends(claim, runs.cards, member),
        "kind": kind(claim),
        "figure": _drawn(runs, claim, member),
    }


def _drawn(runs: Runs, claim: Claim, member: str | None) -> dict[str, Any] | None:
    """The figure, with conditions called as in their own study."""
    drawn = figure(runs, claim)
    if drawn is None or member is None:
        return drawn
    key = [(name.replace(f"{member}/", ""), hue) for name, hue in drawn["key"]]
    return drawn | {"key": key}


def _cell(r: Reading, h: Hypothesis) -> dict[str, Any]:
    value = "" if r.value is None or r.word == "untestable" else sized(r, h)
    return {
        "word": r.word,
        "symbol": SYMBOLS[r.word],
        "value": value,
        "stated": r.stated,
        "kind": r.word.replace(" ", "-"),
        "problem": r.problem,
    }


def sized(r: Reading, h: Hypothesis) -> str:
    """The value of a reading: a ratio of times is so many times sooner, a trend Kendall's tau."""
    if r.value is None:
        return "no value"
    if h.expect == "never":
        return f"in {number(r.value)} of the seeds"
    if h.contrast.scale == "ratio":
        return ratio(r.value, times=r.measure in EVENTS)
    return f"tau {signed(r.value)}" if h.contrast.over is not None else signed(r.value)


def shown(card: MeasureRecord | None, measure: str) -> str:
    """What a definition is called."""
    return measure.replace("_", " ") if card is None else card.shown


def expected(h: Hypothesis) -> str:
    """What a claim expects, in a few words."""
    if h.expect == "never":
        return "never"
    what = {"less": "smaller", "greater": "larger", "equal": "equal"}[h.expect]
    if h.contrast.measure in EVENTS:
        what = {"less": "sooner", "greater": "later"}.get(h.expect, what)
    if h.contrast.over is not None:
        what = {"less": "falling", "greater": "rising", "equal": "level"}[h.expect]
    than = "" if h.threshold is None else f" than {number(h.threshold)}"
    return what + than


def kind(claim: Claim) -> str:
    """What the word depends on: `nothing`, `moment`, `definition`, `both`, or `one` reading."""
    table = {(r.measure, r.moment): r.word for r in claim.readings if r.word != "untestable"}
    if len(claim.readings) == 1:
        return "one"
    if len(set(table.values())) <= 1:
        return "nothing"
    if all(len(words) == 1 for words in _by(claim, "moment").values()):
        return "moment"
    if all(len(words) == 1 for words in _by(claim, "measure").values()):
        return "definition"
    return "both"


def _by(claim: Claim, attribute: str) -> dict[str, dict[str, None]]:
    """The words at each moment, or by each definition, in order."""
    found: dict[str, dict[str, None]] = {}
    for r in claim.readings:
        if r.word != "untestable":
            found.setdefault(getattr(r, attribute), {})[r.word] = None
    return found


def depends(
    claim: Claim, cards: Mapping[str, MeasureRecord], member: str | None = None
) -> list[str]:
    """On what the word depends, with its condition; a sentence or more."""
    told = [_sentence(claim, cards)]
    open_at: dict[Moment, str] = {
        r.moment: r.problem for r in claim.readings if r.word == "untestable"
    }
    told += [f"Not testable {said(claim, m)}: {problem}." for m, problem in open_at.items()]
    for h, word, where in claim.arms:
        apart = listed([_place(k, v, member) for k, v in where.items()])
        told.append(f"Where {apart}: {word} (“{h.claim}”).")
    return list(dict.fromkeys(t for t in told if t))


def _place(key: str, value: Any, member: str | None) -> str:
    if key == FACTOR:
        return f"the study is {value}"
    if value is None:
        return f"{key} is {'the last' if key == 'layer' else 'any'}"
    text = str(value).removeprefix(f"{member}/") if member else str(value)
    return f"{key} is {text}"


def _sentence(claim: Claim, cards: Mapping[str, MeasureRecord]) -> str:
    readings = [r for r in claim.readings if r.word != "untestable"]
    words = list(dict.fromkeys(r.word for r in readings))
    if len(claim.readings) < 2 or not words:
        return ""
    own = claim.first.contrast.measure
    if len(words) == 1:
        n, of = len(readings), len(claim.readings)
        some = f"the {'one' if n == 1 else n} of {of} readings that can be tested"
        ways = "every reading" if n == of else some
        return f"{words[0].capitalize()} in {ways}."
    decided = {w for w in words if w not in OPEN}
    depend = len(decided) > 1
    definitions = list(dict.fromkeys(r.measure for r in readings))
    moments = list(dict.fromkeys(r.moment for r in readings))
    match kind(claim):
        case "moment":
            parts = [
                f"{r.word} ({sized(r, claim.first)}) {said(claim, r.moment)}"
                for r in readings
                if r.measure == _shown_by(readings, own)
            ]
            both = ", by both definitions" if len(definitions) > 1 else ""
            lead = "It depends on when it is read" if depend else "One moment alone decides it"
            return f"{lead}: {listed(parts)}{both}."
        case "definition":
            parts = [
                f"{r.word} ({sized(r, claim.first)}) by {_name(cards, r.measure)}"
                for r in readings
                if r.moment == readings[-1].moment
            ]
            lead = "It depends on the definition" if depend else "One definition alone decides it"
            return f"{lead}, at {_number_of(moments)}: {listed(parts)}."
    by = [
        f"by {_name(cards, m)} "
        + listed(
            [
                f"{r.word} ({sized(r, claim.first)}) {said(claim, r.moment)}"
                for r in readings
                if r.measure == m
            ]
        )
        for m in definitions
    ]
    lead = "It depends on the moment and the definition" if depend else "Some readings decide it"
    return f"{lead}: {'; '.join(by)}."


def _number_of(moments: Sequence[str]) -> str:
    return {1: "this moment", 2: "both moments"}.get(len(moments), "every moment")


def _shown_by(readings: Sequence[Reading], own: str) -> str:
    return own if any(r.measure == own for r in readings) else readings[0].measure


def _name(cards: Mapping[str, MeasureRecord], measure: str) -> str:
    return f"the {shown(cards.get(measure), measure)} share" if measure in cards else measure


def said(claim: Claim, moment: Moment) -> str:
    """A moment in a sentence about this claim."""
    if moment == "end":
        return "at the end"
    if moment == "own":
        return "when each feature is read at its own time-to-learn"
    if moment == "stated":
        return "as it is stated"
    contrast = next(r.contrast for r in claim.readings if r.moment == moment)
    at = [side.get("at", contrast.at) for side in (contrast.of, contrast.minus) if side is not None]
    named = {a["learned"] for a in at if isinstance(a, dict)}
    if len(named) == 1 and all(isinstance(a, dict) for a in at):
        return f"when {next(iter(named))} has just been learned"
    return "when the later feature has just been learned"


def overview(found: Sequence[Mapping[str, Any]]) -> str:
    """How the reported claims came out, in one sentence."""
    reported = [row for group in found for row in group["rows"] if row["reported_by"]]
    ways: Counter[str] = Counter()
    for row in reported:
        every = {c["word"] for _, cells in row["rows"] for c in cells if c}
        words = every - {"untestable"}
        if len(words) == 1:
            tested = "" if words == every else " that can be tested"
            ways[f"{next(iter(words))} in every reading{tested}"] += 1
        elif len(words - set(OPEN)) > 1:
            ways[WAYS.get(row["kind"], "depending on both")] += 1
        else:
            ways["decided by some readings only" if words else "not testable"] += 1
    parts = [f"{k} {way}" for way, k in ways.most_common()]
    return f"Of {counted(len(reported), 'reported claim')}: {listed(parts)}." if parts else ""
