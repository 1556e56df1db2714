"""Phases, weights and dropout in training, against training written out by hand and PyTorch."""

import functools

import jax
import numpy as np
import pytest

from primacy.models.mlp import MLP
from primacy.registry import canonical
from primacy.rng import streams
from primacy.study import file
from primacy.study.describe import describe, measured
from primacy.study.spec import SEED_AXES, Condition, Phase, Training
from primacy.tasks.boolean import Boolean
from primacy.training import step
from primacy.training.block import Watch, train_block
from primacy.training.lane import Lane, Phases
from primacy.training.programs import Programs
from tests.support import tiny

torch = pytest.importorskip("torch")

QUIET = Watch(lambda steps: None, lambda: False)
EASY, HARD = "linear", "xor_and_or"


@functools.cache
def compiled(condition, lanes):
    study = tiny.study(conditions={"default": condition}, measures=("accuracy",))
    return Programs(condition, measured(study), lanes, jax.local_devices()[0])


def trained(seeds=(0,), lanes=1, model=None, **training):
    """The curves and weights of a block of small networks."""
    condition = tiny.condition(**training)
    if model is not None:
        condition = Condition(task=condition.task, model=model, training=condition.training)
    study = tiny.study(conditions={"default": condition}, measures=("accuracy",))
    record = describe(study).conditions[0]
    programs = compiled(condition, lanes)
    return train_block(programs, [Lane(condition, record, s) for s in seeds], SEED_AXES, QUIET)


def of_seed(block, seed):
    return {k.split("/", 2)[2]: w for k, w in block.weights.items() if k.split("/")[1] == str(seed)}


def two(first, second, **more):
    """Six epochs of four steps in two phases."""
    return {"epochs": None, "phases": (Phase(epochs=first), Phase(epochs=second, **more))}


def test_a_target_left_out_of_a_phase_is_not_trained_in_it():
    """Oracle: its output's weights have no gradient, so SGD leaves them as they were drawn."""
    alone = {"epochs": None, "phases": (Phase(epochs=2, targets=(HARD,)),)}
    before = tiny.condition().model.init(streams(0, "init")("init"), (16,), 2)["output"]
    after = of_seed(trained(optimizer="sgd", evaluations=3, **alone), 0)
    assert np.array_equal(after["output/kernel"][:, 0], before["kernel"][:, 0])
    assert np.array_equal(after["output/bias"][0], before["bias"][0])
    assert not np.array_equal(after["output/kernel"][:, 1], before["kernel"][:, 1])


def test_a_cosine_schedule_cannot_begin_again():
    """It would begin at its full size and never fall to 0: it spans the whole training."""
    told = two(2, 4, reset=True)
    with pytest.raises(ValueError, match=r"^phases\[1\]\.reset: a cosine schedule is one fall"):
        _ = tiny.condition(schedule="cosine", **told).budget


@pytest.mark.parametrize("reset", [False, True])
def test_phases_are_training_that_goes_on(reset):
    """Oracle: `advance` called for each phase by hand, the optimizer started anew or not."""
    told = two(2, 4, reset=reset)
    spec = tiny.condition(**told)
    found = of_seed(trained(**told), 0)
    rng = streams(0, "data")
    draws = spec.task.draw("train", rng, 128)
    rows = np.tile(np.arange(128, dtype=np.int32), (64, 1))
    order = streams(0, "order")("order", 0).permuted(rows, axis=1).reshape(256, 32)
    params = spec.model.init(streams(0, "init")("init"), (16,), 2)
    rule = step.optimizer(spec.training, 24)
    advance = jax.jit(lambda *a: step.advance(spec, 24, *a))
    state = advance((params, rule.init(params)), draws, order, np.int32(0), np.int32(8))
    if reset:
        state = state[0], rule.init(state[0])
    params, _ = advance(state, draws, order, np.int32(8), np.int32(24))
    for name in ("hidden1", "hidden2", "output"):
        np.testing.assert_allclose(found[f"{name}/kernel"], params[name]["kernel"], atol=1e-6)


def test_the_ends_of_phases_are_evaluated_and_times_count_from_step_0():
    spec = tiny.condition(**two(1, 5, targets=(EASY,)), evaluations=3)
    assert spec.budget == 24
    assert spec.evaluations == (0, 4, 12, 24)
    phases = Phases(spec)
    assert (phases.end(0, 12), phases.end(4, 12)) == (4, 12)
    assert np.array_equal(phases.counted(0), [1, 1])
    assert np.array_equal(phases.counted(4), [1, 0])


