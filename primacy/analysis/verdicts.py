"""The judged claim: an estimate and a margin give a word.

The word comes from the unadjusted interval; what would have changed it (another criterion,
definition or budget, the other ends of the evaluation grid, Holm's correction) is listed with it.
"No difference was shown" never becomes "there is no difference": that takes its own test.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl
from pydantic import ConfigDict, TypeAdapter

from primacy.analysis.contrasts import NOWHERE, Bound, Estimate, check, estimate, share_learned
from primacy.analysis.fragility import flips
from primacy.analysis.inference import holm, least_p, seeds_for, share_seeds_for
from primacy.analysis.learning_times import EVENTS
from primacy.analysis.notebook import VERDICTS, facts, verdict_row
from primacy.analysis.resolve import SelectionError, resolve
from primacy.analysis.runs import Runs
from primacy.analysis.words import ALPHA, Chances, Word, bounds, chances, judged, why
from primacy.records.curves import Rows
from primacy.records.study import Hypothesis, StudyRecord

CONFIRMATORY = 30
"""Pairs, or seeds of a study, below which what is found is exploratory."""
WHOLE = 0.8
"""Share of the networks that ran below which a verdict is one of survivors."""
MOST_SEEDS = 10_000
"""Where more would be needed, no number is given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """A hypothesis and what the runs say of it."""

    id: str
    claim: str
    answers: str | None
    control_for: str | None
    word: Word
    flags: tuple[str, ...]
    """Of `fragile`, `post hoc`, `exploratory` (fewer than 30 pairs), `survivors` (more than a fifth
    of the seeds that ran are left out, or hold a network that diverged)."""
    measure: str
    value: float | None
    """Mean paired difference, ratio of means, mean tau or share; null: nothing to compute."""
    bound: Bound | None = None
    """Of times: `>` where the true value is larger than `value` (in some pairs `of` was not learned
    within the budget, `minus` always was), `<` where it is smaller; null: neither is known."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval."""
    unit: str
    scale: str
    n: int
    """Seeds asked for."""
    pairs: int
    """Seeds that entered the estimate."""
    p: float | None
    """Of the null that the word rejects: two-sided, at the margin, for a word of direction; of the
    two one-sided tests for one of equality; the smaller of the two where it is inconclusive."""
    p_holm: float | None
    """Adjusted for all of the study's claims, and for both sides of the margin."""
    margin: float
    threshold: float | None = None
    """What the value was compared with; null: 0, or 1 for a ratio."""
    expect: str
    flips: tuple[str, ...]
    """Each variant of the analysis under which the word would be another, and that word."""
    more_seeds: int | None
    """About how many more seeds would settle it; null unless inconclusive."""
    why: str
    """One sentence: the reason of this word, with k of n where lanes were left out."""

    def _repr_html_(self) -> str:
        """For a notebook's cell."""
        rows = zip(VERDICTS[1:], verdict_row(self)[1:], strict=True)
        flips = "; ".join(self.flips)
        return facts(self.claim, [*rows, ("why", self.why), ("what flips it", flips)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class _File:
    """The content of `verdicts.json`."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    format: int
    controls: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """What each control came to (`outcomes.Outcome`)."""
    verdicts: list[Verdict]


def judge(curves: Rows, lanes: pl.DataFrame, record: StudyRecord) -> list[Verdict]:
    """A verdict for each of the study's hypotheses, in their order.

    Args:
        curves: in memory's form (`curves.named`).
        lanes: a row a lane.
        record: the study, with its hypotheses. Seeds it does not name are not looked at.
    """
    return of(Runs(curves, lanes, record))


def of(runs: Runs) -> list[Verdict]:
    """The same of runs that were read before."""
    record = runs.record
    found = [_judge_one(runs, h) for h in record.hypotheses]
    verdicts = [v for v, _ in found]
    family = {i: p.either_side for i, (_, p) in enumerate(found) if p is not None}
    adjusted = holm(np.array([*family.values()], dtype=np.float64))
    at_best = holm(np.array([least_p(verdicts[i].pairs) for i in family], dtype=np.float64))
    for i, p, best in zip(family, adjusted.tolist(), at_best.tolist(), strict=True):
        verdicts[i] = _with_holm(verdicts[i], p, best, len(family))
    return [_flagged(v, record) for v in verdicts]


def problems(
    record: StudyRecord, hypothesis: Hypothesis, measure_names: Iterable[str] | None = None
) -> list[str]:
    """Everything that is wrong with a hypothesis, found before any run; empty: nothing.

    Each begins with the place: `measure`, `of.feature`, `minus.at`, `over`, `margin`, ...
    """
    h, found = hypothesis, check(record, hypothesis.contrast, measure_names)
    if h.margin < 0 or not np.isfinite(h.margin):
        found.append(f"margin = {h.margin:g}: a margin is a number from 0 up.")
    if h.expect == "equal" and h.margin == 0:
        found.append("margin = 0: nothing can be shown to be exactly equal; state a margin.")
    if h.expect == "never":
        c = h.contrast
        if c.measure not in EVENTS or c.minus is not None or c.over is not None:
            events = " or ".join(EVENTS)
            found.append(f'expect = "never": it is about one {events}, without `minus`.')
        if not 0 < h.margin < 1:
            found.append(f"margin = {h.margin:g}: for `never` a share of seeds, as 0.12.")
    return found or list(_too_coarse(record, h))


def _too_coarse(record: StudyRecord, h: Hypothesis) -> Iterator[str]:
    """Conditions whose evaluations are too far apart for the margin of a claim about times."""
    c = h.contrast
    if c.measure not in EVENTS or c.over is not None or h.expect == "never" or h.margin == 0:
        return
    picks = resolve(record, c, [m.name for m in record.measures]).picks
    for name in dict.fromkeys(pick.condition for pick in picks):
        condition = record.condition(name)
        steps = np.array([s for s in condition.steps if 0 < s <= condition.tau])
        ratio = c.scale == "ratio"
        between = steps[1:] / steps[:-1] - 1 if ratio else np.diff(steps)
        if between.size and (apart := float(np.median(between))) > h.margin:
            how = f"a factor {1 + apart:.3g}" if ratio else f"{apart:.3g} steps"
            yield (
                f"margin = {h.margin:g}: most evaluations of {name} are {how} apart, so that no "
                "time is known to within the margin. Evaluate more often, or state a margin of at "
                f"least {apart:.2g}."
            )


def to_json(verdicts: Iterable[Verdict], controls: Iterable[Any] = ()) -> bytes:
    """`verdicts.json`'s content; equal verdicts give equal bytes.

    Args:
        verdicts: of the study's hypotheses.
        controls: what each of its controls came to (`outcomes.Outcome`), where it has some.
    """
    content = {
        "format": 1,
        "controls": [dataclasses.asdict(outcome) for outcome in controls],
        "verdicts": [dataclasses.asdict(v) for v in verdicts],
    }
    return json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1).encode() + b"\n"


def from_json(text: bytes) -> list[Verdict]:
    """Read `verdicts.json`.

    Raises:
        pydantic.ValidationError: it is not such a file (a `ValueError`).
    """
    return TypeAdapter(_File).validate_json(text).verdicts


def _judge_one(runs: Runs, h: Hypothesis) -> tuple[Verdict, Chances | None]:
    """The verdict before Holm and flags, and what Holm needs; null: it is not in his family."""
    never = h.expect == "never"
    try:
        found = (
            share_learned(runs, h.contrast) if never else estimate(runs, h.contrast, beside=True)
        )
    except SelectionError as error:
        found = _nothing(runs, f"not one comparison: {'; '.join(error.problems)}")
    word, reason = judged(h, found)
    changed = () if word == "untestable" else tuple(flips(runs, h, found, word))
    p = None if word == "untestable" else chances(h, found)
    verdict = Verdict(
        id=h.id,
        claim=h.claim,
        answers=h.answers,
        control_for=h.control_for,
        word=word,
        flags=("survivors",) if _survivors(found) else (),
        measure=h.contrast.measure,
        value=rounded(found.value),
        bound=found.times.bound if found.times else None,
        low=rounded(found.interval.low),
        high=rounded(found.interval.high),
        unit=found.unit,
        scale=found.scale,
        n=found.n,
        pairs=found.pairs,
        p=None if p is None else rounded(p.least),
        p_holm=None,
        margin=h.margin,
        threshold=h.threshold,
        expect=h.expect,
        flips=changed,
        more_seeds=more_seeds(h, found) if word == "inconclusive" else None,
        why=why(h, found, word, reason),
    )
    return verdict, p


def _survivors(found: Estimate) -> bool:
    """Whether so many networks are missing that what is left may be another kind of network."""
    ran = found.n - found.left_out.get("not run", 0)
    whole = found.pairs - (found.times.diverged if found.times else 0)
    return whole < WHOLE * ran


def _nothing(runs: Runs, problem: str) -> Estimate:
    """The estimate of a contrast that selects nothing."""
    return Estimate(
        value=None,
        interval=NOWHERE,
        narrow=NOWHERE,
        p=None,
        scale="difference",
        unit="",
        n=len(runs.seeds),
        pairs=0,
        left_out={},
        problem=problem,
    )


def _with_holm(v: Verdict, p: float, at_best: float, family: int) -> Verdict:
    """The verdict with its adjusted p, and what that would do to the word.

    Where so few pairs could not pass in so large a family, whatever they show (`at_best` is the
    adjusted p of pairs that all speak for their claims), not passing says nothing of this word.
    """
    flips, why = v.flips, v.why
    if v.word != "inconclusive" and p > ALPHA:
        if at_best > ALPHA:
            why += f" With {v.pairs} pairs no verdict can pass Holm over {family} hypotheses."
        else:
            flips = (*flips, f"Holm over {family} hypotheses: inconclusive")
    return dataclasses.replace(v, p_holm=rounded(p), flips=flips, why=why)


def _flagged(v: Verdict, record: StudyRecord) -> Verdict:
    """The verdict with its flags. A variant that cannot be tested is listed, not counted."""
    flags = {
        "fragile": any(not flip.endswith(": untestable") for flip in v.flips),
        "post hoc": v.id in record.post_hoc,
        "exploratory": v.pairs < CONFIRMATORY,
        "survivors": "survivors" in v.flags,
    }
    return dataclasses.replace(v, flags=tuple(f for f, holds in flags.items() if holds))


def more_seeds(h: Hypothesis, found: Estimate) -> int | None:
    """About how many more seeds would settle it with a power of 80 %, if mean and spread stay."""
    if h.expect == "never" or found.test is None:
        total = share_seeds_for(found.successes or 0, found.pairs, h.margin)
        return None if total is None else total - found.pairs
    (low, high), test = bounds(h, found), found.test
    to_low, to_high = test.a - low * test.b, test.a - high * test.b
    if test.estimate > high:
        pairs = seeds_for(to_high)
    elif test.estimate < low:
        pairs = seeds_for(to_low)
    else:
        pairs = max(seeds_for(x, level=0.9) for x in (to_low, to_high))
    total = pairs * found.n / found.pairs
    return max(1, int(np.ceil(total)) - found.n) if total <= MOST_SEEDS else None


def rounded(x: float | None) -> float | None:
    """Ten digits (the rest is rounding, and may differ between processors); null if not finite."""
    return None if x is None or not np.isfinite(x) else float(f"{x:.10g}")
