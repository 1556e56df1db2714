"""What a layer's bias does: pushes, components, the lean of a classifier, agreement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from primacy.measures.agreement import agreement
from primacy.measures.lean import downstream_lean, downstream_lean_standardized
from primacy.measures.pushes import FINE, LEAST, components_for_accuracy, steering_push

RNG = np.random.default_rng(0)


def planted(n, sizes=(3.0, 1.0), noise=0.3):
    """Two independent 0/1 features on directions of their own, in a layer of six units."""
    features = RNG.integers(0, 2, (n, 2)).astype(np.float32)
    reps = RNG.normal(size=(n, 6)) * noise
    reps[:, 0] += sizes[0] * (features[:, 0] - 0.5)
    reps[:, 1] += sizes[1] * (features[:, 1] - 0.5)
    return jnp.asarray(features), jnp.asarray(reps, jnp.float32)


FIT, TEST = planted(600), planted(500)


def test_agreement_is_the_share_of_answers_that_are_the_feature():
    """Oracle: the comparison in NumPy."""
    features, _ = TEST
    outputs = jnp.asarray(RNG.normal(size=(500, 1)), jnp.float32) + features[:, :1]
    found = agreement(outputs, FIT[0], features)
    by_hand = [
        ((np.asarray(outputs)[:, 0] > 0) == (np.asarray(f) > 0.5)).mean() for f in features.T
    ]
    np.testing.assert_allclose(found[:, 0], by_hand, atol=1e-6)


@pytest.mark.parametrize("standardized", [False, True])
def test_the_lean_is_that_of_scikit_learn(standardized):
    """Oracle: LogisticRegression (C = 1) where the features agree, followed where they conflict."""
    (f, r), (g, s) = ((np.asarray(a), np.asarray(b)) for a, b in (FIT, TEST))
    scale = r.std(0) if standardized else np.ones(6)
    r, s = (r - r.mean(0)) / scale, (s - np.asarray(FIT[1]).mean(0)) / scale
    agree, conflict = f[:, 0] == f[:, 1], g[:, 0] != g[:, 1]
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(r[agree], f[agree, 0])
    wanted = (theirs.predict(s[conflict]) == g[conflict, 0]).mean()
    measure = downstream_lean_standardized if standardized else downstream_lean
    found = np.asarray(measure(FIT[1], FIT[0], TEST[1], TEST[0]))
    assert found[0] == pytest.approx(wanted, abs=2 / conflict.sum())
    assert found.sum() == pytest.approx(1.0, abs=1e-6)
    assert found[0] > 0.9 or standardized


def test_one_conflicting_example_is_enough_for_a_lean_and_none_is_not():
    features, reps = TEST
    agree = np.flatnonzero(features[:, 0] == features[:, 1])
    one = np.append(agree, np.flatnonzero(features[:, 0] != features[:, 1])[0])
    found = [downstream_lean(FIT[1], FIT[0], reps[i], features[i])[0] for i in (one, agree)]
    assert float(found[0]) in (0.0, 1.0) and np.isnan(found[1])


def test_the_smallest_push_that_flips_half_is_found():
    """Oracle: every push of the fine grid in NumPy, for a linear readout with a bias."""
    weights = np.array([[1.0, 0.2], [0.1, 1.0], [0, 0], [0, 0], [0, 0], [0, 0]], np.float32)
    bias = np.array([0.4, -0.1], np.float32)

    def onward(reps):
        return reps @ weights + bias[None]

    features, reps = (np.asarray(x) for x in TEST)
    outputs = np.asarray(onward(reps))
    found = np.asarray(
        jax.jit(lambda: steering_push(*FIT[::-1], *TEST[::-1], jnp.asarray(outputs), onward))()
    )
    f, r = (np.asarray(x, np.float64) for x in FIT)
    spread = np.sqrt(r.var(0).sum())
    for k in range(2):
        gap = r[f[:, k] == 1].mean(0) - r[f[:, k] == 0].mean(0)
        to = (1 - 2 * features[:, k])[:, None] * gap / np.linalg.norm(gap)
        grid = LEAST * FINE ** np.arange(126)
        for t in range(2):
            flips = [
                ((onward(reps + p * spread * to)[:, t] > 0) != (outputs[:, t] > 0)).mean()
                for p in grid
            ]
            first = np.flatnonzero(np.array(flips) >= 0.5)
            if first.size:
                assert found[k, t] == pytest.approx(grid[first[0]], rel=0.06)
            else:
                assert np.isnan(found[k, t])


@pytest.mark.parametrize(("far", "null"), [(7.5, False), (8.6, True)])
def test_a_push_beyond_the_grid_is_null(far, null):
    """By construction: answers flip where a unit of SD 1 has been pushed by `far`; 8 is the end."""
    values = jnp.asarray(np.tile([0.0, 1.0], 50)[:, None], jnp.float32)
    reps = jnp.concatenate([2 * values - 1, jnp.zeros((100, 1))], axis=1)

    def onward(moved):
        return 2.0 * (jnp.abs(moved[:, :1]) > far - 1) - 1.0

    found = float(steering_push(reps, values, reps, values, onward(reps), onward)[0, 0])
    assert np.isnan(found) if null else far < found < far * FINE


def test_components_are_counted_until_the_answers_are_kept():
    """Oracle: by construction the large feature needs one component, the small one two."""
    weights = np.zeros((6, 2), np.float32)
    weights[0, 0] = weights[1, 1] = 1.0
    features, reps = TEST
    found = components_for_accuracy(FIT[1], reps, features, lambda x: x @ weights)
    assert found.tolist() == [1.0, 2.0]
