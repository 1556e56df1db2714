"""Words from made-up differences whose answer is known; flags, flips, Holm, the file."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from scipy import stats

from primacy.analysis.inference import SignFlip, clopper_pearson, holm, least_p
from primacy.analysis.verdicts import Verdict, from_json, judge, problems, to_json
from primacy.records.study import Contrast, Hypothesis
from primacy.records.study import from_json as record_from_json
from primacy.records.study import to_json as record_to_json
from primacy.registry import canonical
from tests.support import synthetic
from tests.support.synthetic import LINEAR, XOR

DEFINITIONS = ("", "_unit_mean", "_example_mean", "_unique")


def hypothesis(expect="greater", margin=0.05, id="h", threshold=None, **contrast) -> Hypothesis:
    fields = {"measure": "variance_explained", "of": LINEAR, "minus": XOR} | contrast
    return Hypothesis(
        id=id, claim=f"claim {id}", contrast=Contrast(**fields), expect=expect, margin=margin,
        threshold=threshold,
    )  # fmt: skip


def planted(differences, *hypotheses, definitions=DEFINITIONS, evaluations=9):
    """A study in which `linear` is represented that much more strongly, in every definition."""
    n = len(differences)
    record, curves, lanes = synthetic.complexity(n, evaluations=evaluations, hypotheses=hypotheses)
    value = pl.col("seed").replace_strict(
        dict(enumerate(map(float, differences))), return_dtype=pl.Float64
    )
    of = pl.col("measure").cast(pl.String).is_in([f"variance_explained{d}" for d in definitions])
    value = pl.when(of, pl.col("feature") == "linear").then(value).when(of).then(pl.lit(0.0))
    return record, curves.with_columns(value=value.otherwise("value").cast(pl.Float32)), lanes


def word_of(differences, expect, margin) -> Verdict:
    record, curves, lanes = planted(differences, hypothesis(expect, margin))
    return judge(curves, lanes, record)[0]


AROUND = np.array([-3, -2, -1, -1, 0, 0, 1, 1, 2, 3]) / 100  # mean 0, sd .02


@pytest.mark.parametrize(
    ("center", "expect", "margin", "word"),
    [
        (0.50, "greater", 0.05, "supported"),
        (0.50, "less", 0.05, "contradicted"),
        (-0.50, "less", 0.05, "supported"),
        (-0.50, "greater", 0.05, "contradicted"),
        (0.50, "equal", 0.05, "contradicted"),
        (-0.50, "equal", 0.05, "contradicted"),
        (0.01, "equal", 0.05, "supported"),
        (0.00, "greater", 0.05, "no effect"),
        (0.00, "less", 0.05, "no effect"),
        (0.045, "greater", 0.05, "inconclusive"),
        (0.055, "equal", 0.05, "inconclusive"),
        (0.00, "greater", 0.00, "inconclusive"),  # "no effect" is impossible without a margin
        (0.06, "greater", 0.00, "supported"),
    ],
)
def test_the_five_words(center, expect, margin, word):
    found = word_of(AROUND + center, expect, margin)
    assert found.word == word
    assert found.value == pytest.approx(center, abs=1e-7)
    assert found.low < found.value < found.high and found.p > 0
    assert (found.n, found.pairs, found.unit, found.scale) == (10, 10, "share", "difference")
    assert (found.more_seeds is not None) == (word == "inconclusive" and center != 0)
    assert found.why.endswith(".") and "10 of 10 seeds" in found.why


ONE_SIDED = {
    0.039: np.array([-3, 9, 5, 0, 8, -6, 8, 7, 1, 8]),
    0.021: np.array([-1, 2, 4, 7, 9, 0, -2, 3, 6, 1]),
}
"""Differences by their one-sided p of "at most 0", to three digits."""


@pytest.mark.parametrize("margin", [0.0, 0.0625])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("p", "expected"), [(0.039, "inconclusive"), (0.021, "supported")])
def test_a_word_of_direction_needs_the_two_sided_interval(p, expected, sign, margin):
    """Oracle: SciPy's permutation test. One-sided .039 is two-sided .078: no word yet."""
    base = ONE_SIDED[p].astype(float)
    theirs = stats.permutation_test(
        (base,), np.mean, permutation_type="samples", alternative="greater", n_resamples=2e9
    ).pvalue
    assert theirs == pytest.approx(p, abs=0.0005)
    differences = sign * (base / 64 + margin)
    word = {1: "greater", -1: "less"}[sign]
    found = word_of(differences, word, margin)
    assert found.word == expected
    assert (sign * (found.low if sign > 0 else found.high) > margin) == (expected == "supported")
    other = word_of(differences, {1: "less", -1: "greater"}[sign], margin)
    assert other.word == {"supported": "contradicted"}.get(expected, expected)


