"""What censored times, lost networks and small samples cannot say, and that the word admits it."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from simulated_studies import claim, planted, reached

from primacy.analysis.contrasts import estimate
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import Verdict, judge
from primacy.analysis.words import judged
from primacy.records.study import Contrast, Hypothesis
from tests.support import synthetic
from tests.support.synthetic import LINEAR, XOR

TAU = 3_700
"""Of 40 evaluations 100 steps apart, confirmed by 3."""
SIDES = {"of": {"feature": "f0", "condition": "c0"}, "minus": {"feature": "f0", "condition": "c1"}}


def of_times(times, *hypotheses, diverged=None, evaluations=40) -> list[Verdict]:
    """Verdicts on two conditions (rows) whose networks (columns) learn at these steps."""
    curve = reached(np.asarray(times, dtype=float)[:, :, None], evaluations)
    record, curves, lanes = planted(
        0.5 + 0.5 * curve, "accuracy", diverged=diverged, hypotheses=hypotheses
    )
    return judge(curves, lanes, record)


def timed(expect, margin=0.25, **more) -> Hypothesis:
    asked = {"measure": "time_to_learn", "scale": "ratio", **SIDES} | more
    return dataclasses.replace(claim(expect, margin, **asked), id=expect)


def slower(known: int, lost: int, factor=1.5, first=0.6):
    """Networks of which `lost` are too slow for either condition; `minus` takes `factor` times."""
    of = np.concatenate([np.linspace(first, 0.95, known) * TAU, np.full(lost, 2 * TAU)])
    return np.stack([of, factor * of])


def test_pairs_that_neither_learned_say_nothing_of_equality():
    """Every network takes 1.5 times as long, and 11 of 30 pairs are censored on both sides."""
    equal, greater, less = of_times(slower(19, 11), timed("equal"), timed("greater"), timed("less"))
    for found in (equal, greater, less):
        assert (found.word, found.pairs, found.p) == ("untestable", 30, None)
        assert 1 / 1.25 < found.value < 1  # the means within tau are nearly alike
        assert "In 11 of 30 pairs neither was learned within 3,700 steps" in found.why
        assert "80 % of pairs" in found.why
    # A difference that is found needs no more: what was learned at all was learned sooner.
    (found,) = of_times(slower(19, 11), timed("less", 0.0))
    assert found.word == "supported"


def test_a_single_censored_time_does_not_make_two_sides_alike():
    """Every network takes 1.5 times as long; all are learned on one side, few on the other."""
    (found,) = of_times(slower(26, 4, first=0.72), timed("equal"))
    assert found.low > 1 / 1.25  # the interval within tau lies inside the margin
    assert found.word == "inconclusive"
    assert "within 3,700 steps alone: " in found.why and "not known" in found.why
    # Where the interval is too wide as well, that is the reason, and censoring is not blamed.
    times = slower(26, 4, first=0.72)
    times[1, ::2] /= 3.0
    (found,) = of_times(times, timed("equal"))
    assert found.word == "inconclusive" and found.high > 1.25
    assert "not known" not in found.why
    # And where times are alike and known, nothing keeps the word back.
    (found,) = of_times(slower(26, 4, factor=1.0), timed("equal"))
    assert found.word == "supported"


@pytest.mark.parametrize("late", [0.0, 0.2, 0.4])
def test_equality_is_found_no_more_often_than_nominal_whatever_is_censored(late):
    """400 studies at the margin: `minus` takes 1.25 times as long. At most 5 %, by the binomial."""
    rng, hits, spread = np.random.default_rng(7), 0, 0.4
    middle = np.log(TAU) - spread * stats.norm.isf(max(late, 1e-4))
    shared, own = rng.normal(size=(1, 30, 400)), rng.normal(size=(2, 30, 400))
    times = np.exp(middle + spread * (shared + own) / np.sqrt(2))
    times[1] *= 1.25
    values = 0.5 + 0.5 * reached(times, 400 // 10)
    record, curves, lanes = planted(values, "accuracy")
    runs = Runs(curves, lanes, record)
    for i in range(400):
        sides = {k: {**v, "feature": f"f{i}"} for k, v in SIDES.items()}
        h = timed("equal", **sides)
        hits += judged(h, estimate(runs, h.contrast, intervals=False))[0] == "supported"
    assert hits <= stats.binom.ppf(0.995, 400, 0.05)


def test_a_grid_coarser_than_the_margin_cannot_tell_two_times_apart():
    """All is learned at step 1,000: between 0 and 1,000, for all that 5 evaluations can say."""
    same = np.full((2, 12), 150.0)
    (found,) = of_times(same, timed("equal"))
    assert found.word == "untestable" and "a factor 2 apart" in found.why
    assert "more than the margin of 1.25" in found.why
    (found,) = of_times(same, timed("equal", margin=1.0))
    assert found.word == "supported"
    (found,) = of_times(same, timed("greater", margin=90.0, scale="difference"))
    assert found.word == "untestable" and "100 apart, more than the margin of 90 steps" in found.why
    (found,) = of_times(same, timed("greater", margin=110.0, scale="difference"))
    assert found.word == "no effect"
    (found,) = of_times(np.stack([same[0], 10 * same[0]]), timed("less"))
    assert found.word == "supported"  # what lies far apart is told apart all the same


def test_survivors_are_flagged_by_the_pairs_that_are_left():
    """At `learned`, 7 of 30 pairs are left; where 20 of 30 diverged, 10."""
    matched = Hypothesis(id="m", claim="c", expect="greater", contrast=Contrast(
        measure="variance_explained", of=LINEAR, minus=XOR, at="learned"))  # fmt: skip
    at_end = dataclasses.replace(
        matched, id="e", contrast=dataclasses.replace(matched.contrast, at="end")
    )
    made = synthetic.complexity(30, never=tuple(range(7, 30)), hypotheses=(matched, at_end))
    few, all_ = judge(made[1], made[2], made[0])
    assert (few.word, few.n, few.pairs) == ("supported", 30, 7)
    assert {"exploratory", "survivors"} <= set(few.flags)
    assert (all_.pairs, "survivors" in all_.flags, "exploratory" in all_.flags) == (
        30,
        False,
        False,
    )
    lost = synthetic.complexity(30, diverged=tuple(range(20)), hypotheses=(at_end,))
    (found,) = judge(lost[1], lost[2], lost[0])
    assert found.pairs == 10 and {"exploratory", "survivors"} <= set(found.flags)


def test_times_of_networks_that_diverged_are_flagged():
    """They enter at tau, so that no pair is left out, and still they are no networks that learn."""
    times, lost = np.full((2, 30), 500.0), np.zeros((2, 30), bool)
    times[1] = 1_500
    lost[0, :3] = lost[1, 2:7] = True
    (found,) = of_times(times, timed("less"), diverged=lost)
    assert (found.word, found.pairs) == ("supported", 30)
    assert "survivors" in found.flags  # 7 of 30 pairs; one has two
    lost[1, 5:] = False
    (found,) = of_times(times, timed("less"), diverged=lost)
    assert "survivors" not in found.flags  # 5 of 30


def never(n, lost=0, learned=0, margin=0.12) -> Verdict:
    times = np.full((1, n), np.inf)
    times[0, :learned] = 500
    diverged = np.zeros((1, n), bool)
    diverged[0, n - lost :] = True
    h = claim("never", margin, measure="time_to_learn", of={"feature": "f0", "condition": "c0"})
    (found,) = of_times(times, h, diverged=diverged)
    return found


def test_never_is_not_what_a_diverged_network_shows():
    all_lost = never(30, lost=30)
    assert (all_lost.word, all_lost.pairs) == ("untestable", 0)
    assert "30 diverged" in all_lost.why
    some = never(30, lost=20)
    assert (some.word, some.pairs) == ("untestable", 10) and "survivors" in some.flags
    assert never(40, lost=10).word == "supported"
    # One that learned and then diverged did learn.
    first = never(30, lost=30, learned=30)
    assert (first.word, first.pairs) == ("contradicted", 30)


@pytest.mark.parametrize("n", [6, 10, 28, 29, 30])
def test_never_is_untestable_where_no_outcome_could_support_it(n):
    """Oracle: SciPy's exact interval. 0 of 10 reaches 30.8 %, 0 of 28 12.3 %, 0 of 29 11.9 %."""
    high = stats.binomtest(0, n).proportion_ci(method="exact").high
    found = never(n)
    assert found.word == ("supported" if high < 0.12 else "untestable")
    assert (n >= 29) == (high < 0.12)
    if high >= 0.12:
        assert f"even 0 of {n} would leave up to {100 * high:.3g} % open" in found.why
        assert "at least 29 are needed" in found.why
    assert never(n, learned=n).word == "contradicted"  # that it can always come to


def test_a_study_of_many_seeds_and_few_pairs_is_exploratory():
    record, curves, lanes = synthetic.complexity(30, diverged=(0,))
    flags = {v.id: v.flags for v in judge(curves, lanes, record)}
    assert "exploratory" in flags["used-equally"]  # 29 pairs
    assert "exploratory" not in flags["simple-first"]  # it enters at tau: 30 pairs
