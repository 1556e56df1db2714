"""Represented: planted representations with closed forms, scikit-learn, and invariances."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from primacy.measures import represented

BY_FEATURE = (
    "variance_explained",
    "variance_explained_unit_mean",
    "variance_explained_example_mean",
    "variance_explained_unique",
)
OF_LAYER = ("total_variance", "dead_units", "participation_ratio")
JOINT = "variance_explained_joint"


@jax.jit
def measured(fit_reps, fit_features, reps, features):
    """Every measure of a layer, in one program as in use."""
    data = (fit_reps, fit_features, reps, features)
    found = {name: getattr(represented, name)(*data) for name in (*BY_FEATURE, JOINT)}
    return found | {name: getattr(represented, name)(reps) for name in OF_LAYER}


CLOSED = 1e-3  # of the closed forms, science.md section 6
ORACLE = 1e-5  # of scikit-learn

BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)
"""The full factorial of four independent features: sample and population are the same."""


def planted(reps, features):
    """All measures on a noise-free factorial: fitted and scored on all of it."""
    reps, features = np.asarray(reps, np.float32), np.asarray(features, np.float32)
    return measured(reps, features, reps, features)


def rotation(h, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(h, h)))[0]


def drawn(seed=0, m=700, n=500, h=12, k=3):
    """Fit and test sets: correlated features, units of very different scale, noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(m + n, k)) @ (np.eye(k) + 0.4)
    features[:, 0] = features[:, 0] > 0
    reps = np.tanh(features @ rng.normal(size=(k, h))) + 0.5 * rng.normal(size=(m + n, h))
    reps = reps * np.logspace(-1, 1, h)
    parts = (reps[:m], features[:m], reps[m:], features[m:])
    return [part.astype(np.float32) for part in parts]


def explained(*data):
    """scikit-learn, in float64: pooled and mean over units; and the paper's mean over examples."""
    fit_reps, fit_features, reps, features = (a.astype(float) for a in data)
    fit = LinearRegression().fit(fit_features, fit_reps)
    guess = fit.predict(features)
    size = ((reps - reps.mean(axis=0)) ** 2).sum(axis=1)
    return (
        r2_score(reps, guess, multioutput="variance_weighted"),
        fit.score(features, reps),
        (1 - ((reps - guess) ** 2).sum(axis=1) / size).mean(),
    )


# Closed forms ----------------------------------------------------------------------------------


def test_absent_feature_explains_nothing_and_the_sole_one_everything():
    reps = 3 * np.outer(BITS[:, 0], [1.0, -2.0, 0.5, 1, 1, 1, -1, 4]) + 7
    found = planted(reps, BITS)
    for name in BY_FEATURE:
        np.testing.assert_allclose(found[name], [1, 0, 0, 0], atol=CLOSED, err_msg=name)
    assert found[JOINT] == pytest.approx(1, abs=CLOSED)
    assert planted(reps, BITS[:, 1:3])[JOINT] == pytest.approx(0, abs=CLOSED)


def test_shares_are_squared_lengths_over_total_variance():
    rng = np.random.default_rng(1)
    v = rng.normal(size=(4, 8)) * [[3], [1], [0.3], [0]]
    found = planted(BITS @ v, BITS)
    shares = (v**2).sum(axis=1) / (v**2).sum()  # |v_f|^2 Var(f) / total variance
    np.testing.assert_allclose(found["variance_explained"], shares, atol=CLOSED)
    np.testing.assert_allclose(found["variance_explained_unique"], shares, atol=CLOSED)
    units = (v**2 / (v**2).sum(axis=0)).mean(axis=1)
    np.testing.assert_allclose(found["variance_explained_unit_mean"], units, atol=CLOSED)
    assert found[JOINT] == pytest.approx(1, abs=CLOSED)
    assert found["total_variance"] == pytest.approx((v**2).sum(), rel=CLOSED)


