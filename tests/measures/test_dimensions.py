"""Dimensions of a layer: closed forms, and scikit-learn's PCA with a regression a component."""

import itertools

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from primacy.measures import dimensions as dimensions_file
from tests.support.compiled import Compiled

dimensions = Compiled(dimensions_file)

CLOSED = 1e-3
BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)
SPREAD = np.array([4, 3, 2, 1], np.float32)


def rotation(h, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(h, h)))[0]


def needed(reps, features):
    reps, features = np.asarray(reps, np.float32), np.asarray(features, np.float32)
    return np.asarray(dimensions.components_needed(reps, features, reps, features))


def drawn(seed=0, m=300, n=200, h=9):
    rng = np.random.default_rng(seed)
    reps = rng.normal(size=(m + n, h)) * np.logspace(1, -1, h) @ rotation(h, seed) + 10
    features = reps @ rng.normal(size=(h, 3)) + rng.normal(size=(m + n, 3)) * [0.1, 5, 1000]
    return [a.astype(np.float32) for a in (reps[:m], features[:m], reps[m:], features[m:])]


@pytest.mark.parametrize("seed", range(3))
def test_components_needed_against_scikit_learn(seed):
    data = drawn(seed)
    fit_reps, fit_features, reps, features = (a.astype(float) for a in data)
    found = dimensions.components_needed(*data)
    pca = PCA().fit(fit_reps)
    fit_scores, scores = pca.transform(fit_reps), pca.transform(reps)
    for f in range(3):
        curve = [
            LinearRegression()
            .fit(fit_scores[:, :r], fit_features[:, f])
            .score(scores[:, :r], features[:, f])
            for r in range(1, fit_reps.shape[1] + 1)
        ]
        if curve[-1] < dimensions.READABLE:
            assert np.isnan(found[f])
        else:
            assert found[f] == 1 + np.argmax(np.array(curve) >= dimensions.KEPT * curve[-1])
    assert np.isnan(found).tolist() == [False, False, True]


@pytest.mark.parametrize("seed", range(3))
def test_spectra_against_numpy(seed):
    reps = drawn(seed)[2]
    size = np.linalg.svd(reps - reps.mean(axis=0, dtype=float), compute_uv=False)
    p = size / size.sum()
    wanted = np.exp(-(p * np.log(p)).sum())
    assert dimensions.effective_rank(reps) == pytest.approx(wanted, rel=1e-4)
    pca = PCA().fit(reps.astype(float))
    wanted = 1 + np.argmax(np.cumsum(pca.explained_variance_ratio_) >= dimensions.KEPT)
    assert dimensions.components_of_variance(reps) == wanted


@pytest.mark.parametrize("h", [4, 40])
def test_a_feature_needs_the_components_before_it(h):
    """Four directions of variances 16, 9, 4, 1; also where there are more units than examples."""
    reps = (BITS * SPREAD) @ rotation(h)[:4] + 5
    both = BITS[:, :1] + BITS[:, 2:3]  # half on the first component, half on the third
    mostly = 4 * BITS[:, :1] + BITS[:, 3:]  # 16/17 of it on the first
    features = np.hstack([BITS, both, mostly, BITS[:, :1] * BITS[:, 1:2]])
    np.testing.assert_array_equal(needed(reps, features), [1, 2, 3, 4, 3, 1, np.nan])


def test_sole_duplicated_dead_joint():
    sole = np.outer(BITS[:, 0], [1, 2, 0])
    np.testing.assert_array_equal(needed(sole, BITS[:, :2]), [1, np.nan])
    twice = np.hstack([BITS[:, :1], BITS[:, :1], 1.2 * BITS[:, 1:2], np.zeros((16, 3))])
    np.testing.assert_array_equal(needed(twice, BITS[:, :2]), [1, 2])  # variances 2 and 1.44
    xor = BITS[:, :1] * BITS[:, 1:2]
    np.testing.assert_array_equal(needed(xor, np.hstack([BITS[:, :2], xor])), [np.nan, np.nan, 1])


def test_effective_dimensions_closed_forms():
    turned = (BITS @ rotation(40)[:4] + 5).astype(np.float32)
    for reps in (BITS, turned, BITS * np.float32(1e18)):
        assert dimensions.effective_rank(reps) == pytest.approx(4, abs=CLOSED)
        assert dimensions.components_of_variance(reps) == 4
    line = np.outer(BITS[:, 0], [1, 2, 3]).astype(np.float32)
    assert dimensions.effective_rank(line) == pytest.approx(1, abs=CLOSED)
    assert dimensions.components_of_variance(line) == 1
    # Singular values as 4 3 2 1: exp of the entropy of .4 .3 .2 .1; variances 16 9 4 1 of 30.
    spread = BITS * SPREAD
    p = np.array([0.4, 0.3, 0.2, 0.1])
    wanted = np.prod(p**-p)
    assert dimensions.effective_rank(spread) == pytest.approx(wanted, abs=CLOSED)
    assert dimensions.components_of_variance(spread) == 3  # 25/30 < .9 <= 29/30


def test_what_cannot_be_measured_is_null():
    group, constant = np.full((16, 1), np.nan), np.full((16, 1), 0.1)
    found = needed(BITS * SPREAD, np.hstack([group, BITS, constant]))
    np.testing.assert_array_equal(found, [np.nan, 1, 2, 3, 4, np.nan])
    broken = BITS.copy()
    broken[3, 1] = np.inf
    for reps in (np.full((16, 3), 0.3, np.float32), broken, np.full_like(BITS, np.nan)):
        assert np.isnan(needed(reps, BITS)).all()
        assert np.isnan(dimensions.effective_rank(reps))
        assert np.isnan(dimensions.components_of_variance(reps))
    # Alive on the fit set, dead on the test set.
    died = dimensions.components_needed(BITS, BITS, np.full_like(BITS, 0.3), BITS)
    assert np.isnan(died).all()
    assert needed(BITS, BITS[:, :0]).shape == (0,)
