"""Everything but a feature interchanged: closed forms, and the joint randomization of a set."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from primacy.measures import sufficiency, used
from tests.support.asked import of_network

reliance = of_network(used.reliance)
reliance_rest = of_network(sufficiency.reliance_rest)
reliance_rest_accuracy = of_network(sufficiency.reliance_rest_accuracy)
reliance_rest_r_squared = of_network(sufficiency.reliance_rest_r_squared)

FACTORIAL = np.array(list(itertools.product([-1.0, 1.0], repeat=3)), np.float32)
PAIRS = np.array(list(itertools.product(range(8), repeat=2)))
INPUTS = jnp.asarray(FACTORIAL[PAIRS[:, 0]])
"""Every row once for every donor row: means are expectations for independent donors."""
DONORS = jnp.asarray(PAIRS[:, 1] * 8 + PAIRS[:, 0])
SITES = jnp.asarray([[1, 0, 0], [0, 1, 0], [0, 1, 1]], bool)


def rest(forward, inputs=INPUTS, sites=SITES):
    found = jax.jit(lambda x, sites: reliance_rest(forward, x, forward(x), sites, DONORS))
    return np.asarray(found(inputs, sites))


def test_what_is_left_of_a_linear_network():
    """Closed form: 1 minus the site's own share of w^2."""
    w = jnp.array([[3.0], [4.0], [0.0]])
    wanted = [[16 / 25], [9 / 25], [9 / 25]]
    np.testing.assert_allclose(rest(lambda x: x @ w), wanted, atol=1e-6)
    y = INPUTS @ w
    lost = reliance_rest_r_squared(lambda x: x @ w, INPUTS, y, y, SITES, DONORS)
    np.testing.assert_allclose(lost, 2 * np.array(wanted), atol=1e-6)


def test_only_the_feature_that_is_used_is_enough():
    def forward(x):
        return x[:, :1]

    np.testing.assert_allclose(rest(forward), [[0], [1], [1]], atol=1e-6)
    y = forward(INPUTS)
    labels = (y > 0).astype(jnp.float32)
    lost = reliance_rest_accuracy(forward, INPUTS, y, labels, SITES, DONORS)
    np.testing.assert_allclose(lost, [[0], [0.5], [0.5]], atol=1e-6)


def test_one_input_of_an_xor_is_needed_and_not_enough():
    def forward(x):
        return x[:, :1] * x[:, 1:2]

    np.testing.assert_allclose(rest(forward), [[1], [1], [1]], atol=1e-6)
    both = jnp.asarray([[1, 1, 0]], bool)
    np.testing.assert_allclose(rest(forward, sites=both), [[0]], atol=1e-6)


def test_one_of_two_copies_is_neither_needed_nor_enough():
    inputs = INPUTS.at[:, 1].set(INPUTS[:, 0])

    def forward(x):
        return (x[:, :1] + x[:, 1:2]) / 2

    np.testing.assert_allclose(rest(forward, inputs)[:2], [[0.25], [0.25]], atol=1e-6)


def test_it_is_the_reliance_of_all_other_columns_together():
    """Oracle: the group of the other columns, declared as one feature."""
    w = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)), jnp.float32)

    def forward(x):
        return jnp.tanh(x @ w)

    others = jnp.asarray([[0, 1, 1], [1, 0, 1], [1, 0, 0]], bool)
    wanted = reliance(forward, INPUTS, forward(INPUTS), others, DONORS)
    np.testing.assert_allclose(rest(forward), wanted, rtol=1e-6)


def test_nothing_kept_or_nothing_else_is_null():
    def forward(x):
        return x[:, :1]

    sites, y = jnp.asarray([[0, 0, 0], [1, 1, 1]], bool), forward(INPUTS)
    assert np.isnan(rest(forward, sites=sites)).all()
    for measure in (reliance_rest_accuracy, reliance_rest_r_squared):
        assert np.isnan(measure(forward, INPUTS, y, y, sites, DONORS)).all()