def test_noise_takes_its_share():
    # |v|^2 / (|v|^2 + h sigma^2) with |v|^2 = 6, h = 3. The noise is made exactly uncorrelated
    # with the feature and of unit variance, so the population's closed form holds in the sample.
    rng = np.random.default_rng(2)
    x = np.repeat([[-1.0], [1.0]], 500, axis=0)
    noise = rng.normal(size=(1000, 3))
    noise -= x @ (x.T @ noise) / 1000 + noise.mean(axis=0)
    reps = x * [2, 1, 1] + noise / noise.std(axis=0)
    found = planted(reps, x)
    assert found["variance_explained"] == pytest.approx(6 / 9, abs=CLOSED)
    assert found["variance_explained_unit_mean"] == pytest.approx(
        (4 / 5 + 1 / 2 + 1 / 2) / 3, abs=CLOSED
    )


def test_a_feature_written_twice_keeps_its_share_but_has_nothing_of_its_own():
    features = np.stack([BITS[:, 0], BITS[:, 0], -2 * BITS[:, 0] + 1, BITS[:, 1]], axis=1)
    reps = BITS[:, :2] @ np.array([[1, 0] * 4, [0, 0.5] * 4])  # variances 4 and 1
    found = planted(reps, features)
    np.testing.assert_allclose(found["variance_explained"], [0.8, 0.8, 0.8, 0.2], atol=CLOSED)
    np.testing.assert_allclose(found["variance_explained_unique"], [0, 0, 0, 0.2], atol=CLOSED)
    assert found[JOINT] == pytest.approx(1, abs=CLOSED)


def test_correlated_features_overlap():
    # Correlation 1/2 and rep = f + g: each explains (1 + rho)^2 / (2 + 2 rho) = .75, which adds up
    # to more than 1; of its own each has (1 - rho^2) / (2 + 2 rho) = .25.
    f = np.repeat([1, -1, 1, -1], [6, 6, 2, 2])
    g = np.repeat([1, -1, -1, 1], [6, 6, 2, 2])
    found = planted(np.outer(f + g, np.ones(8)), np.stack([f, g], axis=1))
    np.testing.assert_allclose(found["variance_explained"], [0.75, 0.75], atol=CLOSED)
    np.testing.assert_allclose(found["variance_explained_unique"], [0.25, 0.25], atol=CLOSED)
    assert found[JOINT] == pytest.approx(1, abs=CLOSED)


def test_a_joint_code_is_invisible_to_its_parts():
    xor = BITS[:, 0] * BITS[:, 1]
    reps = np.outer(xor, np.arange(1, 9))
    found = planted(reps, BITS[:, :2])
    np.testing.assert_allclose(found["variance_explained"], [0, 0], atol=CLOSED)
    assert found[JOINT] == pytest.approx(0, abs=CLOSED)
    named = planted(reps, np.stack([xor, BITS[:, 1]], axis=1))
    np.testing.assert_allclose(named["variance_explained"], [1, 0], atol=CLOSED)


def test_example_mean_is_the_papers_formula():
    # |rep|^2 is 5 for every example, and the error after f (after g) is 1 (is 4).
    reps = np.hstack([BITS[:, :2] * [2.0, 1.0], np.zeros((16, 6))])
    found = planted(reps, BITS[:, :2])["variance_explained_example_mean"]
    np.testing.assert_allclose(found, [1 - 1 / 5, 1 - 4 / 5], atol=CLOSED)
    # Where the size differs it is not the pooled share: half of the examples are along f alone.
    reps[:, 1] *= BITS[:, 3] > 0
    found = planted(reps, BITS[:, :2])
    # g's fit then has slope 1/2: the error of unit 2 is 1/2 everywhere, |rep|^2 is 5 or 4.
    wanted = [(1 - 1 / 5 + 1) / 2, (1 - 4.25 / 5 + 1 - 4.25 / 4) / 2]
    np.testing.assert_allclose(found["variance_explained_example_mean"], wanted, atol=CLOSED)
    # Pooled: the total is 4 + 1/2, of which g explains 1/4.
    np.testing.assert_allclose(found["variance_explained"], [8 / 9, 0.25 / 4.5], atol=CLOSED)