def test_ratio_margins_are_factors():
    for scale, word in ((1.2, "inconclusive"), (1.4, "supported"), (0.7, "contradicted")):
        record, curves, lanes = synthetic.complexity(
            12,
            evaluations=9,
            hypotheses=(hypothesis(scale="ratio", margin=0.25, measure="reliance"),),
        )
        size = pl.when(pl.col("feature") == "linear").then(
            scale * (0.5 + (pl.col("seed") % 4 - 1.5) * 0.05)
        )
        curves = curves.with_columns(
            value=pl.when(pl.col("measure") == "reliance")
            .then(size.otherwise(pl.lit(0.5)))
            .otherwise("value")
            .cast(pl.Float32)
        )
        (found,) = judge(curves, lanes, record)
        assert found.word == word and found.value == pytest.approx(scale, rel=1e-6)
        assert found.unit == found.scale == "ratio"


@pytest.mark.parametrize(
    ("center", "expect", "threshold", "margin", "word"),
    [
        (0.49, "greater", 0.9, 0.0, "contradicted"),  # "no effect", were .9 a margin
        (0.69, "greater", 0.9, 0.0, "contradicted"),
        (0.95, "greater", 0.9, 0.0, "supported"),
        (0.905, "greater", 0.9, 0.0, "inconclusive"),
        (0.05, "less", 0.1, 0.0, "supported"),
        (-0.95, "less", -0.9, 0.0, "supported"),
        (0.95, "less", 0.9, 0.0, "contradicted"),
        (0.95, "greater", 0.9, 0.1, "no effect"),  # a margin around a threshold is still one
        (0.49, "equal", 0.5, 0.1, "supported"),
        (0.49, "equal", 0.9, 0.1, "contradicted"),
    ],
)
@pytest.mark.parametrize("minus", [None, XOR])
def test_a_threshold_is_what_a_value_is_compared_with(
    center, expect, threshold, margin, word, minus
):
    asked = hypothesis(expect, margin, threshold=threshold, minus=minus)
    record, curves, lanes = planted(AROUND + center, asked)
    (found,) = judge(curves, lanes, record)
    assert (found.word, found.threshold) == (word, threshold)
    assert f"{threshold:g}" in found.why
    # Oracle: SciPy's permutation test of the values less the threshold, where nothing else counts.
    if margin == 0:
        values = (AROUND + center).astype(np.float32).astype(np.float64) - threshold
        theirs = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=2e9
        )
        assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_a_ratio_has_a_threshold_that_is_a_ratio():
    """1.8 times as large is not twice as large; against a margin of 1 it is "no effect"."""
    words, forms = {}, {"threshold": (2.0, 0.0), "margin": (None, 1.0)}
    for name, (threshold, margin) in forms.items():
        more = {"threshold": threshold, "margin": margin}
        asked = hypothesis(scale="ratio", measure="reliance", **more)
        record, curves, lanes = synthetic.complexity(12, evaluations=9, hypotheses=(asked,))
        size = pl.when(pl.col("feature") == "linear").then(
            1.8 * (0.5 + (pl.col("seed") % 4 - 1.5) * 0.01)
        )
        curves = curves.with_columns(
            value=pl.when(pl.col("measure") == "reliance")
            .then(size.otherwise(pl.lit(0.5)))
            .otherwise("value")
            .cast(pl.Float32)
        )
        words[name] = judge(curves, lanes, record)[0].word
    assert words == {"threshold": "contradicted", "margin": "no effect"}


