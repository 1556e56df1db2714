"""Shapley values: SHAP and Captum (stored), the definition over all coalitions, closed forms."""

import itertools
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.measures.gradients import attributions
from primacy.measures.shapley import (
    MAX_EXACT,
    sampled_values,
    shapley_value,
    shapley_values,
)

STORED = json.loads((Path(__file__).parents[1] / "golden" / "attributions.json").read_text())


def stored_network(activation):
    """The network of tests/golden/attributions.py, with the column sets of its players."""
    w = {name: np.array(value) for name, value in STORED["weights"].items()}
    bend = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]

    def forward(x):
        return bend(x @ w["into"] + w["bias"][None]) @ w["out"] + w["last"][None]

    players = np.zeros((len(STORED["players"]), len(STORED["inputs"][0])), bool)
    for player, columns in zip(players, STORED["players"], strict=True):
        player[columns] = True
    return forward, jnp.asarray(players)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_against_shap_and_captum(activation):
    """Oracles: shap.explainers.Exact and captum's IntegratedGradients on the same network."""
    with jax.enable_x64(True):
        forward, players = stored_network(activation)
        x, donated = jnp.asarray(STORED["inputs"]), jnp.asarray(STORED["donated"])
        found = shapley_values(forward, x, donated, players)
        np.testing.assert_allclose(found, STORED[activation]["shapley_values"], atol=1e-6)
        path = attributions(forward, x, jnp.asarray(STORED["baseline"]), STORED["steps"])
        np.testing.assert_allclose(path, STORED[activation]["integrated_gradients"], atol=1e-5)
    # And in single precision, as the measures run.
    single = [jnp.asarray(a, jnp.float32) for a in (x, donated, STORED["baseline"])]
    found = shapley_values(forward, *single[:2], players)
    np.testing.assert_allclose(found, STORED[activation]["shapley_values"], atol=1e-5)
    path = attributions(forward, single[0], single[2], STORED["steps"])
    np.testing.assert_allclose(path, STORED[activation]["integrated_gradients"], atol=1e-5)


def by_definition(worth, q):
    """sum over S without i of |S|! (q - |S| - 1)! / q! (v(S + i) - v(S)), by a table of worths."""
    found = []
    for i in range(q):
        total = 0.0
        for size in range(q):
            weight = math.factorial(size) * math.factorial(q - size - 1) / math.factorial(q)
            for others in itertools.combinations([j for j in range(q) if j != i], size):
                total = total + weight * (worth[frozenset((*others, i))] - worth[frozenset(others)])
        found.append(total)
    return np.stack(found)


@pytest.mark.parametrize("q", [3, MAX_EXACT])
def test_every_coalition_of_ten_features(q):
    """Oracle: the definition, in double precision with NumPy."""
    rng = np.random.default_rng(q)
    w, b, v = rng.normal(size=(q, 7)), rng.normal(size=7), rng.normal(size=(7, 2))
    x, donated = rng.normal(size=(2, 4, q))
    worth = {}
    for size in range(q + 1):
        for there in itertools.combinations(range(q), size):
            mixed = donated.copy()
            mixed[:, there] = x[:, there]
            worth[frozenset(there)] = np.tanh(mixed @ w + b) @ v
    with jax.enable_x64(True):
        found = shapley_values(
            lambda a: jnp.tanh(a @ w + b[None]) @ v,
            jnp.asarray(x),
            jnp.asarray(donated),
            jnp.eye(q, dtype=bool),
        )
    np.testing.assert_allclose(found, by_definition(worth, q), atol=1e-6)


