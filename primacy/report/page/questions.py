"""What a study answers, question by question: the words of its claims, a number, the controls.

A question is what `answers` names. Its sentence takes the claims as they were written; controls
speak only where their word is another than that of what they control.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

import polars as pl

from primacy.analysis.learning_times import EVENTS
from primacy.analysis.verdicts import Verdict
from primacy.records.curves import Rows
from primacy.records.study import StudyRecord
from primacy.report.page import prose, ranking, ranks, reliance
from primacy.report.page.figures import visible
from primacy.report.page.wording import bounded, listed, number, ratio

NAMED = 2
"""Exceptions that a sentence quotes; the others are counted."""
FOUND = ("supported", "contradicted", "no effect", "inconclusive", "untestable")
"""Words in the order in which they are counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm:
    """A claim, and how deep it stands: 0 for a main one, 1 for its control, 2 for that one's."""

    verdict: Verdict
    depth: int
    controls: Verdict | None
    """What it is a control of."""

    @property
    def differs(self) -> bool:
        """Whether its word is another than that of what it controls."""
        return self.controls is not None and self.controls.word != self.verdict.word


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """A question and its claims: each main one, followed by its controls."""

    title: str | None
    """None: claims that name no question."""
    arms: tuple[Arm, ...]
    told: str
    """The answer in one sentence, without the title."""
    counts: tuple[tuple[str, int], ...]
    """Word of the main claims and how often, in the order of `FOUND`."""
    leaves_open: tuple[str, ...] = ()
    """What these claims do not answer of it, as the study file says."""

    @property
    def sentence(self) -> str:
        """The answer with its title."""
        return f"{self.title or 'Other claims'}: {self.told[:1].lower()}{self.told[1:]}"


def answer(
    record: StudyRecord,
    summary: pl.DataFrame,
    verdicts: Sequence[Verdict],
    curves: Rows | None = None,
) -> str:
    """The finding: a line a question where the claims name questions, else what came first.

    More than three sentences are a list, each line of which begins with a hyphen.
    """
    told = sentences(record, summary, verdicts, curves)
    if asked(verdicts):
        return "\n".join(told)
    lead, rest = prose.parts(told)
    return "\n- ".join([" ".join(lead), *rest])


def sentences(
    record: StudyRecord,
    summary: pl.DataFrame,
    verdicts: Sequence[Verdict],
    curves: Rows | None = None,
) -> list[str]:
    """The answer sentence by sentence; with `curves`, control columns count as the floor."""
    verdicts = ranking.shown(record, summary, verdicts)
    if not asked(verdicts) or summary.is_empty():
        return prose.sentences(record, summary, verdicts, curves)
    cautions = reliance.cautions(record, ranks.standings(record, summary))
    return [visible(s) for s in (*cautions, *(q.sentence for q in questions(record, verdicts)))]


def asked(verdicts: Sequence[Verdict]) -> bool:
    """Whether any claim names the question that it answers."""
    return any(v.answers is not None for v in verdicts)


def questions(record: StudyRecord, verdicts: Sequence[Verdict]) -> list[Question]:
    """The questions: those of the study's own claims first, then those of its members.

    The study's own stand in the order of its file. Of the members' those whose name has a number
    come first, sorted (H1A, H1B, H2, H10), then the others as they appear, then unnamed claims.
    """
    known = {v.id: v for v in verdicts}
    main = [v for v in verdicts if v.control_for not in known]
    titles = list(dict.fromkeys(v.answers for v in main))
    prefixes = tuple(f"{m}/" for m in record.members)
    own = {v.answers for v in main if not v.id.startswith(prefixes)} if prefixes else set(titles)

    def place(title: str | None) -> tuple:
        natural = []
        if title is not None and title not in own and re.search(r"\d", title):
            natural = [(int(t), "") if t.isdecimal() else (0, t) for t in re.split(r"(\d+)", title)]
        return (title is None, title not in own, not natural, natural, titles.index(title))

    return [
        _question(t, [v for v in main if v.answers == t], verdicts, record)
        for t in sorted(titles, key=place)
    ]


def _question(
    title: str | None, main: Sequence[Verdict], verdicts: Sequence[Verdict], record: StudyRecord
) -> Question:
    arms = [arm for v in main for arm in _with_controls(v, None, verdicts, 0, frozenset())]
    words = Counter(v.word for v in main)
    own = {arm.verdict.id for arm in arms}
    notes = [h.leaves_open for h in record.hypotheses if h.id in own and h.leaves_open]
    return Question(
        title=title,
        leaves_open=tuple(dict.fromkeys(notes)),
        arms=tuple(arms),
        told=_told(main, arms, record),
        counts=tuple((w, words[w]) for w in FOUND if words[w]),
    )


