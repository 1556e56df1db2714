"""Simulated studies whose truth is known: numbers, one a seed, and the tables that hold them.

`judged` gives the estimate of a list of numbers, the short way. `planted` writes numbers into the
table and the record of a study, one simulated study a feature, so that
`primacy.analysis.contrasts` and `primacy.analysis.verdicts` judge them as they judge a real one.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from primacy.analysis.contrasts import NOWHERE, Estimate
from primacy.analysis.inference import SignFlip, clopper_pearson
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

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
STEP = 100
"""Training steps from one evaluation of a simulated study to the next."""
CONFIRM = 3
AXES = {
    "variance_explained": ("feature",),
    "accuracy": ("target",),
    "input_gradient_signed": ("site", "target"),
}


def _two_kinds_of_runs(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Shares of variance as in the demo: two runs in three near .33, one in three near .12."""
    rich = rng.random(size) < 1 / 3
    return np.where(rich, 0.12 + 0.04 * rng.normal(size=size), 0.33 + 0.03 * rng.normal(size=size))


_KINDS_MEAN = (2 * 0.33 + 0.12) / 3
_KINDS_VARIANCE = (2 * 0.03**2 + 0.04**2) / 3 + 2 / 9 * (0.33 - 0.12) ** 2
_LOG_SD = 0.8
_LOG_MEAN = math.exp(_LOG_SD**2 / 2)
_LOG_VARIANCE = (math.exp(_LOG_SD**2) - 1) * math.exp(_LOG_SD**2)

SYMMETRIC: dict[str, Noise] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "heavy tails (t, 3 degrees of freedom)": lambda rng, size: (
        rng.standard_t(3, size) / math.sqrt(3)
    ),
    "difference of two skewed sides (log-normal)": lambda rng, size: (
        (rng.lognormal(0, _LOG_SD, size) - rng.lognormal(0, _LOG_SD, size))
        / math.sqrt(2 * _LOG_VARIANCE)
    ),
    "difference of two bimodal sides (as in the demo)": lambda rng, size: (
        (_two_kinds_of_runs(rng, size) - _two_kinds_of_runs(rng, size))
        / math.sqrt(2 * _KINDS_VARIANCE)
    ),
}
"""Differences between two sides that are alike: symmetric around 0, SD 1, no ties."""

TIED: dict[str, Noise] = {
    "normal, rounded to 1 SD (ties of the evaluation grid)": lambda rng, size: rng.normal(
        size=size
    ).round(),
    "-1, 0 or 1": lambda rng, size: rng.choice([-1.0, 0.0, 0.0, 1.0], size) * math.sqrt(2),
    "mostly 0 (9 in 10)": lambda rng, size: (
        rng.choice([-1.0, 1.0], size) * (rng.random(size) < 0.1) * math.sqrt(10)
    ),
}
"""Symmetric around 0, with ties."""

ASYMMETRIC: dict[str, Noise] = {
    "one bimodal side against a constant": lambda rng, size: (
        (_two_kinds_of_runs(rng, size) - _KINDS_MEAN) / math.sqrt(_KINDS_VARIANCE)
    ),
    "one exponential side against a constant": lambda rng, size: rng.exponential(1, size) - 1,
    "one log-normal side against a constant": lambda rng, size: (
        (rng.lognormal(0, _LOG_SD, size) - _LOG_MEAN) / math.sqrt(_LOG_VARIANCE)
    ),
    "a skewed side against a normal one": lambda rng, size: (
        (rng.lognormal(0, _LOG_SD, size) - _LOG_MEAN + rng.normal(size=size))
        / math.sqrt(_LOG_VARIANCE + 1)
    ),
}
"""Mean 0 and SD 1, but not symmetric: the sides differ in shape though not in mean."""


def claim(expect: str, margin: float = 0.0, **contrast) -> Hypothesis:
    """A hypothesis; without a contrast it is of numbers that `judged` already holds."""
    found = Contrast(**{"measure": "variance_explained", **contrast})
    return Hypothesis(id="h", claim="", contrast=found, expect=expect, margin=margin)  # type: ignore[arg-type]


def judged(
    a: Float[np.ndarray, " n"],
    b: Float[np.ndarray, " n"] | None = None,
    *,
    scale: Literal["difference", "ratio", "trend"] = "difference",
    intervals: bool = False,
) -> Estimate:
    """The estimate of the mean of `a`, or of mean(a) / mean(b), as `contrasts.estimate` ends.

    Without `intervals` they are left unbounded, which the word does not look at.
    """
    test = SignFlip(a, np.ones(len(a)) if b is None else b)
    return Estimate(
        value=test.estimate,
        interval=test.interval(0.95) if intervals else NOWHERE,
        narrow=test.interval(0.90) if intervals else NOWHERE,
        p=test.p(1.0 if scale == "ratio" else 0.0),
        scale=scale, unit="", n=len(a), pairs=len(a), left_out={}, test=test,
    )  # fmt: skip


