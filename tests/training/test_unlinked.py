"""A feature unlinked in training: against training on inputs that were exchanged by hand."""

import jax
import numpy as np
import polars as pl
import pytest

from primacy.errors import StudyError
from primacy.registry import canonical
from primacy.rng import streams
from primacy.study import file
from primacy.study.describe import describe, measured
from primacy.study.spec import SEED_AXES
from primacy.tasks.slabs import Slabs
from primacy.tasks.sprites import NAMES, Sprites
from primacy.training import step
from primacy.training.block import Watch, train_block
from primacy.training.lane import Lane
from primacy.training.programs import Programs
from primacy.training.unlinked import columns_of, unlinked
from tests.support import tiny

QUIET = Watch(lambda steps: None, lambda: False)
EASY, HARD = "linear", "xor_and_or"


def one_step(spec, draws, columns, order=None):
    """Parameters after one step of SGD with rate .5."""
    params = spec.model.init(streams(0, "init")("init"), *spec.size)
    rule = step.optimizer(spec.training, 1)
    order = np.arange(32, dtype=np.int32)[None] if order is None else order
    advance = jax.jit(lambda *given: step.advance(spec, 1, *given, unlinks=columns))
    state = params, rule.init(params)
    return advance(state, draws, order, np.int32(0), np.int32(1))[0]


def test_one_step_is_that_of_inputs_exchanged_by_hand():
    """Oracle: the bits of the draws, whose columns are moved by one example with NumPy."""
    how = {"optimizer": "sgd", "learning_rate": 0.5, "epochs": None, "steps": 1, "evaluations": 2}
    plain, broken = tiny.condition(**how), tiny.condition(**how, unlinked=EASY)
    draws = plain.task.draw("train", streams(0, "data"), 32)
    found = one_step(broken, draws, columns_of(broken.task, EASY))
    batch = plain.task.build(draws)
    inputs = np.array(batch.inputs)
    own = list(plain.task.declared[0].columns)
    inputs[:, own] = np.roll(inputs[:, own], 1, axis=0)

    def loss(params):
        out = plain.model.apply(params, jax.numpy.asarray(inputs)).outputs
        return step.loss_of(plain.task.loss, None)(out, batch.targets).mean()

    params = plain.model.init(streams(0, "init")("init"), *plain.size)
    slopes = jax.grad(loss)(params)
    for layer, held in found.items():
        for name, value in held.items():
            wanted = params[layer][name] - 0.5 * slopes[layer][name]
            np.testing.assert_allclose(value, wanted, atol=1e-6, err_msg=f"{layer}/{name}")
    other = one_step(plain, draws, ())
    assert not np.allclose(found["hidden1"]["kernel"], other["hidden1"]["kernel"])


def test_a_feature_that_is_painted_is_painted_again():
    """Oracle: the images that the task paints of draws whose coins were moved by hand."""
    task = Sprites()
    draws = task.draw("train", streams(0, "data"), 16)
    coins = np.array(draws["features"])
    coins[:, 1] = np.roll(coins[:, 1], 1)
    found = unlinked(task, NAMES[1], (), draws, task.build(draws))
    wanted = task.build({**draws, "features": coins})
    np.testing.assert_array_equal(found.inputs, wanted.inputs)
    np.testing.assert_array_equal(found.targets, task.build(draws).targets)


def test_a_direction_is_exchanged_along_itself():
    """Oracle: the coordinates along the directions; all but the feature's are as they were."""
    task = Slabs(rotation=1)
    draws = task.draw("train", streams(0, "data"), 8)
    batch = task.build(draws)
    feature = task.declared[0]
    found = unlinked(task, feature.name, feature.columns, draws, batch)
    before, after = (np.asarray(b.inputs) @ task.rotation_matrix.T for b in (batch, found))
    own = list(feature.columns)
    np.testing.assert_allclose(after[:, own], np.roll(before[:, own], 1, axis=0), atol=1e-5)
    rest = [i for i in range(before.shape[1]) if i not in own]
    np.testing.assert_allclose(after[:, rest], before[:, rest], atol=1e-5)


def test_what_a_study_trains_is_unlinked():
    """The programs of a study give the feature's columns along."""
    how = {"optimizer": "sgd", "learning_rate": 0.5, "epochs": None, "steps": 1, "evaluations": 2}
    broken = tiny.condition(**how, unlinked=HARD)
    draws = broken.task.draw("train", streams(0, "data"), 32)
    wanted = one_step(broken, draws, columns_of(broken.task, HARD))
    programs = Programs(broken, (), 1, jax.local_devices()[0])
    params = broken.model.init(streams(0, "init")("init"), *broken.size)
    lane = jax.tree.map(lambda a: np.asarray(a)[None], (broken, params, draws))
    order = np.arange(32, dtype=np.int32)[None, None]
    state = programs.advance(
        lane[0], (lane[1], programs.start(lane[1])), lane[2], order, 0, 1, None, None
    )
    kernel = state[0]["hidden1"]["kernel"][0]
    np.testing.assert_allclose(kernel, wanted["hidden1"]["kernel"], atol=1e-6)


def test_a_network_learns_nothing_from_a_feature_without_its_link():
    """Oracle: chance of the one target, and what was built in of the other, which is learned."""
    found = {}
    for name in ("none", EASY):
        spec = tiny.condition(examples=1024, epochs=40, test_examples=1024, unlinked=name)
        study = tiny.study(conditions={"default": spec}, measures=("accuracy",))
        programs = Programs(spec, measured(study), 1, jax.local_devices()[0])
        lane = Lane(spec, describe(study).conditions[0], 0)
        rows = train_block(programs, [lane], SEED_AXES, QUIET).curves
        last = rows.filter(pl.col("step") == spec.budget, pl.col("split") == "test")
        found[name] = dict(last.select(pl.col("target").cast(pl.String), "value").iter_rows())
    assert min(found["none"].values()) > 0.9
    assert found[EASY][HARD] > 0.9
    assert abs(found[EASY][EASY] - 0.5) < 4 * 0.5 / 32  # four standard errors of 1,024 coins


def test_conditions_without_it_have_the_key_that_they_had():
    assert "unlinked" not in canonical(tiny.condition().training)
    assert canonical(tiny.condition(unlinked=EASY).training)["unlinked"] == EASY
    assert tiny.condition(unlinked=EASY).key != tiny.condition().key


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('unlinked = "liner"', "(?s)liner.*linear"),
        ('unlinked = "linear"\nbatch_size = 1', "another one of its batch"),
    ],
)
def test_what_cannot_be_unlinked_is_said(tmp_path, line, told):
    path = tmp_path / "s.toml"
    path.write_text(
        'name = "s"\n[task]\nkind = "boolean"\nfeatures = ["linear", "xor_and_or"]\n'
        f'[model]\nkind = "mlp"\nwidths = [4]\n[training]\nepochs = 2\n{line}\n'
    )
    with pytest.raises(StudyError, match=told):
        file.read(str(path))
