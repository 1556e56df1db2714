"""The exact tests against SciPy, statsmodels, brute force, and their own nominal level."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from primacy.analysis.inference import (
    SignFlip,
    clopper_pearson,
    equivalence,
    flips,
    holm,
    kendall,
    seeds_for,
    share_seeds_for,
)


def of_mean(d) -> SignFlip:
    d = np.asarray(d, dtype=np.float64)
    return SignFlip(d, np.ones(len(d)))


@pytest.mark.parametrize("n", [2, 5, 6, 9, 10, 14])
@pytest.mark.parametrize("digits", [1, 8])  # rounded: many ties
def test_exact_p_is_that_of_scipy(n, digits):
    """Oracle: scipy.stats.permutation_test, all sign flips, each way of looking."""
    d = np.random.default_rng(n).normal(0.4, 1, n).round(digits)
    ours = of_mean(d)
    for alternative, p in (
        ("two-sided", ours.p(0.0)), ("greater", ours.p_above(0.0)), ("less", ours.p_below(0.0)),
    ):  # fmt: skip
        theirs = stats.permutation_test(
            (d,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative=alternative
        )
        assert p == pytest.approx(theirs.pvalue, rel=1e-12)


def test_drawn_p_is_near_the_exact_one_and_fixed():
    d = np.random.default_rng(1).normal(0.45, 1, 16)
    signs = np.array(list(itertools.product([1, -1], repeat=16)))
    exact = (np.abs(signs @ d) >= abs(d.sum()) - 1e-9).mean()  # brute force
    p = of_mean(d).p(0.0)
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))
    flips.cache_clear()
    assert of_mean(d).p(0.0) == p


def test_drawn_p_is_b_plus_1_over_b_plus_1():
    d = np.random.default_rng(2).normal(0.5, 1, 20)
    signs = 1 - 2 * flips(20)
    assert signs.shape == (10_000, 20) and (signs[0] == 1).all()
    b = (np.abs(signs[1:] @ d) >= abs(d.sum()) - 1e-9).sum()
    assert of_mean(d).p(0.0) == pytest.approx((b + 1) / 10_000, rel=1e-12)


@pytest.mark.parametrize("n", [6, 14, 15, 60])
def test_p_is_never_0(n):
    test = of_mean(np.full(n, 1e6))
    assert test.p(0.0) == pytest.approx(2 / 2**n if n <= 14 else 1e-4)
    assert min(test.p_above(0.0), equivalence(of_mean(np.zeros(n)), -9.0, 9.0)) > 0


@settings(max_examples=60)
@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=17),
    st.sampled_from([0.9, 0.95]),
    st.booleans(),
)
def test_interval_holds_exactly_what_the_test_does_not_reject(numbers, level, ratio):
    a = np.array(numbers, dtype=np.float64) / 8
    b = 1 + np.abs(np.roll(a, 1)) if ratio else np.ones(len(a))
    test = SignFlip(a, b)
    low, high = test.interval(level)
    assert low <= test.estimate + 1e-9 and high >= test.estimate - 1e-9
    alpha = (1 - level) * (1 + 1e-9)
    for end, out in ((low, -1e-6), (high, 1e-6)):
        if np.isfinite(end):
            assert test.p(end) > alpha
            assert test.p(end + out) <= alpha
    if not np.isfinite(low):
        assert test.p(-1e9) > alpha
    for r in np.linspace(-4, 4, 33).tolist():
        if low + 1e-9 < r < high - 1e-9:
            assert test.p(r) > alpha
        elif r < low - 1e-9 or r > high + 1e-9:
            assert test.p(r) <= alpha


def test_interval_is_near_students_for_normal_data():
    """Oracle: scipy's t interval, to which sign-flip's tends."""
    d = np.random.default_rng(4).normal(1, 2, 200)
    low, high = of_mean(d).interval(0.95)
    t = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((t.low, t.high), abs=0.02)


def test_interval_by_hand():
    """With 6 pairs the 95 % interval runs from the smallest difference to the largest."""
    d = np.array([3.0, 1, 4, 1.5, 9, 2])
    assert of_mean(d).interval(0.95) == (1, 9)
    assert of_mean(d[:5]).interval(0.95) == (-np.inf, np.inf)
    assert of_mean(np.full(8, 2.5)).interval(0.95) == (2.5, 2.5)


def test_a_ratio_does_not_change_with_the_unit_and_inverts():
    rng = np.random.default_rng(5)
    a, b = rng.uniform(1, 3, 12), rng.uniform(2, 9, 12)
    plain, scaled, inverse = SignFlip(a, b), SignFlip(8 * a, 8 * b), SignFlip(b, a)
    assert plain.estimate == pytest.approx(a.mean() / b.mean())
    assert scaled.interval(0.95) == pytest.approx(plain.interval(0.95))
    low, high = plain.interval(0.95)
    assert inverse.interval(0.95) == pytest.approx((1 / high, 1 / low))
    assert SignFlip(2 * b, b).interval(0.95) == pytest.approx((2, 2))
    # The test of ratio 1 is the test of no difference.
    assert plain.p(1.0) == pytest.approx(of_mean(a - b).p(0.0))


def test_a_ratio_with_a_side_near_0_is_unbounded_not_wrong():
    rng = np.random.default_rng(6)
    a, b = rng.normal(1, 0.1, 12), rng.normal(0.2, 1, 12)
    assert b.sum() > 0
    test = SignFlip(a, b)
    low, high = test.interval(0.95)
    assert high == np.inf and low < test.estimate


def test_equivalence_is_inside_the_90_percent_interval_and_near_statsmodels():
    """Oracle: statsmodels' paired TOST (Student), to which this tends."""
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    rng = np.random.default_rng(7)
    for n in (8, 14, 30, 80):
        a, b = rng.normal(0, 1, n), rng.normal(0.1, 1, n)
        test = of_mean(a - b)
        low, high = test.interval(0.9)
        for margin in (0.05, 0.3, 0.6, 1.2):
            p = equivalence(test, -margin, margin)
            assert (p <= 0.05) == (-margin < low and high < margin)
        theirs = weightstats.ttost_paired(a, b, -0.6, 0.6)[0]
        assert equivalence(test, -0.6, 0.6) == pytest.approx(theirs, abs=0.03)