def test_a_record_without_a_threshold_is_what_it_was_before_there_were_any():
    """Stored studies keep their bytes and their hash, and open without the key."""
    plain, bound = hypothesis(), hypothesis(margin=0.0, threshold=0.9, id="t")
    record = dataclasses.replace(synthetic.complexity(1, evaluations=2)[0], hypotheses=(plain,))
    text = record_to_json(record)
    assert b"threshold" not in text and record_from_json(text) == record
    assert "threshold" not in canonical(plain) and canonical(bound)["threshold"] == 0.9
    record = dataclasses.replace(record, hypotheses=(plain, bound))
    assert record_from_json(record_to_json(record)) == record
    old = to_json([dataclasses.replace(v, threshold=None) for v in judge(*made_up())])
    assert from_json(old.replace(b'   "threshold": null,\n', b"")) == from_json(old)


def made_up():
    record, curves, lanes = planted(AROUND, hypothesis())
    return curves, lanes, record


def test_never_is_a_share_with_an_exact_interval():
    """0 of 30 excludes 11.6 % and more; 29 of 30 contradicts; 1 of 30 leaves 17.2 % open."""
    never = Hypothesis(id="n", claim="c", expect="never", margin=0.12,
                       contrast=Contrast(measure="time_to_learn", of=XOR))  # fmt: skip
    for n, learn, word in ((30, 0, "supported"), (30, 29, "contradicted"), (30, 1, "inconclusive")):
        made = synthetic.complexity(n, never=tuple(range(n - learn)), hypotheses=(never,))
        (found,) = judge(made[1], made[2], made[0])
        assert found.word == word and found.p is None and found.scale == "share"
        assert found.value == pytest.approx(learn / n)
        assert (found.low, found.high) == pytest.approx(clopper_pearson(learn, n), rel=1e-9)
        assert f"{learn} of {n} learned within 784 steps" in found.why
    # Oracle: SciPy's exact interval of a share that stays about 1 in 30.
    k = round((30 + found.more_seeds) / 30)
    ci = stats.binomtest(k, 30 + found.more_seeds).proportion_ci(method="exact")
    assert ci.high < 0.12


def test_degenerate_inputs_give_a_word():
    n = 8
    expected = {
        "all equal, 0": ([0.0] * n, "inconclusive"),
        "all equal, not 0": ([0.5] * n, "supported"),
        "on the margin": ([0.25] * n, "inconclusive"),
        "one": ([0.5], "untestable"),
        "two": ([0.5, 0.4], "untestable"),
        "five": ([0.5, 0.4, 0.3, 0.5, 0.4], "untestable"),
        "six": ([0.5, 0.4, 0.3, 0.5, 0.4, 0.6], "supported"),
        "null": ([float("nan")] * n, "untestable"),
        "some null": ([float("nan")] * 2 + [0.5] * 6, "supported"),
    }
    for name, (differences, word) in expected.items():
        made = planted(differences, hypothesis(margin=0.0 if name == "all equal, 0" else 0.25))
        record, curves, lanes = made
        curves = curves.with_columns(value=pl.when(pl.col("value").is_finite()).then("value"))
        (found,) = judge(curves, lanes, record)
        assert found.word == word, name
        assert found.p is None or found.p > 0
        to_json([found])  # finite throughout


def test_equal_replicates_on_the_margin_are_not_rounded_over_it():
    """.1 is not a binary number: sums of it must not count as beyond .1."""
    for n in (6, 10, 20):
        found = word_of([np.float32(0.1)] * n, "greater", float(np.float32(0.1)))
        assert found.word == "inconclusive"
        assert found.low == found.high == pytest.approx(0.1)


def test_all_censored_all_diverged_and_an_empty_study():
    made = synthetic.complexity(10, never=tuple(range(10)))
    found = {v.id: v for v in judge(made[1], made[2], made[0])}
    assert found["simple-first"].word == "supported"  # one side is censored, at tau
    assert found["simple-stronger-matched"].word == "untestable"
    assert "10 not learned within 784 steps" in found["simple-stronger-matched"].why
    lost = synthetic.complexity(10, diverged=tuple(range(10)))
    words = {v.id: v.word for v in judge(lost[1], lost[2], lost[0])}
    assert words["simple-first"] == words["simple-stronger"] == "untestable"
    empty = made[1].clear(), made[2].clear(), made[0]
    assert {v.word for v in judge(*empty)} == {"untestable"}
    assert judge(made[1], made[2], dataclasses.replace(made[0], hypotheses=())) == []


