"""Features judged by their slope: learned, picked up, dropped; by a given step."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from primacy.analysis.contrasts import check, estimate, share_learned
from primacy.analysis.learning_times import dropped, restricted_mean, times
from primacy.analysis.redundancy import not_identified, shares
from primacy.analysis.runs import Runs, reference_slope
from primacy.analysis.summary import summary
from primacy.analysis.verdicts import judge, problems
from primacy.records.study import Contrast, Hypothesis
from tests.support.slopes import FEATURES, STEPS, reaches, runs, study

PICK_UP, LEARN = "time_to_pick_up", "time_to_learn"


def one(name, curve, **fields) -> Runs:
    return runs({name: [curve]}, **fields)


@pytest.mark.parametrize(
    ("name", "r"),
    [("clean", 1.0), ("reversed", -2.0), ("noisy", -0.8), ("copy", 1.0), ("noise", None),
     ("distractors", None)],
)  # fmt: skip
def test_the_reference_is_the_larger_slope_in_size(name, r):
    condition = study({"clean": [reaches(0)]})[0].conditions[0]
    assert reference_slope(condition, name) == r


def test_a_ceiling_below_chance_is_reached_from_above():
    """Closed form: slope / best crosses .9, whatever the sign of best, and back again."""
    share = np.array([0, 0.5, 0.95, 0.8, 0.9, 0.9, 0.9, 0.1, 0.2, 0.3, 0.4])
    for name, best in (("clean", 1.0), ("reversed", -2.0)):
        found = times(one(name, best * share), "default", name)
        assert (found.time.tolist(), found.low.tolist()) == ([400], [300])
        assert found.learned.all() and found.forgotten.all() and found.tau == 800
    # The same curve with the other sign is never there.
    assert not times(one("reversed", 2 * share), "default", "reversed").learned.any()
    # 0.9 of -2 in single precision is reached, not missed by rounding.
    level = np.full(11, np.float32(-1.8))
    assert times(one("reversed", level), "default", "reversed").time.tolist() == [0]


def test_the_task_itself_is_learned_on_r_squared():
    found = times(one("clean", reaches(0), r_squared=[reaches(300, -5, 0.9)]), "default", None)
    assert found.time.tolist() == [300] and found.learned.all()


def test_picked_up_at_a_quarter_of_the_reference_in_its_direction():
    cases = {  # feature, slope: time
        ("noisy", -0.2): 200,  # a quarter of -.8, exactly (in single precision)
        ("noisy", -0.19): None,
        ("noisy", 0.8): None,  # the other way
        ("reversed", -0.5): 200,  # of best, -2, not of solo, .5
        ("reversed", 0.5): None,
        ("copy", 0.25): 200,  # of solo, where best is unknown
    }
    for (name, height), time in cases.items():
        found = times(one(name, reaches(200, 0, height)), "default", name, event=PICK_UP)
        assert found.learned.tolist() == [time is not None], (name, height)
        assert found.time.tolist() == [800 if time is None else time]
    for name in ("noise", "distractors"):
        assert times(one(name, reaches(0)), "default", name, event=PICK_UP) is None
        assert dropped(one(name, reaches(0)), "default", name) is None
    # theta is of learning: a pick-up has its own mark.
    half = one("clean", reaches(200, 0, 0.5))
    assert times(half, "default", "clean", event=PICK_UP, theta=0.99).learned.all()


def test_dropped_is_under_a_tenth_in_each_of_the_last_m_evaluations():
    up = reaches(100, 0, -0.8)
    for end, gone in (
        ([-0.07, 0.07, -0.079], True),
        ([-0.09, 0.01, 0.0], False),  # only two of three
        ([0.07, 0.09, 0.0], False),  # away from 0 on the other side: still used
        ([0.0, 0.0, np.nan], False),
    ):
        assert dropped(one("noisy", [*up[:8], *end]), "default", "noisy").tolist() == [gone]
    # Never picked up: nothing to drop.
    assert dropped(one("noisy", reaches(None)), "default", "noisy").tolist() == [False]
    # The last m of the lane's own, where it stopped early.
    early = one(
        "noisy", [0, *up[1:4], 0, 0, 0, -0.8, -0.8, -0.8, -0.8], ended={0: ("learned", 600)}
    )
    assert dropped(early, "default", "noisy").tolist() == [True]


def test_summary_tells_what_was_picked_up_and_dropped_and_null_where_it_does_not_apply():
    gone = [*reaches(100, 0, -0.8)[:8], 0, 0, 0]
    made = study(
        {
            "noisy": [gone, reaches(200, 0, -0.8), reaches(None), gone],
            "clean": [reaches(300)] * 4,
            "noise": [reaches(0)] * 4,
        },
        ended={3: ("diverged", 1000)},
    )
    table = summary(made[1], made[2], made[0])

    def column(name, of):
        return table.filter(feature=of)[name].to_list()

    assert column(PICK_UP, "noisy") == [100, 200, None, 100]
    assert column("picked_up", "noisy") == [True, True, False, True]
    assert column("dropped", "noisy") == [True, False, False, None]  # null: the lane diverged
    assert column("learned", "noisy") == [None] * 4  # the best predictor ignores it
    assert column(PICK_UP, "clean") == column(LEARN, "clean") == [300] * 4
    for name in (PICK_UP, "picked_up", "dropped"):
        assert column(name, "noise") == column(name, "distractors") == [None] * 4
    # A lane that another feature's end stopped says nothing about this one.
    early = study({"noisy": [reaches(None)]}, ended={0: ("learned", 600)})
    row = summary(early[1], early[2], early[0]).filter(feature="noisy")
    assert row["picked_up"].to_list() == row["dropped"].to_list() == [None]


def curves_of(times_, high=-0.8):
    return [reaches(t, 0, high) for t in times_]


NOISY = [100, 200, None, 800, 100, None, 300, 0, 500, 100]
CLEAN = [300, 200, 800, None, 700, 500, None, 100, 600, 300]


def test_censored_pick_up_agrees_with_lifelines():
    """Oracle: lifelines' restricted mean of the Kaplan-Meier curve; tau is step 800."""
    lifelines = pytest.importorskip("lifelines")
    from lifelines.utils import restricted_mean_survival_time

    found = times(runs({"noisy": curves_of(NOISY)}), "default", "noisy", event=PICK_UP)
    assert found.learned.tolist() == [t is not None for t in NOISY]
    fit = lifelines.KaplanMeierFitter().fit([800 if t is None else t for t in NOISY], found.learned)
    assert restricted_mean(found.time, found.tau) == pytest.approx(
        restricted_mean_survival_time(fit, t=800), rel=1e-12
    )


