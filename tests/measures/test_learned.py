"""Learned: closed forms and scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score

from primacy.measures.learned import accuracy, auc, loss, r_squared


def cross_entropy(outputs, targets):
    return jnp.maximum(outputs, 0) - outputs * targets + jnp.log1p(jnp.exp(-jnp.abs(outputs)))


def squared_error(outputs, targets):
    return (outputs - targets) ** 2


@pytest.fixture
def guesses():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (500, 3)).astype(np.float32)
    outputs = (rng.normal(size=(500, 3)) + targets).astype(np.float32)
    return outputs, targets


def test_accuracy_is_scikit_learns(guesses):
    outputs, targets = guesses
    theirs = [accuracy_score(targets[:, i], outputs[:, i] > 0) for i in range(3)]
    np.testing.assert_allclose(accuracy(*map(jnp.asarray, guesses)), theirs, atol=1e-6)


def test_accuracy_closed_form():
    targets = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(accuracy(2 * targets - 1, targets), [1, 1])
    np.testing.assert_array_equal(accuracy(1 - 2 * targets, targets), [0, 0])
    # A logit of exactly 0 says 0.
    np.testing.assert_array_equal(accuracy(jnp.zeros((2, 2)), targets), [0.5, 0.5])


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_diverged_network_has_no_accuracy(guesses, broken):
    outputs, targets = guesses
    outputs[7, 1] = broken
    found = np.asarray(accuracy(jnp.asarray(outputs), jnp.asarray(targets)))
    assert np.isnan(found).tolist() == [False, True, False]


def test_loss_is_scikit_learns_log_loss(guesses):
    outputs, targets = guesses
    theirs = [log_loss(targets[:, i], 1 / (1 + np.exp(-outputs[:, i]))) for i in range(3)]
    ours = loss(jnp.asarray(outputs), jnp.asarray(targets), cross_entropy)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_loss_closed_form():
    targets = jnp.array([[0.0, 3.0], [1.0, 5.0]])
    np.testing.assert_allclose(
        loss(jnp.zeros((2, 2)), targets, cross_entropy)[0], np.log(2), rtol=1e-6
    )
    np.testing.assert_allclose(loss(jnp.full((2, 2), 4.0), targets, squared_error)[1], 1.0)
    assert np.isnan(loss(jnp.array([[np.nan], [0.0]]), targets[:, :1], squared_error)).all()


def test_r_squared_is_scikit_learns():
    rng = np.random.default_rng(1)
    # A mean far above the spread, and one target hard to guess.
    targets = (rng.normal(size=(800, 3)) * [1, 2, 0.5] + [0, 2000, -300]).astype(np.float32)
    noise = rng.normal(size=(800, 3)) * [0.3, 2.0, 2.0]
    outputs = (targets + noise).astype(np.float32)
    theirs = r2_score(targets.astype(float), outputs.astype(float), multioutput="raw_values")
    assert theirs[2] < 0
    ours = r_squared(jnp.asarray(outputs), jnp.asarray(targets))
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_r_squared_closed_form():
    targets = jnp.array([[-1.0], [1.0], [3.0], [5.0]])
    assert r_squared(targets, targets) == 1
    assert r_squared(jnp.full((4, 1), 2.0), targets) == 0
    assert r_squared(targets + 5**0.5, targets) == pytest.approx(0, abs=1e-6)
    # .1 has no exact float32, and still a constant target has no variance to explain.
    assert np.isnan(r_squared(targets, jnp.full((4, 1), 0.1)))
    assert np.isnan(r_squared(targets.at[0].set(np.nan), targets))


def test_auc_is_scikit_learns(guesses):
    outputs, targets = guesses
    outputs[:, 1] = np.round(outputs[:, 1])  # many ties
    targets[:, 2] = np.arange(500) < 3  # few of one kind
    theirs = [roc_auc_score(targets[:, i], outputs[:, i]) for i in range(3)]
    np.testing.assert_allclose(auc(*map(jnp.asarray, guesses)), theirs, atol=1e-6)


def test_auc_of_many_examples_is_scikit_learns():
    """Single precision sums 200,000 ranks."""
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, (200_000, 1)).astype(np.float32)
    outputs = (rng.normal(size=targets.shape) + targets).astype(np.float32)
    found = auc(jnp.asarray(outputs), jnp.asarray(targets))
    np.testing.assert_allclose(found[0], roc_auc_score(targets, outputs), atol=2e-6)


def test_auc_closed_form():
    targets = jnp.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(auc(targets, targets), [1, 1])
    np.testing.assert_array_equal(auc(-targets, targets), [0, 0])
    np.testing.assert_array_equal(auc(jnp.ones((3, 2)), targets), [0.5, 0.5])
    np.testing.assert_array_equal(auc(100 + 1e-3 * targets, targets), [1, 1])


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_auc_of_one_label_is_null(guesses, label):
    outputs, targets = guesses
    targets[:, 1] = label
    found = np.asarray(auc(jnp.asarray(outputs), jnp.asarray(targets)))
    assert np.isnan(found).tolist() == [False, True, False]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_diverged_network_has_no_auc(guesses, broken):
    outputs, targets = guesses
    outputs[7, 1] = broken
    found = np.asarray(auc(jnp.asarray(outputs), jnp.asarray(targets)))
    assert np.isnan(found).tolist() == [False, True, False]
