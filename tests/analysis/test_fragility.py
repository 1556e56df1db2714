"""What would change a word: layers, confirmation and single seeds; oracle: planted numbers."""

import numpy as np
import polars as pl
import pytest
from simulated_studies import claim, judged, share

from primacy.analysis.fragility import MAX_LEFT_OUT_EACH, without_one
from primacy.analysis.verdicts import judge
from primacy.analysis.words import word_of
from primacy.records.study import Contrast, Hypothesis
from tests.support import synthetic
from tests.support.synthetic import LAYERS, LINEAR, XOR

AROUND = np.array([-3, -2, -1, -1, 0, 0, 1, 1, 2, 3]) / 100
MEASURE = "variance_explained"


def stronger(**changes):
    asked = {"measure": MEASURE, "of": LINEAR, "minus": XOR} | changes
    return Hypothesis(id="h", claim="", contrast=Contrast(**asked), expect="greater", margin=0.05)


def planted(by_layer, h):
    """A study in which `linear` is represented that much more strongly in each layer."""
    record, curves, lanes = synthetic.complexity(10, evaluations=9, hypotheses=(h,))
    of = pl.col("measure").cast(pl.String).str.starts_with(MEASURE)
    noise = pl.col("seed").replace_strict(dict(enumerate(AROUND)), return_dtype=pl.Float64)
    center = pl.col("layer").cast(pl.String).replace_strict(by_layer, default=0.0)
    value = pl.when(of, pl.col("feature") == "linear").then(center + noise)
    value = value.when(of).then(pl.lit(0.0)).otherwise("value").cast(pl.Float32)
    return judge(curves.with_columns(value=value), lanes, record)[0]


def test_the_layer_before_the_last_is_another_defensible_layer():
    strengths = {LAYERS[0]: -0.5, LAYERS[1]: -0.5, LAYERS[2]: -0.5, LAYERS[3]: 0.5}
    found = planted(strengths, stronger())
    assert found.word == "supported" and "fragile" in found.flags
    assert [f for f in found.flips if f.startswith("layer")] == [f"layer {LAYERS[2]}: contradicted"]
    # Only the first two differ: further away is another question, not another analysis.
    found = planted(strengths | {LAYERS[2]: 0.5}, stronger())
    assert found.flips == ()


def test_a_claim_that_names_its_layer_is_about_that_layer():
    strengths = dict.fromkeys(LAYERS[:3], -0.5) | {LAYERS[3]: 0.5}
    named = {"of": {**LINEAR, "layer": LAYERS[3]}, "minus": {**XOR, "layer": LAYERS[3]}}
    found = planted(strengths, stronger(**named))
    assert found.word == "supported" and found.flips == ()


def test_a_lucky_moment_counts_only_where_one_evaluation_confirms():
    """`linear` touches the criterion early for two evaluations, which three do not confirm."""
    sooner = Hypothesis(
        id="h",
        claim="",
        contrast=Contrast(measure="time_to_learn", of=LINEAR, minus=XOR),
        expect="greater",
        margin=0.0,
    )
    record, curves, lanes = synthetic.complexity(10, hypotheses=(sooner,))
    step, of = pl.col("step"), pl.col("measure") == "accuracy"
    lucky = (step >= 40) & (step < 56)
    linear = pl.when(lucky | (step >= 400)).then(1.0).otherwise(0.5)
    xor = pl.when(step < 200).then(0.5).otherwise(1.0)
    curves = curves.with_columns(
        value=pl.when(of, pl.col("feature") == "linear").then(linear).when(of).then(xor)
        .otherwise("value").cast(pl.Float32)
    )  # fmt: skip
    (found,) = judge(curves, lanes, record)
    assert found.word == "supported"
    assert "confirmed by 1: contradicted" in found.flips
    assert not any(f.startswith("confirmed by 6") for f in found.flips)


def seeds(differences, expect="greater", margin=0.0):
    h, found = claim(expect, margin), judged(np.asarray(differences, float))
    return {i: word_of(h, other) for i, other in without_one(h, found)}, word_of(h, found)


def test_one_seed_that_decides_is_named():
    """Oracle: counting flips. All 9 of one sign give p = 2 / 2^9; the tenth is large and against.

    With it 2 of the 2^10 flips of ten are as extreme and more; without it the word holds.
    """
    changed, word = seeds([1, 1, 1, 1, 1, 1, 1, 1, 1, -6])
    assert word == "inconclusive"
    assert {i for i, w in changed.items() if w == "supported"} == {9}
    changed, word = seeds(np.ones(10))
    assert word == "supported" and set(changed.values()) == {"supported"} and len(changed) == 10


@pytest.mark.parametrize("n", [MAX_LEFT_OUT_EACH + 2, 30])
def test_of_many_pairs_the_ones_left_out_find_what_all_would(n):
    """Oracle: the same with every pair left out in turn."""
    rng = np.random.default_rng(n)
    for _ in range(40):
        values = rng.normal(0.45, 1, n)
        h = claim("greater", 0.1)
        few = {word_of(h, e) for _, e in without_one(h, judged(values))}
        every = {word_of(h, judged(np.delete(values, i))) for i in range(n)}
        assert few == every


def test_shares_and_six_pairs():
    """0 of 30 holds against .12 with 29 as well (upper end .1194); 1 of 30 holds with neither."""
    h = claim("never", 0.12, measure="time_to_learn")
    assert [word_of(h, e) for _, e in without_one(h, share(0, 30))] == ["supported"]
    assert not list(without_one(h, share(0, 6))) and not list(without_one(h, judged(np.ones(6))))


def test_seeds_are_called_by_their_numbers():
    h = stronger()
    values = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -4.0])
    record, curves, lanes = synthetic.complexity(10, evaluations=9, hypotheses=(h,))
    of = pl.col("measure").cast(pl.String).str.starts_with(MEASURE)
    by_seed = pl.col("seed").replace_strict(dict(enumerate(values)), return_dtype=pl.Float64)
    value = pl.when(of, pl.col("feature") == "linear").then(by_seed).when(of).then(pl.lit(0.0))
    curves = curves.with_columns(value=value.otherwise("value").cast(pl.Float32))
    (found,) = judge(curves, lanes, record)
    assert found.word == "inconclusive" and "without seed 9: supported" in found.flips
