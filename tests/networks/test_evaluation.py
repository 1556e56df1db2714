"""Stored networks rebuilt, and measured on their own and on other data."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from primacy.cli import app
from primacy.engine.run import run
from primacy.errors import StudyError
from primacy.models.mlp import MLP
from primacy.networks import stored as network
from primacy.networks.evaluation import evaluate, spread
from primacy.records import curves
from primacy.records.store import Store, StoreError
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.regression import Affine
from tests.support import tiny

KEY = ["condition", "seed", "step", "split", "layer", "feature", "target", "measure"]

AFFINE = """\
[task]
kind = "affine"
scale = 3.0
"""


def regression(scale=1.0, **model):
    """A tiny network that reads one number."""
    training = Training(
        optimizer="sgd", learning_rate=0.05, batch_size=8, examples="stream", steps=60,
        evaluations=4, fit_examples=64, test_examples=64,
    )  # fmt: skip
    told = {"widths": (8,), "activation": "relu", "initialization": "fan_in_uniform"}
    return Condition(task=Affine(scale=scale), model=MLP(**{**told, **model}), training=training)


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    """Boolean features; lanes end at different steps, once they have learned."""
    stops = tiny.condition(stop="learned", theta=0.2, epochs=8, evaluations=9, confirm=1)
    study = tiny.study(seeds=4, conditions={"default": tiny.condition(), "stops": stops})
    return run(study, tmp_path_factory.mktemp("gates"))


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    conditions = {"scale=1": regression(), "scale=2": regression(2.0)}
    study = Study(name="numbers", conditions=conditions, seeds=3)
    return run(study, tmp_path_factory.mktemp("numbers"))


def by_hand(weights, inputs, activation):
    """Outputs and hidden layers of a fully connected network, in NumPy and double precision."""
    x, hidden = inputs.astype(np.float64), []
    layers = sorted({name.split("/")[0] for name in weights} - {"output"})
    for layer in layers:
        x = activation(x @ weights[f"{layer}/kernel"].astype(float) + weights[f"{layer}/bias"])
        hidden.append(x)
    return x @ weights["output/kernel"].astype(float) + weights["output/bias"], hidden


def test_a_rebuilt_network_computes_what_numpy_does(gates):
    """Oracle: a forward pass in NumPy on the stored weights."""
    weights = gates.weights("default", 2)
    inputs = np.random.default_rng(0).integers(0, 2, (50, 16)).astype(np.float32)
    wanted, _ = by_hand(weights, inputs, lambda x: np.where(x > 0, x, 0.01 * x))
    found = network.network(gates, "default", 2)(inputs)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(wanted).max() > 0.1


def test_evaluating_on_its_own_task_gives_the_stored_numbers(gates):
    """Oracle: the curves stored at each network's last step, on the same draws."""
    found = evaluate(gates)
    stored = gates.store.curves().filter(pl.col("split") == "test")
    ends = gates.store.lanes().select("condition", "seed", step="end_step")
    stored = stored.join(ends, on=["condition", "seed", "step"])
    assert ends.n_unique("step") > 1  # some lanes stopped early
    both = stored.join(found, on=KEY, how="full", nulls_equal=True, coalesce=True)
    assert both.height == stored.height == found.height
    was, now = (both[c].to_numpy() for c in ("value", "value_right"))
    np.testing.assert_allclose(now, was, atol=2e-5, rtol=1e-5)
    counts = ("accuracy", "reliance_accuracy")  # of whole examples
    same = both.filter(pl.col("measure").is_in(counts))
    assert same.height > 0
    assert (same["value"] == same["value_right"]).all()


def test_loss_on_another_task_is_what_numpy_makes_of_it(numbers):
    """Oracle: squared error of a NumPy forward pass on examples built by hand.

    Conditions that differ in numbers share draws: scale 3 shows the same `y` as scale 1, so the
    loss follows from the examples of the network's own task.
    """
    found = evaluate(numbers, overrides=["task.scale=3"], condition="scale=1")
    losses = found.filter(pl.col("measure") == "loss", pl.col("target").is_null())
    for seed, loss in losses.select("seed", "value").rows():
        task = Affine(scale=1.0)
        rng = network.streams(seed, "data")
        batch = task.build(task.draw("test", rng, 64))
        y = np.asarray(batch.targets)
        outputs, _ = by_hand(numbers.weights("scale=1", seed), 3 * y, lambda x: np.maximum(x, 0))
        assert loss == pytest.approx(((outputs - y) ** 2).mean(), rel=1e-5)


def test_a_task_file_and_a_changed_key_ask_the_same(numbers, tmp_path):
    (tmp_path / "other.toml").write_text(AFFINE)
    file = evaluate(numbers, task=str(tmp_path / "other.toml"))
    assert file.equals(evaluate(numbers, overrides=["task.scale=3.0"]))
    assert file["seed"].unique().sort().to_list() == [0, 1, 2]
    curves.check(file)


