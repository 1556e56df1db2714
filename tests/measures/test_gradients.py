"""Gradients: planted models whose slopes are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.measures import gradients
from primacy.measures.gradients import (
    STEPS,
    attributions,
    data_direction,
    input_gradient_off_data,
    integrated_gradients,
    off_data,
    share_of_slopes_near,
    target_slope_share_off_data,
)
from primacy.records.study import Contrast, Hypothesis
from primacy.study.describe import measured
from tests.support import tiny
from tests.support.asked import of_network

directional_derivative = of_network(gradients.directional_derivative)
input_gradient = of_network(gradients.input_gradient)
target_slope_share = of_network(gradients.target_slope_share)

N = 400


def normal(*size, seed=0):
    return np.random.default_rng((*size, seed)).normal(size=size)


Y = normal(N, 1).astype(np.float32)
DONORS = jnp.asarray(np.random.default_rng(0).permutation(N))
DOUBLE = jnp.asarray(np.hstack([Y, -Y - 1]))
"""Two copies of the target, as in the notebook's "double"."""
EACH = jnp.eye(2, dtype=bool)
THREE = jnp.asarray([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], bool)
SIGNS = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)


def correlated(shift=0.0, seed=0):
    x = normal(N, 3, seed=seed) @ np.array([[1, 0.5, 0], [0, 1, -2], [0, 0, 3]])
    return jnp.asarray(x + shift, jnp.float32)


# ------------------------------------------------------------------------------------- off the data


def test_off_data_permutes_each_column_by_another_power_of_the_donors():
    x = np.asarray(correlated())
    donors = np.asarray(DONORS)
    wanted, rows = np.empty_like(x), np.arange(N)
    for c in range(3):
        rows = donors[rows]
        wanted[:, c] = x[rows, c]
    np.testing.assert_array_equal(off_data(jnp.asarray(x), DONORS), wanted)
    np.testing.assert_array_equal(np.sort(wanted, axis=0), np.sort(x, axis=0))


def test_off_data_has_no_link_left_between_copies():
    x = np.asarray(off_data(jnp.asarray(np.hstack([Y] * 4)), DONORS))
    between = np.asarray(np.corrcoef(np.hstack([x, Y]).T))[np.triu_indices(5, 1)]
    assert np.abs(between).max() < 4 / np.sqrt(N)  # independent: about 1 / sqrt n each


def test_off_data_slopes_are_those_of_the_quadrant():
    """max(x1, 0) + x1 x2 on copies x2 = x1 = +-1: on the data the slopes have closed forms, and off
    it too, as the four sign pairs then come equally often (donors chosen so)."""
    x = jnp.asarray([[-1.0, -1], [1, 1], [-1, -1], [1, 1]])
    cycle = jnp.asarray([2, 0, 3, 1])  # 0 -> 2 -> 3 -> 1 -> 0
    moved = np.asarray(off_data(x, cycle))
    assert sorted(map(tuple, moved)) == sorted(map(tuple, SIGNS))

    def forward(x):
        return 2 * jax.nn.relu(x[:, :1]) + x[:, :1] * x[:, 1:]

    # d/dx1 = 2 [x1 > 0] + x2: 3 and -1 on the data; off it -1, 1, 1, 3.
    np.testing.assert_allclose(input_gradient(forward, x, EACH), [[2], [1]], atol=1e-6)
    off = input_gradient_off_data(forward, x, EACH, cycle)
    np.testing.assert_allclose(off, [[1.5], [1]], atol=1e-6)


def test_linear_network_has_the_same_slopes_off_the_data():
    x, w = correlated(), jnp.asarray([[3.0, 0], [4, 1], [0, -2]])
    found = input_gradient_off_data(lambda x: x @ w, x, THREE, DONORS)
    np.testing.assert_allclose(
        found, [[3, 0], [4, 1], [0, 2], [5, 5**0.5]], atol=1e-6
    )  # lengths of the weights


# ------------------------------------------------------------------- directional derivatives and IG