@pytest.mark.parametrize(("k", "n"), [(0, 30), (30, 30), (0, 1), (3, 10), (17, 30), (1, 6)])
def test_clopper_pearson_is_that_of_scipy(k, n):
    """Oracle: scipy.stats.binomtest."""
    for level in (0.9, 0.95):
        theirs = stats.binomtest(k, n).proportion_ci(level, method="exact")
        assert clopper_pearson(k, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert clopper_pearson(0, 30).high == pytest.approx(0.1157, abs=5e-5)  # science.md: 11.6 %


def test_holm_is_that_of_statsmodels():
    """Oracle: statsmodels' multipletests."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for size in range(1, 13):
        for p in (rng.random(size), rng.random(size) ** 4, rng.random(size).round(1) / 2 + 1e-4):
            theirs = multitest.multipletests(p, method="holm")[1]
            np.testing.assert_allclose(holm(p), theirs, rtol=1e-12)


def test_holm_of_nothing():
    assert holm(np.array([], dtype=np.float64)).size == 0


@settings(max_examples=100)
@given(st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=4))
def test_kendall_is_that_of_scipy(rows):
    """Oracle: scipy.stats.kendalltau (tau-b); all values equal is 0 here and NaN there."""
    levels = np.array([0.01, 0.1, 0.5, 1, 10])
    values = np.array(rows, dtype=np.float64)
    theirs = [
        0.0 if len(set(row)) == 1 else stats.kendalltau(levels, row).statistic for row in rows
    ]
    np.testing.assert_allclose(kendall(values, levels), theirs, atol=1e-12)


def test_seeds_for_is_the_textbook_number():
    """Oracle: n = ((1.96 + .8416) sd / mean)^2."""
    x = np.array([-1.0, 1, 2, 0])
    assert seeds_for(x) == pytest.approx(((1.959964 + 0.841621) * x.std(ddof=1) / 0.5) ** 2)
    assert seeds_for(np.array([1.0, -1])) == np.inf


def test_share_seeds_for_is_the_first_that_settles():
    assert clopper_pearson(0, 29).high < 0.12 < clopper_pearson(0, 28).high
    assert share_seeds_for(0, 10, 0.12) == 29
    assert share_seeds_for(3, 10, 0.3) is None


@pytest.mark.parametrize("n", [6, 10, 20])
def test_rejects_at_its_nominal_rate_under_the_null(n):
    """400 simulated nulls, skewed spread: within the binomial band of .05 (from n = 10 on)."""
    rng = np.random.default_rng(8 + n)
    sizes = rng.lognormal(0, 1, (400, n)) * rng.choice([-1, 1], (400, n))
    rejected = sum(of_mean(d).p(0.0) <= 0.05 for d in sizes)
    low, high = stats.binom.ppf([0.005, 0.995], 400, 0.05)
    assert rejected <= high
    if n >= 10:
        assert rejected >= low


def test_covers_a_known_effect():
    """300 simulated effects: the 95 % interval holds the truth as often as it says."""
    rng = np.random.default_rng(9)
    held = 0
    for d in rng.normal(0.7, 1, (300, 12)):
        low, high = of_mean(d).interval(0.95)
        held += low <= 0.7 <= high
    low, high = stats.binom.ppf([0.005, 0.995], 300, 0.95)
    assert low <= held <= high


@pytest.mark.parametrize("n", [6, 10, 18])
@pytest.mark.parametrize("kind", ["ties", "censored", "ratio", "at the margin", "both ends"])
def test_never_calls_more_often_than_it_says(kind, n):
    """400 nulls with ties, censoring, a ratio or a margin: at most the band's upper end."""
    rng = np.random.default_rng(n)
    called = 0
    for _ in range(400):
        a, b = rng.lognormal(3, 0.5, n), rng.lognormal(3, 0.5, n)
        if kind == "ties":
            called += of_mean((a / 20).round() - (b / 20).round()).p(0.0) <= 0.05
        elif kind == "censored":
            called += of_mean(np.minimum(a, 20) - np.minimum(b, 20)).p(0.0) <= 0.05
        elif kind == "ratio":
            called += SignFlip(a, b).p(1.0) <= 0.05
        elif kind == "at the margin":  # the true difference is .3: "beyond .3" would be wrong
            called += 2 * of_mean(0.3 + (a - b) / 20).p_above(0.3) <= 0.05
        else:  # the true difference is the margin: "equivalent" would be wrong
            called += equivalence(of_mean(5 + a - b), -5.0, 5.0) <= 0.05
    assert called <= stats.binom.ppf(0.995, 400, 0.05)
