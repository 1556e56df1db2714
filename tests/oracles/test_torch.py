"""The notebook's network against a plain PyTorch loop: same weights, same stream, same numbers.

Oracle: torch.nn.Linear, ReLU, MSELoss, Adam(1e-3), one fresh example a step. In float32 two correct
programs differ by rounding, 1e-5 after ten steps; so a process of its own compares them in
float64, where they must agree to 1e-8 after a hundred.
"""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.models.heads import SeparateHeads
from primacy.models.mlp import MLP
from primacy.registry import spec
from primacy.study.spec import Condition, Training
from primacy.training import step
from primacy.types import Batch, Target

torch = pytest.importorskip("torch")

NETWORKS = {
    "in-8-1": MLP(widths=(8,), activation="relu", initialization="fan_in_uniform"),
    "in-5-4-1": MLP(widths=(5, 4), activation="relu", initialization="fan_in_uniform"),
    "heads": SeparateHeads(),
}
LIMITS = {"float32": (10, 1e-5), "float64": (100, 1e-8)}
"""Steps, and how far any weight may be off after them."""


@spec
class Sum:
    """(15 N, y - 15 N), the notebook's sum15; draws keep the precision they come in."""

    loss = "squared_error"

    size: float = 15.0

    @property
    def declared(self):
        return ()

    @property
    def targets(self):
        return (Target(name="y", kind="number", chance=0.0),)

    @property
    def input_names(self):
        return ("x1", "x2")

    @property
    def sizes(self):
        return None

    def draw(self, split, rng, n):
        y, noise = rng(split).normal(size=(2, n))
        return {"y": y, "noise": noise}

    def build(self, draws):
        y, noise = draws["y"], self.size * draws["noise"]
        inputs = jnp.stack([noise, y - noise], 1)
        return Batch(inputs, jnp.zeros((y.shape[0], 0), y.dtype), y[:, None])


class Network(torch.nn.Module):
    """The same network in PyTorch, from our parameters."""

    def __init__(self, model, params):
        super().__init__()
        self.dense = torch.nn.ModuleDict({name: linear(p) for name, p in params.items()})
        self.heads = getattr(model, "head_names", ())
        self.hidden = model.layer_names

    def forward(self, x):
        if self.heads:  # one head, on the first input
            x = torch.cat([self.dense["head1"](x[:, :1]), x[:, 1:]], 1)
        for name in self.hidden:
            x = torch.relu(self.dense[name](x))
        return self.dense["output"](x)


def linear(params):
    dense = torch.nn.Linear(*params["kernel"].shape)
    dense.weight.data = torch.tensor(params["kernel"].T.copy())
    dense.bias.data = torch.tensor(params["bias"])
    return dense


def farthest(name, dtype):
    """The largest difference of any weight after training in both, and how far they moved."""
    steps, _ = LIMITS[dtype]
    model, task = NETWORKS[name], Sum()
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda a: a.astype(dtype), model.init(rng, (2,), 1))
    draws = {k: v.astype(dtype) for k, v in task.draw("stream", lambda *_: rng, steps).items()}

    condition = Condition(
        task=task,
        model=model,
        training=Training(batch_size=1, examples="stream", steps=steps, evaluations=2),
    )
    page = {k: v.reshape(steps, 1) for k, v in draws.items()}
    state = params, step.optimizer(condition.training, steps).init(params)
    # The condition is an argument, as in the engine: its numbers are arrays in the program.
    advance = jax.jit(lambda c, *rest: step.advance(c, steps, *rest))
    ours, _ = advance(condition, state, page, None, np.int32(0), np.int32(steps))

    network = Network(model, params)
    rule = torch.optim.Adam(network.parameters(), lr=1e-3)
    for y, noise in zip(draws["y"], draws["noise"], strict=True):
        inputs = torch.tensor(np.array([[15 * noise, y - 15 * noise]], dtype))
        rule.zero_grad()
        torch.nn.functional.mse_loss(network(inputs), torch.tensor([[y]])).backward()
        rule.step()
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(ours)} == {dtype}
    theirs = {
        layer: {"kernel": dense.weight.detach().numpy().T, "bias": dense.bias.detach().numpy()}
        for layer, dense in network.dense.items()
    }
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(theirs)} == {dtype}
    largest = lambda a, b: max(  # noqa: E731
        jax.tree.leaves(jax.tree.map(lambda x, y: np.abs(np.asarray(x) - y).max(), a, b))
    )
    return largest(ours, theirs), largest(ours, params)


def check(name, dtype):
    """Raises AssertionError where they differ."""
    steps, limit = LIMITS[dtype]
    apart, moved = farthest(name, dtype)
    assert apart <= limit, f"{name}, {dtype}: {apart:.2g} apart after {steps} steps"
    # More than Adam's first step; agreeing on standing still would say nothing.
    assert moved > 2e-3, f"{name}, {dtype}: moved by {moved:.2g} only"


@pytest.mark.parametrize("name", NETWORKS)
def test_ten_steps_in_float32(name):
    check(name, "float32")


def test_a_hundred_steps_in_float64():
    """In a process of its own: double precision is a setting of all of JAX."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.oracles.test_torch"],
        cwd=root,
        env={**os.environ, "JAX_ENABLE_X64": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*NETWORKS]


if __name__ == "__main__":
    for each in NETWORKS:
        check(each, "float64")
        print(each)