@pytest.mark.parametrize("measure", [directional_derivative, integrated_gradients])
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_linear_network_shares_its_variance_by_the_product_measure(measure, shift):
    """w_c Cov(x_c, output) / Var output (Pratt), which adds up to 1."""
    x = correlated(shift)
    w = np.array([[1, 0.5], [-2, 1], [0.3, 2]])
    exact = np.asarray(x, np.float64)
    y = np.asarray(exact @ w)
    own = w * np.cov(exact.T, y.T, ddof=0)[:3, 3:] / y.var(axis=0)
    assert own.min() < -0.01, "a share below 0 is among them"
    # The output is handed over without the rounding that 1000 x weights would have.
    weights = jnp.asarray(w, jnp.float32)
    forward = lambda x: (x - shift) @ weights + 7  # noqa: E731
    found = np.asarray(measure(forward, x, forward(x), THREE))
    np.testing.assert_allclose(found[:3], own, atol=1e-4)
    np.testing.assert_allclose(found[3], 1, atol=1e-4)


@pytest.mark.parametrize("left", [0.5, 0.9, 0.0, 1.5])
def test_copies_share_the_credit_as_their_weights_do(left):
    x = jnp.asarray(np.hstack([Y, Y]))
    forward = lambda x: left * x[:, :1] + (1 - left) * x[:, 1:]  # noqa: E731
    for measure in (directional_derivative, integrated_gradients):
        found = measure(forward, x, forward(x), EACH)
        np.testing.assert_allclose(found, [[left], [1 - left]], atol=1e-5)


def test_product_counts_twice_along_its_slopes_and_once_along_the_path():
    """x1 x2 of independent signs is of degree 2: Euler's theorem gives 2 for the slopes; integrated
    gradients split it in halves."""
    x = jnp.asarray(SIGNS)
    forward = lambda x: x[:, :1] * x[:, 1:]  # noqa: E731
    slopes = directional_derivative(forward, x, forward(x), EACH)
    np.testing.assert_allclose(slopes, [[1], [1]], atol=1e-6)
    path = integrated_gradients(forward, x, forward(x), EACH)
    np.testing.assert_allclose(path, [[0.5], [0.5]], atol=1e-6)


