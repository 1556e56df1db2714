"""Where nothing is to be seen, nothing is seen; and where the instrument is broken, it says so."""

import dataclasses
import json
import shutil
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from primacy.analysis.outcomes import FALSE_ALARMS, MARGIN, compared, failed, judged
from primacy.engine import controls
from primacy.engine.plan import plan, program
from primacy.engine.run import run
from primacy.models.mlp import MLP
from primacy.records.held import controls_of
from primacy.records.store import Store
from primacy.report.page.controls import warning
from primacy.report.terminal import failed_controls
from primacy.result import Result
from primacy.rng import streams
from primacy.study import file
from primacy.study.describe import describe
from primacy.study.spec import Condition, Training
from primacy.tasks.boolean import Boolean
from primacy.tasks.regression import Affine
from primacy.training import control_data
from tests.support import synthetic, tiny

FEW = ("accuracy", "reliance_accuracy", "variance_explained")

# ------------------------------------------------------------------ what goes with what


def test_shuffled_targets_are_those_of_other_training_examples():
    task = Boolean(features=("linear", "xor_and_or"), units_per_feature=8)
    draws = task.draw("train", streams(0, "data"), 400)
    linked = control_data.of_set("shuffled labels", "train", draws, streams(0, "control"))
    batch, plain = control_data.built(task, linked), task.build(draws)
    assert np.array_equal(batch.inputs, plain.inputs)
    assert np.array_equal(np.sort(batch.targets, axis=0), np.sort(plain.targets, axis=0))
    assert np.array_equal(batch.features, batch.targets)  # as in the task: they are the same
    # Of 400 rows with two coins each a quarter agrees by chance; SD sqrt(400 * 3/16) = 8.7.
    same = (np.asarray(batch.targets) == np.asarray(plain.targets)).all(axis=1).sum()
    assert abs(same - 100) < 4 * 8.7


def test_held_out_examples_keep_their_targets_and_lose_their_features():
    task = Boolean(features=("linear",), units_per_feature=8)
    draws = task.draw("test", streams(0, "data"), 400)
    linked = control_data.of_set("shuffled labels", "test", draws, streams(0, "control"))
    batch, plain = control_data.built(task, linked), task.build(draws)
    assert np.array_equal(batch.targets, plain.targets)
    assert not np.array_equal(batch.features, plain.features)
    still = control_data.of_set("constant feature", "test", draws, streams(0, "control"))
    assert np.ptp(control_data.built(task, still).features, axis=0).max() == 0
    assert np.array_equal(control_data.built(task, still).targets, plain.targets)


def test_a_stream_shows_targets_of_examples_that_are_never_seen():
    """Oracle: a permutation within the page would leave corr(x, y) of 1 / n; independent: 0."""
    task, data, chance = Affine(), streams(0, "data"), streams(0, "control")
    draws = task.draw("stream", data, 20_000)
    linked = control_data.of_stream(
        "shuffled labels", draws, lambda: task.draw("stream", chance, 20_000)
    )
    batch = control_data.built(task, linked)
    x, y = np.asarray(batch.inputs)[:, 0], np.asarray(batch.targets)[:, 0]
    assert abs(np.corrcoef(x, y)[0, 1]) < 4 / np.sqrt(20_000)
    own = np.asarray(task.build(draws).targets)[:, 0]
    assert (y == own).mean() < 1e-3  # single precision: two normals may be equal by chance


def test_an_ordinary_lane_has_one_and_the_same_array_thrice():
    draws = {"y": np.arange(3.0)}
    linked = control_data.of_set(None, "train", draws, streams(0, "control"))
    side_by_side = control_data.stacked(
        [linked], 2, lambda trees: np.stack([t["y"] for t in trees])
    )
    assert side_by_side.inputs is side_by_side.targets is side_by_side.features
    assert np.shape(side_by_side.inputs) == (2, 3)


# ------------------------------------------------------------------ which are run


