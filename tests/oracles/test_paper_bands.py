"""Bands of the paper's experiments that a few networks can hold, on the built-in studies' own arms.

Oracle: means over 4 to 6 networks of prototypes in plain JAX, written before primacy's models and
tasks, with other initial weights and data: their mean plus or minus about two of their spreads. The
other bands take minutes; their figures are in docs/paper.md.
"""

import dataclasses

import numpy as np

from primacy.analysis.contrasts import estimate
from primacy.analysis.runs import Runs
from primacy.engine.run import run
from primacy.records.study import Contrast
from primacy.study import file as studyfile

SEEDS = 3
STRENGTH = "variance_explained"


def trained(folder, name: str, *conditions: str) -> Runs:
    """Some arms of a built-in study, with few networks and no controls."""
    study = studyfile.read(name)
    arms = {n: study.conditions[n] for n in conditions}
    factors = {n: study.factors[n] for n in conditions if n in study.factors}
    few = dataclasses.replace(
        study, conditions=arms, factors=factors, hypotheses=(), seeds=SEEDS, controls="none",
        measures=("accuracy", "agreement" if "agreement" in study.measures else STRENGTH),
    )  # fmt: skip
    result = run(few, folder)
    return Runs(result.rows, result.lanes, result.record)


def mean(runs: Runs, measure: str, of: dict, minus: dict, **more) -> float:
    """The mean over networks of a paired difference."""
    value = estimate(runs, Contrast(measure=measure, of=of, minus=minus, **more)).value
    assert value is not None and np.isfinite(value)
    return value


def test_many_examples_free_the_hard_feature(tmp_path):
    """Prototype: -.242 +- .027 at .8; at .75 the easy one reaches 1.0 by step 24, then .58."""
    found = studyfile.read("predictivity-large").conditions
    names = [next(n for n in found if n.endswith(f"linear1={p}")) for p in ("0.75", "0.8")]
    runs = trained(tmp_path / "run", "predictivity-large", *names)
    middle, high = names
    easy, hard = {"feature": "linear1"}, {"feature": "parity2"}
    gap = mean(runs, "agreement", {**easy, "condition": high}, {**hard, "condition": high})
    assert -0.33 < gap < -0.15
    at = {**easy, "condition": middle}
    assert 0.3 < mean(runs, "agreement", {**at, "at": 24}, {**at, "at": "end"}) < 0.55


def test_a_rare_label_weakens_a_feature(tmp_path):
    """Prototype: -.166 +- .067 at a prevalence of .03, learned at epoch 8 instead of 2."""
    ends = ("#2=1, prevalence_of=label", "#2=0.03, prevalence_of=label")
    found = studyfile.read("prevalence").conditions
    common, rare = (next(n for n in found if n.endswith(end)) for end in ends)
    runs = trained(tmp_path / "run", "prevalence", common, rare)
    second = {"feature": "linear #2"}
    sides = [{**second, "condition": name} for name in (rare, common)]
    change = mean(runs, STRENGTH, *sides)
    assert -0.27 < change < -0.07


def test_of_two_equal_features_the_earlier_leads_and_then_does_not(tmp_path):
    """Prototype: +.338 +- .200 when the later one is learned, -.160 +- .064 at the end."""
    runs = trained(tmp_path / "run", "order", "equal, A first")
    sides = {"feature": "parity2"}, {"feature": "parity2 #2"}
    learned = mean(runs, STRENGTH, *sides, at={"learned": "parity2 #2"})
    assert 0.1 < learned < 0.6
    assert -0.3 < mean(runs, STRENGTH, *sides) < -0.03
