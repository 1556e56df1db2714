"""What can be counted or worked out by hand, of parts that curves and trained networks do not show.

The margin of a ratio, ties of a trend, a probe of a rare class, a control that has to fail, and
seeds that start apart.
"""

from typing import SupportsFloat

import jax
import numpy as np
from scipy import stats

from primacy.analysis import outcomes
from primacy.analysis.contrasts import NOWHERE, Estimate
from primacy.analysis.inference import SignFlip, kendall
from primacy.analysis.words import word_of
from primacy.calibration import Check, case
from primacy.calibration.control_path import study
from primacy.records.study import Contrast, Hypothesis
from primacy.registry import measures
from primacy.study.describe import describe
from primacy.study.spec import SeedAxis
from primacy.training.lane import Lane, generators

SEEDS = 8


@case(
    "counted",
    title="Margins of ratios, ties, a rare class, a control that has to fail: by hand",
    reference="counting; Kendall 1945, Biometrika 33:239 (tau-b); Student's t",
)
def counted() -> list[Check]:
    """Each row is one number that paper and pencil give."""
    return [*_ratios(), *_ties(), *_rare(), *_failing(), *_starts()]


def _ratios() -> list[Check]:
    """A margin of .25 lets a ratio be as small as 1 / 1.25 = .8, not as .75."""
    b = np.arange(1.0, 7)
    contrast = Contrast(measure="accuracy", scale="ratio")
    less = Hypothesis(id="r", claim="", contrast=contrast, expect="less", margin=0.25)
    found = {}
    for r in (0.79, 0.81):
        test = SignFlip(r * b, b)
        estimate = Estimate(
            value=test.estimate,
            interval=NOWHERE,
            narrow=NOWHERE,
            p=test.p(1.0),
            unit="ratio",
            scale="ratio",
            n=6,
            pairs=6,
            left_out={},
            test=test,
        )
        found[r] = word_of(less, estimate)
    return [
        _exact("six ratios of .79, margin .25: less is supported", 1, found[0.79] == "supported"),
        _exact("six ratios of .81, margin .25: no effect", 1, found[0.81] == "no effect"),
    ]


def _ties() -> list[Check]:
    """1, 2, 2, 4 over four doses: of six pairs five rise and one is tied."""
    (tau,) = kendall(np.array([[1.0, 2, 2, 4]]), np.arange(4.0))
    return [_exact("Kendall's tau-b of 1, 2, 2, 4", 5 / np.sqrt(6 * 5), tau)]


def _rare() -> list[Check]:
    """A unit that is 1 in 8 of 10 examples of a rare class and in 27 of 90 of the other.

    A probe in which both classes weigh the same reads it as it is: (.8 + .7) / 2. One in which
    every example does never says "rare", whatever the unit is.
    """
    unit = np.concatenate([np.arange(10) < 8, np.arange(90) < 27]).astype(np.float32)
    label = (np.arange(100) < 10).astype(np.float32)
    reps, features = unit[:, None], label[:, None]
    function = measures.load()["probe_accuracy"].function
    (found,) = np.asarray(jax.jit(function)(reps, features, reps, features))
    quantity = "a unit that is 1 in 80 % of a rare class and 30 % of the other: probe accuracy"
    return [_exact(quantity, 0.75, found, ("probe_accuracy",))]


def _failing() -> list[Check]:
    """Networks .1 above chance, which is ten times what is allowed, and networks at chance."""
    place = describe(study()).conditions[0]
    spread = 0.01 * np.tile([-1.0, 1.0], SEEDS // 2)
    above, at = (
        outcomes.compared("untrained", place, "accuracy", None, "chance", 0.5, mean + spread)
        for mean in (0.6, 0.5)
    )
    above, at = outcomes.judged([above, at])
    null = 0.5 + outcomes.MARGIN
    error = spread.std(ddof=1) / np.sqrt(SEEDS)
    expected = stats.t.sf((0.6 - null) / error, SEEDS - 1)
    return [
        _exact("eight networks .1 above chance: the control fails", 1, above.word == "failed"),
        _exact("and log10 of its p", np.log10(float(expected)), np.log10(above.p or 1.0)),
        _exact("eight networks at chance: the control passes", 1, at.word == "passed"),
    ]


def _starts() -> list[Check]:
    """Seeds draw their own initial weights where seeds are said to vary them, else all the same."""
    asked = study()
    ((name, condition),) = asked.conditions.items()
    record = describe(asked).condition(name)
    lanes = [Lane(condition, record, seed) for seed in range(SEEDS)]

    def distinct(*axes: SeedAxis) -> int:
        drawn = [rng("weights").normal() for rng in generators(lanes, "init", axes)]
        return len(np.unique(drawn))

    return [
        _exact("eight seeds: distinct first draws of initial weights", SEEDS, distinct("init")),
        _exact("eight seeds that share them: distinct first draws", 1, distinct("data", "order")),
    ]


def _exact(
    quantity: str, expected: SupportsFloat, measured: SupportsFloat, of: tuple[str, ...] = ()
) -> Check:
    return Check(
        quantity=quantity,
        expected=float(expected),
        measured=float(measured),
        tolerance=1e-6,
        measures=of,
    )