def _with_controls(
    v: Verdict, of: Verdict | None, verdicts: Sequence[Verdict], depth: int, seen: frozenset[str]
) -> list[Arm]:
    if v.id in seen:
        return []
    below = [c for c in verdicts if c.control_for == v.id]
    found = [_with_controls(c, v, verdicts, depth + 1, seen | {v.id}) for c in below]
    return [Arm(verdict=v, depth=depth, controls=of), *(arm for arms in found for arm in arms)]


def _told(main: Sequence[Verdict], arms: Sequence[Arm], record: StudyRecord) -> str:
    """The sentence: how many hold, the first that does, and what does not go with it."""
    key = next((v for v in main if v.word == "supported"), main[0])
    controls = [a for a in arms if a.depth]
    other = [a for a in controls if a.differs]
    text = _lead(main, len(other), len(controls))
    text += f": {_claim(key)}"
    text += f" ({measured(key, record, first=True)})"
    rest = [v for v in main if v is not key and v.word != "supported"]
    rest.sort(key=lambda v: v.word != "contradicted")
    # The controls of the claim that was named speak first.
    other.sort(key=lambda a: a.controls is not key)
    quoted = [*other[: NAMED - bool(rest)]]
    told = [f"the control {_but(a.verdict, record)}" for a in quoted]
    told += [_but(v, record) for v in rest[: NAMED - len(quoted)]]
    if told:
        text += f"; {'but ' if key.word == 'supported' and not other else ''}{listed(told)}"
    return f"{text}."


def _lead(main: Sequence[Verdict], other: int, controls: int) -> str:
    n, k = len(main), sum(v.word == "supported" for v in main)
    words = Counter(v.word for v in main)
    if n == 1:
        single = {"supported": "Holds", "no effect": "No effect was found"}
        text = single.get(main[0].word, main[0].word.capitalize())
    elif k == n:
        text = f"{'Both' if n == 2 else f'All {n}'} claims hold"
    elif len(words) == 1:
        text = f"None of {n} claims holds, each {main[0].word}"
    else:
        text = f"{k or 'None'} of {n} claims {'holds' if k < 2 else 'hold'}"
    if not other:
        return text
    if controls == 1:
        where = "its control" if n == 1 else "the control of one"
    else:
        where = f"{other} of {controls} controls"
    if k == n:
        return f"{text}, but not in {where}"
    return f"{text}, and {where} {'comes' if other == 1 else 'come'} out otherwise"


def _claim(v: Verdict) -> str:
    return f"“{v.claim.rstrip('.')}”"


def _but(v: Verdict, record: StudyRecord) -> str:
    found = "shows no effect" if v.word == "no effect" else f"is {v.word}"
    return f"{_claim(v)} {found} ({measured(v, record)})"


def measured(v: Verdict, record: StudyRecord, *, first: bool = False) -> str:
    """The number of a verdict in words, with its unit and, where it is not every seed, its n."""
    if v.value is None:
        return "no number"
    if v.scale == "share":
        # The reason begins with k of n, what happened to them, and within how many steps.
        text = v.why.split(" (95 %")[0]
        return _flagged(text[:1].lower() + text[1:], v)
    what = v.measure.replace("_", " ")
    if v.scale == "ratio":
        timed = is_time(v)
        text = ratio(v.value, times=timed, bound=v.bound)
        text = text if timed else f"{what} {text}"
    elif v.scale == "trend":
        text = f"{v.unit} {number(v.value)}"
    else:
        contrast = next((h.contrast for h in record.hypotheses if h.id == v.id), None)
        kind = "mean"
        if contrast is not None and contrast.minus is not None:
            kind = "a difference of"
        elif contrast is not None and contrast.relative_to is not None:
            kind = "a gap in"
        unit = f" {v.unit}" if v.unit and v.unit != what else ""
        text = f"{kind} {what} {bounded(number(v.value), v.bound)}{unit}"
    if v.pairs != v.n:
        text += f", {v.pairs} of {v.n} seeds"
    elif first:
        text += f", n = {v.n}"
    return _flagged(text, v)


def is_time(v: Verdict) -> bool:
    """Whether a verdict is about times, which are sooner or later and not smaller or larger."""
    return v.measure in EVENTS


def _flagged(text: str, v: Verdict) -> str:
    return f"{text}, fragile" if "fragile" in v.flags else text
