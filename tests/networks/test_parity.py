"""The same weights in PyTorch and JAX: every measure agrees.

Oracle: primacy's own model of the same weights, evaluated by the engine's program. Where both have
a value they agree within 1e-5 of the larger of 1 and the value.
"""

import itertools

import jax
import numpy as np
import pytest

import primacy
from primacy.models.dense import affine
from primacy.models.mlp import MLP
from primacy.networks import asking
from primacy.networks.frameworks.adapters import adapted
from primacy.registry import measures

D, WIDTHS, N = 12, (24, 16), 400
TOLERANCE = 1e-5


def data(kind):
    """Examples with a 0/1 group, a class feature made by a function, and numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D)).astype(np.float32)
    x[:, :4] = x[:, :4] > 0
    level = rng.integers(0, 3, N)
    x[:, 4:7] = np.eye(3)[level]

    def swap(i, j):
        made = x[i].copy()
        made[:, 4:7] = x[j][:, 4:7]
        return made

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
    return primacy.declare(x, targets, features, fit=200, test=200)


def native(params, model):
    """The built-in model as a JAX function; its layers have the names that they have in PyTorch.

    So both share the compiled program of all measures that do not call the network.
    """
    from jax.ad_checkpoint import checkpoint_name

    def forward(held, x):
        for i, name in enumerate(model.layer_names):
            x = checkpoint_name(jax.nn.relu(affine(held[name], x)), f"{2 * i + 2}.input")
        return affine(held["output"], x)

    return adapted(params, forward=forward)


def in_torch(params, outputs):
    import torch

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


@pytest.mark.parametrize("kind", ["binary", "number", "class"])
def test_every_measure_agrees(kind):
    declared = data(kind)
    outputs = {"binary": 2, "number": 2, "class": 7}[kind]
    model = MLP(widths=WIDTHS, activation="relu", initialization="fan_in_uniform")
    params = model.init(np.random.default_rng(1), (D,), outputs)
    expected = measured(native(params, model), declared)
    assert len(expected) > 40
    found = measured(in_torch(params, outputs), declared)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1.0, float(np.nanmax(np.abs(value), initial=0)))
        np.testing.assert_allclose(found[name], value, rtol=0, atol=TOLERANCE * scale, err_msg=name)
