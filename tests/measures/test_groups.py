"""Represented, of a group of columns: scikit-learn's regression, and what must not matter."""

import jax
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from primacy.measures.groups import variance_explained_group
from primacy.measures.represented import variance_explained

measured = jax.jit(variance_explained_group)


def drawn(seed=0, m=300, n=200, d=7, h=9):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(m + n, d)) @ (np.eye(d) + 0.5) + 30
    inputs[:, 3] = inputs[:, 2] + 1e-2 * rng.normal(size=m + n)  # nearly a copy
    reps = np.tanh(inputs[:, :5] @ rng.normal(size=(5, h)) / 3) + 0.3 * rng.normal(size=(m + n, h))
    parts = (reps[:m], inputs[:m], reps[m:], inputs[m:])
    return [part.astype(np.float32) for part in parts]


def groups(d, *own):
    mask = np.zeros((len(own), d), bool)
    for row, columns in zip(mask, own, strict=True):
        row[list(columns)] = True
    return mask


@pytest.mark.parametrize("seed", range(4))
def test_it_is_scikit_learns_held_out_r_squared(seed):
    """Oracle: LinearRegression fitted on the group's columns, r2_score weighted by variance."""
    fit_reps, fit_inputs, reps, inputs = (part.astype(float) for part in drawn(seed))
    own = ((0,), (0, 1), (2, 3), (4, 5, 6), range(7))
    found = measured(*drawn(seed), groups(7, *own))
    for value, columns in zip(found, map(list, own), strict=True):
        model = LinearRegression().fit(fit_inputs[:, columns], fit_reps)
        expected = r2_score(
            reps, model.predict(inputs[:, columns]), multioutput="variance_weighted"
        )
        assert float(value) == pytest.approx(expected, abs=2e-4)


def test_of_one_column_it_is_variance_explained():
    fit_reps, fit_inputs, reps, inputs = drawn()
    alone = jax.jit(variance_explained)(fit_reps, fit_inputs, reps, inputs)
    np.testing.assert_allclose(measured(*drawn(), np.eye(7, dtype=bool)), alone, atol=1e-5)


def test_recoding_the_columns_changes_nothing_and_a_copy_counts_once():
    fit_reps, fit_inputs, reps, inputs = drawn()
    turn = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    whole = measured(fit_reps, fit_inputs[:, 4:], reps, inputs[:, 4:], groups(3, range(3)))
    turned = fit_reps, fit_inputs[:, 4:] @ turn, reps, inputs[:, 4:] @ turn
    np.testing.assert_allclose(measured(*turned, groups(3, range(3))), whole, atol=1e-3)
    twice = fit_reps, fit_inputs[:, [0, 0, 1]], reps, inputs[:, [0, 0, 1]]
    once = measured(*twice, groups(3, (0, 2)))
    np.testing.assert_allclose(measured(*twice, groups(3, range(3))), once, atol=1e-5)


def test_what_has_no_value():
    fit_reps, fit_inputs, reps, inputs = drawn()
    fit_inputs[:, 0] = inputs[:, 0] = 5.0
    found = measured(fit_reps, fit_inputs, reps, inputs, groups(7, (0,), (0, 1), (1,)))
    assert np.isnan(found[0])
    assert float(found[1]) == pytest.approx(float(found[2]), abs=1e-6)
    still = np.zeros_like(reps)
    assert np.isnan(measured(fit_reps, fit_inputs, still, inputs, groups(7, (1, 2)))).all()
