"""The judged claim: an estimate and a margin give a word.

The word comes from the unadjusted interval; what would have changed it (another criterion,
definition or budget, the other ends of the evaluation grid, Holm's correction) is listed with it.
"No difference was shown" never becomes "there is no difference": that takes its own test.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import ConfigDict, TypeAdapter

from primacy.contrasts import NOWHERE, Estimate, check, estimate, share_learned
from primacy.events import EVENTS, TIME_TO_LEARN
from primacy.inference import equivalence, holm, seeds_for, share_seeds_for
from primacy.record import Hypothesis, StudyRecord
from primacy.runs import Runs
from primacy.selection import SelectionError, resolve

ALPHA = 0.05
CONFIRMATORY = 30
"""Seeds below which a study is exploratory."""
THETAS = (0.75, 0.9, 0.95, 0.99)
DEFINITIONS = (
    "variance_explained",
    "variance_explained_unit_mean",
    "variance_explained_example_mean",
    "variance_explained_unique",
)
"""Shares of a layer's variance, which often disagree; a claim about one is tried on all."""
MOST_SEEDS = 10_000
"""Where more would be needed, no number is given."""

Word = Literal["supported", "contradicted", "no effect", "inconclusive", "untestable"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """A hypothesis and what the runs say of it."""

    id: str
    claim: str
    answers: str | None
    control_for: str | None
    word: Word
    flags: tuple[str, ...]
    """Of `fragile`, `post hoc`, `exploratory`."""
    measure: str
    value: float | None
    """Mean paired difference, ratio of means, mean tau or share; null: nothing to compute."""
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
    p_holm: float | None
    margin: float
    expect: str
    flips: tuple[str, ...]
    """Each variant of the analysis under which the word would be another, and that word."""
    more_seeds: int | None
    """About how many more seeds would settle it; null unless inconclusive."""
    why: str
    """One sentence: the reason of this word, with k of n where lanes were left out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _File:
    """The content of `verdicts.json`."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    format: int
    controls: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """What each control came to (`sanity.Outcome`)."""
    verdicts: list[Verdict]


def judge(curves: pl.DataFrame, lanes: pl.DataFrame, record: StudyRecord) -> list[Verdict]:
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
    judged = [_judge_one(runs, h) for h in record.hypotheses]
    family = [i for i, v in enumerate(judged) if v.p is not None]
    adjusted = holm(np.array([judged[i].p for i in family], dtype=np.float64))
    for i, p in zip(family, adjusted.tolist(), strict=True):
        judged[i] = _with_holm(judged[i], p, len(family))
    return [_flagged(v, record) for v in judged]


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
    return found


def to_json(verdicts: Iterable[Verdict], controls: Iterable[Any] = ()) -> bytes:
    """`verdicts.json`'s content; equal verdicts give equal bytes.

    Args:
        verdicts: of the study's hypotheses.
        controls: what each of its controls came to (`sanity.Outcome`), where it has some.
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


def _judge_one(runs: Runs, h: Hypothesis) -> Verdict:
    """The verdict before Holm and flags."""
    never = h.expect == "never"
    try:
        found = (
            share_learned(runs, h.contrast) if never else estimate(runs, h.contrast, beside=True)
        )
    except SelectionError as error:
        found = _nothing(runs, f"not one comparison: {'; '.join(error.problems)}")
    word = word_of(h, found)
    flips = () if word == "untestable" else tuple(_flips(runs, h, word))
    p = None
    if found.test is not None:
        p = equivalence(found.test, *_bounds(h, found)) if h.expect == "equal" else found.p
    return Verdict(
        id=h.id, claim=h.claim, answers=h.answers, control_for=h.control_for, word=word, flags=(),
        measure=h.contrast.measure, value=_number(found.value),
        low=_number(found.interval.low), high=_number(found.interval.high), unit=found.unit,
        scale=found.scale, n=found.n, pairs=found.pairs, p=_number(p), p_holm=None,
        margin=h.margin, expect=h.expect, flips=flips,
        more_seeds=more_seeds(h, found) if word == "inconclusive" else None,
        why=_why(h, found, word),
    )  # fmt: skip


def _nothing(runs: Runs, problem: str) -> Estimate:
    """The estimate of a contrast that selects nothing."""
    return Estimate(value=None, interval=NOWHERE, narrow=NOWHERE, p=None, scale="difference",
                    unit="", n=len(runs.seeds), pairs=0, left_out={}, problem=problem)  # fmt: skip


def _bounds(h: Hypothesis, found: Estimate) -> tuple[float, float]:
    """The margin as two values of the estimate."""
    if found.scale == "ratio":
        return 1 / (1 + h.margin), 1 + h.margin
    return -h.margin, h.margin


def word_of(h: Hypothesis, found: Estimate) -> Word:
    """What the estimate says of the claim; by tests, not interval ends, so that ties are ties."""
    if found.problem is not None:
        return "untestable"
    if h.expect == "never":
        low, high = found.interval
        return (
            "supported" if high < h.margin else "contradicted" if low > h.margin else "inconclusive"
        )
    if found.test is None:
        return "untestable"
    low, high = _bounds(h, found)
    above = 2 * found.test.p_above(high) <= ALPHA and found.test.estimate > high
    below = 2 * found.test.p_below(low) <= ALPHA and found.test.estimate < low
    inside = equivalence(found.test, low, high) <= ALPHA
    if h.expect == "equal":
        return "supported" if inside else "contradicted" if above or below else "inconclusive"
    expected, opposite = (above, below) if h.expect == "greater" else (below, above)
    if expected or opposite:
        return "supported" if expected else "contradicted"
    return "no effect" if inside else "inconclusive"


def _flips(runs: Runs, h: Hypothesis, word: Word) -> Iterator[str]:
    """Each variant of the analysis with another word."""
    for label, found in _variants(runs, h):
        other = word_of(h, found)
        if other != word:
            yield f"{label}: {other}"


def _variants(runs: Runs, h: Hypothesis) -> Iterator[tuple[str, Estimate]]:
    """The other ways in which the same runs could have been analyzed, and what they give."""
    c, record = h.contrast, runs.record
    plan = resolve(record, c)
    paired = functools.partial(estimate, intervals=False)  # the word comes from the test alone
    one = share_learned if h.expect == "never" else paired
    if plan.event == TIME_TO_LEARN and any(p.clock is not None for p in plan.picks):
        own = {record.condition(p.condition).theta for p in plan.picks}
        for theta in THETAS:
            if own != {theta}:
                yield f"theta {theta:g}", one(runs, c, theta=theta)
    if plan.is_event and h.expect != "never":
        called = c.measure.replace("_", "-")
        yield f"{called} one evaluation earlier", paired(runs, c, grid=("early", "early"))
        if c.minus is not None:
            yield "`of` one evaluation earlier", paired(runs, c, grid=("early", "late"))
            yield "`minus` one evaluation earlier", paired(runs, c, grid=("late", "early"))
    if c.measure in DEFINITIONS:
        for measure in DEFINITIONS:
            if measure != c.measure and measure in runs.cards:
                yield measure, paired(runs, dataclasses.replace(c, measure=measure))
    # What came by a given step does not depend on how long training went on after it.
    if not plan.is_event or all(p.at == "end" for p in plan.picks):
        yield "half the budget", one(runs, c, budget=0.5)


def _with_holm(v: Verdict, p: float, family: int) -> Verdict:
    """The verdict with its adjusted p, and what that would do to the word.

    Only words that the p stands for: it is that of a difference (or, for `equal`, of none).
    """
    stands = v.word == "supported" or (v.word == "contradicted" and v.expect != "equal")
    flips = v.flips
    if stands and p > ALPHA:
        flips = (*flips, f"Holm over {family} hypotheses: inconclusive")
    return dataclasses.replace(v, p_holm=_number(p), flips=flips)


def _flagged(v: Verdict, record: StudyRecord) -> Verdict:
    """The verdict with its flags. A variant that cannot be tested is listed, not counted."""
    flags = {
        "fragile": any(not flip.endswith(": untestable") for flip in v.flips),
        "post hoc": v.id in record.post_hoc,
        "exploratory": len(record.seeds) < CONFIRMATORY,
    }
    return dataclasses.replace(v, flags=tuple(f for f, holds in flags.items() if holds))


def more_seeds(h: Hypothesis, found: Estimate) -> int | None:
    """About how many more seeds would settle it with a power of 80 %, if mean and spread stay."""
    if h.expect == "never" or found.test is None:
        total = share_seeds_for(found.successes or 0, found.pairs, h.margin)
        return None if total is None else total - found.pairs
    (low, high), test = _bounds(h, found), found.test
    to_low, to_high = test.a - low * test.b, test.a - high * test.b
    if test.estimate > high:
        pairs = seeds_for(to_high)
    elif test.estimate < low:
        pairs = seeds_for(to_low)
    else:
        pairs = max(seeds_for(x, level=0.9) for x in (to_low, to_high))
    total = pairs * found.n / found.pairs
    return max(1, int(np.ceil(total)) - found.n) if total <= MOST_SEEDS else None


def _why(h: Hypothesis, found: Estimate, word: Word) -> str:
    """The reason of the word, in a sentence."""
    left_out = ", ".join(f"{k} {reason}" for reason, k in found.left_out.items())
    if word == "untestable":
        return _sentence(found.problem or "nothing can be compared", left_out)
    of = f"{found.pairs} of {found.n} seeds"
    if found.scale == "share":
        low, high = (f"{100 * end:.3g} %" for end in found.interval)
        text = (
            f"{found.successes} of {found.pairs} {EVENTS[h.contrast.measure]} within "
            f"{found.tau:,} steps (95 % interval {low} to {high}), against a margin of "
            f"{100 * h.margin:.3g} %"
        )
        return _sentence(text, left_out)
    low, high = _bounds(h, found)
    zone = "no difference" if found.scale != "ratio" else "a ratio of 1"
    if h.margin > 0:
        zone = f"the margin ({low:.3g} to {high:.3g})"
    interval = f"the 95 % interval {_range(found.interval)}"
    narrow = f"the 90 % interval {_range(found.narrow)} lies inside {zone}"
    text = {
        "supported": narrow if h.expect == "equal" else f"{interval} lies beyond {zone}",
        "contradicted": f"{interval} lies beyond {zone}"
        + ("" if h.expect == "equal" else ", on the other side"),
        "no effect": narrow,
        "inconclusive": f"{interval} does not lie to one side of {zone}"
        + (", nor the 90 % interval inside it" if h.margin > 0 else ""),
    }[word]
    return _sentence(f"{text}, in {of}{_aside(found)}", left_out)


def _aside(found: Estimate) -> str:
    """What stands beside the estimate, in words."""
    beside, parts = found.beside, []
    if "of first" in beside:
        ties = f" ({beside['tied']:.0f} tied)" if beside["tied"] else ""
        parts.append(f"first in {beside['of first']:.0f} of {found.pairs}{ties}")
    parts += [f"{k} {beside[k]:.2g}" for k in ("log-rank p", "Page p") if k in beside]
    return "; " + "; ".join(parts) if parts else ""


def _sentence(text: str, left_out: str) -> str:
    text = text[:1].upper() + text[1:]
    return f"{text.rstrip('.')}. Left out: {left_out}." if left_out else f"{text.rstrip('.')}."


def _range(interval: tuple[float, float]) -> str:
    ends = ["unbounded" if not np.isfinite(x) else f"{x:.3g}" for x in interval]
    return f"from {ends[0]} to {ends[1]}"


def _number(x: float | None) -> float | None:
    """Ten digits (the rest is rounding, and may differ between processors); null if not finite."""
    return None if x is None or not np.isfinite(x) else float(f"{x:.10g}")
