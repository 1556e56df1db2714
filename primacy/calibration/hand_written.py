"""Curves written by hand and judged as a study's are: every time and verdict can be counted."""

from typing import SupportsFloat

import jax.numpy as jnp
import numpy as np
import polars as pl
from scipy.stats import beta

from primacy.analysis import learning_times, verdicts
from primacy.analysis.between import area_between
from primacy.analysis.learning_times import restricted_mean, time_to_learn
from primacy.analysis.runs import Runs
from primacy.calibration import Check, case
from primacy.records import curves
from primacy.records.study import (
    ConditionRecord,
    Contrast,
    Criterion,
    FeatureRecord,
    Hypothesis,
    MeasureRecord,
    StudyRecord,
    TargetRecord,
    completed,
)
from primacy.registry import measures

STEPS = tuple(range(0, 100, 10))
SEEDS = 10
ACCURACY = "accuracy"
EARLY, LATE = "early", "late"

LUCKY, CROSSING = 2, 5
"""Evaluations: one lucky moment, and where a curve crosses for good."""


@case(
    "hand-written curves",
    title="Curves written by hand: when they cross, what is censored, who is paired with whom",
    reference="counting",
)
def hand_written() -> list[Check]:
    """Events of single curves, and claims about a study of ten networks."""
    return [*_answers(), *_events(), *_claims()]


def _answers() -> list[Check]:
    """Small logits: what decides is their sign."""
    logits = jnp.array([[-0.3], [0.3], [0.3], [0.3]], jnp.float32)
    labels = jnp.array([[0.0], [1.0], [1.0], [0.0]], jnp.float32)
    found = measures.load()[ACCURACY].function(outputs=logits, targets=labels)
    return [_exact("accuracy of three small logits of the right sign of four", 0.75, found[0])]


def _events() -> list[Check]:
    """A lucky moment, a crossing, one that cannot be confirmed, and one that is lost again."""
    low, high = 0.5, 1.0
    crossing = np.where(np.arange(10) >= CROSSING, high, low)
    lucky = np.where(np.arange(10) == LUCKY, high, crossing)
    late = np.where(np.arange(10) >= 8, high, low)  # two of the three that confirm it
    lost = np.where((np.arange(10) >= 2) & (np.arange(10) < 6), high, low)
    found = time_to_learn(np.stack([crossing, lucky, late, lost]), np.array(STEPS), 0.95, 3)
    tau = STEPS[-3]
    checks = [
        ("time of a curve that crosses at step 50", 50, found.time[0]),
        ("time of the same with a lucky moment at step 20", 50, found.time[1]),
        ("a crossing that cannot be confirmed is censored: learned", 0, found.learned[2]),
        ("and its time is the last that could be", tau, found.time[2]),
        ("learned at step 20 and lost again: time", 20, found.time[3]),
        ("learned at step 20 and lost again: forgotten", 1, found.forgotten[3]),
        ("crossed for good: forgotten", 0, found.forgotten[0]),
        ("mean of times cut at 70: 50, 50, 70, 20", 47.5, restricted_mean(found.time, tau)),
        *_between(),
        (
            "area under a curve that rises from 0 to 1 on a line",
            0.5,
            learning_times.area(np.linspace(0, 1, 10)[None], np.array(STEPS), STEPS[-1])[0],
        ),
    ]
    return [_exact(*row) for row in checks]


def _between() -> list[tuple[str, SupportsFloat, SupportsFloat]]:
    """The areas between a rising line and a constant one that it crosses, or lies above."""
    rising, steps = np.linspace(0, 1, 10)[None], np.array(STEPS)
    crossed = area_between(rising, np.full_like(rising, 0.5), steps, STEPS[-1])
    above = area_between(np.full_like(rising, 1.0), rising, steps, STEPS[-1])
    return [
        ("area between a line from 0 to 1 and a curve at .5", 0.0, crossed.signed[0]),
        ("the same without its sign: two triangles", 0.25, crossed.total[0]),
        ("area between a curve at 1 and that line", 0.5, above.signed[0]),
    ]


def _claims() -> list[Check]:
    """Seeds differ by much more than the two features do, so that only pairs show the difference.

    Feature B of each network is one evaluation later than A; the networks' own times spread over
    half of the training. Two networks never learn B.
    """
    starts = np.array([1, 5, 2, 4, 3, 1, 5, 2, 4, 3])
    record, runs = _study(starts, starts + 1, never=(8, 9))
    [paired, ratio, level, never] = verdicts.of(runs)
    tau = STEPS[-3]
    a, b = 10.0 * starts, np.where(np.isin(np.arange(10), (8, 9)), tau, 10.0 * (starts + 1))
    assert record.hypotheses
    return [
        _exact(
            "mean paired difference of times, two of ten censored", (a - b).mean(), paired.value
        ),
        _exact("its p: every difference has one sign, of 2^10", 2 / 2**10, paired.p),
        _exact("and its verdict is `supported`", 1, paired.word == "supported"),
        _exact("ratio of the mean times", a.mean() / b.mean(), ratio.value),
        _exact(
            "accuracy at the end, mean of ten: seven at 1, one at .6, two at .5", 0.86, level.value
        ),
        _exact("share that learned B", 0.8, never.value),
        # Clopper and Pearson for 8 of 10.
        _exact("and the upper end of its interval", beta.ppf(0.975, 9, 2), never.high),
        *_lost(starts),
    ]


