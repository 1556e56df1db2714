"""A product of three signs is learned sooner the smaller the leap from what leads up to it.

Targets x1 + x1x2 + x1x2x3 (leap 1), x1 + x1x2x3 (leap 2) and x1x2x3 alone (leap 3) of 20 signs: a
network of one hidden layer under SGD takes more steps with each, though the term is the same.
"""

import tempfile

import numpy as np

from primacy.analysis.learning_times import times
from primacy.analysis.runs import Runs
from primacy.calibration import Check, case
from primacy.engine.run import run
from primacy.models.two_layer import TwoLayer
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.staircase import Staircase

BITS = 20
LEAPS = {1: (1, 2, 3), 2: (1, 3), 3: (3,)}
"""The degrees of the target's terms, by leap."""
SEEDS = 3
LAST = "x1x2x3"
BANDS = {1: (500, 850), 2: (1_400, 3_100), 3: (2_000, 9_500)}
"""Within what the median of the steps must lie: what six other seeds took (600-700, 1,700-2,600 and
2,600-7,600), and a fifth more on either side."""


def condition(leap: int) -> Condition:
    """One target, trained until every term has half of its coefficient."""
    return Condition(
        task=Staircase(bits=BITS, degrees=LEAPS[leap]),  # type: ignore[arg-type]
        model=TwoLayer(units=128),
        training=Training(
            optimizer="sgd",
            learning_rate=0.02,
            batch_size=64,
            examples="stream",
            steps=12_000,
            evaluations=121,
            fit_examples=64,
            test_examples=2048,
            theta=0.5,
            confirm=2,
            stop="learned",
        ),
    )


def steps() -> dict[int, list[int | None]]:
    """Steps until half of x1x2x3 is learned, by leap, one a seed; null: not in 12,000."""
    study = Study(
        name="staircase",
        conditions={str(leap): condition(leap) for leap in LEAPS},
        measures=("output_coefficient",),
        seeds=SEEDS,
        controls="none",
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run(study, folder)
        runs = Runs(result.curves, result.lanes, result.record)
        found = {}
        for leap in LEAPS:
            seen = times(runs, str(leap), LAST)
            assert seen is not None, "the term has a criterion"
            pairs = zip(seen.time.tolist(), seen.learned.tolist(), strict=True)
            found[leap] = [step if learned else None for step, learned in pairs]
    return found


@case(
    "staircase",
    title="A term is learned sooner where easier ones lead up to it",
    reference="Abbe, Boix-Adsera, Misiakiewicz 2023, arXiv 2302.11055; the order of leaps",
)
def staircase() -> list[Check]:
    """The order of the three leaps in every seed, and the median steps of each."""
    found = steps()
    rows = zip(*found.values(), strict=True)
    ordered = [None not in row and list(row) == sorted(set(row)) for row in rows]  # type: ignore[type-var]
    checks = [
        Check(
            quantity=f"share of {SEEDS} seeds in which {LAST} is learned later with each leap",
            expected=1.0,
            measured=float(np.mean(ordered)),
            tolerance=0.0,
            measures=("output_coefficient",),
        )
    ]
    for leap, own in found.items():
        low, high = BANDS[leap]
        known = [np.inf if step is None else float(step) for step in own]
        checks.append(
            Check(
                quantity=f"median steps to half of {LAST}, leap {leap}",
                expected=(low + high) / 2,
                measured=float(np.median(known)),
                tolerance=(high - low) / 2,
                reference="measured on other seeds (a regression check, no theorem)",
                measures=("output_coefficient",),
            )
        )
    return checks