@pytest.mark.parametrize("by", ["end", 300])
def test_pick_up_is_compared_like_any_time(by):
    """Oracles: means of min(T, tau) by hand, scipy's permutation test."""
    made = runs({"noisy": curves_of(NOISY), "clean": curves_of(CLEAN, 1.0)})
    tau = 800 if by == "end" else by

    def capped(series):
        return np.array([min(tau, tau if t is None else t) for t in series], float)

    of, minus = {"feature": "noisy"}, {"feature": "clean"}
    contrast = Contrast(measure=PICK_UP, of=of, minus=minus, at=by)
    found = estimate(made, contrast, beside=True)
    difference = capped(NOISY) - capped(CLEAN)
    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=2e9
    )
    assert found.value == pytest.approx(difference.mean())
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert (found.tau, found.unit, found.pairs) == (tau, "steps", 10)
    assert found.beside["of first"] == (difference < 0).sum()
    ratio = estimate(made, dataclasses.replace(contrast, scale="ratio"))
    assert ratio.value == pytest.approx(capped(NOISY).mean() / capped(CLEAN).mean())


def test_learned_by_a_step_is_a_share_with_its_exact_interval():
    """Oracle: scipy's Clopper-Pearson. T = 800 is confirmed by the evaluations after it."""
    made = runs({"clean": curves_of(CLEAN, 1.0)})
    for at, k in ((100, 1), (300, 4), (700, 7), (800, 8), ("end", 8)):
        found = share_learned(made, Contrast(measure=LEARN, of={"feature": "clean"}, at=at))
        theirs = stats.binomtest(k, 10).proportion_ci(method="exact")
        assert (found.successes, found.pairs) == (k, 10)
        assert found.interval == pytest.approx((theirs.low, theirs.high))
        assert found.tau == (800 if at == "end" else at)


def test_what_stopped_after_the_step_was_confirmed_is_known_by_then():
    stopped = runs({"clean": [reaches(None)] * 8}, ended=dict.fromkeys(range(8), ("learned", 500)))
    contrast = Contrast(measure=LEARN, of={"feature": "clean"})
    assert "stopped, by the study's own criterion" in str(share_learned(stopped, contrast).problem)
    by = share_learned(stopped, dataclasses.replace(contrast, at=300))
    assert by.problem is None and by.successes == 0


def test_a_step_beyond_half_the_budget_is_a_problem_there():
    made = runs({"clean": curves_of(CLEAN, 1.0)})
    contrast = Contrast(measure=LEARN, of={"feature": "clean"}, at=500)
    assert share_learned(made, contrast, budget=0.5).problem == (
        "step 500 cannot be confirmed within the budget of 500 steps"
    )


