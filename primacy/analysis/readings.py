"""A claim read in every way: at each moment of training, by each definition of a share.

Shares of variance move for a long time after everything is learned, and their definitions may
differ in sign. So the same runs can bear a claim out at one moment and contradict it at another:
each reading here has its own word, by the claim's own margin.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from primacy.analysis.contrasts import Estimate, estimate, share_learned
from primacy.analysis.learning_times import EVENTS, TIME_TO_LEARN, event_criterion, times
from primacy.analysis.picks import Pick, Plan
from primacy.analysis.resolve import SelectionError, resolve
from primacy.analysis.runs import Runs, in_family, variants
from primacy.analysis.words import Word, judged
from primacy.records.study import Contrast, Hypothesis

Moment = Literal["own", "learned", "end", "stated"]
"""`own`: each feature at its own time-to-learn. `learned`: in each network when the later of the
compared features has just been learned, which is what early stopping reads. `end`: of training.
`stated`: as the claim says, where it is about a time itself or about a change over training."""

MOMENTS: tuple[Moment, ...] = ("own", "learned", "end")
"""In the order of training."""

DEFINITIONS = 2
"""How many definitions of a measure are read: its family's headline and the next."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """A claim at one moment by one definition."""

    moment: Moment
    measure: str
    contrast: Contrast
    stated: str | None
    """Id of the hypothesis that states this very reading; null: worked out beside it, with the
    claim's margin, neither stated before the runs nor counted in Holm's correction."""
    word: Word
    value: float | None
    problem: str
    """Why it is untestable; else empty."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """Hypotheses that differ in `at` alone, and every reading of what they say."""

    hypotheses: tuple[Hypothesis, ...]
    readings: tuple[Reading, ...]
    """By definition, then by moment in the order of training."""
    arms: tuple[tuple[Hypothesis, Word, dict[str, Any]], ...] = ()
    """The same comparison elsewhere in the study (another condition, layer or level) with another
    word: the hypothesis, its word, and where it looks (null: at the default, the last layer)."""

    @property
    def first(self) -> Hypothesis:
        """The one by which the claim is called."""
        return self.hypotheses[0]


def claims(runs: Runs, hypotheses: Sequence[Hypothesis] | None = None) -> list[Claim]:
    """Every claim of a study, read in every way, in the order of its file.

    Args:
        runs: the study's curves and lanes.
        hypotheses: those to read; None: all of the record.
    """
    groups: dict[str, list[Hypothesis]] = {}
    for h in runs.record.hypotheses if hypotheses is None else hypotheses:
        groups.setdefault(_said(h), []).append(h)
    found = [
        Claim(hypotheses=tuple(group), readings=tuple(_readings(runs, group)))
        for group in groups.values()
    ]
    return [dataclasses.replace(one, arms=tuple(_arms(one, found))) for one in found]


def moment_of(plan: Plan) -> Moment:
    """When a contrast is read, of those moments at which any contrast can be read."""
    if plan.is_event:
        return "stated"
    if all(p.at == "end" for p in plan.picks):
        return "end"
    if not all(p.at == "learned" for p in plan.picks):
        return "stated"
    clocks: dict[str, set] = {}
    for pick in plan.picks:
        clocks.setdefault(pick.condition, set()).add(pick.clock)
    return "learned" if all(len(own) == 1 for own in clocks.values()) else "own"


def _said(h: Hypothesis) -> str:
    """What a hypothesis says apart from when: hypotheses that are alike in it are one claim."""
    c = h.contrast
    if c.measure in EVENTS or h.expect == "never" or not _movable(c):
        return h.id
    return json.dumps([dataclasses.asdict(_timeless(c)), h.expect, h.threshold], sort_keys=True)


def _movable(c: Contrast) -> bool:
    """Whether it is one moment on all sides: a change over training has no other."""
    moments = [side.get("at", c.at) for side in (c.of, c.minus) if side is not None]
    moments += [c.relative_to["at"]] if c.relative_to and "at" in c.relative_to else []
    kinds = {"learned" if isinstance(at, dict) else at for at in moments}
    return len(kinds) == 1 and kinds <= {"end", "learned"}


def _timeless(c: Contrast) -> Contrast:
    """The contrast at the end of training."""

    def without(side: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if side is None else {k: v for k, v in side.items() if k != "at"}

    return dataclasses.replace(
        c,
        at="end",
        of=without(c.of) or {},
        minus=without(c.minus),
        relative_to=without(c.relative_to),
    )


def _readings(runs: Runs, group: Sequence[Hypothesis]) -> Iterator[Reading]:
    """Each definition at each moment that there is, the stated ones as they are stated."""
    first = group[0]
    moments: dict[Moment, tuple[Contrast, Hypothesis, str | None]] = {}
    for h in group:
        try:
            at = moment_of(resolve(runs.record, h.contrast))
        except SelectionError:
            at = "stated"
        moments.setdefault(at, (h.contrast, h, h.id))
    if "stated" not in moments and first.expect != "never":
        end = _timeless(first.contrast)
        moments.setdefault("end", (end, first, None))
        if "learned" not in moments and (just := _just_learned(runs, end)) is not None:
            moments["learned"] = (just, first, None)
    measure = first.contrast.measure
    family = sorted(
        (runs.cards[m] for m in {measure, *variants(runs.cards, measure)} if m in runs.cards),
        key=in_family,
    )
    names = [card.name for card in family][:DEFINITIONS]
    for name in names if measure in names else [measure]:
        for moment in (*MOMENTS, "stated"):
            if moment in moments:
                contrast, h, stated = moments[moment]
                own = stated if contrast.measure == name else None
                yield _read(runs, h, dataclasses.replace(contrast, measure=name), moment, own)


def _read(
    runs: Runs, h: Hypothesis, contrast: Contrast, moment: Moment, stated: str | None
) -> Reading:
    found: Estimate | None = None
    try:
        if h.expect == "never":
            found = share_learned(runs, contrast)
        else:
            found = estimate(runs, contrast, intervals=False)
        word, problem = judged(h, found)
    except SelectionError as error:
        word, problem = "untestable", "; ".join(error.problems)
    value = None if found is None or found.value is None else float(found.value)
    return Reading(
        moment=moment,
        measure=contrast.measure,
        contrast=contrast,
        stated=stated,
        word=word,
        value=value,
        problem=problem,
    )


def _just_learned(runs: Runs, end: Contrast) -> Contrast | None:
    """The contrast when the later of the features that it compares has just been learned.

    Which one is later is decided for each side: of the features that are compared in its
    conditions, the one with the largest median time-to-learn there; of two that tie, the one that
    is named last. None: on one of the sides nothing that is compared has a time-to-learn.
    """
    try:
        plan = resolve(runs.record, end)
    except SelectionError:
        return None
    sides = {"of": [p for group in plan.of for p in group], "minus": list(plan.minus or ())}
    ends: dict[str, dict[str, Any] | None] = {"of": end.of, "minus": end.minus}
    for name, picks in sides.items():
        where = ends[name]
        if where is None:
            continue
        later = _later(runs, plan, picks)
        if later is None:
            return None
        ends[name] = {**where, "at": {"learned": later}}
    return dataclasses.replace(end, of=ends["of"] or {}, minus=ends["minus"])


def _later(runs: Runs, plan: Plan, picks: Sequence[Pick]) -> str | None:
    """The last to be learned of the features that are compared in the conditions of these picks."""
    conditions = list(dict.fromkeys(p.condition for p in picks))
    compared = [p.feature for p in plan.picks if p.condition in conditions and p.feature]
    medians: dict[str, float] = {}
    for feature in dict.fromkeys(compared):
        found = [_median(runs, name, feature) for name in conditions]
        known = [m for m in found if m is not None]
        if len(known) == len(conditions):
            medians[feature] = sum(known)
    latest = max(medians.values(), default=0.0)
    return next((f for f in reversed(medians) if medians[f] == latest), None)


def _median(runs: Runs, condition: str, feature: str) -> float | None:
    """The median step at which a feature was learned; beyond every step where most never did."""
    record = runs.record.condition(condition)
    if feature not in {f.name for f in record.features}:
        return None
    if record.tau == 0 or event_criterion(record, TIME_TO_LEARN, feature) is None:
        return None  # with so few evaluations nothing after step 0 can be confirmed
    found = times(runs, condition, feature)
    if found is None:
        return None
    return float(np.median(np.where(found.learned, found.time, 2 * record.budget)))


def _arms(claim: Claim, others: Sequence[Claim]) -> Iterator[tuple[Hypothesis, Word, dict]]:
    """The same comparison elsewhere, where its stated word is another."""
    own = _word(claim)
    for other in others:
        word = _word(other)
        if other is claim or word == own or _compared(other.first) != _compared(claim.first):
            continue
        here, there = claim.first.contrast.of, other.first.contrast.of
        keys = [k for k in {**here, **there} if k not in ("feature", "at", "target")]
        apart = {k: there.get(k) for k in keys if here.get(k) != there.get(k)}
        if apart:
            yield other.first, word, apart


def _word(claim: Claim) -> Word:
    """Its stated word: of the latest moment, where there are several."""
    stated = [r for r in claim.readings if r.stated is not None]
    return stated[-1].word if stated else "untestable"


def _compared(h: Hypothesis) -> str:
    """What a hypothesis compares, wherever it looks: features, measure and expectation."""
    c = _timeless(h.contrast)

    def what(side: Mapping[str, Any] | None) -> Any:
        return None if side is None else {k: side[k] for k in ("feature", "target") if k in side}

    apart = (
        None
        if c.minus is None
        else sorted(k for k in {*c.of, *c.minus} if c.of.get(k) != c.minus.get(k))
    )
    sides = [what(c.of), what(c.minus), what(c.relative_to), apart]
    return json.dumps([c.measure, c.over, c.scale, h.expect, h.threshold, sides], sort_keys=True)
