"""The examples of stored networks, drawn again; what they give is in docs/how-to/recompute."""

import json

import jax
import numpy as np
import polars as pl
import pytest

from primacy.cli.app import main
from primacy.engine.run import run
from primacy.networks.examples import examples
from primacy.records.store import StoreError
from primacy.rng import streams
from primacy.study import file
from tests.networks.test_evaluation import regression
from tests.support import tiny


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    study = tiny.study(seeds=2, conditions={"default": tiny.condition()})
    return run(study, tmp_path_factory.mktemp("gates"))


@pytest.mark.parametrize("split", ["train", "fit", "test"])
def test_they_are_those_that_the_task_draws_for_the_seed(gates, split):
    condition = tiny.condition()
    n = condition.examples[split]
    # Oracle: the task's own draw, as training calls it.
    batch = condition.task.build(
        jax.tree.map(jax.numpy.asarray, condition.task.draw(split, streams(1, "data"), n))
    )
    found = examples(gates, "default", 1, split)
    names = list(condition.task.input_names)
    assert np.array_equal(found.select(names).to_numpy(), np.asarray(batch.inputs))
    for i, target in enumerate(condition.task.targets):
        assert np.array_equal(found[f"target: {target.name}"], np.asarray(batch.targets[:, i]))
    assert ("donor" in found.columns) == (split == "test")


def test_a_donor_is_a_row_and_every_row_gives_once(gates):
    donors = examples(gates, "default", 0)["donor"].to_numpy()
    assert np.array_equal(np.sort(donors), np.arange(len(donors)))
    assert (donors != np.arange(len(donors))).mean() > 0.9
    assert not np.array_equal(donors, examples(gates, "default", 1)["donor"].to_numpy())


def test_what_there_is_not_is_refused(gates, tmp_path):
    with pytest.raises(StoreError, match="no network of condition default, seed 7"):
        examples(gates, "default", 7)
    with pytest.raises(ValueError, match="no split 'validation'"):
        examples(gates, "default", 0, "validation")
    stream = run(tiny.study(seeds=1, conditions={"a": regression()}), tmp_path / "stream")
    with pytest.raises(ValueError, match="fresh examples at every step"):
        examples(stream, "a", 0, "train")
    assert examples(stream, "a", 0).height == 64


OWN = """
[task]
kind = "arrays"
file = "own.csv"
target = ["y"]
[task.features]
a = ["a"]
pair = ["b", "c"]
[model]
kind = "mlp"
widths = [4]
[training]
epochs = 2
batch_size = 8
evaluations = 2
fit_examples = "all"
test_examples = "all"
examples = "all"
"""


def test_rows_of_a_file_need_the_study_that_names_it(tmp_path, capsys):
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=60) for name in "abc"} | {"y": rng.integers(0, 2, 60)}
    pl.DataFrame(table).write_csv(tmp_path / "own.csv")
    (tmp_path / "own.toml").write_text(OWN)
    study = file.read(str(tmp_path / "own.toml"), overrides=["seeds=1", "controls=none"])
    result = run(study, tmp_path / "run")
    with pytest.raises(StoreError, match="--task FILE"):
        examples(result, next(iter(study.conditions)), 0)
    out = tmp_path / "test.csv"
    words = ["data", str(tmp_path / "run"), "--task", str(tmp_path / "own.toml")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--out", str(out), "--json"])
    assert ended.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 12 and pl.read_csv(out).columns == said["columns"]
    assert all(row["feature: pair"] is None for row in said["first"]), "a group has no one value"
    with pytest.raises(SystemExit) as ended:
        main([*words, "--out", str(tmp_path / "test.txt")])
    assert ended.value.code == 2