def test_the_verdict_says_k_of_n_within_so_many_steps():
    def never(measure, feature, at, margin):
        contrast = Contrast(measure=measure, of={"feature": feature}, at=at)
        return Hypothesis(
            id=f"{feature} {at}", claim="c", contrast=contrast, expect="never", margin=margin
        )

    hypotheses = (
        never(LEARN, "clean", 300, 0.5),
        never(LEARN, "clean", "end", 0.1),
        never(PICK_UP, "noisy", 100, 0.9),
    )
    record, curves, lanes = study(
        {"clean": curves_of(CLEAN, 1.0), "noisy": curves_of(NOISY)}, hypotheses=hypotheses
    )
    found = judge(curves, lanes, record)
    assert [v.why for v in found] == [
        "4 of 10 learned within 300 steps (95 % interval 12.2 % to 73.8 %), against a margin of "
        "50 %.",
        "8 of 10 learned within 800 steps (95 % interval 44.4 % to 97.5 %), against a margin of "
        "10 %.",
        "4 of 10 picked up within 100 steps (95 % interval 12.2 % to 73.8 %), against a margin of "
        "90 %.",
    ]
    assert [v.word for v in found] == ["inconclusive", "contradicted", "supported"]
    # The criterion's theta changes what is learned, never what is picked up.
    assert not any("theta" in flip for flip in found[2].flips)
    assert all(problems(record, h) == [] for h in hypotheses)


def test_neither_picked_up_is_untestable_and_says_so():
    made = runs({"noisy": curves_of([None] * 8), "clean": curves_of([None] * 8, 1.0)})
    found = estimate(
        made, Contrast(measure=PICK_UP, of={"feature": "noisy"}, minus={"feature": "clean"})
    )
    assert found.problem == "neither was picked up within 800 steps in 8 of 8 seeds"


def test_mistakes_about_pick_ups_are_found_before_any_run():
    record = study({"clean": [reaches(0)]})[0]
    (noise,) = check(record, Contrast(measure=PICK_UP, of={"feature": "noise"}))
    assert noise == (
        'of = "noise": it has no time-to-pick-up: no slope of it is known that is not 0. Did '
        'you mean "noisy"? There are: clean, reversed, noisy, copy, copy #2'
    )
    assert check(record, Contrast(measure=PICK_UP))[0].startswith(
        'of = "y": it has no time-to-pick-up'
    )
    (unlearned,) = check(record, Contrast(measure=LEARN, of={"feature": "copy"}))
    assert "it has no time-to-learn: not learned, and why" in unlearned
    assert check(record, Contrast(measure=PICK_UP, of={"feature": "copy"}, at=300)) == []
    (lacking,) = check(record, Contrast(measure=PICK_UP, of={"feature": "copy"}), ["r_squared"])
    assert "its criterion, input_gradient_signed, is not measured" in lacking
    assert (
        "no evaluation at step"
        in check(record, Contrast(measure=PICK_UP, of={"feature": "copy"}, at=301))[0]
    )


def test_shares_of_duplicates_are_a_distribution_over_seeds():
    """Closed form: |a| / (|a| + |b|), at each lane's own end."""
    flat = [np.full(len(STEPS), x) for x in (0.27, 0.92, 1.2, 0.0, 0.5, np.nan, 1e9)]
    rest = [np.full(len(STEPS), x) for x in (0.73, 0.08, -0.2, 0.0, 0.5, 0.5, 0.0)]
    flat[4] = np.where(np.array(STEPS) < 600, 0.9, 0.3)  # stopped at 600: its own end counts
    record, curves, lanes = study(
        {"copy": flat, "copy #2": rest, "clean": [reaches(0)] * 7},
        ended={4: ("learned", 600), 6: ("diverged", 1000)},
    )
    assert not_identified(record.conditions[0]) == ["copy", "copy #2"]
    table = shares(curves, record, "default", lanes=lanes)
    assert table.columns == ["seed", "feature", "share"] and table.height == 14
    first = table.filter(feature="copy")["share"].to_list()
    assert first[:3] == pytest.approx([0.27, 0.92, 1.2 / 1.4], rel=1e-6)
    assert first[3] is first[5] is first[6] is None  # 0/0, a missing slope, diverged
    assert first[4] == pytest.approx(0.3 / 0.8, rel=1e-6)
    other = table.filter(feature="copy #2")["share"].to_list()
    assert [a + b for a, b in zip(first, other, strict=True) if a is not None] == pytest.approx(
        [1.0] * 4
    )
    assert shares(curves, record, "default").filter(seed=6)["share"].to_list() == [1.0, 0.0]
    fewer = dataclasses.replace(record, seeds=(1,))
    assert shares(curves, fewer, "default")["seed"].to_list() == [1, 1]


def test_no_duplicates_no_shares():
    record, curves, _ = study({"clean": [reaches(0)]}, features=FEATURES[:1])
    table = shares(curves, record, "default")
    assert table.height == 0 and table.columns == ["seed", "feature", "share"]