def test_a_hypothesis_that_selects_nothing_is_untestable_and_says_why():
    record, curves, lanes = planted(AROUND, hypothesis(of={"feature": "linaer"}))
    (found,) = judge(curves, lanes, record)
    assert found.word == "untestable" and 'Did you mean "linear"?' in found.why


def test_flags_exploratory_and_post_hoc():
    record, curves, lanes = planted(np.tile(AROUND, 3) + 0.5, hypothesis(), hypothesis(id="late"))
    record = dataclasses.replace(record, post_hoc=("late",))
    assert [v.flags for v in judge(curves, lanes, record)] == [(), ("post hoc",)]
    fewer = dataclasses.replace(record, seeds=record.seeds[:29])
    found = judge(curves, lanes, fewer)
    assert [v.flags for v in found] == [("exploratory",), ("post hoc", "exploratory")]
    assert found[0].n == found[0].pairs == 29


def test_fragile_under_another_definition_of_variance_explained():
    record, curves, lanes = planted(AROUND + 0.5, hypothesis(), definitions=("", "_unique"))
    other = pl.col("measure").cast(pl.String).is_in(["variance_explained_unit_mean"])
    curves = curves.with_columns(
        value=pl.when(other, pl.col("feature") == "linear").then(pl.lit(0.0))
        .when(other).then(0.3 + 0.01 * (pl.col("seed") % 3)).otherwise("value").cast(pl.Float32)
    )  # fmt: skip
    (found,) = judge(curves, lanes, record)
    assert "variance_explained_unit_mean: contradicted" in found.flips
    assert not any(f.startswith("variance_explained_unique") for f in found.flips)
    assert "fragile" in found.flags and found.word == "supported"


def test_fragile_at_another_criterion_budget_and_end_of_the_grid():
    """Accuracies planted so that `linear` leads up to 90 % and `xor` beyond."""
    first = hypothesis("less", 0.0, measure="time_to_learn")
    record, curves, lanes = synthetic.complexity(10, hypotheses=(first,))
    step, of = pl.col("step"), pl.col("measure") == "accuracy"
    linear = pl.when(step < 80).then(0.5).when(step < 600).then(0.96).otherwise(1.0)
    xor = pl.when(step < 88).then(0.5).otherwise(1.0)
    curves = curves.with_columns(
        value=pl.when(of, pl.col("feature") == "linear").then(linear).when(of).then(xor)
        .otherwise("value").cast(pl.Float32)
    )  # fmt: skip
    (found,) = judge(curves, lanes, record)
    assert found.word == "supported" and found.value == -8
    assert set(found.flips) == {
        "theta 0.95: contradicted",
        "theta 0.99: contradicted",
        "`minus` one evaluation earlier: inconclusive",
    }
    assert found.flags[0] == "fragile"
    late = pl.when(of, pl.col("feature") == "linear", step < 600).then(0.5)
    curves = curves.with_columns(value=late.otherwise("value").cast(pl.Float32))
    (found,) = judge(curves, lanes, record)
    assert found.word == "contradicted" and found.flips == ()  # half the budget: tau against 88


def test_untestable_variants_are_listed_but_do_not_make_a_word_fragile():
    record, curves, lanes = planted(AROUND + 0.5, hypothesis(at=64))
    (found,) = judge(curves, lanes, record)
    assert found.flips == ("half the budget: untestable",) and found.flags == ("exploratory",)


