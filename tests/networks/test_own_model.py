"""Networks of a user's own code, trained by primacy. Oracle: the built-in model, same weights."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from primacy.cli.app import main
from primacy.engine import run
from primacy.models.mlp import MLP
from primacy.networks import own_model, user_code
from primacy.networks.frameworks.network import NetworkRefused
from primacy.networks.own_model import Own
from primacy.registry import models
from primacy.study import file
from tests.test_examples import EXAMPLES

D, OUTPUTS, WIDTH = 6, 2, 5
FUNCTIONS = ("in_torch", "in_equinox", "in_nnx", "in_linen")


@pytest.fixture(autouse=True)
def forgotten():
    """No kind of model outlives a test."""
    yield
    own_model.CODE.clear()
    models.pop("own", None)


def given(name):
    own_model.give("own", user_code.function(f"{EXAMPLES / 'own_model.py'}:{name}")[0])
    return Own(settings=own_model.Settings({"width": WIDTH})).bound((D,), OUTPUTS)


def weights(name, kernels):
    """The weights of an MLP under the names of the framework's parameters."""
    own = given(name)
    held = own.init(np.random.default_rng(0), (D,), OUTPUTS)
    turned = name in ("in_torch", "in_equinox")
    left = [k.T if turned else k for k in kernels]
    found = {}
    for key, value in held.items():
        if value.ndim == 2:
            match = next(k for k in left if k.shape == value.shape)
            left = [k for k in left if k is not match]
            found[key] = match
        else:
            found[key] = np.zeros_like(value)
    return own, found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_outputs_gradients_and_layers_are_those_of_the_built_in_model(name):
    mlp = MLP(widths=(WIDTH, WIDTH), activation="relu")
    params = mlp.init(np.random.default_rng(3), (D,), OUTPUTS)
    own, held = weights(name, [layer["kernel"] for layer in params.values()])
    x = jnp.asarray(np.random.default_rng(4).normal(size=(7, D)), jnp.float32)
    ours, theirs = own.apply(held, x), mlp.apply(params, x)
    np.testing.assert_allclose(ours.outputs, theirs.outputs, atol=1e-6)
    for a, b in zip(ours.layers.values(), theirs.layers.values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    layer, rows = own.layer_names[0], theirs.layers["hidden1"] + 1
    np.testing.assert_allclose(
        own.onward(held, layer, rows), mlp.onward(params, "hidden1", rows), atol=1e-6
    )
    slope = jax.jit(jax.grad(lambda x: (own.apply(held, x).outputs ** 2).sum()))(x)
    expected = jax.grad(lambda x: (mlp.apply(params, x).outputs ** 2).sum())(x)
    np.testing.assert_allclose(slope, expected, atol=1e-5)
    found = jax.grad(lambda p: (own.apply(p, x).outputs ** 2).sum())(held)
    right = jax.grad(lambda p: (mlp.apply(p, x).outputs ** 2).sum())(params)
    sizes = sorted(float(np.abs(v).sum()) for v in found.values())
    assert sizes == pytest.approx(
        sorted(float(np.abs(v).sum()) for v in jax.tree.leaves(right)), rel=1e-4
    )


@pytest.mark.parametrize("name", ["in_torch", "in_equinox"])
def test_a_study_trains_it_over_seeds_and_grid(name, tmp_path):
    own_model.give("own", user_code.function(f"{EXAMPLES / 'own_model.py'}:{name}")[0])
    few = ["training.epochs=20", "seeds=2", "training.learning_rate=0.02"]
    study = file.read(str(EXAMPLES / "own_model.toml"), overrides=few)
    assert len(study.conditions) == 2
    result = run.run(study, tmp_path / "run")
    assert result.complete and result.verified()[1] == {}
    at_end = result.curves.filter(
        pl.col("measure") == "accuracy",
        pl.col("split") == "test",
        pl.col("target") == "linear",
        pl.col("step") == pl.col("step").max(),
    )
    assert at_end["value"].min() > 0.95  # a single bit
    assert any(key.startswith("plugin own_model.py") for key in result.record.versions)
    assert result.record.conditions[0].spec["model"]["structure"]


def test_what_cannot_be_trained_is_one_line():
    import torch

    makes = {
        "3 outputs; the task needs 2": lambda inputs: torch.nn.Linear(inputs, 3),
        "Dropout.*primacy.track": lambda inputs: torch.nn.Sequential(
            torch.nn.Linear(inputs, 2), torch.nn.Dropout(0.5)
        ),
        r"^test_own_model\.py:<lambda> raised KeyError: 'width'$": lambda **given: given["width"],
        "returned None; it should return the network": lambda inputs: None,
    }
    for told, make in makes.items():
        own_model.give("own", make)
        with pytest.raises(NetworkRefused, match=told):
            Own().bound((D,), OUTPUTS)
    with pytest.raises(NetworkRefused, match="no code was given for the model"):
        dataclasses.replace(Own(), name="other").bound((D,), OUTPUTS)


class Odd(Exception):
    """An error of a library's own."""


def raising():
    import torch

    class Raises(torch.nn.Module):
        def forward(self, x):
            raise Odd("a long story\nin two lines")

    return Raises()


@pytest.mark.parametrize("name", ["wide", "odd"])
def test_a_network_that_does_not_fit_the_inputs_is_one_line(name):
    """Oracle: the message, word for word; it was a traceback."""
    import torch

    def wide(inputs, outputs):
        return torch.nn.Linear(7, outputs)

    def odd(inputs, outputs):
        return raising()

    raised = {
        "wide": "RuntimeError: mat1 and mat2 shapes cannot be multiplied (16x6 and 7x2)",
        "odd": "Odd: a long story",
    }
    own_model.give("own", {"wide": wide, "odd": odd}[name])
    with pytest.raises(NetworkRefused) as found:
        Own().bound((D,), OUTPUTS)
    assert str(found.value) == (
        f"test_own_model.py:{name}: calling it with 16 examples of 6 inputs raised {raised[name]}; "
        f"{name}(inputs, outputs) should size the first layer by its inputs"
    )


def test_the_command_line_refuses_it(tmp_path, capsys):
    code = tmp_path / "my.py"
    code.write_text(
        "from torch import nn\n\n"
        "def make(inputs, outputs, width):\n    return nn.Linear(7, outputs)\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["check", str(EXAMPLES / "own_model.toml"), "--model", f"{code}:make"])
    told = capsys.readouterr().err
    assert ended.value.code == 2 and told.count("\n") == 1
    assert told.startswith("my.py:make: calling it with 16 examples of ")