def test_homogeneous_relu_network_adds_up_to_one():
    """Without biases, about inputs of mean 0, a ReLU network is linear along each path (Euler)."""
    half = normal(N // 2, 3)
    x = jnp.asarray(np.vstack([half, -half]), jnp.float32)
    w, v = (jnp.asarray(normal(*size), jnp.float32) for size in ((3, 8), (8, 2)))
    forward = lambda x: jax.nn.relu(x @ w) @ v  # noqa: E731
    y = forward(x)
    slopes = np.asarray(directional_derivative(forward, x, y, THREE))
    np.testing.assert_allclose(slopes[3], 1, atol=1e-4)
    path = np.asarray(integrated_gradients(forward, x, y, THREE))
    np.testing.assert_allclose(path[3], 1, atol=1e-4)
    np.testing.assert_allclose(path[:3].sum(axis=0), 1, atol=1e-4)


def test_integrated_gradients_of_a_relu_have_the_closed_form():
    """relu(x1 + x2 - 1) from the baseline 0 to (1, 2): on for the last 2/3 of the path, so the
    attributions are 2/3 and 4/3, and add up to the output 2."""
    forward = lambda x: jax.nn.relu(x.sum(axis=1, keepdims=True) - 1)  # noqa: E731
    found = attributions(forward, jnp.asarray([[1.0, 2.0]]), jnp.zeros((1, 2)), steps=9)
    np.testing.assert_allclose(found, [[[2 / 3, 4 / 3]]], atol=1e-6)


@pytest.mark.parametrize("steps", [16, 8192])
def test_integrated_gradients_are_complete_on_a_relu_network(steps):
    """A unit that switches on the way costs at most half a step of its jump; double precision, so
    that no rounding hides in the bound."""
    with jax.enable_x64(True):
        w, b, v = (jnp.asarray(normal(*size)) for size in ((3, 8), (8,), (8, 2)))
        forward = lambda x: jax.nn.relu(x @ w + b[None]) @ v  # noqa: E731
        x, baseline = jnp.asarray(normal(20, 3)), jnp.asarray([[0.3, -0.2, 0.1]])
        wanted = np.asarray(forward(x) - forward(baseline))
        total = np.asarray(attributions(forward, x, baseline, steps)).sum(axis=2).T
        bound = np.abs((x - baseline) @ w) @ np.abs(v) / steps / 2
    error = np.abs(total - wanted)
    assert (error <= bound + 1e-12).all()
    assert error.max() > 1e-12, "no unit switches"
    if steps > 1000:
        assert error.max() < 1e-4 * np.abs(wanted).max()


def test_integrated_gradients_add_up_to_one_but_for_the_points_of_the_path():
    """The bound above, averaged as the measure averages."""
    for seed in range(5):
        w, b, v = (
            jnp.asarray(normal(*size, seed=seed), jnp.float32) for size in ((3, 8), (8,), (8, 2))
        )
        x = correlated(1.0)
        forward = lambda x, w=w, b=b, v=v: jax.nn.relu(x @ w + b[None]) @ v  # noqa: E731
        found = np.asarray(integrated_gradients(forward, x, forward(x), THREE))
        np.testing.assert_allclose(found[:3].sum(axis=0), found[3], atol=1e-5)
        baseline = x.mean(axis=0, keepdims=True)
        moved = np.asarray(forward(x) - forward(baseline))
        bound = np.abs((x - baseline) @ w) @ np.abs(v) / STEPS / 2
        off = (bound * np.abs(moved)).mean(axis=0) / (moved**2).mean(axis=0)
        assert (np.abs(found[3] - 1) <= off + 1e-5).all()
        # Examples err on either side, so what remains is far less than any may err by itself.
        assert (np.abs(found[3] - 1) < 0.01).all()


def test_smooth_network_is_complete_up_to_the_error_of_the_midpoint_rule():
    """At most max |third derivative of tanh| = 2, times move^3 / (24 points^2)."""
    x, w = correlated() / 4, jnp.asarray(normal(3, 2), jnp.float32)
    forward = lambda x: jnp.tanh(x @ w + 0.5)  # noqa: E731
    baseline = x.mean(axis=0, keepdims=True)
    total = attributions(forward, x, baseline).sum(axis=2).T
    error = np.abs(total - (forward(x) - forward(baseline)))
    bound = 2 * np.abs((x - baseline) @ w) ** 3 / 24 / STEPS**2
    assert (error <= bound + 1e-6).all()
    assert error.max() > 1e-5


def test_an_ignored_column_gets_nothing():
    forward = lambda x: jnp.sin(x[:, :1]) + 1e3  # noqa: E731
    x = correlated()
    for measure in (directional_derivative, integrated_gradients):
        found = np.asarray(measure(forward, x, forward(x), THREE))
        np.testing.assert_array_equal(found[1:3], 0)
        np.testing.assert_array_equal(found[0], found[3])


# ------------------------------------------------------------------------------ slope of the target


def test_data_direction_is_least_squares():
    np.testing.assert_allclose(data_direction(DOUBLE, jnp.asarray(Y)), [[1], [-1]], atol=1e-5)
    x, y = correlated(50.0), correlated(seed=1)[:, :2]
    wanted = np.linalg.lstsq(
        np.hstack([np.ones((N, 1)), np.asarray(y[:, :1], np.float64)]), np.asarray(x), rcond=None
    )[0][1]
    np.testing.assert_allclose(data_direction(x, y)[:, 0], wanted, atol=1e-4)


def test_share_of_slopes_near_counts_examples():
    slopes = jnp.asarray([[[1.0, 0], [0.5, -0.47], [0.5, -0.4], [3, 2.01], [0, 0]]])
    found = share_of_slopes_near(slopes, jnp.asarray([[1.0], [-1.0]]))
    np.testing.assert_allclose(found, [3 / 5])
    found = share_of_slopes_near(slopes, jnp.asarray([[1.0], [-1.0]]), value=0.9, within=0.001)
    np.testing.assert_allclose(found, [1 / 5])
    broken = slopes.at[0, 0, 0].set(jnp.nan)
    assert np.isnan(share_of_slopes_near(broken, jnp.asarray([[1.0], [-1.0]]))).all()


@pytest.mark.parametrize("left", [0.0, 0.3, 1.0, 2.5])
def test_every_exact_linear_network_has_slope_one_everywhere(left):
    """On (y, -y - 1) any a - b = 1 fits exactly; the slope along the data is then a - b."""
    forward = lambda x: left * x[:, :1] + (left - 1) * (x[:, 1:] + 1)  # noqa: E731
    y = jnp.asarray(Y)
    np.testing.assert_allclose(forward(DOUBLE), Y, atol=1e-5)
    assert target_slope_share(forward, DOUBLE, y) == 1
    assert target_slope_share_off_data(forward, DOUBLE, y, DONORS) == 1
    # A network that is a tenth too steep, or constant, has the slope nowhere.
    assert target_slope_share(lambda x: 1.1 * forward(x), DOUBLE, y) == 0
    assert target_slope_share(lambda x: 0 * x[:, :1], DOUBLE, y) == 0


def test_slopes_add_up_on_the_data_and_not_off_it():
    """A perfect piecewise network reads x1 where y > 0 and x2 below: relu(x1) - relu(x2 + 1). Off
    the data its slope is [x1 > 0] + [x2 > -1]: 1 only where the halves are taken from examples on
    the same side (x2 > -1 is y < 0)."""
    forward = lambda x: jax.nn.relu(x[:, :1]) - jax.nn.relu(x[:, 1:] + 1)  # noqa: E731
    y = jnp.asarray(Y)
    np.testing.assert_allclose(forward(DOUBLE), Y, atol=1e-6)
    assert target_slope_share(forward, DOUBLE, y) == 1
    donors = np.asarray(DONORS)
    same = (Y[donors] > 0) == (Y[donors[donors]] > 0)
    found = target_slope_share_off_data(forward, DOUBLE, y, DONORS)
    np.testing.assert_allclose(found, [same.mean()], atol=1e-6)
    assert 0.4 < same.mean() < 0.6


def test_best_predictor_of_a_noisy_copy_is_below_one():
    """y + noise of variance 1: the best slope is 1/2 and so is the slope along the data (card)."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=(4000, 1)).astype(np.float32)
    x = jnp.asarray(y + rng.normal(size=y.shape), jnp.float32)
    assert target_slope_share(lambda x: x / 2, x, jnp.asarray(y)) == 0
    near = share_of_slopes_near(
        jnp.full((1, 4000, 1), 0.5), data_direction(x, jnp.asarray(y)), value=0.5
    )
    assert near == 1


# ------------------------------------------------------------------------------------- what is null


def test_what_cannot_be_measured_is_null():
    empty = jnp.zeros((1, 2), bool)
    y = jnp.asarray(Y)
    linear = lambda x: x[:, :1]  # noqa: E731
    constant = lambda x: 0 * x[:, :1] + 0.1  # noqa: E731
    broken = lambda x: x[:, :1] * jnp.nan  # noqa: E731
    assert np.isnan(input_gradient_off_data(linear, DOUBLE, empty, DONORS)).all()
    assert np.isnan(input_gradient_off_data(broken, DOUBLE, EACH, DONORS)[0])
    for measure in (directional_derivative, integrated_gradients):
        assert np.isnan(measure(linear, DOUBLE, linear(DOUBLE), empty)).all()
        for forward in (constant, broken):
            assert np.isnan(measure(forward, DOUBLE, forward(DOUBLE), EACH)).all()
    flat = jnp.full_like(y, 0.1)
    assert np.isnan(target_slope_share(linear, DOUBLE, flat)).all()
    assert np.isnan(target_slope_share(broken, DOUBLE, y)).all()
    assert np.isnan(target_slope_share_off_data(linear, DOUBLE, flat, DONORS)).all()


# ---------------------------------------------------------------------------------------- what runs


def test_costly_measures_are_computed_where_they_are_named():
    def names(**changes):
        return {m.name for m in measured(tiny.study(**changes))}

    costly = {"integrated_gradients", "ablation", "input_gradient_off_data"}
    costly |= {"directional_derivative", "reliance_accuracy"}
    assert "input_gradient" in names()
    assert not costly & names()
    assert names(measures=("ablation",)) >= {"ablation"}
    claim = Hypothesis(
        id="a",
        claim="linear is used",
        contrast=Contrast(measure="integrated_gradients", of={"feature": "linear"}),
        expect="greater",
    )
    assert names(hypotheses=(claim,)) == {*names(), "integrated_gradients"}
    told = names(measures=("loss", "target_slope_share"))
    assert told == {"accuracy", "loss"}, "0/1 targets have no slope of 1"