def test_holm_over_the_study_makes_a_word_fragile():
    """Oracle: statsmodels' multipletests."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    weak = np.array([6, 5, 4, 3, 3, 2, 2, 1, -1, -3]) / 100
    others = [hypothesis(id=f"h{i}", margin=0.0, of=XOR, minus={**XOR, "at": 56}) for i in range(3)]
    made = planted(weak, hypothesis(margin=0.0), *others, hypothesis("equal", id="e"))
    found = judge(made[1], made[2], made[0])
    # At a margin a word can be wrong on either side of it, so there p counts twice.
    sides = [v.p * (2 if v.id == "e" else 1) for v in found]
    theirs = multitest.multipletests(sides, method="holm")[1]
    assert [v.p_holm for v in found] == pytest.approx(theirs.tolist(), rel=1e-9)
    assert found[0].p < 0.05 < found[0].p_holm and found[0].word == "supported"
    assert "Holm over 5 hypotheses: inconclusive" in found[0].flips
    assert "fragile" in found[0].flags
    assert found[0].p_holm == pytest.approx(holm(np.array(sides))[0])


@pytest.mark.parametrize(("claims", "passes"), [(25, True), (26, False), (39, False)])
def test_what_cannot_pass_holm_at_this_n_makes_no_word_fragile(claims, passes):
    """Ten pairs give 2 / 1,024 at best: of 26 claims 26 times that is .0508, of 25 .0488."""
    asked = [hypothesis(margin=0.0, id=f"h{i}") for i in range(claims - 1)]
    weak = hypothesis(margin=0.0, id="weak", of={**XOR, "at": 56}, minus={**XOR, "at": 48})
    record, curves, lanes = planted(AROUND + 0.5, *asked, weak)
    of = pl.col("measure").cast(pl.String).is_in([f"variance_explained{d}" for d in DEFINITIONS])
    by_seed = pl.when(pl.col("step") == 56, of, pl.col("feature") == "xor_xor_xor").then(
        pl.col("seed").replace_strict(dict(enumerate([6.0, 5, 4, 3, 3, 2, 2, 1, -1, -3])))
    )
    curves = curves.with_columns(value=by_seed.otherwise("value").cast(pl.Float32))
    *strong, found = judge(curves, lanes, record)
    assert {v.word for v in (*strong, found)} == {"supported"}
    assert all((v.p_holm <= 0.05) == passes for v in strong)
    said = f"Holm over {claims} hypotheses"
    # The weak one is the last in Holm's order, so that it gets no more than the others.
    assert found.p > strong[0].p
    assert found.p_holm == pytest.approx(claims * strong[0].p, rel=1e-9)
    for v in (*strong, found):
        assert not any("Holm" in flip for flip in v.flips)
        # The weak one alone hangs on single seeds, and compares steps beyond half of the budget.
        assert {flip.partition(" seed")[0] for flip in v.flips} <= {
            "without",
            "half the budget: untestable",
        }
        assert ("fragile" in v.flags) == bool(v.flips) == (v is found)
        assert (said in v.why) == (not passes)


def test_least_p_is_that_of_pairs_that_all_speak_for_one_side():
    """Oracle: the test itself."""
    for n in (6, 10, 14, 15, 30):
        assert SignFlip(np.linspace(1, 2, n), np.ones(n)).p(0.0) == pytest.approx(least_p(n))


def test_a_grid_coarser_than_the_margin_is_refused_before_any_run():
    """Evaluations at 0, 1, 2, 4, ...: a factor 2 apart, where a quarter is asked for."""
    record = synthetic.complexity(1, evaluations=2)[0]
    condition = dataclasses.replace(record.conditions[0], steps=(0, *(2**i for i in range(10))))
    record = dataclasses.replace(record, conditions=(condition,))

    def told(margin, **more):
        return problems(record, hypothesis("less", margin, measure="time_to_learn", **more))

    (said,) = told(0.25, scale="ratio")
    assert said.startswith("margin = 0.25: most evaluations of default are a factor 2 apart")
    assert said.endswith("Evaluate more often, or state a margin of at least 1.")
    assert told(1.0, scale="ratio") == told(0.0, scale="ratio") == []
    (said,) = told(3.0)
    assert "are 8 steps apart" in said  # the median of 1, 2, ..., 64: tau is 128
    assert told(8.0) == []


@pytest.mark.parametrize(
    ("center", "expect", "margin", "word"),
    [
        (0.012, "greater", 0.0, "inconclusive"), (0.06, "less", 0.0, "contradicted"),
        (0.12, "greater", 0.0625, "supported"), (-0.12, "greater", 0.0625, "contradicted"),
        (0.012, "greater", 0.0625, "no effect"), (0.012, "equal", 0.0625, "supported"),
        (0.12, "equal", 0.0625, "contradicted"), (0.055, "less", 0.0625, "inconclusive"),
    ],
)  # fmt: skip
def test_p_of_a_verdict_is_that_of_its_own_null(center, expect, margin, word):
    """Oracle: SciPy's permutation tests at the margin: one-sided doubled, or the larger of two."""
    differences = (AROUND + center).astype(np.float32).astype(np.float64)

    def theirs(at, alternative):
        return stats.permutation_test(
            (differences - at,),
            np.mean,
            permutation_type="samples",
            n_resamples=2e9,
            alternative=alternative,
        ).pvalue

    beyond = min(1, 2 * min(theirs(margin, "greater"), theirs(-margin, "less")))
    inside = max(theirs(-margin, "greater"), theirs(margin, "less")) if margin else 1.0
    found = word_of(differences, expect, margin)
    assert found.word == word
    assert found.p == pytest.approx(min(beyond, inside), rel=1e-9)
    assert (found.p <= 0.05) == (word != "inconclusive")
    assert found.p_holm == pytest.approx(min(1, beyond, 2 * inside), rel=1e-9)  # a family of one


