"""Dropout, normalization and skips of the MLP, against PyTorch and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.models.mlp import MLP

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(200, 5)), jnp.float32)
OTHER = jnp.asarray(RNG.normal(size=(50, 5)), jnp.float32)


def drawn(model):
    """Parameters with scales and shifts that are not 1 and 0."""
    params = model.init(np.random.default_rng(1), (5,), 2)
    return jax.tree.map(lambda a: a + 0.1 * RNG.normal(size=a.shape).astype(np.float32), params)


def test_dropout_sets_so_many_units_to_0_and_the_others_as_much_larger():
    """Oracle: the binomial law of the zeros (5 SD), and the plain layer divided by 1 - p."""
    model = MLP(widths=(64,), dropout=0.3, activation="tanh")
    params = drawn(model)
    plain = np.asarray(model.apply(params, X).layers["hidden1"])
    key = jax.random.key(3)
    dropped = np.asarray(model.apply_in_training(params, X, key).layers["hidden1"])
    gone = dropped == 0
    assert abs(gone.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / gone.size)
    np.testing.assert_allclose(dropped[~gone], (plain / 0.7)[~gone], rtol=1e-6)
    other = model.apply_in_training(params, X, jax.random.key(4)).layers["hidden1"]
    assert not np.array_equal(np.asarray(other) == 0, gone)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
@pytest.mark.parametrize("residual", [False, True])
def test_normalization_and_skips_are_those_of_pytorch(normalization, residual):
    """Oracle: PyTorch's layer_norm and batch_norm before each activation; h + f(h) by hand."""
    model = MLP(widths=(6, 6, 4), normalization=normalization, residual=residual)
    params = drawn(model)
    x = torch.tensor(np.asarray(X))
    for i, name in enumerate(model.layer_names):
        p = {k: torch.tensor(np.asarray(v)) for k, v in params[name].items()}
        made = x @ p["kernel"] + p["bias"]
        if normalization == "layer":
            made = F.layer_norm(made, made.shape[1:], p["scale"], p["shift"])
        else:
            made = F.batch_norm(made, None, None, p["scale"], p["shift"], training=True)
        made = F.leaky_relu(made, 0.01)
        x = made + x if residual and i > 0 and made.shape == x.shape else made
        np.testing.assert_allclose(model.apply(params, X).layers[name], x, atol=2e-5)


def test_batch_statistics_are_those_of_the_fit_examples_when_evaluated():
    """Oracle: PyTorch's batch_norm in evaluation with the mean and variance of the fit examples."""
    model = MLP(widths=(6,), normalization="batch")
    params = drawn(model)
    p = {k: torch.tensor(np.asarray(v)) for k, v in params["hidden1"].items()}
    fit, test = (torch.tensor(np.asarray(z)) @ p["kernel"] + p["bias"] for z in (X, OTHER))
    mean, variance = fit.mean(0), fit.var(0, unbiased=False)
    wanted = F.leaky_relu(F.batch_norm(test, mean, variance, p["scale"], p["shift"]), 0.01)
    settled = model.settled(params, X)
    found = model.apply(settled, OTHER)
    np.testing.assert_allclose(found.layers["hidden1"], wanted, atol=2e-5)
    one = model.apply(settled, OTHER[:1]).layers["hidden1"]  # whoever is scored beside it
    np.testing.assert_allclose(one, found.layers["hidden1"][:1], atol=1e-6)
    onward = model.onward(settled, "hidden1", found.layers["hidden1"])
    np.testing.assert_allclose(onward, found.outputs, atol=1e-6)


def test_depth_repeats_the_first_width():
    model = MLP(widths=(7, 3), depth=4)
    assert model.layer_sizes == (7, 7, 7, 7)
    assert model.layer_names == ("hidden1", "hidden2", "hidden3", "hidden4")
    same = MLP(widths=(7, 7, 7, 7))
    for ours, theirs in zip(
        jax.tree.leaves(model.init(np.random.default_rng(2), (5,), 2)),
        jax.tree.leaves(same.init(np.random.default_rng(2), (5,), 2)),
        strict=True,
    ):
        assert np.array_equal(ours, theirs)
