"""Sentences that new readers asked for, each where it is read.

Oracle: the reader's own question. Sentences of errors are tested beside what raises them.
"""

import dataclasses
import html
import io
import re

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from primacy.analysis import outcomes
from primacy.analysis.first_layer import Unit
from primacy.cli import app
from primacy.report import html as report
from primacy.report.page import (
    controls,
    findings,
    first_screen,
    learning_curves,
    methods,
    prose,
    ranks,
    reliance,
)
from primacy.report.page.wording import apart
from primacy.report.terminal import unit_summary, verdict_table
from tests.support.pages import PROVENANCE, arrays, copied, made


@pytest.fixture(scope="module")
def page():
    """A small study's page, as text."""
    study = made(6)
    whole = report.page(
        study.record, study.curves, study.lanes, study.summary, study.verdicts, PROVENANCE
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", whole))


@pytest.mark.parametrize(
    "sentence",
    [
        "loads nothing from the internet",
        "The unit of replication is one trained network",
        "for a ratio, 1 shows no effect",
    ],
)
def test_the_page_says_it(page, sentence):
    assert sentence in page


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("inspect", "Show one trained network"),
        ("calibrate", "Check this installation against results with known answers"),
        ("run", "Negative-control networks: about 20 % extra work (default), one per network "
                "(full), or none"),
        ("run", "numbers of networks trained side by side"),
    ],
)  # fmt: skip
def test_help_says_it(command, sentence, capsys):
    with pytest.raises(SystemExit):
        app.main([command, "--help"])
    shown = capsys.readouterr().out
    assert sentence in " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown).split())


@pytest.mark.parametrize(
    ("conditions", "start"),
    [
        (2, "In both conditions, fewer than half of the networks learned xor_xor_xor."),
        (3, "In all 3 conditions, fewer than half of the networks learned xor_xor_xor."),
    ],
)
def test_what_was_not_learned_is_said_of_networks(conditions, start):
    rates = (1e-3, 2e-3, 3e-3)[:conditions]
    study = made(4, rates=rates, never=(0, 1, 2))
    assert start in prose.sentences(study.record, study.summary, [], study.curves)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("abcd", "In both conditions, neither b nor d was learned in half of the networks."),
        ("abcdef", "In both conditions, none of b, d and f was learned in half of the networks."),
    ],
)
def test_what_was_not_learned_in_the_same_places_is_said_once(names, told):
    study = copied(made(4, rates=(1e-3, 3e-3), never=(0, 1, 2)), *names)
    assert told in prose.sentences(study.record, study.summary, [], study.curves)


def test_few_conditions_with_different_leaders_are_named():
    study = copied(made(6, rates=(1e-3, 3e-3)), *"ab")
    first, second = (c.name for c in study.record.conditions)
    led = pl.when(pl.col("condition").cast(str) == first).then(pl.lit("a")).otherwise(pl.lit("b"))
    value = pl.when(pl.col("feature").cast(str) == led).then(0.9).otherwise(0.2)
    told = report.answer(study.record, study.summary.with_columns(reliance=value), [])
    assert f"At the end a is used most with {first}, b with {second}." in told


def test_own_data_says_what_first_means_and_what_the_output_relies_on():
    study = arrays(made(6))
    told = " ".join(prose.sentences(study.record, study.summary, [], study.curves))
    assert "% of the accuracy that it costs at the run's own end" in told or (
        "90 % of its value at the run's own end" in told
    )
    assert re.search(r"The output relies (most|about equally) on ", told), told


def needing(times, accuracy=(0.7, 0.9, 0.9, 0.9, 0.9, 0.95)):
    """Own data of six networks: the time and the reliance of each of two features."""
    study = arrays(made(6))
    a, b = [f.name for f in study.record.conditions[0].features if f.null_of is None][:2]
    found = {(name, s): t for name, own in zip((a, b), times, strict=True) for s, t in own.items()}
    rows = [
        {**row, "time_to_learn": found.get((row["feature"], row["seed"])),
         "learned": (row["feature"], row["seed"]) in found,
         "reliance": 0.6 if row["feature"] == a else 0.0, "final_accuracy": accuracy[row["seed"]]}
        for row in study.summary.to_dicts()
    ]  # fmt: skip
    summary = pl.DataFrame(rows, schema_overrides=study.summary.schema)
    return a, b, " ".join(prose.sentences(study.record, summary, [], None))