def test_orders_of_many_features():
    """12 players: exact for sums and products of two (closed form: a product's gain is halved), and
    complete for any output."""
    q = MAX_EXACT + 2
    rng = np.random.default_rng(0)
    x, donated = jnp.asarray(rng.normal(size=(2, 5, q)), jnp.float32)
    pairs = jnp.asarray(rng.normal(size=(q, q)), jnp.float32)
    pairs = (pairs + pairs.T) / 2

    def second(a):
        return ((a @ pairs) * a).sum(axis=1, keepdims=True)

    found = np.asarray(sampled_values(second, x, donated, jnp.eye(q, dtype=bool)))[:, :, 0].T
    # x' P x - y' P y = sum_ij P_ij (x_i x_j - y_i y_j); player i has half of each of its pairs.
    wanted = ((x - donated) * ((x + donated) @ pairs)).astype(float)
    np.testing.assert_allclose(found, wanted, atol=1e-4)

    def any_other(a):
        return jnp.tanh(a[:, :4].prod(axis=1, keepdims=True) + a.sum(axis=1, keepdims=True))

    found = np.asarray(sampled_values(any_other, x, donated, jnp.eye(q, dtype=bool)))
    np.testing.assert_allclose(found.sum(axis=0), any_other(x) - any_other(donated), atol=1e-5)


# ------------------------------------------------------------------------------------- the measure

BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)
PAIRS = np.array(list(itertools.product(range(16), repeat=2)))
ROWS = jnp.asarray(BITS[PAIRS[:, 0]])
DONORS = jnp.asarray(PAIRS[:, 1] * 16 + PAIRS[:, 0])
"""Every row meets every other as its donor once: means are expectations."""
SITES = ([0], [1], [2], [0, 1], [3])


def value(forward, features, sites=SITES):
    columns = jnp.asarray([[c in site for c in range(4)] for site in sites])
    values = jnp.zeros((len(ROWS), features))  # how many there are is all that counts
    found = shapley_value(forward, ROWS, values, forward(ROWS), columns, DONORS)
    return np.asarray(found)[:, 0]


def test_linear_network():
    """w^2 Var / Var output for independent columns; the rest has what no feature has."""
    w = jnp.asarray([[2.0], [-1], [0], [2]])
    found = value(lambda x: x @ w + 3, features=2, sites=([0], [1], [2], [3]))
    np.testing.assert_allclose(found, [4 / 9, 1 / 9, 0, 4 / 9], atol=1e-6)


def test_xor_and_copies_share():
    """Both inputs of an XOR have a half; so has each of two players that bring the same columns,
    be they features or controls."""
    xor = lambda x: x[:, :1] * x[:, 1:2]  # noqa: E731
    np.testing.assert_allclose(value(xor, 3), [0.5, 0.5, 0, 0.5, 0], atol=1e-6)
    one = lambda x: x[:, :1]  # noqa: E731
    np.testing.assert_allclose(value(one, 4), [0.5, 0, 0, 0.5, 0], atol=1e-6)


def test_control_columns_are_no_players_of_the_features_game():
    """Two columns more as controls: the features' values stay, an unused control has 0, and one
    that the output does use has its share."""
    f = lambda x: x[:, :1] * x[:, 1:2] + x[:, 2:3]  # noqa: E731
    without = value(f, 2, sites=([0], [1]))
    found = value(f, 2, sites=([0], [1], [2], [3]))
    np.testing.assert_allclose(found[:2], without, atol=1e-6)
    np.testing.assert_allclose(found, [0.25, 0.25, 0.5, 0], atol=1e-6)


def test_class_targets_and_what_is_null():
    """Of a class the outputs are added up; a constant output and a site without columns: null."""
    w = jnp.asarray([[1.0, -1], [1, 1], [0, 0], [0, 0]])
    columns = jnp.asarray([[True, False, False, False], [False] * 4])
    given = (lambda x: x @ w, ROWS, jnp.zeros((len(ROWS), 2)))
    found = shapley_value(*given, ROWS @ w, columns, DONORS, heads=(2,))
    np.testing.assert_allclose(found[0], [0.5], atol=1e-6)
    assert np.isnan(found[1]).all()
    flat = lambda x: 0 * x[:, :1] + 2  # noqa: E731
    assert np.isnan(value(flat, 2)).all()
