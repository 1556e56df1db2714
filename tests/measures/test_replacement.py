"""A feature held at its mean or at zero: closed forms of planted networks."""

import itertools

import jax.numpy as jnp
import numpy as np

from primacy.measures import replacement, used
from primacy.registry import measures
from tests.support.asked import of_network

reliance = of_network(used.reliance)
reliance_mean = of_network(replacement.reliance_mean)
reliance_zero = of_network(replacement.reliance_zero)

FACTORIAL = np.array(list(itertools.product([-1.0, 1.0], repeat=3)), np.float32)
PAIRS = np.array(list(itertools.product(range(8), repeat=2)))
INPUTS = jnp.asarray(FACTORIAL[PAIRS[:, 0]])
DONORS = jnp.asarray(PAIRS[:, 1] * 8 + PAIRS[:, 0])
SITES = jnp.asarray([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], bool)


def all_three(forward, inputs=INPUTS):
    y = forward(inputs)
    return [
        np.asarray(reliance(forward, inputs, y, SITES, DONORS))[:, 0],
        np.asarray(reliance_mean(forward, inputs, y, SITES))[:, 0],
        np.asarray(reliance_zero(forward, inputs, y, SITES))[:, 0],
    ]


def test_a_linear_network_relies_alike_on_any_replacement():
    """Closed form: w^2 Var x over Var output, where the inputs have mean 0."""
    w = jnp.array([[3.0], [4.0], [1.0]])
    wanted = [9 / 26, 16 / 26, 25 / 26, np.nan]
    for found in all_three(lambda x: x @ w + 7):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_zero_is_no_replacement_for_inputs_with_another_mean():
    """Closed form: w^2 E x^2 over Var output; a mean of 2 and a variance of 1 make it 5 times."""
    w = jnp.array([[3.0], [4.0], [0.0]])
    _, mean, zero = all_three(lambda x: x @ w, INPUTS + 2)
    np.testing.assert_allclose(mean[:2], [9 / 25, 16 / 25], atol=1e-6)
    np.testing.assert_allclose(zero[:2], [5 * 9 / 25, 5 * 16 / 25], atol=1e-5)


def test_an_even_network_looks_used_or_not_by_the_replacement():
    """x1^2 of x1 in {-1, 1} never varies, but at the mean it is 0: y = x1^2 + x2 moves by 1."""
    other, mean, zero = all_three(lambda x: x[:, :1] ** 2 + x[:, 1:2])
    np.testing.assert_allclose(other[:2], [0, 1], atol=1e-6)
    np.testing.assert_allclose(mean[:2], [1, 1], atol=1e-6)
    np.testing.assert_allclose(zero[:2], [1, 1], atol=1e-6)


def test_the_outputs_of_a_class_are_pooled():
    """Three outputs a class and 2: changes and variances are summed over the class's outputs."""
    w = jnp.array([[1.0, 0, 2], [0, 2, 0], [0, 0, 0]])
    y = INPUTS @ w
    found = replacement.reliance_mean(lambda x: x @ w, INPUTS, y, SITES, heads=(3,))
    np.testing.assert_allclose(found[:3, 0], [5 / 9, 4 / 9, 1], atol=1e-6)


def test_the_three_are_one_family_so_that_a_verdict_is_tried_on_all():
    own = [m for m in measures.load().values() if m.family == "reliance"]
    assert sorted(m.name for m in own) == ["reliance", "reliance_mean", "reliance_zero"]
    assert len({m.axes for m in own}) == 1
