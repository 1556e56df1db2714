"""The same weights in PyTorch and JAX: every measure agrees.

Oracle: the same weights as a function of JAX. Where both have a value they agree within 1e-5 of the
larger of 1 and the value.
"""

import itertools
import math

import jax
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import primacy
from primacy.models.dense import affine
from primacy.models.mlp import MLP
from primacy.networks import asking
from primacy.networks.frameworks.adapters import adapted
from primacy.registry import measures

torch = pytest.importorskip("torch")

D, WIDTHS, N = 12, (24, 16), 400
IMAGE = (1, 3, 4)
"""The same numbers as an image: a convolutional network whose layers are as wide as those of the
MLP is measured by the MLP's compiled program."""
TOLERANCE = 1e-5
WIDER = {"description_length": 1e-4, "description_length_control": 1e-4}
"""Sums of log-probabilities under classifiers that were fitted to few examples: what the fits make
of a layer's last digits."""


@pytest.fixture(scope="module", autouse=True)
def _compiled_in_a_hurry():
    """Both networks are measured by programs compiled alike, so these need not be fast."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def data(kind, shape=(D,)):
    """Examples with a 0/1 group, a class feature made by a function, and numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D)).astype(np.float32)
    x[:, :4] = x[:, :4] > 0
    level = rng.integers(0, 3, N)
    x[:, 4:7] = np.eye(3)[level]

    def swap(i, j):
        made = x[i].copy()
        made[:, 4:7] = x[j][:, 4:7]
        return made.reshape(-1, *shape)

    targets = {
        "binary": {"a": x[:, 0].astype(int), "b": x[:, 1].astype(int)},
        "number": {"a": x[:, 8] + x[:, 9], "b": x[:, 10]},
        "class": {"c": level, "d": (x[:, 0] + 2 * x[:, 1]).astype(int)},
    }[kind]
    features = {
        "a": [0],
        "b": [1],
        "pair": [2, 3],
        "z": [9],
        "level": primacy.values(np.array(["p", "q", "r"])[level], swap),
    }
    return primacy.declare(x.reshape(N, *shape), targets, features, fit=200, test=200)


def native(params, model):
    """The built-in model as a JAX function; its layers have the names that they have in PyTorch.

    So both share the compiled program of all measures that do not call the network.
    """

    def forward(held, x):
        for i, name in enumerate(model.layer_names):
            x = checkpoint_name(jax.nn.relu(affine(held[name], x)), f"{2 * i + 2}.input")
        return affine(held["output"], x)

    return adapted(params, forward=forward)


def in_torch(params, outputs):
    sizes = (D, *WIDTHS, outputs)
    parts = []
    for (a, b), layer in zip(itertools.pairwise(sizes), params.values(), strict=True):
        linear = torch.nn.Linear(a, b)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.asarray(layer["kernel"]).T.copy()))
            linear.bias.copy_(torch.from_numpy(np.asarray(layer["bias"])))
        parts += [linear, torch.nn.ReLU()]
    return adapted(torch.nn.Sequential(*parts[:-1]))


def measured(network, declared):
    """Every registered measure."""
    network.meet(declared.rows(declared.test[:16]))
    outputs = network.answers(declared.rows(declared.test[:16]), False)[0].shape[1]
    declared = asking.resolved(declared, outputs)
    every = tuple(m for _, m in sorted(measures.load().items()))
    about = asking.question(declared, network, every, outputs)
    return asking.ask(network, declared, about, seed=0, look=0)


def agree(network, other, declared):
    """Every measure has the same value of both networks."""
    expected = measured(other, declared)
    assert len(expected) > 40
    found = measured(network, declared)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1.0, float(np.nanmax(np.abs(value), initial=0)))
        at_most = scale * WIDER.get(name.partition("/")[0], TOLERANCE)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=at_most, err_msg=name)


@pytest.mark.parametrize("kind", ["binary", "number", "class"])
def test_every_measure_agrees(kind):
    outputs = {"binary": 2, "number": 2, "class": 7}[kind]
    model = MLP(widths=WIDTHS, activation="relu", initialization="fan_in_uniform")
    # With these weights no slope is within rounding of what concept_sensitivity counts as flat.
    params = model.init(np.random.default_rng(2), (D,), outputs)
    agree(in_torch(params, outputs), native(params, model), data(kind))


class CNN(torch.nn.Sequential):
    """Two convolutions, the first padded, and a matrix."""

    def __init__(self):
        torch.manual_seed(3)
        ends = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten())
        first, second = torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Conv2d(2, 4, (2, 3))
        super().__init__(first, torch.nn.ReLU(), second, ends, torch.nn.Linear(16, 7))


def convolved(params, x):
    """The same network in JAX; its layers have the names that they have in PyTorch."""
    for i, pad in ((0, "SAME"), (2, "VALID")):
        x = jax.lax.conv(x, params[f"{i}.weight"], (1, 1), pad)
        x = jax.nn.relu(x + params[f"{i}.bias"][None, :, None, None])
        x = checkpoint_name(x.reshape(len(x), -1) if i else x, f"{i + 2}.input")
    return x @ params["4.weight"].T + params["4.bias"][None]


def test_every_measure_of_a_convolutional_network_agrees():
    module = CNN()
    params = {name: jax.numpy.asarray(p.detach()) for name, p in module.named_parameters()}
    network, declared = adapted(module), data("class", IMAGE)
    network.meet(declared.rows(declared.test[:16]))
    assert [math.prod(layer.shape) for layer in network.layers] == [*WIDTHS]
    agree(network, adapted(params, forward=convolved), declared)