def test_examples_do_not_vary_where_the_run_varied_only_the_start(tmp_path):
    """Oracle: the stored curves, again; all seeds met the same examples."""
    study = tiny.study(seeds=2, seed_axes=("init",))
    result = run(study, tmp_path)
    stored = result.store.curves().filter(pl.col("split") == "test", pl.col("step") == 24)
    both = stored.join(evaluate(result), on=KEY, nulls_equal=True)
    assert both.height == stored.height
    np.testing.assert_allclose(both["value_right"], both["value"], atol=2e-5, rtol=1e-5)


def test_spread_is_numpys(numbers):
    found = evaluate(numbers)
    row = spread(found, numbers.record).row(
        by_predicate=(pl.col("condition") == "scale=2") & (pl.col("measure") == "r_squared"),
        named=True,
    )
    key = numbers.record.condition("scale=2").key
    own = found.filter(pl.col("condition") == key, pl.col("measure") == "r_squared")["value"]
    wanted = np.quantile(own.to_numpy().astype(float), [0.5, 0.1, 0.9])
    assert [row["median"], row["p10"], row["p90"]] == pytest.approx(wanted)
    assert (row["n"], row["null"]) == (3, 0)


def test_a_diverged_network_has_nulls_and_stays_in_n(tmp_path):
    wild = dataclasses.replace(regression().training, learning_rate=1e30)
    study = Study(
        name="wild", conditions={"wild": dataclasses.replace(regression(), training=wild)}, seeds=2
    )
    result = run(study, tmp_path)
    assert set(result.lanes["ended"].cast(pl.String)) == {"diverged"}
    row = spread(evaluate(result), result.record).row(
        by_predicate=(pl.col("measure") == "loss") & pl.col("target").is_null(), named=True
    )
    assert (row["median"], row["n"], row["null"]) == (None, 2, 2)


def test_the_command_prints_writes_and_leaves_the_run_alone(numbers, tmp_path, capsys):
    before = {p: p.read_bytes() for p in numbers.folder.rglob("*") if p.is_file()}
    words = ["evaluate", str(numbers.folder), "--set", "task.scale=3", "--seed", "1"]
    with pytest.raises(SystemExit) as ended:
        app.main([*words, "--json", "--out", str(tmp_path / "rows.parquet")])
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    rows = pl.read_parquet(tmp_path / "rows.parquet")
    assert dict(rows.schema) == dict(curves.SCHEMA)
    assert rows["seed"].unique().to_list() == [1]
    assert {row["condition"] for row in told} == {"scale=1", "scale=2"}
    with pytest.raises(SystemExit):
        app.main(words)
    assert "input_gradient" in capsys.readouterr().out
    assert before == {p: p.read_bytes() for p in numbers.folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[task]\nkind = "sum"\n', "read 1 inputs; the task has 2"),
        ('[task]\nkind = "boolean"\nfeatures = ["linear"]\n', "inputs"),
        ('[task]\nkind = "afine"\n', 'Did you mean "affine"?'),
        ('[task]\nkind = "affine"\nscal = 2\n', "other.toml:3"),
        ("seeds = 3\n", r"a table \[task\] is needed"),
        ("[task\n", "not valid TOML"),
    ],
)
def test_a_task_that_does_not_fit_is_refused_by_name(numbers, tmp_path, text, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.toml").write_text(text)
    with pytest.raises((StudyError, StoreError), match=message):
        evaluate(numbers, task="other.toml")


def test_logits_are_not_asked_for_numbers(gates, tmp_path):
    (tmp_path / "sum.toml").write_text('[task]\nkind = "sum"\nterms = 16\n')
    with pytest.raises(StoreError, match="have 2 outputs; the task has 1 targets"):
        evaluate(gates, task=str(tmp_path / "sum.toml"))


def test_what_cannot_be_asked_is_said(numbers):
    with pytest.raises(StudyError, match="no such file"):
        evaluate(numbers, task="nowhere.toml")
    with pytest.raises(StudyError, match="training"):
        evaluate(numbers, overrides=["training.steps=3"])
    with pytest.raises(StoreError, match="no network of seed 77"):
        evaluate(numbers, seed=77)


def test_a_record_names_models_and_never_code(numbers):
    own = numbers.record.conditions[0]
    for model, message in (
        ({"kind": "os.system", "command": "true"}, "no model named 'os.system'"),
        ({"kind": "mlp", "widths": [8], "hook": "os:system"}, "hook"),
        ({"kind": "mlp", "widths": "8"}, "widths"),
        ("mlp", "does not say which model"),
    ):
        hostile = dataclasses.replace(own, spec={**own.spec, "model": model})
        with pytest.raises(ValueError, match=message):
            network.model_of(hostile)


def test_weights_that_do_not_fit_are_refused(numbers):
    own = numbers.record.conditions[0]
    weights = Store(numbers.folder).weights(own.key, 0)
    model = network.model_of(own)
    with pytest.raises(StoreError, match="output/bias is missing"):
        network.params_of(model, own, {k: v for k, v in weights.items() if k != "output/bias"})
    weights["hidden1/kernel"] = np.zeros((2, 8), np.float32)
    with pytest.raises(StoreError, match=r"hidden1/kernel is \(2, 8\), and should be \(1, 8\)"):
        network.params_of(model, own, weights)
