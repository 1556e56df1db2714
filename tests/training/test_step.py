"""Training against PyTorch: the same weights, examples and order must give the same network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.models.dense import truncated_normal
from primacy.models.mlp import MLP
from primacy.rng import streams
from primacy.study.spec import Training
from primacy.training import step as train
from tests.support.tiny import condition

torch = pytest.importorskip("torch")


def torch_network(params, activation):
    layers = []
    for name, layer in params.items():
        dense = torch.nn.Linear(*layer["kernel"].shape)
        dense.weight.data = torch.tensor(layer["kernel"].T.copy())
        dense.bias.data = torch.tensor(layer["bias"])
        layers += [dense] if name == "output" else [dense, activation]
    return torch.nn.Sequential(*layers)


OPTIMIZERS = {
    "adam": ({}, lambda p: torch.optim.Adam(p, lr=0.01)),
    "adamw": ({"weight_decay": 0.1}, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
    "sgd": ({"momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
}
ACTIVATIONS = {
    "leaky_relu": torch.nn.LeakyReLU(0.01),
    "relu": torch.nn.ReLU(),
    "tanh": torch.nn.Tanh(),
    "gelu": torch.nn.GELU(approximate="tanh"),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_ten_steps_are_those_of_pytorch(optimizer, activation):
    """Oracle: a plain PyTorch loop; float32, so 1e-5 after ten steps."""
    numbers, theirs = OPTIMIZERS[optimizer]
    spec = condition(optimizer=optimizer, **numbers)
    model = MLP(widths=(8, 6), activation=activation)
    spec = type(spec)(task=spec.task, model=model, training=spec.training)
    draws = spec.task.draw("train", streams(0, "data"), 128)
    order = np.random.default_rng(0).integers(0, 128, (10, 32)).astype(np.int32)
    params = model.init(np.random.default_rng(1), (16,), 2)
    network = torch_network(params, ACTIVATIONS[activation])
    step = theirs(network.parameters())
    for rows in order:
        step.zero_grad()
        x, y = (torch.tensor(draws[k][rows].astype(np.float32)) for k in ("inputs", "features"))
        torch.nn.functional.binary_cross_entropy_with_logits(network(x), y).backward()
        step.step()
    state = params, train.optimizer(spec.training, 10).init(params)
    advance = jax.jit(lambda *a: train.advance(spec, 10, *a))
    ours, _ = advance(state, draws, order, np.int32(0), np.int32(10))
    for dense, layer in zip(network[::2], ours.values(), strict=True):
        np.testing.assert_allclose(layer["kernel"].T, dense.weight.detach(), atol=1e-5)
        np.testing.assert_allclose(layer["bias"], dense.bias.detach(), atol=1e-5)


PENALTIES = {
    "ridge": ({"ridge": 0.3}, 0.3, 0.0),
    "spectral decoupling": ({"spectral_decoupling": 0.4}, 0.0, 0.4),
    "both": ({"ridge": 0.3, "spectral_decoupling": 0.4}, 0.3, 0.4),
    "of size 0": ({"ridge": 0.0, "spectral_decoupling": 0.0}, 0.0, 0.0),
}


@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalties_are_those_of_pytorch(penalty):
    """Oracle: PyTorch's gradient of the loss with the penalties written out; SGD's step is it."""
    numbers, ridge, decoupling = PENALTIES[penalty]
    spec = condition(optimizer="sgd", **numbers)
    draws = spec.task.draw("train", streams(0, "data"), 32)
    params = spec.model.init(np.random.default_rng(1), (16,), 2)
    network = torch_network(params, torch.nn.LeakyReLU(0.01))
    x, y = (torch.tensor(draws[k].astype(np.float32)) for k in ("inputs", "features"))
    outputs = network(x)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(outputs, y)
    loss = loss + ridge / 2 * sum((p**2).sum() for p in network.parameters())
    (loss + decoupling / 2 * (outputs**2).mean()).backward()
    order = np.arange(32, dtype=np.int32)[None]
    state = params, train.optimizer(spec.training, 1).init(params)
    advance = jax.jit(lambda *a: train.advance(spec, 1, *a))
    ours, _ = advance(state, draws, order, np.int32(0), np.int32(1))
    for dense, layer, before in zip(network[::2], ours.values(), params.values(), strict=True):
        for part, slope in (("kernel", dense.weight.grad.T), ("bias", dense.bias.grad)):
            moved = (before[part] - layer[part]) / 0.01
            np.testing.assert_allclose(moved, slope, atol=3e-5)


def test_ridge_spares_what_a_model_has_measured():
    """The mean and SD of standardized inputs are no weights: the penalty of them alone is 0."""
    training = Training(ridge=2.0)
    params = {"input": {"mean": jnp.full(3, 7.0)}, "output": {"kernel": jnp.array([[1.0], [2.0]])}}
    value, slopes = jax.value_and_grad(
        lambda p: train.penalized(training, jnp.float32(0), p, jnp.zeros((1, 1)))
    )(params)
    assert float(value) == 5.0  # half of 2 (1 + 4)
    assert not slopes["input"]["mean"].any()


def test_a_penalty_nobody_asked_for_is_no_part_of_the_program():
    """So that studies without it keep their bits: None is structure, a number is an argument."""
    both = jax.tree.leaves(Training(ridge=0.5, spectral_decoupling=0.25))
    assert {0.5, 0.25} <= set(both) and len(both) == len(jax.tree.leaves(Training())) + 2
    without, with_it = (jax.tree.structure(Training(ridge=r)) for r in (None, 0.0))
    assert without != with_it
    assert with_it == jax.tree.structure(Training(ridge=1.0))
    loss, outputs = jnp.float32(1), jnp.ones((2, 1))
    untouched = jax.make_jaxpr(lambda x: train.penalized(Training(), x, {}, outputs))(loss)
    assert not untouched.eqns


def test_cosine_schedule_ends_at_zero():
    """Oracle: the closed form, half (1 + cos(pi i / n)) of the first rate."""
    rule = train.optimizer(Training(optimizer="sgd", schedule="cosine", learning_rate=0.5), 4)
    weight = np.zeros(1, np.float32)
    state, rates = rule.init(weight), []
    for _ in range(5):
        update, state = rule.update(np.ones(1, np.float32), state, weight)
        rates.append(-float(update[0]))
    np.testing.assert_allclose(rates, 0.25 * (1 + np.cos(np.pi * np.arange(5) / 4)), atol=1e-7)


def test_initial_weights_have_the_variance_they_claim():
    """Oracle: variance 2 / (in + out) of a normal cut at two SDs (before the cut, / .8796)."""
    weights = truncated_normal(np.random.default_rng(0), 400, 600)
    assert weights.std() == pytest.approx(np.sqrt(2 / 1000), rel=5e-3)
    assert np.abs(weights).max() <= 2 * np.sqrt(2 / 1000) / 0.87962566 + 1e-7