def test_conditions_without_phases_keep_their_keys():
    assert "phases" not in canonical(Training(epochs=1))
    assert not {"dropout", "normalization", "residual", "depth"} & set(canonical(MLP()))
    assert not {"trained", "watched", "prevalence", "prevalence_of"} & set(canonical(Boolean()))


STUDY = """
name = "t"
[task]
kind = "boolean"
features = ["linear", "parity2"]
[model]
kind = "mlp"
[training]
examples = 2048
evaluations = 3
epochs = 4
[[condition]]
name = "together"
[[condition]]
name = "apart"
training = { PHASES }
"""


@pytest.mark.parametrize(
    ("phases", "part"),
    [
        ('phases = [{ epochs = 1, targets = ["parity"] }]', "not a target"),
        ("phases = [{ epochs = 1, steps = 2 }]", "exactly one of epochs and steps"),
        ("phases = [{ epochs = 1 }], steps = 3", "the phases say how long"),
    ],
)
def test_phases_that_cannot_be_are_refused_with_their_line(tmp_path, phases, part):
    path = tmp_path / "t.toml"
    path.write_text(STUDY.replace("PHASES", phases))
    with pytest.raises(file.StudyError, match=part) as error:
        file.read(str(path))
    assert error.value.problems[0].line == 16


def test_phases_of_a_condition_replace_the_epochs_of_the_file(tmp_path):
    path = tmp_path / "t.toml"
    told = 'phases = [{ epochs = 1, targets = ["parity2"] }, { epochs = 2 }]'
    path.write_text(STUDY.replace("PHASES", told))
    conditions = file.read(str(path)).conditions
    assert conditions["together"].training.epochs == 4
    assert conditions["apart"].training.epochs is None
    assert conditions["apart"].budget == 3 * (conditions["apart"].steps_per_epoch or 0)


def test_weighted_losses_are_those_of_pytorch():
    """Oracle: PyTorch's gradient of mean(weight x loss); one step of SGD is it."""
    task = Boolean(
        features=("linear", "linear"), units_per_feature=8, prevalence={"linear #2": 0.3}
    )
    spec = tiny.condition(optimizer="sgd", batch_size=64)
    spec = Condition(task=task, model=MLP(widths=(8,)), training=spec.training)
    draws = task.draw("train", streams(0, "data"), 64)
    batch = task.build(draws)
    params = spec.model.init(np.random.default_rng(1), (16,), 2)
    layers = [torch.tensor(params[n][k], requires_grad=True) for n in params for k in params[n]]
    a, b, c, d = layers
    x, y, w = (torch.tensor(np.asarray(z)) for z in (batch.inputs, batch.targets, batch.weights))
    outputs = torch.nn.functional.leaky_relu(x @ a + b, 0.01) @ c + d
    loss = torch.nn.functional.binary_cross_entropy_with_logits(outputs, y, reduction="none")
    (w * loss).mean().backward()
    rule = step.optimizer(spec.training, 1)
    order = np.arange(64, dtype=np.int32)[None]
    advance = jax.jit(lambda *a: step.advance(spec, 1, *a))
    after, _ = advance((params, rule.init(params)), draws, order, np.int32(0), np.int32(1))
    theirs = {"hidden1": {"bias": b, "kernel": a}, "output": {"bias": d, "kernel": c}}
    for now, then in zip(jax.tree.leaves(after), jax.tree.leaves(theirs), strict=True):
        wanted = then.detach() - spec.training.learning_rate * then.grad
        np.testing.assert_allclose(now, wanted, atol=1e-6)


DROPPING = MLP(widths=(8, 6), dropout=0.25)


def test_dropout_depends_on_seed_and_step_alone():
    """A lane's bits are the same beside other seeds and however training is cut into pieces."""
    beside = trained((0, 1, 2), lanes=4, model=DROPPING)
    alone = trained((1,), lanes=4, model=DROPPING)
    pieces = trained((1,), lanes=4, model=DROPPING, evaluations=25)
    for name, weight in of_seed(alone, 1).items():
        assert np.array_equal(weight, of_seed(beside, 1)[name])
        assert np.array_equal(weight, of_seed(pieces, 1)[name])
    assert not np.array_equal(
        of_seed(beside, 1)["output/kernel"], of_seed(trained((1,)), 1)["output/kernel"]
    )
