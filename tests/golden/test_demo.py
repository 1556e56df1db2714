"""The demo's own trace for seed 0: the same weights, data and batch order must give its numbers.

Oracle: the table that the demo's own program printed (Lampinen et al. 2024, jax 0.10.2), its
initial weights and the hashes of its data.
"""

import hashlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from primacy.models.mlp import MLP
from primacy.registry import measures
from primacy.study.spec import Condition, Training
from primacy.tasks.boolean import Boolean
from primacy.training import step
from primacy.training.evaluate import evaluate_condition

HERE = Path(__file__).parent
FEATURES = ("linear", "xor_xor_xor")
NAMES = ("accuracy", "loss", "variance_explained_unit_mean", "total_variance")


def replayed(seed: int, n: int) -> dict[str, np.ndarray]:
    """The demo's data, drawn as the demo draws it: from NumPy's legacy global generator."""
    np.random.seed(seed)
    inputs = np.random.binomial(1, 0.5, (n, 32))
    labels = np.zeros((n, 2), int)
    inputs[:, 1:4] = inputs[:, :1]
    labels[:, 0] = inputs[:, 0]
    for i, row in enumerate(np.random.permutation(n)):
        while True:
            a, b, c, d = inputs[row, 16:20]
            if ((a ^ b) ^ (c ^ d)) == i % 2:
                break
            inputs[row, 16:] = np.random.binomial(1, 0.5, 16)
        labels[row, 1] = i % 2
    return {"inputs": inputs.astype(np.uint8), "features": labels.astype(np.uint8)}


@pytest.fixture(scope="module")
def replay():
    sets = {
        split: replayed(seed, n)
        for split, seed, n in (("train", 123, 8192), ("fit", 1234, 1024), ("test", 12345, 1024))
    }
    orders = [np.random.permutation(8192) for _ in range(10)]  # the state the test set left
    return sets, orders


def test_the_replayed_data_are_the_demos(replay):
    sets, orders = replay
    (stored,) = json.loads((HERE / "demo-data-seed0.json").read_text()).values()
    for split, draws in sets.items():
        for ours, theirs in (("inputs", "inputs"), ("features", "labels")):
            content = np.ascontiguousarray(draws[ours]).tobytes()
            assert hashlib.sha256(content).hexdigest() == stored[split][theirs]
    assert [order[:6].tolist() for order in orders[:2]] == stored["first_permutations"]


@pytest.fixture(scope="module")
def ours(replay):
    """Our numbers for epochs 0 to 10, in the demo's columns."""
    sets, orders = replay
    condition = Condition(
        task=Boolean(features=FEATURES), model=MLP(), training=Training(epochs=100)
    )
    weights = load_file(HERE / "demo-init-seed0.safetensors")
    layers = (*condition.model.layer_names, "output")
    params = {
        name: {part: jnp.asarray(weights[f"Dense_{i}.{part}"]) for part in ("kernel", "bias")}
        for i, name in enumerate(layers)
    }
    state = params, step.optimizer(condition.training, 800).init(params)
    chosen = tuple(measures.load()[name] for name in NAMES)
    columns = np.zeros((2, 32), bool)
    advance = jax.jit(lambda *a: step.advance(condition, 800, *a))
    evaluate = jax.jit(lambda *a: evaluate_condition(condition, chosen, *a))
    rows = []
    for epoch in range(11):
        if epoch:
            order = orders[epoch - 1].reshape(8, 1024).astype(np.int32)
            state = advance(state, sets["train"], order, np.int32(0), np.int32(8))
        seen = jax.device_get(evaluate(state[0], sets, columns, np.arange(1024)))
        last = len(condition.model.layer_names) - 1
        row = [seen["loss/train"].mean(), seen["loss/test"].mean()]
        row += [seen["total_variance/test"][last]]
        row += [*seen["accuracy/train"], *seen["accuracy/test"]]
        row += [*seen["loss/train"], *seen["loss/test"]]
        row += [*seen["variance_explained_unit_mean/test"][last]]
        rows.append(row)
    return np.array(rows)


@pytest.fixture(scope="module")
def theirs():
    lines = (HERE / "demo-results-seed0.csv").read_text().splitlines()
    # The features field holds an unquoted comma: split after its closing bracket.
    return np.array([[float(x) for x in line.split(")")[1].split(",")[1:]] for line in lines[1:]])


LOSS_R2 = [0, 1, 7, 8, 9, 10, 11, 12]
TOTAL = [2]
ACCURACY = {3: 8192, 4: 8192, 5: 1024, 6: 1024}


@pytest.mark.parametrize(
    ("epochs", "absolute", "relative"),
    [((0, 1), 1e-4, 5e-4), ((2, 3), 5e-3, 2e-3), ((5,), 0.02, 0.02)],
)
def test_training_follows_the_demos_trace(ours, theirs, epochs, absolute, relative):
    for epoch in epochs:
        a, b = ours[epoch], theirs[epoch]
        np.testing.assert_allclose(a[LOSS_R2], b[LOSS_R2], rtol=0, atol=absolute)
        np.testing.assert_allclose(a[TOTAL], b[TOTAL], rtol=relative)
        for column, n in ACCURACY.items():
            tolerance = 1 / n if epoch <= 1 else absolute
            assert abs(a[column] - b[column]) <= tolerance + 1e-7  # one example, as it is printed


def test_the_trace_has_all_thirteen_columns(theirs, ours):
    assert theirs.shape[1] == ours.shape[1] == 13
