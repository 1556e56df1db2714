"""A network that primacy did not train is measured as its own are; a failing measure is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy import registry
from primacy.engine.run import run
from primacy.training.answers import Facts, MeasureError
from primacy.training.evaluate import Network, evaluate, of_model
from primacy.types import Batch, Forward
from tests.support import tiny

SPLITS = ("fit", "test")
NAMES = ("loss", "accuracy", "reliance", "variance_explained", "erasure_loss")


def examples(n=64, d=4):
    """Two bits of four, each a feature and a target."""
    rng = np.random.default_rng(0)
    found = {}
    for split in (*SPLITS, "train"):
        x = rng.choice([-1.0, 1.0], (n, d)).astype(np.float32)
        y = (x[:, :2] > 0).astype(np.float32)
        found[split] = Batch(inputs=jnp.asarray(x), features=jnp.asarray(y), targets=jnp.asarray(y))
    return found


def measured(network, batches):
    chosen = tuple(registry.measures.load()[name] for name in NAMES)
    columns = jnp.asarray(np.eye(4, dtype=bool))
    donors = jnp.asarray(np.random.default_rng(1).permutation(64).astype(np.int32))
    return jax.jit(
        lambda batches: evaluate(network, batches, chosen, columns, donors, Facts((0, 1)), donors)
    )(batches)


def test_any_function_with_layers_is_a_network():
    """Oracle: the numbers of a network that reads x1 and not x2, by hand in NumPy."""

    def forward(inputs):
        hidden = 3 * inputs[:, :2]
        return Forward(hidden * jnp.array([[1.0, 0.0]]), {"mine": hidden})

    found = measured(Network(forward, ("mine",), "sigmoid_cross_entropy"), examples())
    np.testing.assert_allclose(found["loss/test"], [np.log1p(np.exp(-3)), np.log(2)], rtol=1e-5)
    assert found["accuracy/test"][0] == 1
    assert found["accuracy/train"][0] == 1
    assert found["reliance/test"][0, 0] > 0.2
    np.testing.assert_allclose(found["reliance/test"][1:, 0], 0, atol=1e-9)  # not read
    assert np.isnan(found["reliance/test"][:, 1]).all()  # undefined of a constant output
    assert found["variance_explained/test"].shape == (1, 2)
    assert found["finite"]
    # It cannot go on from a hidden layer, so what changes one has no value.
    assert "erasure_loss/test" not in found


def test_a_model_of_ours_is_one_of_them():
    """Oracle: the same network, given as plain functions."""
    spec = tiny.condition()
    params = spec.model.init(np.random.default_rng(0), (4,), 2)
    ours = of_model(spec.model, params, "sigmoid_cross_entropy")
    plain = Network(
        lambda inputs: spec.model.apply(params, inputs),
        ("hidden1", "hidden2"),
        "sigmoid_cross_entropy",
        lambda layer, reps: spec.model.onward(params, layer, reps),
    )
    batches = examples()
    a, b = measured(ours, batches), measured(plain, batches)
    assert set(a) == set(b) >= {"erasure_loss/test", "accuracy/train"}
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def card(name, function, axes=("feature",)):
    return registry.Measure(
        name=name,
        function=function,
        asks=("outputs",),
        axes=axes,
        losses=("sigmoid_cross_entropy",),
        unit="",
        direction="",
        range=(None, None),
        chance=None,
        formula="",
        invariance="",
        misleads="",
        reference="",
    )


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda outputs: outputs.mean(0)[:1],
            r"measure 'mine' gave shape \(1,\); its card says axes = \('feature',\), that is "
            r"feature: \(2,\)",
        ),
        (lambda outputs: outputs @ outputs, r"measure 'mine' failed: TypeError: dot_general"),
        (lambda outputs: {}["a"], r"measure 'mine' failed: KeyError: 'a'"),
    ],
)
def test_a_measure_that_fails_is_named(tmp_path, monkeypatch, function, message):
    monkeypatch.setitem(registry.measures.load(), "mine", card("mine", function))
    study = tiny.study(measures=("mine",), controls="none", hypotheses=(), seeds=1)
    with pytest.raises(MeasureError, match=message):
        run(study, tmp_path)