def test_48_dead_of_64_units():
    """scikit-learn's rule gives .75 with no information; here dead units are left out, counted."""
    reps = np.zeros((16, 64), np.float32)
    reps[:, 48:] = np.tile(BITS[:, 1:2], 16)
    absent = BITS[:, :1]
    assert LinearRegression().fit(absent, reps).score(absent, reps) == pytest.approx(0.75)
    found = planted(reps, absent)
    assert found["dead_units"] == 48
    assert found["variance_explained_unit_mean"] == pytest.approx(0, abs=CLOSED)
    assert found["variance_explained"] == pytest.approx(0, abs=CLOSED)
    # Constants other than 0 that float32 does not hold exactly are dead too, and change nothing.
    reps[:, :48] = 0.1
    assert planted(reps, absent)["dead_units"] == 48
    turned = planted(reps @ rotation(64), absent)
    assert turned["dead_units"] == 0
    assert turned["variance_explained_unit_mean"] == pytest.approx(0, abs=CLOSED)


def test_unit_floor_is_a_millionth_of_the_mean_variance():
    # Variances 2.9e-6 and 1e-8; the mean is 6/8, so the floor is .75e-6.
    reps = BITS[:, [0, 1, 2, 0, 1, 2, 3, 3]] * [1, 1, 1, 1, 1, 1, 1.7e-3, 1e-4]
    found = planted(reps, BITS)
    assert found["dead_units"] == 1
    np.testing.assert_allclose(
        found["variance_explained_unit_mean"], [2 / 7, 2 / 7, 2 / 7, 1 / 7], atol=CLOSED
    )


def test_participation_ratio_closed_forms():
    ratio = jax.jit(represented.participation_ratio)
    assert ratio(BITS) == pytest.approx(4, abs=CLOSED)
    assert ratio(np.outer(BITS[:, 0], [1, 2, 3, 4]).astype(np.float32)) == pytest.approx(1)
    spread = np.array([3, 2, 1, 1], np.float32)
    wanted = (spread**2).sum() ** 2 / (spread**4).sum()
    assert ratio(BITS * spread) == pytest.approx(wanted, abs=CLOSED)
    wide = (BITS * spread) @ rotation(40)[:4] + 5  # more units than examples
    assert ratio(wide.astype(np.float32)) == pytest.approx(wanted, abs=CLOSED)
    huge = BITS * np.float32(1e15)  # its squared covariance is beyond float32
    assert ratio(huge) == pytest.approx(4, abs=CLOSED)


# scikit-learn ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 1e3])
@pytest.mark.parametrize("seed", range(3))
def test_every_definition_against_scikit_learn(seed, shift):
    """Also where the mean is up to ten thousand times a unit's spread."""
    data = fit_reps, fit_features, reps, features = [a + np.float32(shift) for a in drawn(seed)]
    found = measured(*data)
    joint = explained(*data)[0]
    assert found[JOINT] == pytest.approx(joint, abs=ORACLE)
    for f in range(features.shape[1]):
        alone = (fit_reps, fit_features[:, [f]], reps, features[:, [f]])
        pooled, unit_mean, example_mean = explained(*alone)
        others = [i for i in range(features.shape[1]) if i != f]
        without = explained(fit_reps, fit_features[:, others], reps, features[:, others])[0]
        wanted = dict(
            zip(BY_FEATURE, (pooled, unit_mean, example_mean, joint - without), strict=True)
        )
        for name, value in wanted.items():
            assert found[name][f] == pytest.approx(value, abs=ORACLE), name


@pytest.mark.parametrize("apart", [0.1, 0.001])
def test_nearly_equal_features_against_scikit_learn(apart):
    """Correlation .995 and .9999995, in a layer where their small difference is loud."""
    rng = np.random.default_rng(0)
    x, difference, other = rng.normal(size=(3, 1200, 1))
    features = np.hstack([x, x + apart * difference, other])
    reps = difference * np.linspace(0, 1, 12) + x * np.linspace(1, -1, 12)
    reps += 0.3 * rng.normal(size=reps.shape)
    data = [a.astype(np.float32) for a in (reps[:700], features[:700], reps[700:], features[700:])]
    assert measured(*data)[JOINT] == pytest.approx(explained(*data)[0], abs=ORACLE)


def test_fewer_test_examples_than_features():
    fit_reps, fit_features, reps, features = drawn(7, n=3, k=5)
    data = (fit_reps, fit_features, reps, features)
    assert measured(*data)[JOINT] == pytest.approx(explained(*data)[0], abs=ORACLE)


