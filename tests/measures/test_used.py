"""Used: planted models that use what we say they use, with closed forms."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.measures import gradients
from primacy.measures import used as measures
from primacy.measures.used import ablation
from tests.support.asked import of_network

input_gradient = of_network(gradients.input_gradient)
input_gradient_signed = of_network(gradients.input_gradient_signed)
reliance = of_network(measures.reliance)
reliance_accuracy = of_network(measures.reliance_accuracy)
reliance_loss = of_network(measures.reliance_loss)
reliance_r_squared = of_network(measures.reliance_r_squared)

FACTORIAL = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)
PAIRS = np.array(list(itertools.product(range(16), repeat=2)))
INPUTS = jnp.asarray(FACTORIAL[PAIRS[:, 0]])
"""Every row of the factorial once for every donor row: means over examples are exactly the
expectations for independent donors."""
DONORS = jnp.asarray(PAIRS[:, 1] * 16 + PAIRS[:, 0])
SITES = jnp.asarray([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0]], bool)


def squared_error(outputs, targets):
    return (outputs - targets) ** 2


def used(forward, inputs=INPUTS, sites=SITES, donors=DONORS):
    return np.asarray(reliance(forward, inputs, forward(inputs), sites, donors))


def test_donors_are_a_permutation():
    assert sorted(DONORS.tolist()) == list(range(256))


def test_linear_model_closed_form():
    w = np.array([[3, 0], [4, 1], [0, -2], [0, 0]], np.float32)

    def forward(x):
        return x @ jnp.asarray(w) + 7

    share = w**2 / (w**2).sum(axis=0)
    wanted = np.vstack([share[:3], share[:2].sum(axis=0)])
    np.testing.assert_allclose(used(forward), wanted, atol=1e-6)
    np.testing.assert_allclose(
        input_gradient(forward, INPUTS, SITES), [[3, 0], [4, 1], [0, 2], [5, 1]], atol=1e-6
    )
    signed = np.asarray(input_gradient_signed(forward, INPUTS, SITES))
    np.testing.assert_allclose(signed[:3], w[:3], atol=1e-6)
    assert np.isnan(signed[3]).all()
    # Squared loss against another linear target with weights b rises by 2 w_c b_c Var x_c.
    targets = INPUTS @ jnp.array([[3.0, 0], [2.0, 0], [0, -2.0], [0, 0]]) + 7
    rise = reliance_loss(forward, INPUTS, forward(INPUTS), targets, SITES, DONORS, squared_error)
    np.testing.assert_allclose(rise, [[18, 0], [16, 0], [0, 8], [34, 0]], atol=1e-4)


def test_ablation_has_closed_forms():
    """Against a linear target with weights b, holding a column at its mean raises the squared error
    by (2 w b - w^2) Var x: half of what an interchange costs a perfect network."""
    w, b = np.array([3.0, 4, 1, 0]), np.array([3.0, 2, 0, 5])
    shifted = INPUTS + 0.5  # a mean that no example has

    def forward(x):
        return x @ jnp.asarray(w[:, None], jnp.float32)

    targets = shifted @ jnp.asarray(b[:, None], jnp.float32)
    found = ablation(forward, shifted, forward(shifted), targets, SITES, squared_error)
    one = 2 * w * b - w**2
    # The offset (w - b) . mean of this network is part of its error before and after.
    np.testing.assert_allclose(found[:, 0], [*one[:3], one[0] + one[1]], rtol=1e-5)
    perfect = forward(shifted)
    found = ablation(forward, shifted, perfect, perfect, SITES, squared_error)
    swapped = reliance_loss(forward, shifted, perfect, perfect, SITES, DONORS, squared_error)
    np.testing.assert_allclose(found, swapped / 2, rtol=1e-5)


def test_ablation_of_either_input_of_an_xor_costs_everything():
    def forward(x):
        return x[:, :1] * x[:, 1:2]

    y = forward(INPUTS)
    found = ablation(forward, INPUTS, y, y, SITES, squared_error)
    np.testing.assert_allclose(found, [[1], [1], [0], [1]], atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_ablation_of_an_equal_copy_costs_a_quarter(shift):
    inputs = INPUTS.at[:, 1].set(INPUTS[:, 0]) + shift

    def forward(x):
        return (x[:, :1] - shift) / 2 + (x[:, 1:2] - shift) / 2

    y = forward(inputs)
    found = ablation(forward, inputs, y, y, SITES, squared_error)
    np.testing.assert_allclose(found, [[0.25], [0.25], [0], [1]], atol=1e-6)


def test_lost_scores_have_closed_forms():
    """A perfect network on +-1 inputs with independent donors: what it depends on alone costs half
    the answers (a fair coin), or twice the variance (w^2 Var of it, over that of the target)."""
    weights = jnp.array([[3.0], [4.0], [0.0], [0.0]])

    def forward(x):
        return x @ weights

    outputs = forward(INPUTS)
    lost = reliance_r_squared(forward, INPUTS, outputs, outputs, SITES, DONORS)
    np.testing.assert_allclose(lost, [[2 * 9 / 25], [2 * 16 / 25], [0], [2]], atol=1e-6)
    # The sign follows the larger weight: the smaller one never decides.
    targets = (outputs > 0).astype(jnp.float32)
    lost = reliance_accuracy(forward, INPUTS, outputs, targets, SITES, DONORS)
    np.testing.assert_allclose(lost, [[0], [0.5], [0], [0.5]], atol=1e-6)


def test_badly_used_feature_has_negative_reliance_loss():
    # The output goes against the target: taking the column away helps, from 4 to 2.
    rise = reliance_loss(
        lambda x: -x[:, :1], INPUTS, -INPUTS[:, :1], INPUTS[:, :1], SITES, DONORS, squared_error
    )
    np.testing.assert_allclose(rise, [[-2], [0], [0], [-2]], atol=1e-6)


def test_model_that_uses_one_feature_only():
    found = used(lambda x: jnp.tanh(3 * x[:, 2:3]) + 1e3)
    np.testing.assert_allclose(found, [[0], [0], [1], [0]], atol=1e-6)


def test_xor_of_two_uses_each_of_them_fully():
    def forward(x):
        return x[:, :1] * x[:, 1:2]

    np.testing.assert_allclose(used(forward), [[1], [1], [0], [1]], atol=1e-6)
    np.testing.assert_allclose(
        input_gradient(forward, INPUTS, SITES), [[1], [1], [0], [2**0.5]], atol=1e-6
    )
    # Slopes +1 and -1 cancel: the card says so.
    signed = input_gradient_signed(forward, INPUTS, SITES)
    np.testing.assert_allclose(signed[:3], np.zeros((3, 1)), atol=1e-6)


@pytest.mark.parametrize("left", [0.5, 0.9, 0.0])
def test_duplicates_share_the_credit(left):
    inputs = INPUTS.at[:, 1].set(INPUTS[:, 0])

    def forward(x):
        return left * x[:, :1] + (1 - left) * x[:, 1:2]

    wanted = [[left**2], [(1 - left) ** 2], [0], [1]]
    np.testing.assert_allclose(used(forward, inputs), wanted, atol=1e-6)
    slopes = [[left], [1 - left], [0], [np.hypot(left, 1 - left)]]
    np.testing.assert_allclose(input_gradient(forward, inputs, SITES), slopes, atol=1e-6)


def test_gradients_against_the_derivative():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(300, 4)), rng.normal(size=(4, 2))
    slope = (1 - np.tanh(x @ w) ** 2)[:, None, :] * w  # n d t
    inputs, weights = jnp.asarray(x, jnp.float32), jnp.asarray(w, jnp.float32)

    def forward(x):
        return jnp.tanh(x @ weights)

    size = np.abs(slope).mean(axis=0)
    wanted = np.vstack([size[:3], np.sqrt((size[:2] ** 2).sum(axis=0))])
    np.testing.assert_allclose(input_gradient(forward, inputs, SITES), wanted, rtol=1e-5)
    signed = input_gradient_signed(forward, inputs, SITES)
    np.testing.assert_allclose(signed[:3], slope.mean(axis=0)[:3], rtol=1e-4, atol=1e-6)


def test_reliance_against_a_loop():
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(200, 4)), rng.normal(size=(4, 2))
    donors = rng.permutation(200)
    y = np.sin(x @ w)
    wanted = np.zeros((4, 2))
    for p, site in enumerate(np.asarray(SITES)):
        swapped = x.copy()
        for i in range(200):
            swapped[i, site] = x[donors[i], site]
        wanted[p] = ((np.sin(swapped @ w) - y) ** 2).mean(axis=0) / (2 * y.var(axis=0))
    weights = jnp.asarray(w, jnp.float32)
    found = used(
        lambda x: jnp.sin(x @ weights), jnp.asarray(x, jnp.float32), donors=jnp.asarray(donors)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_what_cannot_be_measured_is_null():
    # .1 has no exact float32, and still a constant output has no variance.
    assert np.isnan(used(lambda x: 0 * x[:, :1] + 0.1)).all()
    assert np.isnan(used(lambda x: x[:, :1] * np.nan)).all()
    empty = jnp.zeros((1, 4), bool)

    def forward(x):
        return x[:, :1]

    for found in (
        used(forward, sites=empty),
        input_gradient(forward, INPUTS, empty),
        input_gradient_signed(forward, INPUTS, empty),
        reliance_loss(forward, INPUTS, INPUTS[:, :1], INPUTS[:, :1], empty, DONORS, squared_error),
        ablation(forward, INPUTS, INPUTS[:, :1], INPUTS[:, :1], empty, squared_error),
    ):
        assert np.isnan(found).all()
    np.testing.assert_array_equal(
        input_gradient(lambda x: 0 * x[:, :1], INPUTS, SITES), np.zeros((4, 1))
    )


def test_reliance_and_its_loss_share_the_interchanges():
    """In one program they run the network once a site (XLA merges equal expressions)."""
    w = jnp.ones((4, 2))

    def forward(x):
        return jnp.tanh(x @ w)

    def loops(*names):
        def both(x):
            y = forward(x)
            found = {
                "reliance": lambda: reliance(forward, x, y, SITES, DONORS),
                "loss": lambda: reliance_loss(forward, x, y, y, SITES, DONORS, squared_error),
            }
            return [found[name]() for name in names]

        return jax.jit(both).lower(INPUTS).compile().as_text().count(" while(")

    assert loops("reliance") == loops("loss") == loops("reliance", "loss") == 1
