"""Losses against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from primacy.training import losses


def test_losses_are_optax_and_numpy():
    outputs = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    targets = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1]], np.float32)
    p = 1 / (1 + np.exp(-outputs.astype(float)))
    closed = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    given = jnp.asarray(outputs), jnp.asarray(targets)
    np.testing.assert_allclose(losses.sigmoid_cross_entropy(*given), closed, atol=1e-6)
    np.testing.assert_allclose(losses.squared_error(*given), (outputs - targets) ** 2, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("sigmoid_cross_entropy", -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))),
        ("squared_error", 0.25 * 0.75),
    ],
)
def test_the_constant_predictors_loss_is_its_closed_form(loss, expected):
    targets = jnp.array([[1.0], [0.0], [0.0], [0.0]])
    assert float(losses.constant_loss(loss, targets)) == pytest.approx(expected, abs=1e-6)


def test_the_best_constant_of_classes_is_their_entropy():
    """Oracle: SciPy's entropy of the rates, a class of three levels and one of two; their mean."""
    targets = jnp.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    wanted = (stats.entropy([1, 1, 2]) + stats.entropy([3, 1])) / 2
    found = losses.constant_loss("softmax_cross_entropy", targets, (3, 2))
    assert float(found) == pytest.approx(wanted, abs=1e-6)
