"""The page and what it says: sentences from the tables alone, markup that holds nothing foreign."""

import base64
import csv
import dataclasses
import hashlib
import html
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from primacy.analysis.resolve import Pick
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import Verdict
from primacy.report import html as report
from primacy.report.page import (
    citation,
    condition_cards,
    evidence,
    figures,
    findings,
    inline_svg,
    learning_curves,
    members,
    methods,
    questions,
    ranking,
    ranks,
    stages,
    wording,
)
from primacy.report.page import judged as judged_rows
from tests.support import slopes
from tests.support.pages import HOSTILE, PROVENANCE, Made, arrays, copied, joined, made, untold

VERDICT = Verdict(
    id="v", claim="a claim", answers=None, control_for=None, word="supported", flags=(),
    measure="variance_explained", value=0.2, low=0.1, high=0.3, unit="share", scale="difference",
    n=30, pairs=30, p=1e-4, p_holm=2e-4, margin=0.05, expect="greater", flips=(), more_seeds=None,
    why="because",
)  # fmt: skip


class Reader(HTMLParser):
    """Every element and attribute of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text: list[str] = []
        self.inside: list[str] = []
        self.scripts: list[tuple[dict, str]] = []
        self.style = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside.pop()

    def handle_data(self, data):
        if self.inside == ["script"]:
            self.scripts.append((self.elements[-1][1], data))
        elif self.inside == ["style"]:
            self.style += data
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def text_of(page: str) -> str:
    return " ".join(" ".join(Reader(page).text).split())


# ------------------------------------------------------------------------------- the sentences


def test_answer_names_the_first_with_steps_seeds_and_the_verdicts():
    study = made(6)
    steps = {
        f: sorted(study.summary.filter(pl.col("feature") == f)["time_to_learn"].to_list())[2]
        for f in ("linear", "xor_xor_xor")
    }  # the third of six: the first by which half had learned
    assert study.answer.startswith(
        "linear was learned before xor_xor_xor in all 6 seeds: after "
        f"{steps['linear'] - 7} to {steps['linear']} steps against {steps['xor_xor_xor']} "
        f"(medians; epochs {steps['linear'] // 8} and {steps['xor_xor_xor'] // 8})."
    )
    assert re.search(
        r"At the end linear is also represented more strongly, in \w+ \d", study.answer
    )
    assert "6 claims fixed before the runs" in study.answer


def test_answer_does_not_take_for_granted_who_wins():
    # The same curves with the names exchanged: the sentence follows the numbers.
    ahead = copied(made(6), "simple", "hard").answer
    behind = copied(made(6), "hard", "simple").answer
    assert ahead.startswith("simple was learned before hard")
    assert behind == ahead.replace("simple", "\0").replace("hard", "simple").replace("\0", "hard")


def said(times: list[tuple[int | None, int | None]], **columns) -> str:
    """The answer of a study of features a and b with these times, a pair a seed."""
    study = copied(made(len(times)), "a", "b")
    values = {"a": [x for x, _ in times], "b": [y for _, y in times]}
    summary = study.summary.sort("feature", "seed").with_columns(
        time_to_learn=pl.Series([*values["a"], *values["b"]], dtype=pl.Int64)
    )
    summary = summary.with_columns(
        learned=pl.col("time_to_learn").is_not_null(),
        **{c: pl.Series(v, dtype=pl.Float64) for c, v in columns.items()},
    )
    return report.answer(study.record, summary, [])


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([(8, 80)] * 5 + [(80, 8)], "a was learned before b in 5 of 6 seeds: after 8 steps"),
        ([(8, 80)] * 3 + [(80, 8)] * 3, "The seeds disagree about the order: a was learned first"),
        ([(8, 8)] * 6, "a and b were learned at the same evaluation, or both not, in all 6 seeds"),
        ([(None, None)] * 6, "Neither a nor b was learned within 784 steps, in any seed."),
        ([(8, None)] * 6, "while b was learned in 0 of 6 seeds within 784 steps"),
        ([(8, 80)] * 5 + [(8, None)], "b was not learned within 784 steps in 1 of 6 seeds."),
        # Four of six is not clear enough to name a winner.
        ([(None, 80)] * 4 + [(8, 80)] * 2, "b was learned first in 4 of 6, a in 2"),
    ],
)
def test_answer_in_each_case(times, words):
    assert words in said(times)


@pytest.mark.parametrize(("lost", "told"), [(3, False), (4, True)])
def test_the_answer_says_what_most_networks_lost_again(lost, told):
    study = copied(made(6), "a", "b")
    gone = (pl.col("feature").cast(str) == "a") & (pl.col("seed") < lost)
    found = report.answer(study.record, study.summary.with_columns(forgotten=gone), [])
    words = f"Reached the criterion and later fell below it again: a in {lost} of 6 networks."
    assert (words in found) is told


def test_answer_says_about_equal_and_no_winner_where_medians_are_close():
    even = {"variance_explained": [0.5] * 6 + [0.49] * 6, "reliance": [0.1] * 6 + [0.9] * 6}
    found = said([(8, 80)] * 6, **even)
    assert "At the end a and b are represented about equally (medians 0.50 and 0.49" in found
    assert "b is used more, in all 6 seeds (median reliance at the end 0.90 and 0.10)" in found


def test_features_that_are_far_from_the_top_are_not_about_equal():
    """Oracle: .97 and .98 are within 5 %, .175 is not; all three are named."""
    several = copied(made(6, rates=(1e-3, 3e-3)), *"abc")
    one = copied(made(6), *"abc")
    value = pl.col("feature").cast(str).replace_strict({"a": 0.97, "b": 0.98, "c": 0.175})
    told = [
        report.answer(s.record, s.summary.with_columns(reliance=value), []) for s in (several, one)
    ]
    assert "At the end a and b are used most, about equally, in all 2 conditions." in told[0]
    assert "all about equal" not in told[0]
    words = "b and a are used most and about equally (median reliance at the end 0.98 and 0.97; c 0"
    assert words in told[1]


@pytest.mark.parametrize(
    ("study", "words"),
    [
        (made(1), "in the one seed"),
        (made(3, diverged=(0, 1, 2)), "All 3 networks diverged, so there is no order"),
        (made(4, diverged=(0,)), "1 of 4 networks diverged."),
        (
            copied(made(3), "only"),
            "only was learned within 784 steps in all 3 seeds, after 9 to 16 ",
        ),
        (copied(made(4), *"abcd"), "features"),
        (made(3, rates=(1e-3, 3e-3)), "linear was learned first in all 2 conditions (median step"),
        (arrays(made(3)), "Times are relative to each run's own end."),
    ],
)
def test_answer_of_unusual_studies(study: Made, words):
    assert words in study.answer


def test_answer_before_any_training():
    study = made(2)
    empty = Made(study.record, study.curves.clear(), study.lanes.clear())
    assert report.answer(empty.record, empty.summary, []) == "Nothing has been trained yet."
    page = report.page(empty.record, empty.curves, empty.lanes, empty.summary, [], PROVENANCE)
    assert "Nothing has been trained yet." in text_of(page)


def test_answer_tells_that_a_control_differs():
    control = dataclasses.replace(VERDICT, id="c", control_for="v", word="inconclusive")
    study = made(3)
    found = report.answer(study.record, study.summary, [VERDICT, control])
    assert "Of 2 claims fixed before the runs, 1 is supported and 1 inconclusive." in found
    assert "The control c is inconclusive, where v, which it controls, is supported." in found
    late = dataclasses.replace(study.record, post_hoc=("v",))
    assert "before the runs" not in report.answer(late, study.summary, [VERDICT])


def test_numbers_in_prose():
    shown = {
        0.0490: "0.049",
        1234.5: "1,234",
        0.97: "0.97",
        1.0: "1",
        -0.5: "−0.5",
        3e-5: "3 × 10⁻⁵",
        -8.43e-4: "−8.43 × 10⁻⁴",
        1446: "1,446",
        123_456: "123,456",
        2.5e9: "2.5 × 10⁹",
        0: "0",
        float("inf"): "∞",
    }
    assert {x: wording.number(x) for x in shown} == shown
    assert wording.ranges([0, 1, 2, 3, 7, 9, 10]) == "0–3, 7, 9, 10"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.probability(1e-5) == "< 0.0001" and wording.probability(0.0312) == "0.031"
    assert wording.among(0, 1) == "not in the one seed"


def test_ratios_are_told_as_times():
    told = {
        (0.0246, 0.0246): "41 times sooner",
        (0.0217, 0.0286): "35 to 46 times sooner",
        (1.7, 1.7): "1.7 times later",
        (0.5, 3.0): "2 times sooner to 3 times later",
        (1.0, 1.0): "equal",
        (0.806, 1.0): "1 to 1.24 times sooner",
        (1.0, 2.926): "1 to 2.93 times later",
        (0.0, 0.764): "at least 1.31 times sooner",
        (1728.2, 1728.2): "1,728 times later",
    }
    assert {ends: wording.ratio_range(*ends, times=True) for ends in told} == told
    assert wording.ratio(0.25, times=False) == "4 times smaller"


def test_reason_says_the_interval_once_and_numbers_in_one_form():
    beyond = (
        "The 95 % interval from -28.3 to -11.9 lies beyond the margin (-5 to 5), in 6 of 6 seeds"
    )
    verdict = dataclasses.replace(VERDICT, why=f"{beyond}; log-rank p 4.5e-05; Page p 0.25.")
    assert judged_rows.reason(verdict) == (
        "The interval lies beyond the margin (−5 to 5), in 6 of 6 seeds; "
        "log-rank p < 0.0001; Page p 0.25."
    )
    inside = (
        "The 90 % interval from 0.5 to 1.25 lies inside the margin (0.5 to 2), in 6 of 6 seeds."
    )
    verdict = dataclasses.replace(
        VERDICT, why=inside, scale="ratio", measure="time_to_learn", margin=1.0
    )
    assert judged_rows.reason(verdict) == (
        "The 90 % interval, 2 times sooner to 1.25 times later, lies inside a factor of 2 either "
        "way, in 6 of 6 seeds."
    )
    assert wording.edited("from -5.25e-05 to 0.000473 of x-1e-5y") == (
        "from −5.25 × 10⁻⁵ to 0.000473 of x-1e-5y"
    )


def test_backticks_are_shown_as_code():
    shown = report.page(
        *(lambda s: (s.record, s.curves, s.lanes, s.summary))(made(2, evaluations=12)),
        [dataclasses.replace(VERDICT, flags=("fragile",), flips=("`of` <b>: no effect",))],
        PROVENANCE,
    )
    assert "<li><code>of</code> &lt;b&gt;: no effect</li>" in shown
    assert "`" not in " ".join(Reader(shown).text)


def test_one_seed_that_never_got_there_reads():
    study = arrays(made(1))
    never = study.summary.with_columns(
        learned=pl.col("feature") == "linear",
        time_to_learn=pl.when(pl.col("feature") == "linear").then(0),
    )
    told = report.answer(study.record, never, [])
    assert "xor_xor_xor never got there" in told and "not in the one seed" not in told
    assert "while b was not learned within 784 steps" in said([(8, None)])


def test_disagreements_follow_the_medians():
    study = copied(made(6), "a", "b")
    c = study.record.conditions[0]
    summary = study.summary.with_columns(
        variance_explained=pl.when(pl.col("feature") == "b").then(0.4).otherwise(0.2),
        reliance=pl.when(pl.col("feature") == "b").then(0.9).otherwise(0.1),
    )
    rows = ranks.standings(study.record, summary)[c.name]
    (sentence,) = findings.disagreements(c, rows, summary)
    assert re.fullmatch(
        r"a is learned first \(median step \d+ to \d+ against \d+, in all 6 seeds\), but b is "
        r"represented more strongly \(0\.40 against 0\.20 of the variance, in all 6 seeds\) and "
        r"is relied on more \(0\.90 against 0\.10 reliance, in all 6 seeds\)\.",
        sentence,
    )
    ahead = pl.when(pl.col("feature") == "a")
    for changes, told in (
        (
            {
                "variance_explained": ahead.then(0.4).otherwise(0.2),
                "reliance": ahead.then(0.9).otherwise(0.1),
            },
            "All three rankings agree: learned, represented and used (medians",
        ),
        (
            {"variance_explained": pl.lit(0.3), "reliance": ahead.then(0.9).otherwise(0.1)},
            "Both rankings agree: learned and used (medians",
        ),
        (
            {"variance_explained": pl.lit(0.3), "reliance": pl.lit(0.5)},
            "There are no two rankings to compare",
        ),
    ):
        agree = study.summary.with_columns(**changes)
        rows = ranks.standings(study.record, agree)[c.name]
        (sentence,) = findings.disagreements(c, rows, agree)
        assert sentence.startswith(told)


def test_disagreement_needs_the_seeds_that_the_answer_needs():
    study = copied(made(8), "a", "b")
    c = study.record.conditions[0]

    def found(k: int) -> tuple[list, str]:
        """Where `a` is sooner and `b` larger in k of 8 seeds, by medians in any case."""
        ahead = (pl.col("feature").cast(pl.String) == "b") == (pl.col("seed") < k)
        # The seeds that go the other way differ by less, so that the medians agree with the k.
        size = pl.when(pl.col("seed") < k).then(0.4).otherwise(0.25)
        summary = study.summary.with_columns(
            variance_explained=pl.when(ahead).then(size).otherwise(0.2), reliance=0.5
        )
        rows = ranks.standings(study.record, summary)[c.name]
        figure = stages.slopes(
            rows,
            figures.colors(study.record),
            [(a["feature"], b["feature"]) for a, b, _ in findings.disagreeing(c, rows, summary)],
        )
        (text,) = findings.disagreements(c, rows, summary)
        return figure.data["circles"].rows(), text

    circles, text = found(6)
    assert len(circles) == 1 and "b is represented more strongly" in text and "6 of 8" in text
    circles, text = found(5)  # five of eight is below three quarters: no winner in the answer
    assert circles == [] and text.startswith("There are no two rankings to compare")


def test_nothing_is_ranked_within_the_floor_or_the_control_columns():
    noise = {"variance_explained": [2e-4] * 6 + [1e-5] * 6, "reliance": [0.4] * 6 + [0.008] * 6}
    told = said([(8, 80)] * 6, **noise)
    assert "No feature is measurably represented at the end (medians 0.00 and 0.00" in told
    assert "a is also used more, in all 6 seeds" in told
    study = made(6)
    c = study.record.conditions[0]
    summary = study.summary.with_columns(
        reliance=pl.when(pl.col("feature") == "linear").then(0.03).otherwise(0.02),
        variance_explained=pl.lit(2e-4),
    )
    null = (pl.col("measure") == "reliance") & (pl.col("feature") == "linear null")
    high = study.curves.with_columns(value=pl.when(null).then(0.05).otherwise("value"))
    for curves, used in ((study.curves, True), (high, False)):
        rows = ranks.standings(study.record, summary, curves)[c.name]
        row = next(r for r in rows if r["feature"] == "linear")
        assert ranking.above(row, "reliance") == used
        figure = stages.slopes(rows, figures.colors(study.record))
        # A variance of .0002 is no stage of its own, where it would be drawn as 1.
        assert "represented" not in figure.frame["stage"].to_list()
        assert "Left out: represented" in figure.caption
    told = report.answer(study.record, summary, [], high)
    assert "No feature is measurably represented" in told
    assert "linear is also used more" not in told


def test_many_conditions_name_no_leader_where_nothing_is_above_the_floor():
    study = made(3, rates=(1e-3, 3e-4))
    summary = study.summary.with_columns(reliance=pl.lit(0.004), variance_explained=pl.lit(0.3))
    told = report.answer(study.record, summary, [])
    assert "At the end no feature is used most in 2 conditions: none measurably in 2." in told
    assert "no feature is represented most strongly in 2 conditions: about equal in 2" in told


def test_contrast_censored_on_both_sides_prints_no_number():
    study = made(6, never=tuple(range(6)))
    first = study.record.hypotheses[0]
    xor = {"feature": "xor_xor_xor"}
    both = dataclasses.replace(
        first, id="both", contrast=dataclasses.replace(first.contrast, of=xor, minus=xor)
    )
    one = dataclasses.replace(first, id="one")
    record = dataclasses.replace(study.record, hypotheses=(both, one))
    verdicts = [
        arm(h.id, None, scale="ratio", value=1.0, low=1.0, high=1.0, measure="time_to_learn")
        for h in record.hypotheses
    ]
    neither, seen = ranking.shown(record, study.summary, verdicts)
    assert (neither.value, neither.low, neither.p) == (None, None, None)
    assert neither.word == verdicts[0].word
    assert neither.why == (
        "Nothing was learned within 784 steps on either side, in any seed, so there is no number "
        "to compare."
    )
    assert seen == verdicts[1]
    text = text_of(
        report.page(record, study.curves, study.lanes, study.summary, verdicts, PROVENANCE)
    )
    assert "Nothing was learned within 784 steps on either side" in text


def test_times_on_a_coarse_grid_are_intervals():
    row = {"lows": {8: 0, 16: 8, 336: 328, 1: 0, 3: 1, 0: 0}}
    shown = {0: "0", 1: "1", 3: "2 to 3", 8: "1 to 8", 16: "9 to 16", 336: "336", 1446: "1,446"}
    assert {t: ranks.when(row, t) for t in shown} == shown
    assert ranks.when(row, 8, 16) == "1 to 16" and ranks.when(row, None) is None
    # The low ends are those that the summary has.
    study = made(6)
    (row, _) = ranks.standings(study.record, study.summary)["default"]
    own = study.summary.filter(pl.col("feature") == "linear")
    low = own.filter(pl.col("time_to_learn") == row["steps"])["low_step"][0]
    words = f"{low + 1} to {row['steps']}"
    assert f"linear · {words} steps" in study.page().replace("<tspan>", "")
    assert f"<strong>{words}</strong>" in study.page()


def test_exceptions_list_seeds_and_say_none():
    study = made(8, diverged=(1,), never=(2, 3, 4))
    c = study.record.conditions[0]
    rows = ranks.standings(study.record, study.summary)[c.name]
    found = dict(findings.exceptions(c, rows, study.summary))
    assert found["Never learned"] == ["xor_xor_xor: seeds 2–4 (3 of 8)"]
    assert found["Diverged"] == ["seed 1, last evaluated at step 800"]
    assert found["Forgotten"][0].startswith("None: ")
    swapped = study.summary.with_columns(
        time_to_learn=pl.when(pl.col("seed") == 5)
        .then(pl.when(pl.col("feature") == "linear").then(400).otherwise(8))
        .otherwise(pl.col("time_to_learn"))
    )
    rows = ranks.standings(study.record, swapped)[c.name]
    flipped = dict(findings.exceptions(c, rows, swapped))["Order flipped"]
    assert flipped == ["xor_xor_xor before linear: seed 5 (1 of 8)"]


def test_end_sentences_give_median_middle_half_and_range():
    study = made(12)
    c = study.record.conditions[0]
    rows = ranks.standings(study.record, study.summary)[c.name]
    sentence = findings.at_the_end(c, rows, study.summary)[0]
    values = study.summary.filter(pl.col("feature") == "linear")["variance_explained"].to_numpy()
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])  # oracle: NumPy
    assert sentence.startswith(
        f"linear: median {middle:.2f} of the variance; the middle half of 12 seeds lies between "
        f"{low:.2f} and {high:.2f}, all of them between {values.min():.2f} and {values.max():.2f}"
    )


def test_null_columns_are_summed_up_over_seeds_at_the_end():
    study = made(5)
    (first, _) = findings.nulls(study.record.conditions[0], study.curves)
    rows = study.curves.filter(
        pl.col("measure") == "reliance",
        pl.col("feature") == "linear null",
        pl.col("target") == "linear",
        pl.col("step") == 800,
    )["value"]
    assert first["feature"] == "linear"
    assert first["median"] == rows.median() and first["high"] == rows.max()


def test_methods_state_network_training_criterion_and_statistics():
    study = made(6)
    c = study.record.conditions[0]
    spec = {
        "task": {"kind": "boolean", "features": ["linear"], "units_per_feature": 16},
        "model": {"kind": "mlp", "widths": [256, 64], "activation": "leaky_relu"},
        "training": {"optimizer": "adam", "learning_rate": 1e-3, "schedule": "constant",
                     "batch_size": 1024, "examples": 8192, "test_examples": 1024,
                     "fit_examples": 1024},
    }  # fmt: skip
    record = dataclasses.replace(study.record, conditions=(dataclasses.replace(c, spec=spec),))
    told = " ".join(methods.paragraphs(record, PROVENANCE, study.lanes))
    for words in (
        "We trained 6 networks (multilayer perceptrons with hidden layers of 256 and 64 units, "
        "leaky relu; 53,570 parameters) on the boolean task (features: linear and xor_xor_xor; "
        "units per feature: 16).",
        "Training used Adam (learning rate 0.001, constant schedule, batches of 1,024) on a fixed "
        "set of 8,192 examples for 800 steps (100 epochs).",
        "evaluated 101 times, before the first step included, on 1,024 held-out examples",
        "the first of 3 evaluations in a row with held-out accuracy at or above 0.95 (90 % of the "
        "way from chance to the ceiling)",
        "not learned by step 784 are right-censored",
        "6 hypotheses with margins stood in the study file before the runs.",
        "ab" * 32,
    ):
        assert words in told
    relative = arrays(made(3))
    told = " ".join(methods.paragraphs(relative.record, PROVENANCE, relative.lanes))
    assert "relative to the end of the run" in told and "nothing here is a test" in told


def test_methods_count_every_network_once():
    study = made(6, rates=(1e-3, 3e-4, 3e-3))
    told = methods.paragraphs(study.record, PROVENANCE, study.lanes)[0]
    assert told.startswith("We trained 18 networks, one per seed (6) in each of 3 conditions")
    half = study.lanes.head(7)
    assert methods.paragraphs(study.record, PROVENANCE, half)[0].startswith("We trained 7 networks")
    # A condition that two member studies share is trained once.
    one, two, three = study.record.conditions
    shared = dataclasses.replace(
        study.record, conditions=(one, dataclasses.replace(two, key=one.key), three)
    )
    assert methods.networks(shared, study.lanes) == 12


def test_methods_say_over_how_many_holm_goes():
    study = made(3)
    given = (study.record, PROVENANCE, study.lanes)
    none = dataclasses.replace(VERDICT, p=None)
    share, untestable = dataclasses.replace(none, scale="share"), none
    told = " ".join(methods.paragraphs(*given, [VERDICT, VERDICT, share, share, untestable]))
    assert (
        "Holm's correction over the 2 with a p-value (2 shares of seeds and 1 that could not be "
        "tested have none)."
    ) in told
    assert "over the study's hypotheses." in " ".join(methods.paragraphs(*given, [VERDICT]))


def test_captions_state_the_band_that_is_drawn():
    whole, tenths = "lowest to highest seed", "10th to 90th percentile"
    assert (
        learning_curves.band_name([6, 3]) == whole and learning_curves.band_name([10, 30]) == tenths
    )
    assert (
        learning_curves.band_name([3, 30]) == f"{tenths}, or {whole} where there are fewer than 10"
    )
    assert f"bands ({whole})" in text_of(made(3, rates=(1e-3, 3e-4)).page())
    assert f"bands ({whole})" in text_of(joined().page())
    many = made(12, rates=tuple(1e-3 * i for i in range(1, 6)), evaluations=12)
    assert f"bands ({tenths})" in text_of(many.page())


# ------------------------------------------------------------------------------------ the page


@pytest.fixture(scope="module")
def page() -> str:
    return made(6).page()


def test_page_allows_its_own_style_and_script_only(page):
    reader = Reader(page)
    (policy,) = (m["content"] for m in reader.all("meta") if m.get("http-equiv"))
    (script,) = (text for a, text in reader.scripts if a.get("type") != "application/json")
    assert policy.startswith("default-src 'none';")
    for name, text in (("style-src", reader.style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert not any("style" in a or any(k.startswith("on") for k in a) for _, a in reader.elements)


def test_page_refers_to_nothing_outside(page):
    reader = Reader(page)
    for _, attributes in reader.elements:
        for key in ("src", "href", "xlink:href", "data", "action", "srcset"):
            assert (attributes.get(key) or "#").startswith(("#", "data:text/csv"))
    assert "url(" not in reader.style and "@import" not in reader.style
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for a in reader.all("a"):
        assert not a["href"].startswith("#") or a["href"][1:] in ids


def test_every_drawing_is_described_and_has_its_numbers(page):
    reader = Reader(page)
    assert all(s["role"] == "img" and len(s["aria-label"]) > 20 for s in reader.all("svg"))
    figures = len([s for s in reader.all("svg") if s["class"] == "chart"])
    links = [a["download"] for a in reader.all("a") if "download" in a]
    assert figures == 7 and len(links) == 7  # both axes of the race share a table; the summary


def test_page_says_words_beside_every_color(page):
    text = text_of(page)
    study = made(6)
    for v in study.verdicts:
        assert v.claim in text and judged_rows.reason(v) in text
        assert f"{report.SYMBOLS[v.word]} {v.word}" in text
    assert "exploratory: fewer than 30 seeds" in text and "Provisional" not in text
    assert "None: every loss stayed finite" in text


def test_unfinished_page_says_so_first():
    text = text_of(made(6).page(complete=False))
    first = text.index("Provisional: 6 of 6 networks trained")
    assert first < text.index("was learned before") < text.index("exploratory: fewer than")
    asked = text_of(joined().page(complete=False))
    assert asked.index("Provisional: 30 of 30") < asked.index("H1")


def judged(**changes) -> str:
    """The text of a page with one verdict."""
    study, verdict = made(2, evaluations=12), dataclasses.replace(VERDICT, **changes)
    return text_of(
        report.page(study.record, study.curves, study.lanes, study.summary, [verdict], PROVENANCE)
    )


@pytest.mark.parametrize("study", [made(6), joined()])
def test_every_verdict_links_to_its_own_curves(study):
    page = study.page()
    reader = Reader(page)
    links = [a["href"] for a in reader.all("a") if a["href"].startswith("#evidence-")]
    assert len(links) == len(set(links)) == len(study.verdicts)
    ids = [a["id"] for a in reader.all("details") if a.get("class") == "evidence"]
    assert {f"#{i}" for i in ids} == set(links)


def test_curves_of_a_verdict_are_those_of_its_contrast():
    study = made(6)
    found = evidence.drawings(
        Runs(study.curves, study.lanes, study.record), figures.colors(study.record)
    )
    # Time-to-learn is read off the criterion's measure, with its level; its own colors.
    first = found["simple-first"]
    assert first["what"] == "accuracy (share)"
    assert first["key"] == [("linear", 1), ("xor_xor_xor", 2)]
    assert first["svg"].count('class="line"') == 2 and first["svg"].count('class="level"') == 1
    # One curve at two steps is drawn once, with both steps marked.
    falls = found["linear-falls"]
    assert falls["key"] == [("linear", 1)] and falls["svg"].count('class="level"') == 2
    (path,) = re.findall(r'class="line"[^>]* d="([^"]+)"', falls["svg"])
    assert path.count("L") > 10
    assert found["used-equally"]["what"] == "reliance (share)"


def test_curves_of_pooled_conditions_are_their_mean_between_evaluations():
    # Two conditions rise from 0 to 1 and 0 to 3 in a straight line, evaluated at different steps.
    study = made(2, rates=(1e-3, 3e-4), evaluations=11)
    first, second = study.record.conditions
    rows = study.curves.filter(
        (pl.col("condition") == first.name) | (pl.col("step") % 16 == 0)
    ).with_columns(
        value=pl.when(pl.col("condition") == first.name).then(1 / 80).otherwise(3 / 80)
        * pl.col("step")
    )
    record = dataclasses.replace(
        study.record, conditions=(first, dataclasses.replace(second, steps=second.steps[::2]))
    )
    runs = Runs(rows, study.lanes, record)
    pick = Pick(condition=first.name, split="test", layer=None, feature="linear", target="linear",
                at="end", clock=None)  # fmt: skip
    other = dataclasses.replace(pick, condition=second.name)
    table = evidence.table_of(runs, evidence.Side("both", (pick, other), "accuracy", event=False))
    assert table is not None and table["step"].to_list() == list(first.steps)
    assert np.allclose(table["median"], table["step"] * 2 / 80, atol=1e-6)  # closed form


def test_empty_sections_have_no_link():
    def links(page):
        return [a["href"] for a in Reader(page).all("a") if a["href"].startswith("#")][:9]

    study = untold(made(2))
    shown = links(study.page())
    assert "#race" in shown and "#verdicts" not in shown and "#conditions" not in shown
    assert "#conditions" in links(made(2, rates=(1e-3, 3e-4)).page())
    assert "#represented" not in links(joined().page())
    empty = Made(study.record, study.curves.clear(), study.lanes.clear())
    assert links(empty.page())[:3] == ["#sanity", "#methods", "#cite"]


def test_cards_of_a_group_share_their_axes_and_say_why_one_is_empty():
    study = made(3, rates=(1e-3, 3e-4))
    first, second = study.record.conditions
    # The second was trained for half as long; both are drawn on the longer axis.
    half = dataclasses.replace(second, steps=second.steps[:51])
    record = dataclasses.replace(study.record, conditions=(first, half))
    palette = figures.colors(record)
    curves = study.curves.filter((pl.col("condition") == first.name) | (pl.col("step") <= 400))
    standings = ranks.standings(record, study.summary)
    cards = condition_cards.cards(record, curves, study.lanes, standings, palette)
    axes = [re.findall(r'<text class="tick"[^>]*>([^<]+)</text>', c["small"]) for c in cards]
    assert axes[0] == axes[1] and axes[0][-1] == "800"
    ends = [max(float(x) for x in re.findall(r"[ML](\d+) ", c["small"])) for c in cards]
    assert ends[0] == ends[1]  # the criterion's line goes across
    # A criterion that spans a hundred times as much has axes of its own.
    far = tuple(
        dataclasses.replace(
            f, criterion=f.criterion and dataclasses.replace(f.criterion, ceiling=50.5)
        )
        for f in half.features
    )
    record = dataclasses.replace(
        record, conditions=(first, dataclasses.replace(half, features=far))
    )
    small = condition_cards.cards(record, curves, study.lanes, standings, palette)[0]["small"]
    assert re.findall(r'text-anchor="end">([^<]+)<', small)[0] == "0.6"
    untimed = {n: [r | {"timed": False} for r in rows] for n, rows in standings.items()}
    told = condition_cards.cards(record, curves, study.lanes, untimed, palette)[0]["why"]
    assert told == "no feature here has a criterion, so none has a learning curve"
    nothing = {first.name: standings[first.name], half.name: []}
    assert condition_cards.cards(record, curves, study.lanes, nothing, palette)[1]["why"] == (
        "not trained yet"
    )


def test_fragile_verdict_says_what_flips_it():
    told = judged(flags=("fragile",), flips=("half the budget: no effect",))
    assert "What flips it half the budget: no effect" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "+0.2 share +0.1 to +0.3"),
        ({"value": -0.2, "low": -0.3, "high": -0.1}, "−0.2 share −0.3 to −0.1"),
        (
            {"scale": "ratio", "value": 0.04, "low": 0.02, "high": 0.05},
            "25 times smaller 20 to 50 times",
        ),
        ({"scale": "share", "unit": "of seeds", "expect": "never"}, "0.2 of seeds 0.1 to 0.3"),
        ({"value": None, "low": None, "high": None, "p": None}, "–"),
        ({"expect": "equal"}, "expected: equal within 0.05"),
        ({"margin": 0.0, "threshold": 0.9}, "expected: greater than 0.9"),
        ({"threshold": 0.9}, "expected: greater than 0.9 by more than 0.05"),
        ({"threshold": 2.0, "scale": "ratio", "margin": 0.0}, "expected: a ratio greater than 2"),
        ({"expect": "equal", "threshold": 0.9}, "expected: equal to 0.9 within 0.05"),
        ({"more_seeds": 12}, "about 12 more seeds would settle it"),
    ],
)
def test_verdict_in_raw_units(changes, words):
    assert words in judged(**changes)


@pytest.mark.parametrize(
    "study",
    [
        untold(made(2)),
        copied(made(2), "only"),
        copied(made(2, evaluations=12), *(f"feature {i}" for i in range(10))),
        made(3, diverged=(0, 1, 2)),
        made(3, rates=(1e-3, 3e-4, 1e-2)),
        made(2, stop="learned"),
        made(2, never=(0, 1)),
        made(1, evaluations=4),
        arrays(made(3)),
    ],
)
def test_page_of_any_study_reads(study: Made):
    reader = Reader(study.page())
    text = " ".join(reader.text).replace(citation.bibtex(study.record, PROVENANCE), "")
    assert study.answer.split(". ")[0] in " ".join(text.split())
    for word in ("None to", "nan", "NaN", "inf ", "Markup", "{{", "Undefined", "None "):
        assert word not in text.replace("None: ", "")


@pytest.mark.parametrize("measure", ["accuracy", "loss"])
def test_a_number_near_the_largest_is_drawn(measure):
    """It ended the process inside the chart library."""
    study = made(2, evaluations=12)
    last = (pl.col("measure") == measure) & (pl.col("step") == pl.col("step").max())
    value = pl.when(last).then(pl.lit(3e38, pl.Float32)).otherwise("value")
    page = dataclasses.replace(study, curves=study.curves.with_columns(value=value)).page()
    assert Reader(page).all("svg")


def test_hostile_names_stay_text():
    names = (HOSTILE, "{{7*7}}", "a\u202eb\x1b[31m", "__proto__", "=HYPERLINK(1)")
    study = copied(made(2, evaluations=12), *names)
    told = study.page()
    reader = Reader(told)
    assert not reader.all("img") and len(reader.all("script")) == 3
    assert not any("onerror" in a for _, a in reader.elements)
    text = " ".join(reader.text)
    assert HOSTILE in text and "{{7*7}}" in text and "\\u202e" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\u2028\u2029]", told)


def test_json_block_is_strict_json_that_cannot_end_its_element():
    study = copied(made(2, evaluations=12), HOSTILE, "b\u2028")
    endless = dataclasses.replace(VERDICT, high=float("inf"))
    block = inline_svg.json_block(study.record, [endless], PROVENANCE)
    assert not re.search("[<>&\u2028]", block)
    content = json.loads(block, parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    assert content["verdicts"][0]["high"] is None
    assert content["conditions"][0]["features"] == [HOSTILE, "b\u2028"]


def test_csv_link_holds_the_table_and_guards_formulas():
    table = pl.DataFrame({"name": ["=1+1", "a,b", "@x"], "value": [-0.5, None, 2.0]})
    head, encoded = inline_svg.csv_link(table).split(",")
    rows = list(csv.reader(io.StringIO(base64.b64decode(encoded).decode())))
    assert head == "data:text/csv;charset=utf-8;base64"
    assert rows == [["name", "value"], ["'=1+1", "-0.5"], ["a,b", ""], ["'@x", "2"]]


def test_drawing_with_anything_foreign_is_refused_or_stripped():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg"><g style="fill:red" onclick="x()" fill="#fff">'
        '<path d="M0 0" clip-path="url(#a)"/></g><defs><clipPath id="a"/></defs></svg>'
    )
    out = inline_svg.inline(svg, "n", "label <b>")
    assert "style" not in out and "onclick" not in out and "&lt;b" in html.unescape(out) + out
    assert 'id="n-a"' in out and "url(#n-a)" in out
    with pytest.raises(ValueError, match="image"):
        inline_svg.inline(svg.replace("<g ", "<image/><g "), "n", "l")


def test_page_size_is_bounded_by_dropping_single_seeds_of_small_multiples():
    study = made(3, rates=(1e-3, 3e-4))
    standings = ranks.standings(study.record, study.summary)
    given = (study.record, study.curves, study.lanes, standings, figures.colors(study.record))
    assert all(card["large"] for card in condition_cards.cards(*given))
    assert not any(card["large"] for card in condition_cards.cards(*given, lines=11))
    assert condition_cards.cards(*(dataclasses.replace(given[0], conditions=()), *given[1:])) == []


# ------------------------------------------------------------------------- a study of studies


def arm(
    id: str, answers: str | None, word="supported", of: str | None = None, **changes
) -> Verdict:
    return dataclasses.replace(
        VERDICT, id=id, claim=f"claim {id}", answers=answers, word=word, control_for=of, **changes
    )


def test_questions_stand_in_order_with_controls_under_what_they_control():
    verdicts = [
        arm("m/x", "a phrase"), arm("m/two", "H10"), arm("m/c", "H2", "no effect", of="m/one"),
        arm("m/one", "H2"), arm("own", "H3"), arm("m/none", None), arm("m/cc", "H2", of="m/c"),
    ]  # fmt: skip
    record = dataclasses.replace(made(2).record, members=("m",))
    found = questions.questions(record, verdicts)
    assert [q.title for q in found] == ["H3", "H2", "H10", "a phrase", None]
    assert [(a.verdict.id, a.depth, a.differs) for a in found[1].arms] == [
        ("m/one", 0, False),
        ("m/c", 1, True),
        ("m/cc", 2, True),
    ]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([arm("a", "Q")], "Q: holds: “claim a” (mean variance explained 0.2 share, n = 30)."),
        (
            [arm("a", "Q"), arm("b", "Q", "contradicted", scale="ratio", value=0.25)],
            "; but “claim b” is contradicted (variance explained 4 times smaller).",
        ),
        (
            [arm("a", "Q", scale="ratio", value=3.0, measure="time_to_learn", pairs=28),
             arm("c", "Q", "no effect", of="a")],
            "Q: holds, but not in its control: “claim a” (3 times later, 28 of 30 seeds); "
            "the control “claim c” shows no effect",
        ),
        ([arm("a", "Q"), arm("c", "Q", of="a")], "Q: holds: “claim a” (mean"),
        ([arm("a", "Q", "inconclusive", flags=("fragile",))], "Q: inconclusive: “claim a” ("),
        (
            [arm("a", "Q", scale="share", expect="never", why="3 of 30 learned within 800 steps "
                 "(95 % interval 2 % to 27 %), against a margin of 12 %.")],
            "Q: holds: “claim a” (3 of 30 learned within 800 steps).",
        ),
    ],
)  # fmt: skip
def test_sentence_of_a_question(verdicts, words):
    (found,) = questions.questions(made(2).record, verdicts)
    assert words in found.sentence


def test_page_of_a_study_of_studies_goes_by_question_and_by_member():
    study = joined()
    reader = Reader(study.page())
    text = " ".join(" ".join(reader.text).split())
    for q in questions.questions(study.record, study.verdicts):
        assert q.told in text
        assert text.index(q.told) < text.index("Each claim, with its margin")
    # The study's own question comes first, and its control is indented under it.
    rows = [a.get("class") for a in reader.all("tr")]
    assert rows.count("arm arm1") == 1 and rows.count("group") == 2
    parts = [a for a in reader.all("details") if a.get("class") == "part"]
    assert len(parts) == 5 * 2  # race, order, exceptions, sanity and settings, each member one
    cards = [a["id"] for a in reader.all("details") if a.get("class") == "card"]
    assert cards == [f"condition-{i}" for i in range(1, 6)]
    assert not [a for a in reader.all("svg") if a["class"] == "chart"]  # no race of one condition


def test_grid_of_two_numbers_is_a_map_and_never_is_hatched():
    study = joined(never=("size/b",))
    standings = ranks.standings(study.record, study.summary)
    (_, own), (_, other) = members.groups(study.record)
    first, _ = members.maps(own, standings)
    assert (first["feature"], first["down"], first["across"]) == (
        "linear",
        "task.scale",
        "task.shift",
    )
    times = study.summary.filter(pl.col("condition") == "size/a", pl.col("feature") == "linear")
    steps = sorted(times["time_to_learn"].to_list())[2]  # the first by which half of six had
    assert [level for level, _ in first["rows"]] == ["0.1", "1"]
    assert first["columns"] == ["0", "5"]
    (a, b), (c, d) = (cells for _, cells in first["rows"])
    assert (
        a["text"] == f"{steps - 7} to {steps}" and a["kind"] == "shade5"
    )  # learned at the lowest rate
    assert (b["text"], b["kind"]) == ("never", "never")
    assert d["kind"] == "shade1" and c["condition"].name == "size/c"
    assert members.maps(other, standings) == []
    page = study.page()
    assert '<td class="n never"><a href="#condition-2" data-condition="1">never</a></td>' in page
    assert len([a for a in Reader(page).all("table") if a.get("class") == "map"]) == 2


@pytest.mark.parametrize(
    "levels",
    [
        [(0.1, 1.0), (0.2, 1.0)],  # the second does not vary
        [(0.1, "a"), (0.2, "b")],  # a name is no axis
        [(0.1, True), (0.2, False)],
        [(0.1, 1.0), (0.1, 1.0), (0.2, 2.0)],  # two conditions in one cell
    ],
)
def test_no_map_of_anything_else(levels):
    c = made(2).record.conditions[0]
    own = [dataclasses.replace(c, factors={"a": x, "b": y}) for x, y in levels]
    assert members.factors(own) is None


def test_split_that_the_data_leave_open_is_a_range_over_seeds():
    flat = [np.full(len(slopes.STEPS), x) for x in (0.2, 0.5, 0.9)]
    rest = [np.full(len(slopes.STEPS), x) for x in (-0.8, 0.5, 0.1)]  # its size is what counts
    record, curves, lanes = slopes.study({"copy": flat, "copy #2": rest})
    told = findings.unidentified(record, record.conditions[0], curves, lanes)
    assert told == (
        "How the slope is divided between copy and copy #2 is not identified by the data; set by "
        "the initialization and the examples drawn: over 3 seeds the shares are copy 0.20 to 0.90 "
        "(median 0.50) and copy #2 0.10 to 0.80 (median 0.50)."
    )  # closed form
    one = dataclasses.replace(record, seed_axes=("init",))
    told = findings.unidentified(one, record.conditions[0], curves, lanes)
    assert told is not None and "set by the initialization: over 3 seeds" in told
    alone = made(3)
    given = (alone.record, alone.record.conditions[0], alone.curves, alone.lanes)
    assert findings.unidentified(*given) is None


def test_pick_ups_that_never_came_are_later_than_any_step():
    rows = pl.DataFrame(
        {
            "time_to_pick_up": [10, 20, None, None, 40],
            "picked_up": [True, True, False, False, True],
            "dropped": [True, False, False, False, None],
            "diverged": [False, False, False, False, True],
        }
    )
    # The lane that diverged is as late: two of five came, so no median.
    assert ranks.picks(rows) == {"picked_up": 2, "dropped": 1, "pick_up_steps": None}
    assert ranks.picks(rows.head(3))["pick_up_steps"] == 20
    never = rows.with_columns(picked_up=pl.lit(None, pl.Boolean))
    assert set(ranks.picks(never).values()) == {None}
    study = made(2)
    (row, _) = ranks.standings(study.record, study.summary)["default"]
    assert "time_to_pick_up" not in row and "low_step" not in row
    assert {"time_to_pick_up", "picked_up", "dropped"} <= set(methods.SUMMARY)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no effect"], "The one claim fixed before the runs shows no effect."),
        (["no effect"] * 2, "All 2 claims fixed before the runs show no effect."),
        (
            ["supported", "supported", "no effect"],
            "Of 3 claims fixed before the runs, 2 are supported and 1 shows no effect.",
        ),
        (
            ["no effect", "no effect", "supported"],
            "Of 3 claims fixed before the runs, 2 show no effect and 1 is supported.",
        ),
    ],
)
def test_no_effect_is_shown_not_found_without(words, told):
    study = made(6)
    judged = [dataclasses.replace(study.verdicts[0], word=word, flags=()) for word in words]
    assert report.answer(study.record, study.summary, judged).endswith(told)