def _lost(starts: np.ndarray) -> list[Check]:
    """Network 3 diverges: its times are the last that could be, on both sides, and it stays in."""
    _, runs = _study(starts, starts + 1, never=(), diverged=(3,))
    paired = verdicts.of(runs)[0]
    # Nine differences of one evaluation, and one of 0.
    return [
        _exact("mean paired difference of times, one of ten diverged", -9.0, paired.value),
        _exact("and the pairs that entered", SEEDS, paired.pairs),
    ]


def _study(
    a: np.ndarray, b: np.ndarray, never: tuple[int, ...], diverged: tuple[int, ...] = ()
) -> tuple[StudyRecord, Runs]:
    """Ten networks that learn feature A at evaluation `a` and B at `b`, or never.

    The last evaluation of network 0 finds .6 of B, a moment too late to be forgotten.
    """
    levels = np.full((SEEDS, len(STEPS), 2), 0.5)
    at = np.arange(len(STEPS))
    for seed in range(SEEDS):
        levels[seed, at >= a[seed], 0] = 1.0
        if seed not in never:
            levels[seed, at >= b[seed], 1] = 1.0
    levels[0, -1, 1] = 0.6
    record = _record()
    key = record.conditions[0].key
    table = curves.from_array(
        levels.astype(np.float32),
        [
            {"condition": [key] * SEEDS, "seed": list(range(SEEDS))},
            {"step": list(STEPS)},
            {"feature": ["A", "B"], "target": ["A", "B"]},
        ],
        measure=ACCURACY,
        split="test",
    )
    lanes = pl.DataFrame(
        [
            (key, seed, "diverged" if seed in diverged else "budget", STEPS[-1])
            for seed in range(SEEDS)
        ],
        schema=dict(curves.LANES),
        orient="row",
    )
    # Rows in no order of seeds: who relies on it pairs strangers.
    table = table.sample(fraction=1.0, shuffle=True, seed=0)
    return record, Runs(curves.named(table, record), curves.named(lanes, record), record)


def _condition() -> ConditionRecord:
    """Two 0/1 features with an output each."""
    criterion = Criterion(measure=ACCURACY, chance=0.5, ceiling=1.0)
    return ConditionRecord(
        key="0" * 16,
        name="default",
        factors={},
        spec={},
        features=tuple(
            FeatureRecord(
                name=name,
                columns=(i,),
                target=name,
                predictivity=1.0,
                complexity=1.0,
                criterion=criterion,
            )
            for i, name in enumerate("AB")
        ),
        targets=tuple(
            TargetRecord(name=name, kind="binary", chance=0.5, ceiling=1.0, ceiling_known=True)
            for name in "AB"
        ),
        inputs=("A", "B"),
        layers=(),
        steps=STEPS,
        steps_per_epoch=None,
        theta=0.9,
        confirm=3,
        stop="budget",
        parameters=0,
    )


def _hypotheses() -> tuple[Hypothesis, ...]:
    """Four claims about the two features."""
    of, minus = {"feature": "A"}, {"feature": "B"}
    time, ratio = (
        Contrast(measure="time_to_learn", of=of, minus=minus, scale=scale)
        for scale in ("difference", "ratio")
    )
    level = Contrast(measure=ACCURACY, of={"target": "B"})
    never = Contrast(measure="time_to_learn", of=minus)
    return (
        Hypothesis(id="sooner", claim="", contrast=time, expect="less", margin=0.0),
        Hypothesis(id="ratio", claim="", contrast=ratio, expect="less", margin=0.0),
        Hypothesis(
            id="level", claim="", contrast=level, expect="greater", margin=0.0, threshold=0.95
        ),
        Hypothesis(id="never", claim="", contrast=never, expect="never", margin=0.6),
    )


def _record() -> StudyRecord:
    """The study of these two features: its curves are `_study`'s."""
    card = MeasureRecord(
        name=ACCURACY,
        axes=("target",),
        by_layer=False,
        unit="fraction correct",
        direction="higher is better learned",
        low=0.0,
        high=1.0,
        chance=0.5,
        formula="",
        invariance="",
        misleads="",
        reference="",
    )
    return StudyRecord(
        name="hand-written",
        question="",
        study_hash="0" * 64,
        seeds=tuple(range(SEEDS)),
        conditions=(_condition(),),
        measures=(completed(card),),
        hypotheses=_hypotheses(),
    )


def _exact(quantity: str, expected: SupportsFloat, measured: SupportsFloat | None) -> Check:
    return Check(
        quantity=quantity,
        expected=float(expected),
        measured=None if measured is None else float(measured),
        tolerance=1e-6,
        measures=("time_to_learn",) if "time" in quantity else (),
    )