def test_what_is_not_needed_at_the_end_does_not_compete_for_first():
    """Oracle: made up. b has a time in two seeds, sooner than a, and nothing relies on it."""
    a, b, told = needing((dict.fromkeys(range(6), 80), {0: 8, 1: 8}))
    assert "disagree about" not in told
    assert re.search(rf"{a} was (needed|relied on) within .* in all 6 seeds", told), told
    assert f"Not ranked, as relied on too little or in too few seeds: {b}." in told
    none = needing(({0: 80}, {0: 8, 1: 8}))[2]
    assert f"No feature has a time in most seeds, so none came first: {a} in 1 of 6." in none


def costing(costs, reliance):
    """Own data of six networks: what each of two features costs and how far it moves the output."""
    study = arrays(made(6))
    (c,) = study.record.conditions
    features = tuple(
        dataclasses.replace(
            f, criterion=dataclasses.replace(f.criterion, measure="reliance_accuracy")
        )
        for f in c.features
    )
    record = dataclasses.replace(
        study.record, conditions=(dataclasses.replace(c, features=features),)
    )
    a, b = (f.name for f in features)
    rows = [
        {**row, "time_to_learn": 8 * (1 + (row["seed"] + (row["feature"] == b)) % 2),
         "learned": True, "final_accuracy": 0.9,
         "score_lost": dict(zip((a, b), costs, strict=True))[row["feature"]][row["seed"]],
         "reliance": dict(zip((a, b), reliance, strict=True))[row["feature"]][row["seed"]]}
        for row in study.summary.to_dicts()
    ]  # fmt: skip
    schema = {**study.summary.schema, "score_lost": pl.Float64}
    return a, b, record, pl.DataFrame(rows, schema_overrides=schema)


NOISE = (0.03, -0.02, 0.03, 0.01, 0.0, 0.02)
BY_TURNS = ((0.4, 0.2, 0.4, 0.2, 0.4, 0.2), (0.2, 0.3, 0.2, 0.4, 0.2, 0.4))


def test_what_costs_next_to_nothing_is_neither_ranked_nor_disagreed_about():
    """Oracle: two features of which interchanging either costs about .01, first by turns."""
    a, b, record, summary = costing((NOISE, NOISE), BY_TURNS)
    said = prose.sentences(record, summary, [], None)
    told = " ".join(said)
    assert "disagree" not in told and "first in" not in told
    assert "No single feature is relied on most in 75 % of the seeds" in told
    assert "No single feature is needed for more than 0.02 of held-out accuracy" in told
    (rows,) = ranks.standings(record, summary).values()
    assert [r["place"] for r in rows] == [None, None]
    # With costs that are there in every seed the same seeds do disagree.
    a, b, record, summary = costing(((0.1,) * 6, (0.12,) * 6), BY_TURNS)
    told = " ".join(prose.sentences(record, summary, [], None))
    assert "The seeds disagree about what the output relies on most" in told
    assert f"Cost of interchanging, in held-out accuracy (median): {b} 0.12, {a} 0.10." in told


def test_what_stays_within_the_floor_is_not_named_as_relied_on():
    *_, record, summary = costing((NOISE, NOISE), ((0.004,) * 6, (0.003,) * 6))
    told = prose.sentences(record, summary, [], None)
    assert told[0] == "No single feature is relied on by more than 0.01 at the end."


def test_whether_a_task_was_learned_is_the_same_in_the_answer_and_in_its_control():
    """Oracle: the control compares the mean (.603) with the constant (.6), whatever the median."""
    *_, record, summary = costing(((0.1,) * 6, (0.1,) * 6), BY_TURNS)
    scores = pl.Series([0.5, 0.5, 0.64, 0.66, 0.66, 0.66])
    summary = summary.with_columns(
        final_accuracy=pl.col("seed").replace_strict(dict(enumerate(scores)), return_dtype=float)
    )
    (rows,) = ranks.standings(record, summary).values()
    assert rows[0]["final_accuracy"] > 0.61 > scores.mean()
    told = " ".join(prose.sentences(record, summary, [], None))
    assert "no better than the best constant (mean accuracy 0.60; the constant 0.60)" in told


