"""Shapley shares: closed forms, and scikit-learn fits of every order of the features."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from primacy.measures import represented as represented_file
from primacy.measures.shares import MOST_FEATURES, variance_explained_shapley
from tests.support.compiled import Compiled

represented = Compiled(represented_file)
shapley = jax.jit(variance_explained_shapley)
CLOSED = 1e-3  # of the closed forms, science.md section 6
ORACLE = 1e-5  # of scikit-learn

BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)


def planted(reps, features):
    reps, features = np.asarray(reps, np.float32), np.asarray(features, np.float32)
    return shapley(reps, features, reps, features)


def drawn(k, m=300, n=200, h=6, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(m + n, k)) @ (np.eye(k) + 0.4)
    reps = np.tanh(features @ rng.normal(size=(k, h))) + 0.5 * rng.normal(size=(m + n, h)) + 30
    return [a.astype(np.float32) for a in (reps[:m], features[:m], reps[m:], features[m:])]


def by_orders(fit_reps, fit_features, reps, features):
    """The definition: what a feature adds to those before it, averaged over all orders."""
    k = features.shape[1]

    def score(chosen):
        if not chosen:
            return r2_score(
                reps,
                np.broadcast_to(fit_reps.mean(axis=0), reps.shape),
                multioutput="variance_weighted",
            )
        fit = LinearRegression().fit(fit_features[:, chosen], fit_reps)
        return r2_score(reps, fit.predict(features[:, chosen]), multioutput="variance_weighted")

    known = {s: score(list(s)) for r in range(k + 1) for s in itertools.combinations(range(k), r)}
    found = np.zeros(k)
    for order in itertools.permutations(range(k)):
        for i, f in enumerate(order):
            before = order[:i]
            found[f] += known[tuple(sorted((*before, f)))] - known[tuple(sorted(before))]
    return found / math.factorial(k), known[()]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_against_all_orders_with_scikit_learn(k):
    data = drawn(k)
    wanted, empty = by_orders(*(a.astype(float) for a in data))
    found = shapley(*data)
    np.testing.assert_allclose(found, wanted, atol=ORACLE)
    joint = represented.variance_explained_joint(*data)
    assert found.sum() == pytest.approx(float(joint) - empty, abs=ORACLE)


def test_independent_features_have_their_own_share():
    v = np.array([[3.0, 0, 1], [1, 1, 0], [0, 0.5, 0], [0, 0, 0]])
    shares = (v**2).sum(axis=1) / (v**2).sum()
    np.testing.assert_allclose(planted(BITS @ v, BITS), shares, atol=CLOSED)


def test_sole_absent_duplicated_joint_rotated():
    features = np.stack([BITS[:, 0], BITS[:, 0], BITS[:, 1], BITS[:, 0] * BITS[:, 1]], axis=1)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    dead = np.zeros((16, 5))
    layers = {  # units of the layer, and who explains it
        (0, 0, 0): [0.5, 0.5, 0, 0],  # equal features halve what they share
        (2, 2, 2): [0, 0, 1, 0],
        (3, 3, 3): [0, 0, 0, 1],  # the joint code is nobody's part
        (0, 2, 2): [1 / 6, 1 / 6, 2 / 3, 0],
    }
    for units, wanted in layers.items():
        reps = np.hstack([features[:, units], dead])
        np.testing.assert_allclose(planted(reps, features), wanted, atol=CLOSED)
        np.testing.assert_allclose(planted(reps @ turn + 7, features), wanted, atol=CLOSED)


def test_correlated_features_halve_their_overlap():
    # rep = f + g with correlation 1/2: alone .75 each, unique .25 each, so .5 each.
    f = np.repeat([1, -1, 1, -1], [6, 6, 2, 2])
    g = np.repeat([1, -1, -1, 1], [6, 6, 2, 2])
    found = planted(np.outer(f + g, np.ones(8)), np.stack([f, g], axis=1))
    np.testing.assert_allclose(found, [0.5, 0.5], atol=CLOSED)
    # A feature that the layer does not hold has (rho^2) / 2 of one that it does.
    found = planted(np.outer(f, np.ones(8)), np.stack([f, g], axis=1))
    np.testing.assert_allclose(found, [1 - 0.25 / 2, 0.25 / 2], atol=CLOSED)


def test_groups_and_constants_are_null_and_poison_nothing():
    data = drawn(3)
    plain = shapley(*data)
    for i in (1, 3):
        group, constant = np.full((len(data[i]), 1), np.nan), np.full((len(data[i]), 1), 0.1)
        data[i] = np.hstack([group, data[i], constant]).astype(np.float32)
    found = shapley(*data)
    assert np.isnan(found[jnp.array([0, 4])]).all()
    np.testing.assert_allclose(found[1:4], plain, atol=1e-6)


def test_eight_features_and_no_more():
    features = np.hstack([BITS, BITS[:, :1] * BITS[:, 1:], BITS[:, 1:2] * BITS[:, 2:3]])
    assert features.shape[1] == MOST_FEATURES
    found = planted(features, features)
    np.testing.assert_allclose(found, np.full(8, 1 / 8), atol=CLOSED)
    more = np.hstack([features, BITS[:, :1]])
    assert np.isnan(planted(more, more)).all()
    assert planted(features, features[:, :0]).shape == (0,)


@pytest.mark.parametrize("broken", [np.nan, np.inf, "constant"])
def test_a_layer_that_is_not_finite_or_constant_is_null(broken):
    reps = np.hstack([BITS, BITS])
    if broken == "constant":
        reps[:] = 0.3
    else:
        reps[3, 1] = broken
    assert np.isnan(planted(reps, BITS)).all()