def work_of(study, todo):
    """Share of the study's work that its controls take, padding included."""
    total = controls._total(study, todo.record, study.seeds)
    own = sum(
        block.width * controls.work(block.lanes[0].condition, block.lanes[0].record)
        for block in todo.control_blocks
        if block.lanes[0].record.control == "shuffled labels"
    )
    return own / total


@pytest.mark.parametrize("seeds", [1, 2, 5, 10, 30, 64])
def test_controls_take_a_fifth_of_a_study_whose_networks_train_alone(seeds, tmp_path):
    study = file.read("complexity", overrides=[f"seeds={seeds}"])
    todo = plan(study)
    assert todo.controls is not None
    assert work_of(study, todo) <= 0.2
    shuffled = [c for c in todo.controls.conditions if c.control == "shuffled labels"]
    networks = len(todo.controls.seeds) if shuffled else 0
    assert networks == {1: 0, 2: 0, 5: 1, 10: 2, 30: 6, 64: 6}[seeds]
    # As long as what they control: all that the study's networks learn late is learned by then.
    assert all(c.steps == todo.record.conditions[0].steps for c in shuffled)
    assert todo.programs == 1  # of the same structure, so no program of their own
    assert todo.lanes == seeds


def test_members_of_the_notebook_have_theirs_in_places_that_would_be_padding(tmp_path):
    todo = plan(file.read("notebook"))
    own = {program(part, block) for part in todo.parts for block in part.blocks}
    assert todo.programs == len(own)
    assert all(part.controls is not None for part in todo.parts)
    alone = [b for b in todo.control_blocks if b.lanes[0].record.control == "shuffled labels"]
    assert not alone


def test_more_seeds_leave_the_controls_that_are_there():
    study = file.read("complexity", overrides=["seeds=10"])
    ten = controls.planned(study, describe(study), None)
    more = study.replace(seeds=30)
    thirty = controls.planned(more, describe(more), ten)
    assert ten is not None and thirty is not None
    assert [c.key for c in ten.conditions] == [c.key for c in thirty.conditions]
    assert thirty.seeds[: len(ten.seeds)] == ten.seeds
    assert thirty == controls.planned(more, describe(more), None)


def test_full_is_every_condition_and_seed_and_none_is_none():
    study = tiny.study(
        conditions={"a": tiny.condition(), "b": tiny.condition(learning_rate=0.02)}, controls="full"
    )
    full = controls.planned(study, describe(study), None)
    assert full is not None
    assert [(c.control, c.steps[-1]) for c in full.conditions] == [
        ("shuffled labels", 24),
        ("shuffled labels", 24),
        ("constant feature", 0),
        ("constant feature", 0),
    ]
    assert full.seeds == tuple(range(7))
    none = study.replace(controls="none")
    assert controls.planned(none, describe(none), None) is None


def test_controls_do_not_enter_the_hash_of_the_study():
    hashes = {describe(tiny.study(controls=c)).study_hash for c in ("default", "full", "none")}
    assert len(hashes) == 1


# ------------------------------------------------------------------ how they are judged


CONDITION = synthetic.condition("default", 1e-3)


def outcome(values, chance=0.5, both_sides=False):
    return compared(
        "shuffled labels", CONDITION, "accuracy", None, "chance", chance, np.asarray(values),
        both_sides=both_sides,
    )  # fmt: skip


def test_p_and_interval_are_those_of_scipys_t_test():
    values = np.random.default_rng(0).normal(0.53, 0.03, 9)
    found = outcome(values)
    oracle: Any = stats.ttest_1samp(values, 0.5 + MARGIN, alternative="greater")
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-8)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-8)
    below: Any = stats.ttest_1samp(values, 0.6 - MARGIN, alternative="less")
    assert outcome(values, 0.6, both_sides=True).p == pytest.approx(2 * below.pvalue, rel=1e-8)