def test_an_answer_of_more_than_three_sentences_ends_in_a_list():
    """Oracle: counted by hand; the second text has two sentences."""
    said = ["One.", "Two (0.5). Three.", "Four.", "Five."]
    assert prose.parts(said) == (said[:2], said[2:])
    assert prose.parts(said[:2]) == (said[:2], [])
    assert prose.parts(["One. Two. Three. Four."]) == (["One. Two. Three. Four."], [])


def test_how_well_own_data_are_predicted_is_said_against_chance():
    """Oracle: median, lowest and highest of six made-up scores; .6 is the record's chance."""
    told = needing(({}, {}))[2]
    said = "Held-out accuracy is 0.90 (median of 6 seeds; range 0.70 to 0.95)"
    assert f"{said}; the best constant guess has 0.60." in told, told


def test_a_criterion_of_the_own_end_is_dipped_below_and_not_forgotten():
    study = arrays(made(6))
    c = study.record.conditions[0]
    rows = ranks.standings(study.record, study.summary)[c.name]
    lost = study.summary.with_columns(forgotten=pl.lit(True))
    found = dict(findings.exceptions(c, rows, lost))
    assert "Forgotten" not in found
    assert "(6 of 6)" in found["Dipped below the criterion in between"][0]


def test_a_control_says_when_it_fails_and_when_it_is_only_shown():
    rule = controls.rule()
    assert "fails if its score exceeds chance by more than 0.01 and the excess is significant" in (
        rule
    )
    assert "Fewer than six networks are shown and not tested." in rule


def test_why_a_claim_is_untestable_is_said_in_the_terminal():
    study = made(4)
    found = [v for v in study.verdicts if v.word == "untestable"]
    assert found, "four seeds are too few for every claim"
    text = io.StringIO()
    Console(file=text, width=400).print(verdict_table(found))
    for verdict in found:
        assert verdict.why and verdict.why in text.getvalue()


def test_named_values_of_a_task_are_told_without_brackets():
    (condition,) = arrays(made(6)).record.conditions
    task = {"kind": "arrays", "as_binary": [["region", "south"], ["churn", "yes"]], "split": "seed"}
    told = methods._settings(condition, task)
    assert "as binary: region = south and churn = yes; split: seed" in told


@pytest.mark.parametrize(
    ("typed", "meant"), [("relience", '"reliance"'), ("lost_accuracy", '"accuracy"')]
)
def test_an_unknown_name_is_answered_with_names_near_it(typed, meant, capsys):
    with pytest.raises(SystemExit) as ended:
        app.main(["explain", typed])
    assert ended.value.code == 2 and meant in capsys.readouterr().err


def test_check_counts_the_seeds_that_a_run_would_train(capsys):
    with pytest.raises(SystemExit) as ended:
        app.main(["check", "complexity", "--seeds", "7"])
    assert ended.value.code == 0 and "7 seeds" in capsys.readouterr().out


def facts_of(name, **facts):
    """A study of own data with these facts about one of its features."""
    study = arrays(made(6))
    (c,) = study.record.conditions
    features = tuple(
        dataclasses.replace(f, facts=facts) if f.name == name else f for f in c.features
    )
    conditions = (dataclasses.replace(c, features=features),)
    return dataclasses.replace(
        study, record=dataclasses.replace(study.record, conditions=conditions)
    )


def test_a_leak_is_the_first_thing_that_is_said():
    study = facts_of("linear", predicts_alone={"y": 0.97})
    assert study.answer.startswith(
        "linear alone predicts y in 97 % of rows (the commonest class: 60 %): check that it was"
    )
    assert "linear alone predicts y in 97 %" in re.sub(r"<[^>]+>", "", first(study.page()))


def first(page):
    """The first screen."""
    return page.split("<main", 1)[0]