def test_more_seeds_is_about_enough():
    """With as many seeds more as it says, most new studies of that effect are settled."""
    rng = np.random.default_rng(0)
    pilot = np.tile([-0.05, 0.13], 5) * 1.0
    found = word_of(pilot, "greater", 0.0)
    assert found.word == "inconclusive"
    n = 10 + found.more_seeds
    settled = sum(
        stats.ttest_1samp(rng.normal(pilot.mean(), pilot.std(ddof=1), n), 0).pvalue < 0.05
        for _ in range(400)
    )
    assert 0.72 < settled / 400 < 0.88  # the power aimed at is .8


def test_simulated_nulls_are_called_at_the_nominal_rate():
    """400 studies without any difference, margin 0: within the binomial band of 5 %."""
    rng = np.random.default_rng(1)
    hypotheses = [
        hypothesis(margin=0.0, of={**LINEAR, "at": s}, minus={**XOR, "at": s}, id=str(s))
        for s in range(0, 800, 8)
    ]
    record, curves, lanes = synthetic.complexity(10, evaluations=100, hypotheses=tuple(hypotheses))
    record = dataclasses.replace(record, measures=(synthetic.card("variance_explained"),))
    of = (curves["measure"] == "variance_explained").to_numpy()
    called = 0
    for _ in range(4):
        noise = pl.Series(np.where(of, rng.standard_normal(len(of)), np.nan), dtype=pl.Float32)
        kept = curves.with_columns(value=noise).filter(pl.Series(of))
        called += sum(v.word in ("supported", "contradicted") for v in judge(kept, lanes, record))
    low, high = stats.binom.ppf([0.005, 0.995], 400, 0.05)
    assert low <= called <= high


def test_judging_does_not_depend_on_the_order_of_rows_and_repeats_to_the_byte():
    record, curves, lanes = synthetic.complexity(16, diverged=(2,), never=(4,))
    text = to_json(judge(curves, lanes, record))
    assert to_json(judge(curves, lanes, record)) == text
    mixed = curves.sample(fraction=1, shuffle=True, seed=3), lanes.reverse()
    assert to_json(judge(*mixed, record)) == text


def test_the_file_reads_back_and_holds_only_json():
    record, curves, lanes = synthetic.complexity(8, diverged=(1,))
    found = judge(curves, lanes, record)
    text = to_json(found)
    assert from_json(text) == found
    content = json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    assert [v["id"] for v in content["verdicts"]] == [h.id for h in record.hypotheses]
    with pytest.raises(ValueError, match="Out of range float"):
        to_json([dataclasses.replace(found[0], value=float("nan"))])
    for damaged in (text[:-9], text.replace(b"supported", b"proven"), b"[]", b"\x00"):
        with pytest.raises(ValueError):
            from_json(damaged)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (hypothesis(margin=-0.1), "margin = -0.1: a margin is a number from 0 up."),
        (hypothesis("equal", 0.0), "margin = 0: nothing can be shown to be exactly equal"),
        (hypothesis("never", 0.1), 'expect = "never": it is about one time_to_learn'),
        (hypothesis("never", 2.0, measure="time_to_learn", minus=None), "margin = 2: for `never`"),
        (hypothesis(of={"feature": "linaer"}), 'of.feature = "linaer": not a feature.'),
    ],
)
def test_problems_of_a_hypothesis_are_found_before_any_run(wrong, problem):
    record = synthetic.complexity(1, evaluations=2)[0]
    assert any(p.startswith(problem) for p in problems(record, wrong))
    assert problems(record, hypothesis()) == []
