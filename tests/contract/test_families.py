"""A family of measures is stated on its cards alone: one file adds one, and every reader has it."""

import dataclasses
import json

import polars as pl
import pytest

from primacy.analysis.runs import variants
from primacy.analysis.verdicts import judge
from primacy.cli.app import main
from primacy.engine.run import run
from primacy.records.study import Contrast, Hypothesis, MeasureRecord, completed, from_json
from primacy.records.study import to_json as record_to_json
from primacy.registry import PLUGINS, load_plugin, measure, measures
from primacy.result import Result
from primacy.study.describe import card as record_of
from tests.support import tiny

PLUGIN = '''
import jax.numpy as jnp
import primacy

TEXT = dict(unit="share", direction="up", range=(0.0, 1.0), chance=None, formula="f",
            invariance="i", misleads="m", reference="", by_default=False, family="likeness")


def correlation(reps, features):
    x, y = features - features.mean(0)[None], reps - reps.mean(0)[None]
    size = jnp.sqrt((x**2).sum(0)[:, None] * (y**2).sum(0)[None])
    return jnp.abs(x.T @ y) / jnp.where(size > 0, size, jnp.nan)


@primacy.measure(axes=("feature",), label="largest", section="table", at_chance=0.5, **TEXT)
def likeness(reps, features):
    """Largest correlation of a unit. Null: constant."""
    return jnp.nanmax(correlation(reps, features), axis=1)


@primacy.measure(axes=("feature",), label="mean", section="table", family_order=1, **TEXT)
def likeness_mean(reps, features):
    """Mean correlation of the units. Null: constant."""
    return jnp.nanmean(correlation(reps, features), axis=1)


@primacy.measure(axes=("feature",), label="squared", section="table", family_order=2, **TEXT)
def likeness_squared(reps, features):
    """Mean squared correlation of the units. Null: constant."""
    return jnp.nanmean(correlation(reps, features)**2, axis=1)


@primacy.measure(axes=("feature",), control_of="likeness", **TEXT)
def likeness_of_strangers(reps, features):
    """That of features of other examples. Null: constant."""
    return jnp.nanmax(correlation(reps, jnp.roll(features, 1, 0)), axis=1)
'''
FAMILY = ("likeness", "likeness_mean", "likeness_squared")
CONTROL = "likeness_of_strangers"
CLAIM = Hypothesis(
    id="agrees",
    claim="a unit agrees more with the one feature than with the other",
    contrast=Contrast(
        measure="likeness", of={"feature": "linear"}, minus={"feature": "xor_and_or"}
    ),
    expect="greater",
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("family")
    file = folder / "likeness.py"
    file.write_text(PLUGIN)
    load_plugin(file)
    try:
        chosen = ("accuracy", "reliance", *FAMILY, CONTROL)
        study = tiny.study(measures=chosen, hypotheses=(CLAIM,), controls="full")
        run(study, folder / "run")
        yield Result(folder / "run")
    finally:
        for name in (*FAMILY, CONTROL):
            measures.pop(name, None)
        PLUGINS.clear()


def explained(capsys, name):
    capsys.readouterr()
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["explain", name, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_cards_say_it(result, capsys):
    assert [explained(capsys, name)["family"] for name in FAMILY] == ["likeness"] * 3
    assert explained(capsys, "likeness")["at_chance"] == 0.5
    assert explained(capsys, CONTROL)["control_of"] == "likeness"


def test_the_pages_table_has_it_beside_its_title(result, tmp_path):
    page = result.report(tmp_path / "page.html").read_text()
    assert '<th colspan="3" scope="colgroup">likeness</th>' in page
    for label in ("largest", "mean", "squared"):
        assert f'<th scope="col" class="n">{label}</th>' in page
    assert set(FAMILY) <= set(result.summary.columns)
    assert CONTROL not in result.summary.columns


def test_a_claim_about_one_is_tried_on_the_others(result):
    """Oracle: values planted so that the claim holds by one definition and not by the others."""
    cards = {m.name: m for m in result.record.measures}
    assert variants(cards, "likeness") == list(FAMILY[1:])
    assert variants(cards, CONTROL) == []
    up = (pl.col("feature").cast(pl.String) == "linear") == (
        pl.col("measure").cast(pl.String) == "likeness"
    )
    noise = pl.col("seed") * 0.001
    planted = result.curves.with_columns(
        value=pl.when(pl.col("measure").cast(pl.String).is_in(FAMILY))
        .then(pl.when(up).then(0.8 + noise).otherwise(0.1))
        .otherwise(pl.col("value"))
        .cast(pl.Float32)
    )
    (verdict,) = judge(planted, result.lanes, result.record)
    assert verdict.word == "supported" and "fragile" in verdict.flags
    assert {flip.partition(":")[0] for flip in verdict.flips} >= set(FAMILY[1:])


def test_the_controls_measure_it(result):
    found = [o for o in result.controls if o.control == "random feature"]
    assert {(o.measure, o.chance) for o in found} == {("likeness", 0.5)}
    assert {o.measure for o in result.controls if o.control == "constant feature"} >= set(FAMILY)
    inside = result.figures()["inside"].frame
    assert set(inside["measure"]) == {"likeness"}  # the headline, its control beside it
    assert inside["null"].is_not_null().all()


def test_a_record_keeps_it_and_one_without_is_as_short_as_before(result):
    text = record_to_json(result.record)
    assert from_json(text) == result.record
    (plain,) = (m for m in json.loads(text)["measures"] if m["name"] == "accuracy")
    new = {"family", "family_order", "label", "control_of", "at_chance", "section"}
    assert not new & set(plain)


def test_a_measure_of_the_table_names_its_family_and_a_control_a_measure():
    text = {
        "axes": (), "unit": "u", "direction": "d", "range": (None, None), "chance": None,
        "formula": "f", "invariance": "i", "misleads": "m", "reference": "r",
    }  # fmt: skip

    def alone(outputs):
        return outputs.sum()

    with pytest.raises(ValueError, match="'alone': a column of the table stands under its family"):
        measure(**text, section="table")(alone)
    with pytest.raises(ValueError, match='Did you mean "reliance"'):
        measure(**text, control_of="relianse")(alone)
    assert "alone" not in measures.keys()  # noqa: SIM118 (Registry raises on a missing name)


LATER = {
    "concept_slope_null",
    "description_length_control",
    "reliance_mean",
    "reliance_zero",
}
"""Measures that are younger than these fields: no record without the fields has them."""


@pytest.mark.parametrize("name", sorted(measures.load().keys() - LATER))
def test_a_record_of_before_says_what_the_card_says_now(name):
    card = record_of(measures[name])
    new = ("family", "family_order", "label", "control_of", "at_chance", "section")
    defaults = {f.name: f.default for f in dataclasses.fields(MeasureRecord)}
    old = dataclasses.replace(card, **{field: defaults[field] for field in new})
    assert completed(old) == card
