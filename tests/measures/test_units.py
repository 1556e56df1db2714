"""Units that carry a feature: planted layers, scikit-learn unit by unit."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from primacy.measures import units as units_file
from tests.support.compiled import Compiled

units = Compiled(units_file)

ORACLE = 1e-5
BITS = np.array(list(itertools.product([0.0, 1.0], repeat=4)), np.float32)
BY_FIT = ("units_carrying", "units_effective", "best_unit_r_squared")


def planted(name, reps, features):
    reps, features = np.asarray(reps, np.float32), np.asarray(features, np.float32)
    if name == "class_selectivity":
        return np.asarray(units.class_selectivity(reps, features))
    return np.asarray(getattr(units, name)(reps, features, reps, features))


def drawn(seed=0, m=400, n=300, h=10):
    rng = np.random.default_rng(seed)
    features = np.stack([rng.integers(0, 2, m + n), rng.normal(size=m + n)], axis=1)
    reps = features @ (rng.normal(size=(2, h)) * rng.integers(0, 2, (2, h)))
    reps = np.maximum(0, reps + rng.normal(size=(m + n, h)) + 0.5) * np.logspace(-1, 1, h)
    return [a.astype(np.float32) for a in (reps[:m], features[:m], reps[m:], features[m:])]


def by_unit(fit_reps, fit_features, reps, features):
    """scikit-learn: R^2 and explained squares of every feature and unit."""
    scores, squares = [], []
    for f in range(features.shape[1]):
        fit = LinearRegression().fit(fit_features[:, [f]], fit_reps)
        score = r2_score(reps, fit.predict(features[:, [f]]), multioutput="raw_values")
        scores.append(score)
        squares.append(score * ((reps - reps.mean(axis=0)) ** 2).sum(axis=0))
    return np.array(scores), np.array(squares)


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed):
    data = drawn(seed)
    wide = [a.astype(float) for a in data]
    scores, squares = by_unit(*wide)
    np.testing.assert_allclose(units.unit_r_squared(*data), scores, atol=ORACLE)
    assert np.abs(scores - units.CARRIES).min() > 1e-4, "no unit on the edge, in these draws"
    np.testing.assert_allclose(
        units.units_carrying(*data), (scores >= units.CARRIES).mean(axis=1), atol=1e-6
    )
    e = np.maximum(squares, 0)
    np.testing.assert_allclose(
        units.units_effective(*data), e.sum(axis=1) ** 2 / (e**2).sum(axis=1), rtol=1e-4
    )
    best = by_unit(wide[0], wide[1], wide[0], wide[1])[0].argmax(axis=1)
    np.testing.assert_allclose(units.best_unit_r_squared(*data), scores[[0, 1], best], atol=ORACLE)


@pytest.mark.parametrize("seed", range(3))
def test_class_selectivity_by_hand(seed):
    _, _, reps, features = drawn(seed)
    found = units.class_selectivity(reps, features)
    on = features[:, 0] == 1
    m1, m0 = (reps[rows].astype(float).mean(axis=0) for rows in (on, ~on))
    wanted = (np.abs(m1 - m0) / (np.abs(m1) + np.abs(m0))).mean()
    assert found[0] == pytest.approx(wanted, abs=ORACLE)
    assert np.isnan(found[1]), "only features with two values have classes"


def test_sole_absent_duplicated_dead():
    """Unit 1 is feature 0, units 2 and 3 are feature 1 (one of them louder), the rest is dead."""
    reps = np.hstack([BITS[:, :2], 2 * BITS[:, 1:2], np.full((16, 5), 0.1)])
    wanted = {
        "units_carrying": [1 / 3, 2 / 3, 0, 0],
        "units_effective": [1, 25 / 17, np.nan, np.nan],  # (1 + 4)^2 / (1 + 16)
        "best_unit_r_squared": [1, 1, 0, 0],
        # The unit of the feature is silent without it; of another the means are equal.
        "class_selectivity": [1 / 3, 2 / 3, 0, 0],
    }
    for name, values in wanted.items():
        np.testing.assert_allclose(planted(name, reps, BITS), values, atol=1e-5, err_msg=name)


def test_a_unit_that_hardly_moves_selects_nothing():
    """Far below a millionth of the mean variance, but told apart without error: it is dead."""
    reps = np.hstack([BITS[:, :1], 1e-5 * BITS[:, :1]])
    np.testing.assert_allclose(planted("class_selectivity", reps, BITS)[:2], [1, 0], atol=1e-5)


def test_joint_code_selects_its_own_feature_only():
    xor = (BITS[:, :1] != BITS[:, 1:2]).astype(np.float32)
    features = np.hstack([BITS[:, :2], xor])
    reps = np.hstack([xor, xor])
    for name, value in (
        ("units_carrying", 1),
        ("best_unit_r_squared", 1),
        ("class_selectivity", 1),
    ):
        np.testing.assert_allclose(planted(name, reps, features), [0, 0, value], atol=1e-5)


def test_rotation_spreads_a_feature_over_units():
    """A Hadamard rotation of one unit among four: a fourth of it in each."""
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    turned = BITS @ hadamard
    np.testing.assert_allclose(planted("units_effective", BITS, BITS), np.ones(4), atol=1e-5)
    np.testing.assert_allclose(planted("units_effective", turned, BITS), np.full(4, 4), atol=1e-4)
    np.testing.assert_allclose(planted("units_carrying", BITS, BITS), np.full(4, 0.25))
    np.testing.assert_allclose(planted("units_carrying", turned, BITS), np.ones(4))
    np.testing.assert_allclose(
        planted("best_unit_r_squared", turned, BITS), np.full(4, 0.25), atol=1e-5
    )


def test_the_best_unit_is_chosen_apart_from_its_score():
    """Of a thousand units of noise the best on the fit set is nothing on the test set."""
    rng = np.random.default_rng(0)
    reps = rng.normal(size=(200, 1000)).astype(np.float32)
    feature = rng.normal(size=(200, 1)).astype(np.float32)
    data = (reps[:100], feature[:100], reps[100:], feature[100:])
    within = units.unit_r_squared(*data[:2], *data[:2])
    assert within.max() > 0.08
    assert units.best_unit_r_squared(*data)[0] < 0.04


@pytest.mark.parametrize("name", [*BY_FIT, "class_selectivity"])
def test_what_cannot_be_measured_is_null(name):
    group, constant = np.full((16, 1), np.nan), np.full((16, 1), 0.1)
    more = planted(name, BITS, np.hstack([BITS, group, constant]))
    np.testing.assert_allclose(more[:4], planted(name, BITS, BITS), atol=1e-6)
    assert np.isnan(more[4:]).all()
    assert np.isnan(planted(name, np.full((16, 3), 0.3), BITS)).all()
    for broken in (np.nan, np.inf):
        reps = BITS.copy()
        reps[3, 1] = broken
        assert np.isnan(planted(name, reps, BITS)).all()
    assert planted(name, BITS, BITS[:, :0]).shape == (0,)