def test_a_control_says_what_it_could_have_seen():
    """Oracle: 4,000 simulated controls of networks that lie so far beyond chance and spread so."""
    values = 0.5 + 0.02 * np.array([-1.2, 0.4, 0.9, -0.3, 1.1, -0.9])
    (found,) = judged([outcome(values)])
    said = float(found.why.split("Networks ")[1].split(" beyond")[0])
    rng, level = np.random.default_rng(3), FALSE_ALARMS
    data = rng.normal(0.5 + said, values.std(ddof=1), (4_000, 6))
    p = stats.ttest_1samp(data, 0.5 + MARGIN, axis=1, alternative="greater").pvalue
    low, high = stats.binom.ppf([0.0005, 0.9995], 4_000, 0.8) / 4_000
    assert low - 0.03 <= (p <= level).mean() <= high + 0.03  # it is said in two digits
    assert "would have failed it in 4 of 5 studies" in found.why
    assert found.word == "passed"


def test_a_control_of_two_sides_sees_as_much_as_one_side_at_half_the_level():
    """Two controls of one kind share the level; one that may fail to both sides spends half."""
    values = 0.5 + 0.02 * np.array([-1.2, 0.4, 0.9, -0.3, 1.1, -0.9])

    def said(o):
        return o.why.split("Networks ")[1].split(" beyond")[0]

    (alone,) = judged([dataclasses.replace(outcome(values), control="null columns")])
    one, _ = judged([outcome(values)] * 2)
    assert said(alone) == said(one) != said(*judged([outcome(values)]))


def test_claims_have_a_share_of_the_false_alarms_and_no_further_one_each():
    """Their p are adjusted already: with another kind beside them, half of the level is theirs."""

    def of(control, p):
        return dataclasses.replace(outcome([0.5] * 6), control=control, p=p)

    below, above = 0.99 * FALSE_ALARMS / 2, 1.01 * FALSE_ALARMS / 2
    found = judged([of("claims", below), of("claims", above), of("shuffled labels", above)])
    assert [o.word for o in found] == ["failed", "passed", "passed"]


def test_fewer_than_six_networks_are_shown_and_not_tested():
    (alone,) = judged([outcome([0.9])])
    assert alone.why == "Only 1 network: shown, not tested."
    (found,) = judged([outcome([0.9, 0.95, 0.99])])
    assert (found.word, found.p, found.values) == ("shown", None, (0.9, 0.95, 0.99))


def test_networks_that_all_score_the_same_have_a_word():
    assert [o.word for o in judged([outcome([0.5] * 6), outcome([1.0] * 6)])] == [
        "passed",
        "failed",
    ]


@pytest.mark.parametrize("networks", [6, 30])
@pytest.mark.parametrize("law", ["normal", "binomial"])
def test_sound_studies_fail_a_control_in_at_most_one_of_a_hundred(networks, law):
    """Oracle: the nominal rate. 300 studies of 4 controls each, at the edge of what passes."""
    rng, studies = np.random.default_rng(1), 300
    shape = (studies, 4, networks)
    level = 0.5 + MARGIN
    values = (
        rng.normal(level, 0.02, shape)
        if law == "normal"
        else rng.binomial(64, level, shape) / 64  # accuracy on few examples
    )
    alarms = sum(bool(failed(judged(outcome(v) for v in study))) for study in values)
    assert alarms <= stats.binom.ppf(0.999, studies, FALSE_ALARMS)


def test_a_leak_is_found():
    """Power: six networks that score .60 instead of .50, on 1,024 examples each."""
    rng = np.random.default_rng(2)
    found = [
        bool(failed(judged([outcome(rng.binomial(1024, 0.6, 6) / 1024)] * 4))) for _ in range(40)
    ]
    assert np.mean(found) > 0.8


# ------------------------------------------------------------------ beside a study


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls") / "tiny"
    return folder, run(tiny.study(measures=FEW), folder)


def files(folder):
    return {
        p.name: p.read_bytes() for d in ("curves", "checkpoints") for p in (folder / d).iterdir()
    }


def test_controls_are_a_run_folder_of_their_own(beside):
    folder, result = beside
    own = Result(folder / "controls")
    assert own.complete
    assert [c.control for c in own.record.conditions] == ["shuffled labels", "constant feature"]
    assert json.loads((folder / "status.json").read_text())["programs"] == 1
    keys = {c.key for c in own.record.conditions}
    assert not keys & set(Store(folder).curves()["condition"])
    assert set(result.curves["condition"].unique()) == {"default"}
    assert result.summary["seed"].n_unique() == 7


