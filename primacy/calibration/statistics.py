"""The statistics on their own: exact probabilities, and rates over simulated studies."""

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import binom

from primacy.analysis.contrasts import NOWHERE, Estimate
from primacy.analysis.inference import SignFlip, clopper_pearson, holm
from primacy.analysis.words import word_of
from primacy.calibration import Check, case
from primacy.records.study import Contrast, Hypothesis

SIMULATED = 2_000
"""Simulated studies a rate."""
BAND = 0.9995
"""Each rate has to be inside the interval that holds so much of its binomial distribution."""


def _paired(differences: Float[np.ndarray, " n"]) -> SignFlip:
    return SignFlip(differences, np.ones(len(differences)))


@case(
    "exact probabilities",
    title="Probabilities that can be counted",
    reference="counting sign flips; Clopper & Pearson 1934, Biometrika 26:404; Holm 1979, Scand. "
    "J. Statist. 6:65",
)
def exact_probabilities() -> list[Check]:
    """Small cases that can be worked out by hand."""
    six = _paired(np.array([1.0, 2, 3, 4, 5, 6]))
    five = _paired(np.array([1.0, 2, 3, 4, 5]))
    one_against = _paired(np.array([-1.0, 2, 3, 4, 5, 6]))
    adjusted = holm(np.array([0.01, 0.04, 0.03]))
    return [
        # 2 of the 64 sign flips are as extreme: the data and their mirror image.
        _exact("sign-flip p, six differences of one sign", 2 / 64, six.p(0.0)),
        # Sums of 19 and more: nothing flipped, or 1 alone, which gives 21 and 19; and mirrored.
        _exact("sign-flip p, the smallest of six against the others", 4 / 64, one_against.p(0.0)),
        _exact("sign-flip p, five differences of one sign", 2 / 32, five.p(0.0)),
        # The interval ends where one flip more becomes as extreme as .05 allows: at the smallest.
        _exact("95 % interval of six differences 1 to 6, lower end", 1.0, six.interval(0.95).low),
        _exact("95 % interval of six differences 1 to 6, upper end", 6.0, six.interval(0.95).high),
        _exact(
            "0 of 30 runs: upper limit of the share, 95 %",
            1 - 0.025 ** (1 / 30),
            clopper_pearson(0, 30).high,
        ),
        _exact(
            "30 of 30 runs: lower limit of the share, 95 %",
            0.025 ** (1 / 30),
            clopper_pearson(30, 30).low,
        ),
        _exact("Holm's p of .01, .03, .04: the largest", 0.06, float(adjusted.max())),
        _exact("Holm's p of .01, .03, .04: the smallest", 0.03, float(adjusted.min())),
    ]


def _exact(quantity: str, expected: float, measured: float) -> Check:
    return Check(quantity=quantity, expected=expected, measured=float(measured), tolerance=1e-9)


@case(
    "simulated studies",
    title="How often verdicts are wrong where there is nothing, and intervals where there is",
    reference="the level of an exact test; binomial band of the simulation",
)
def simulated_studies() -> list[Check]:
    """Rates over simulated studies of ten seeds, whose truth is known."""
    rng = np.random.default_rng(0)
    # Of 2^10 flips the two-sided test may reject the most extreme 50: p is a multiple of 2 / 1024.
    level = np.floor(0.05 * 2**10 / 2) * 2 / 2**10
    null = [_paired(x) for x in rng.standard_normal((SIMULATED, 10))]
    skewed = [
        _paired(x * rng.choice([-1.0, 1.0], 10)) for x in rng.exponential(size=(SIMULATED, 10))
    ]
    shifted = [_paired(x) for x in 0.7 + rng.standard_normal((SIMULATED, 10))]
    covered = np.mean([s.interval(0.95).low <= 0.7 <= s.interval(0.95).high for s in shifted])
    edge = [_paired(x) for x in 0.5 + 0.2 * rng.standard_normal((SIMULATED, 10))]
    # One-sided tests: at .05 at most 51 of 1,024 flips, at .025 at most 25.
    inside, beyond = (np.floor(tail * 2**10) / 2**10 for tail in (0.05, 0.025))
    greater, equal = _claim("greater", 0.0), _claim("equal", 0.5)
    wrong = ("supported", "contradicted")
    return [
        _rate("no effect, normal: supported or contradicted", level, _share(null, greater, wrong)),
        _rate(
            "no effect, skewed sizes: supported or contradicted",
            level,
            _share(skewed, greater, wrong),
        ),
        _rate("effect of .7 SD: intervals that hold it", 1 - level, float(covered)),
        _rate(
            "effect at the margin, equal: supported", inside, _share(edge, equal, ("supported",))
        ),
        _rate(
            "effect at the margin, greater: supported",
            beyond,
            _share(edge, _claim("greater", 0.5), ("supported",)),
        ),
    ]


def _claim(expect: Literal["greater", "equal"], margin: float) -> Hypothesis:
    contrast = Contrast(measure="variance_explained")
    return Hypothesis(id="simulated", claim="", contrast=contrast, expect=expect, margin=margin)


def _share(studies: list[SignFlip], claim: Hypothesis, words: tuple[str, ...]) -> float:
    """The share of studies in which the verdict on the claim is one of these words."""
    found = [
        Estimate(
            value=s.estimate,
            interval=NOWHERE,
            narrow=NOWHERE,
            p=s.p(0.0),
            unit="",
            scale="difference",
            n=len(s.a),
            pairs=len(s.a),
            left_out={},
            test=s,
        )
        for s in studies
    ]
    return float(np.mean([word_of(claim, estimate) in words for estimate in found]))


def _rate(quantity: str, expected: float, measured: float) -> Check:
    low, high = binom.interval(BAND, SIMULATED, expected)
    return Check(
        quantity=f"{quantity}, of {SIMULATED:,} studies",
        expected=float(expected),
        measured=measured,
        tolerance=float(max(expected - low / SIMULATED, high / SIMULATED - expected)),
    )