def share(k: int, n: int) -> Estimate:
    """The estimate of `k` learned in `n`, as `contrasts.share_learned` ends."""
    return Estimate(
        value=k / n, interval=clopper_pearson(k, n), narrow=clopper_pearson(k, n, 0.90), p=None,
        scale="share", unit="share of seeds", n=n, pairs=n, left_out={}, successes=k, tau=1,
    )  # fmt: skip


def reached(times: Float[np.ndarray, "..."], evaluations: int) -> Float[np.ndarray, "... e"]:
    """Curves that are 0 before a time and 1 from the first evaluation at or after it."""
    return (np.arange(evaluations) * STEP >= times[..., None]).astype(np.float64)


def planted(
    values: Float[np.ndarray, "c s k e"],
    measure: str,
    *,
    doses: Sequence[float] | None = None,
    diverged: Bool[np.ndarray, "c s"] | None = None,
    hypotheses: tuple[Hypothesis, ...] = (),
) -> tuple[StudyRecord, pl.DataFrame, pl.DataFrame]:
    """Record, curves and lanes of a study with these values.

    Args:
        values: conditions (`c0`, `c1`, ...), seeds, features (`f0`, ...: a simulated study each)
            and evaluations, `STEP` apart.
        measure: `variance_explained`; `accuracy`, by which a feature is learned at .95; or
            `input_gradient_signed`, by which it is picked up at .25 and learned at .9.
        doses: the level of the factor `dose` in each condition.
        diverged: which lanes; their rows stand, as those of a run with an exploding loss do.
        hypotheses: of the record.
    """
    c, s, k, e = values.shape
    features = [f"f{i}" for i in range(k)]
    steps = tuple(range(0, STEP * e, STEP))
    slope = measure == "input_gradient_signed"
    by = Criterion(measure=measure, chance=0.0 if slope else 0.5, ceiling=1.0)
    conditions = tuple(
        ConditionRecord(
            key=f"{i:012x}", name=f"c{i}", factors={} if doses is None else {"dose": doses[i]},
            spec={}, layers=("hidden1",), steps=steps, steps_per_epoch=None, theta=0.9,
            confirm=CONFIRM, stop="budget", parameters=1, inputs=tuple(features),
            features=tuple(
                FeatureRecord(
                    name=f, columns=(j,), target=f, predictivity=None, complexity=None,
                    best=1.0, solo=1.0, criterion=None if measure == "variance_explained" else by,
                ) for j, f in enumerate(features)
            ),
            targets=tuple(
                TargetRecord(name=f, kind="binary", chance=0.5, ceiling=1.0, ceiling_known=True)
                for f in features
            ),
        ) for i in range(c)
    )  # fmt: skip
    card = completed(MeasureRecord(
        name=measure, axes=AXES[measure], by_layer=measure == "variance_explained", unit="",
        direction="", low=None, high=None, chance=None, formula="", invariance="", misleads="",
        reference="",
    ))  # fmt: skip
    record = StudyRecord(
        name="simulated", question="", study_hash="0" * 64, seeds=tuple(range(s)),
        conditions=conditions, measures=(card,), hypotheses=hypotheses,
    )  # fmt: skip
    at = np.indices(values.shape, sparse=True)

    def column(axis: int, names: list[str]) -> pl.Series:
        codes = np.broadcast_to(at[axis], values.shape).ravel()
        return pl.Series(names, dtype=pl.Enum(names)).gather(codes)

    rows = values.size
    of_feature, of_target = column(2, features), column(2, features)
    nothing = pl.Series([None], dtype=pl.Enum(features)).new_from_index(0, rows)
    table = pl.DataFrame(
        {
            "condition": column(0, [x.name for x in conditions]),
            "seed": np.broadcast_to(at[1], values.shape).ravel(),
            "step": np.broadcast_to(at[3] * STEP, values.shape).ravel(),
            "split": pl.Series(["test"], dtype=pl.Enum(["test"])).new_from_index(0, rows),
            "layer": pl.Series(
                ["hidden1" if card.by_layer else None], dtype=pl.Enum(["hidden1"])
            ).new_from_index(0, rows),
            "feature": nothing if card.axes == ("target",) else of_feature,
            "target": nothing if card.axes == ("feature",) else of_target,
            "measure": pl.Series([measure], dtype=pl.Enum([measure])).new_from_index(0, rows),
            "value": pl.Series(values.ravel().astype(np.float32)),
        }
    )
    lost = np.zeros((c, s), dtype=bool) if diverged is None else diverged
    lanes = pl.DataFrame(
        [
            (x.key, seed, "diverged" if lost[i, seed] else "budget", steps[-1])
            for i, x in enumerate(conditions)
            for seed in record.seeds
        ],
        schema=dict(curves.LANES),
        orient="row",
    )
    return record, curves.nulled(table), curves.named(lanes, record)