def test_damage_among_the_controls_is_found(beside, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(beside[0], folder)
    parts, bad = Result(folder).verified()
    assert bad == {} and any(part.startswith("controls/") for part in parts)
    part = next((folder / "controls" / "curves").iterdir())
    part.write_bytes(part.read_bytes()[:-1])
    _, bad = Result(folder).verified()
    (name,) = bad
    assert name.startswith("controls/")


def test_a_study_with_controls_has_the_bytes_of_one_without(beside, tmp_path):
    folder, _ = beside
    plain = run(tiny.study(measures=FEW, controls="none"), tmp_path / "plain")
    assert files(tmp_path / "plain") == files(folder)
    assert not (tmp_path / "plain" / "controls").exists()
    assert plain.controls == []


def test_controls_of_a_sound_study_pass(beside):
    folder, result = beside
    told = json.loads((folder / "verdicts.json").read_text())["controls"]
    assert {o["control"] for o in told} == {
        "untrained", "shuffled labels", "random feature", "constant feature", "null columns",
    }  # fmt: skip
    assert not failed(result.controls)
    assert failed_controls(result.controls) is None
    constant = [o for o in result.controls if o.control == "constant feature"]
    assert [(o.measure, o.word, o.value) for o in constant] == [
        ("variance_explained", "passed", None)
    ]


def test_a_lost_control_is_trained_again_to_the_same_bytes(beside, tmp_path):
    folder, _ = beside
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    part = max((copy / "controls" / "curves").iterdir(), key=lambda p: p.stat().st_size)
    part.write_bytes(part.read_bytes()[:-5])
    run(tiny.study(measures=FEW), copy)
    assert files(copy) == files(folder)
    assert files(copy / "controls") == files(folder / "controls")


def test_a_leak_is_told_at_the_top(tmp_path, monkeypatch):
    """The planted fault: targets that are said to be shuffled and are not."""
    monkeypatch.setattr(control_data, "rows", lambda draws, chosen: draws)
    study = tiny.study(conditions={"default": tiny.condition(epochs=30)}, measures=FEW)
    result = run(study, tmp_path / "leak")
    kinds = {o.control for o in failed(result.controls)}
    assert {"shuffled labels", "constant feature"} <= kinds
    told = warning(result.controls)
    assert told is not None and "not to be trusted" in told
    html = result.report().read_text()
    assert html.index("controls-failed") < html.index('id="answer"')
    assert "controls failed" in str(failed_controls(result.controls))


def test_a_stream_of_shuffled_targets_teaches_nothing(tmp_path):
    condition = Condition(
        task=Affine(),
        model=MLP(widths=(8,), activation="relu"),
        training=Training(
            batch_size=4, examples="stream", steps=400, evaluations=5, learning_rate=0.01,
            fit_examples=128, test_examples=128,
        ),
    )  # fmt: skip
    study = tiny.study(conditions={"default": condition}, hypotheses=(), measures=("r_squared",))
    result = run(study, tmp_path / "stream")
    ends = result.curves.filter(
        pl.col("step") == 400, pl.col("measure").cast(pl.String) == "r_squared"
    )
    assert ends["value"].to_numpy().min() > 0.9
    (shuffled,) = [o for o in result.controls if o.control == "shuffled labels"]
    assert shuffled.n == 6 and shuffled.word == "passed"
    assert shuffled.value is not None and shuffled.value < 0.05


def test_full_controls_judge_the_claims_on_shuffled_labels(tmp_path):
    study = tiny.study(
        conditions={"default": tiny.condition(epochs=30)}, measures=FEW, controls="full"
    )
    result = run(study, tmp_path / "full")
    (claim,) = [o for o in result.controls if o.control == "claims"]
    assert claim.of == "simple-first" and claim.n == 7
    assert "supported" not in claim.why.split(".")[0]
    assert len(controls_of(result.store).stored()) == 14
