"""Trials of whole families at their margins, of censored times there, and of what n can say.

As in statistics_trials.py, every trial has its own fixed seed.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from simulated_studies import SYMMETRIC, claim, judged, share
from statistics_trials import A_TABLE, Rate, Timing, draws, rng_of

from primacy.analysis.contrasts import Pairs, estimate
from primacy.analysis.inference import holm, least_p
from primacy.analysis.words import ALPHA, chances, word_of
from primacy.analysis.words import judged as word_and_reason
from primacy.records.study import Hypothesis

MARGIN = 0.5
BEYOND = 0.8
"""By how much a true difference exceeds the margin where power is told; in SD."""
FAMILY = 6


def family_at_margins(shape: str, n: int, studies: int) -> dict[str, Rate]:
    """Six claims with a margin of .5 SD, whose true differences are the margin itself.

    Then that much more, and 0, for the power. `greater` and `equal` make the same statements, so
    that a wrong word of either is counted: beyond the margin, or inside it.
    """
    kept = dict.fromkeys(
        ("a wrong word", "that Holm left before", "that Holm leaves", "beyond: supported",
         "that Holm leaves standing", "at 0: no effect", "which Holm leaves standing"), 0,
    )  # fmt: skip
    # One test of each claim's noise: a true difference of d against r is noise against r - d.
    at = {d: claim("greater", MARGIN) for d in (MARGIN, MARGIN + BEYOND, 0.0)}
    at = {d: dataclasses.replace(h, threshold=-d) for d, h in at.items()}
    for study in draws(shape, n, studies * FAMILY, "family at margins").reshape(studies, FAMILY, n):
        found = [judged(noise) for noise in study]
        p = {d: [chances(h, e) for e in found] for d, h in at.items()}
        adjusted = {d: holm(np.array([x.either_side for x in xs])) for d, xs in p.items()}
        wrong = np.array([min(x.above, x.inside) <= ALPHA for x in p[MARGIN]])
        plain = holm(np.array([e.test.p(-MARGIN) for e in found]))
        kept["a wrong word"] += bool(wrong.any())
        kept["that Holm left before"] += bool((wrong & (plain <= ALPHA)).any())
        kept["that Holm leaves"] += bool((wrong & (adjusted[MARGIN] <= ALPHA)).any())
        far, none = MARGIN + BEYOND, 0.0
        right = np.array([x.above <= ALPHA for x in p[far]])
        kept["beyond: supported"] += int(right.sum())
        kept["that Holm leaves standing"] += int((right & (adjusted[far] <= ALPHA)).sum())
        same = np.array([x.inside <= ALPHA for x in p[none]])
        kept["at 0: no effect"] += int(same.sum())
        kept["which Holm leaves standing"] += int((same & (adjusted[none] <= ALPHA)).sum())
    of = dict.fromkeys(list(kept)[:3], studies) | dict.fromkeys(list(kept)[3:], studies * FAMILY)
    return {name: Rate(hits, of[name]) for name, hits in kept.items()}


def times_at_margins(kind: Timing, n: int, studies: int) -> dict[str, Rate]:
    """`minus` takes 1.25 times as long, uncensored, which is the margin of a ratio."""
    given: list[list[str]] = []
    rng = rng_of("times at margins", *map(str, dataclasses.astuple(kind)), n)
    each = 1 if kind.lost else A_TABLE
    for start in range(0, studies, each):
        k = min(each, studies - start)
        runs = kind.runs(rng, n, k, 1.25, 0)
        for i in range(k):
            sides = {
                "measure": kind.event,
                "scale": "ratio",
                "of": {"feature": f"f{i}", "condition": "c0"},
                "minus": {"feature": f"f{i}", "condition": "c1"},
            }
            asked = claim("less", 0.25, **sides), claim("equal", 0.25, **sides)
            found = estimate(runs, asked[0].contrast, intervals=False)
            given.append([word_and_reason(h, found)[0] for h in asked])
    less, equal = ([words[i] for words in given] for i in range(2))

    def rate(words: Sequence[str], *wanted: str) -> Rate:
        return Rate(sum(w in wanted for w in words), len(words))

    return {
        "less: supported": rate(less, "supported"),
        "less: no effect": rate(less, "no effect"),
        "equal: supported": rate(equal, "supported"),
        "less: untestable": rate(less, "untestable"),
        "equal: untestable": rate(equal, "untestable"),
    }


def possible(n: int) -> dict[str, str]:
    """Which words n pairs can come to, by kind of claim: found by judging extreme pairs."""
    words = ("supported", "contradicted", "no effect", "inconclusive", "untestable")

    tight, apart = np.linspace(-1, 1, n) * 1e-3, np.where(np.arange(n) % 2, 1.0, -1.0)
    differences = [tight + d for d in (-9, -1, -0.5, 0, 0.5, 1, 9)]
    differences += [9 * apart + d for d in (-1, 0, 1)]
    taus = [np.clip(x, -1, 1) for x in differences] + [apart]
    ratios = [r * (1 + tight) for r in (1e-3, 0.5, 0.8, 1, 1.25, 2, 1e3)] + [2 + 1.9 * apart]

    def can(
        asked: Hypothesis,
        censored: float = 0.0,
        data: Sequence[np.ndarray] = differences,
        scale: Literal["difference", "ratio", "trend"] = "difference",
    ) -> str:
        seen = set()
        for d in data:
            found = judged(d, np.ones(n) if scale == "ratio" else None, scale=scale)
            if censored:
                held = Pairs(sides=None, censored=round(censored * n), diverged=0, apart=0.0)
                found = dataclasses.replace(found, times=held, tau=1)
            if n < 6:
                found = dataclasses.replace(found, problem="too few")
            seen.add(word_of(asked, found))
        return _listed(words, seen)

    def shares(margin: float) -> str:
        asked = claim("never", margin, measure="time_to_learn")
        found = [share(k, n) for k in range(n + 1)]
        if n < 6:
            found = [dataclasses.replace(e, problem="too few") for e in found]
        return _listed(words, {word_of(asked, e) for e in found})

    return {
        "`less`, `greater`, margin 0, with or without a threshold": can(claim("greater")),
        "`less`, `greater`, a margin": can(claim("greater", 0.5)),
        "`equal`": can(claim("equal", 0.5)),
        "a ratio: `less`, `greater`, a margin": can(
            claim("greater", 0.25, scale="ratio"), 0.0, ratios, "ratio"
        ),
        "a ratio: `equal`": can(claim("equal", 0.25, scale="ratio"), 0.0, ratios, "ratio"),
        "a trend (`over`): `less`, `greater`, margin 0": can(claim("greater"), 0.0, taus, "trend"),
        "a trend: `less`, `greater`, a margin": can(claim("greater", 0.3), 0.0, taus, "trend"),
        "a trend: `equal`": can(claim("equal", 0.3), 0.0, taus, "trend"),
        "times with 21 to 50 % censored on both sides: `less`, `greater`, a margin": can(
            claim("greater", 0.5, measure="time_to_learn"), 0.4
        ),
        "the same: `equal`": can(claim("equal", 0.5, measure="time_to_learn"), 0.4),
        "`never`, margin .12": shares(0.12),
        "`never`, margin .3": shares(0.3),
        "`never`, margin .5": shares(0.5),
        "claims of one study, of which Holm can leave some standing": "–"
        if n < 6
        else f"up to {int(ALPHA / least_p(n)):,}",
    }


def _listed(words: Sequence[str], seen: set[str]) -> str:
    return ", ".join(w for w in words if w in seen)


SHAPES = [s for s in SYMMETRIC if "skewed" not in s]