@pytest.mark.parametrize(
    ("train", "test", "costs", "says"),
    [
        (0.59, 0.58, (0.047,) * 5 + (0.06,),
         "which alone predicts no better than the commonest class does (60 % of rows), is not "
         "relied on in training: interchanging it among training examples costs 0.047 of accuracy "
         "(median), 0.05 or more in 1 of 6 seeds."),
        (0.98, 0.51, (0.3,) * 6,
         "which alone predicts 98 % of training and 51 % of test rows (the commonest class: 60 %), "
         "is relied on in training in all 6 seeds: interchanging it among training examples costs "
         "0.30 of accuracy (median)."),
    ],
)  # fmt: skip
def test_a_shortcut_is_told_beside_the_commonest_class_and_without_contradiction(
    train, test, costs, says
):
    """Oracle: made up; .6 is the record's share of the commonest class, .05 the amount."""
    study = facts_of("linear", shortcut={"y": {"train": train, "test": test}})
    (c,) = study.record.conditions
    amount = dataclasses.replace(c.features[0].criterion, amount=0.05, split="train")
    c = dataclasses.replace(
        c, features=tuple(dataclasses.replace(f, criterion=amount) for f in c.features)
    )
    lost = [costs[row["seed"]] for row in study.summary.to_dicts()]
    summary = study.summary.with_columns(
        score_lost_train=pl.Series(lost), score_lost=pl.lit(0.0, pl.Float64)
    )
    record = dataclasses.replace(study.record, conditions=(c,))
    (rows,) = ranks.standings(record, summary).values()
    (told,) = reliance.shortcuts(c, rows, summary)
    assert told.startswith(f"The shortcut linear, {says}")


def test_a_value_is_told_on_its_own_side_of_a_bound():
    assert [apart(v, 0.05) for v in (0.0476, 0.05, 0.3, 0.04996, 0.0499999)] == [
        "0.048", "0.05", "0.30", "0.04996", "just under 0.05",
    ]  # fmt: skip


def test_a_page_without_control_networks_says_what_that_leaves_open():
    study = arrays(made(6))
    assert study.record.controls == "none"
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", study.page()))
    assert "No control networks were trained (controls: none). This leaves open what" in page
    found = outcomes.compared(
        "task learned", study.record.conditions[0], "accuracy", None, "above", 0.6, np.ones(6)
    )
    (group,) = controls.groups([found])
    assert "must beat a constant on held-out" in group["meaning"]
    shuffled = dataclasses.replace(found, control="shuffled labels")
    told = {g["kind"]: g["meaning"] for g in controls.groups([found, shuffled])}
    assert "must beat a constant and shuffled labels on" in told["task learned"]


def test_a_run_that_goes_on_has_no_verdict_yet():
    study = made(4)
    assert {v.word for v in study.verdicts} == {"untestable"}
    going, done = (
        study.page(complete=c).split("<body", 1)[1].split("<script", 1)[0] for c in (False, True)
    )
    assert "No verdict before the runs end." in going and "untestable" not in going
    for h in study.record.hypotheses:
        assert f"<li>{h.claim}</li>" in html.unescape(going)
    assert "No verdict before" not in done and "untestable" in done


def test_the_chip_of_what_never_came_is_of_the_criterion():
    study = arrays(made(6, never=(0, 1)))
    (c,) = study.record.conditions
    amount = dataclasses.replace(c.features[0].criterion, measure="reliance_accuracy", amount=0.05)
    c = dataclasses.replace(
        c, features=tuple(dataclasses.replace(f, criterion=amount) for f in c.features)
    )
    record = dataclasses.replace(study.record, conditions=(c,))
    told = [t for t, _ in first_screen.chips(record, study.lanes, study.summary, {})]
    assert any(t.startswith("never needed: ") for t in told)
    assert not any(t.startswith("never learned") for t in told)


def test_a_median_of_two_float32_that_cancel_is_0():
    values = np.float32([0.0142857, -0.0142857 + 1.5e-8, 0.05, -0.05])
    assert np.median(values) != 0
    course = pl.DataFrame({"feature": "a", "step": 1, "seed": range(4), "value": values})
    assert learning_curves.bands(course)["median"].to_list() == [0.0]
    small = course.with_columns(value=pl.col("value").abs() * 1e-9)
    assert learning_curves.bands(small)["median"][0] > 0  # small, and not of its own band


def test_units_are_summed_up_by_the_feature_that_they_read():
    """Oracle: by hand: squared sizes 9 and 1; .9 of the first and .2 of the second read a."""
    units = [
        Unit(unit=i + 1, size=size, largest=max(own, key=own.get), shares=own)
        for i, (size, own) in enumerate([(3.0, {"a": 0.9, "b": 0.1}), (1.0, {"a": 0.2, "b": 0.8})])
    ]
    text = io.StringIO()
    Console(file=text, width=100).print(unit_summary(units))
    lines = [line.split() for line in text.getvalue().strip().split("\n")[2:]]
    assert lines == [["a", "1", "of", "2", "0.83"], ["b", "1", "of", "2", "0.17"]]
