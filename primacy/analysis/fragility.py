"""What would have changed a word: other, equally defensible analyses of the same runs.

Another criterion, another number of evaluations that confirm it, the other end of the evaluation
grid, another definition, the layer next to the last, half the budget, and one seed fewer.
"""

import copy
import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from primacy.analysis.contrasts import FEWEST, Estimate, estimate, share_learned
from primacy.analysis.inference import SignFlip, clopper_pearson
from primacy.analysis.learning_times import TIME_TO_LEARN
from primacy.analysis.picks import Plan
from primacy.analysis.resolve import SelectionError, resolve
from primacy.analysis.runs import Runs, variants
from primacy.analysis.words import Word, bounds, word_of
from primacy.records.study import Contrast, Hypothesis

THETAS = (0.75, 0.9, 0.95, 0.99)
MAX_LEFT_OUT_EACH = 10
"""Pairs up to which each is left out once; of more only those that say most, either way."""


def flips(runs: Runs, h: Hypothesis, found: Estimate, word: Word) -> Iterator[str]:
    """Each variant of the analysis with another word, and that word.

    Args:
        runs: the study's runs.
        h: the claim.
        found: its estimate.
        word: what it comes to.
    """
    for label, other in _variants(runs, h):
        if (changed := word_of(h, other)) != word:
            yield f"{label}: {changed}"
    seeds = np.flatnonzero(np.isfinite(found.columns).all(axis=0)) if found.columns else ()
    for i, other in without_one(h, found):
        if (changed := word_of(h, other)) != word:
            which = f"seed {runs.seeds[seeds[i]]}" if i is not None else "one seed that reached it"
            yield f"without {which}: {changed}"


def _variants(runs: Runs, h: Hypothesis) -> Iterator[tuple[str, Estimate]]:
    """The other ways in which the same runs could have been analyzed, and what they give."""
    c, record = h.contrast, runs.record
    plan = resolve(record, c)
    paired = functools.partial(estimate, intervals=False)  # the word comes from the test alone
    one = share_learned if h.expect == "never" else paired
    if any(p.clock is not None for p in plan.picks):
        if plan.event == TIME_TO_LEARN:
            own = {record.condition(p.condition).theta for p in plan.picks}
            for theta in THETAS:
                if own != {theta}:
                    yield f"theta {theta:g}", one(runs, c, theta=theta)
        for label, changed in _confirmed_otherwise(runs, plan):
            try:
                found = one(changed, c)
            except (
                SelectionError
            ):  # too few evaluations follow a stated step to confirm it so often
                continue
            yield label, found
    if plan.is_event and h.expect != "never":
        called = c.measure.replace("_", "-")
        yield f"{called} one evaluation earlier", paired(runs, c, grid=("early", "early"))
        if c.minus is not None:
            yield "`of` one evaluation earlier", paired(runs, c, grid=("early", "late"))
            yield "`minus` one evaluation earlier", paired(runs, c, grid=("late", "early"))
    for measure in variants(runs.cards, c.measure):  # definitions often disagree
        yield measure, paired(runs, dataclasses.replace(c, measure=measure))
    for layer in _next_layers(runs, c, plan):
        minus = None if c.minus is None else {**c.minus, "layer": layer}
        other = dataclasses.replace(c, of={**c.of, "layer": layer}, minus=minus)
        yield f"layer {layer}", paired(runs, other)
    # What came by a given step does not depend on how long training went on after it.
    if not plan.is_event or all(p.at == "end" for p in plan.picks):
        yield "half the budget", one(runs, c, budget=0.5)


def _confirmed_otherwise(runs: Runs, plan: Plan) -> Iterator[tuple[str, Runs]]:
    """The runs as read with half and with twice as many evaluations that confirm an event.

    More cannot be asked of networks that stopped as soon as they were confirmed.
    """
    used = {p.condition: runs.record.condition(p.condition) for p in plan.picks}
    own = max(c.confirm for c in used.values())
    stopped = any(c.stop == "learned" for c in used.values())
    counts = (max(1, own // 2), *(() if stopped else (2 * own,)))
    for count in counts:
        if count == own or any(count > len(c.steps) for c in used.values()):
            continue
        changed = copy.copy(runs)
        conditions = tuple(
            dataclasses.replace(c, confirm=count) if c.name in used else c
            for c in runs.record.conditions
        )
        changed.record = dataclasses.replace(runs.record, conditions=conditions)
        changed.memo = {}
        yield f"confirmed by {count}", changed


def _next_layers(runs: Runs, c: Contrast, plan: Plan) -> Iterator[str]:
    """The layers before and after the one that is used, where the claim names none."""
    sides = (c.of, c.minus or {}, c.relative_to or {})
    layers = {p.layer for p in plan.picks}
    if len(layers) != 1 or None in layers or any("layer" in side for side in sides):
        return
    (layer,) = layers
    each = [runs.record.condition(p.condition).layers for p in plan.picks]
    at = each[0].index(str(layer))
    for other in (*each[0][max(0, at - 1) : at], *each[0][at + 1 : at + 2]):
        if all(other in names for names in each):
            yield other


def without_one(h: Hypothesis, found: Estimate) -> Iterator[tuple[int | None, Estimate]]:
    """The estimate with one pair fewer, by the pair's place; null: of a share, which has none.

    Of many pairs only those that are left out that lie furthest to either side of a bound: another
    changes less. Nothing where too few would be left to test.
    """
    if found.pairs <= FEWEST:
        return
    if found.successes is not None:
        for k in {found.successes, found.successes - 1} & set(range(found.pairs)):
            left = found.pairs - 1
            yield (
                None,
                dataclasses.replace(
                    found,
                    successes=k,
                    pairs=left,
                    value=k / left,
                    interval=clopper_pearson(k, left),
                ),
            )
        return
    if found.test is None:
        return
    a, b = found.test.a, found.test.b
    every = range(found.pairs)
    if found.pairs > MAX_LEFT_OUT_EACH:
        away = [a - r * b for r in bounds(h, found)]
        every = sorted({int(f(x)) for x in away for f in (np.argmin, np.argmax)})
    for i in every:
        yield i, _without(found, np.delete(np.arange(found.pairs), i))


def _without(found: Estimate, kept: np.ndarray) -> Estimate:
    """The estimate of some of its pairs."""
    if found.test is None:
        raise ValueError("an estimate without a test has no pairs to leave out")
    b = found.test.b[kept]
    if b.sum() <= 0:
        return dataclasses.replace(found, test=None, problem="the mean to divide by is not above 0")
    times, problem = found.times, None
    if times is not None:
        cut = times.cut[kept]
        sides = times.sides and (times.sides[0][kept], times.sides[1][kept])
        times = dataclasses.replace(times, sides=sides, cut=cut, censored=int(cut.sum()))
        problem = "most pairs are censored" if times.censored > len(kept) / 2 else None
    test = SignFlip(found.test.a[kept], b)
    return dataclasses.replace(found, test=test, pairs=len(kept), times=times, problem=problem)