def test_moments_against_numpy():
    data = drawn(4)
    data[2] += 500
    found, reps = measured(*data), data[2].astype(float)
    assert found["total_variance"] == pytest.approx(reps.var(axis=0).sum(), rel=1e-5)
    l = np.linalg.eigvalsh(np.cov(reps.T))
    assert found["participation_ratio"] == pytest.approx(l.sum() ** 2 / (l**2).sum(), rel=1e-5)


# Invariances -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_rotation_leaves_all_but_the_unit_mean(seed):
    fit_reps, fit_features, reps, features = drawn(seed)
    turn = rotation(reps.shape[1], seed).astype(np.float32)
    plain = measured(fit_reps, fit_features, reps, features)
    turned = measured(fit_reps @ turn, fit_features, reps @ turn, features)
    moved = turned["variance_explained_unit_mean"] - plain["variance_explained_unit_mean"]
    assert np.abs(moved).max() > 0.02
    for name in plain.keys() - {"variance_explained_unit_mean"}:
        np.testing.assert_allclose(turned[name], plain[name], rtol=2e-5, atol=2e-5, err_msg=name)


def test_permuted_features_permute_the_values():
    fit_reps, fit_features, reps, features = drawn(5)
    order = [2, 0, 1]
    plain = measured(fit_reps, fit_features, reps, features)
    moved = measured(fit_reps, fit_features[:, order], reps, features[:, order])
    for name in BY_FEATURE:
        np.testing.assert_allclose(moved[name], plain[name][jnp.array(order)], atol=1e-5)


# What cannot be measured -----------------------------------------------------------------------


def test_groups_and_constants_are_null_and_poison_nothing():
    fit_reps, fit_features, reps, features = drawn(6)

    def extended(x):
        group, constant = np.full((len(x), 1), np.nan), np.full((len(x), 1), 0.1)
        return np.hstack([x, group, constant]).astype(np.float32)

    plain = measured(fit_reps, fit_features, reps, features)
    more = measured(fit_reps, extended(fit_features), reps, extended(features))
    for name in BY_FEATURE:
        assert np.isnan(more[name][3:]).all(), name
        np.testing.assert_allclose(more[name][:3], plain[name], atol=1e-6, err_msg=name)
    assert more[JOINT] == pytest.approx(float(plain[JOINT]), abs=1e-6)
    # With nothing else to fit there is no joint share either.
    nothing = np.full_like(features, np.nan)
    assert np.isnan(measured(fit_reps, np.full_like(fit_features, np.nan), reps, nothing)[JOINT])


def test_a_task_without_features_has_no_shares():
    found = planted(np.hstack([BITS, BITS]), np.zeros((16, 0)))
    assert np.isnan(found[JOINT])
    assert all(found[name].shape == (0,) for name in BY_FEATURE)
    assert found["participation_ratio"] == pytest.approx(4, abs=CLOSED)


def test_a_constant_layer_has_no_share():
    reps = np.full((16, 8), 0.3)
    found = planted(reps, BITS)
    assert found["total_variance"] == 0 and found["dead_units"] == 8
    # The same where it lives on the fit set and is dead on the test set.
    alive, features = np.hstack([BITS, BITS]), BITS.astype(np.float32)
    died = measured(alive, features, reps.astype(np.float32), features)
    for name in (*BY_FEATURE, JOINT, "participation_ratio"):
        assert np.isnan(found[name]).all(), name
        assert np.isnan(died[name]).all(), name


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_diverged_layer_is_null(broken):
    reps = np.hstack([BITS, BITS])
    reps[3, 1] = broken
    for name, value in planted(reps, BITS).items():
        assert not np.isfinite(value).any(), name


def test_three_definitions_share_their_work():
    """In one program a second definition needs no product again (XLA merges equal expressions)."""

    def products(*names):
        program = jax.jit(lambda *a: [getattr(represented, name)(*a) for name in names])
        return program.lower(*drawn(0)).compile().as_text().count(" dot(")

    one, two, three = (products(*BY_FEATURE[:i]) for i in (1, 2, 3))
    # The mean over examples has two products of its own, and shares the fit's.
    assert (one, two, three) == (2, 2, 4)
