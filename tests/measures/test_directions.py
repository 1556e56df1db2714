"""Directions of features in a layer: LEACE and its matched nulls, against NumPy, SciPy, sklearn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import special_ortho_group
from sklearn.linear_model import LinearRegression

from primacy.measures import directions as measured
from primacy.measures.directions import DRAWS

H, M, N = 6, 400, 300
of_features, of_chance = jax.jit(measured.of_features), jax.jit(measured.of_chance)


def layer(seed=0, n=M, scale=1.0):
    """A correlated layer of six units that holds two correlated bits, and the bits."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    first = rng.integers(0, 2, n)
    second = np.where(rng.random(n) < 0.7, first, 1 - first)
    bits = np.stack([first, second], axis=1).astype(float)
    mixing, noise = fixed.normal(size=(2, H)), fixed.normal(size=(H, H))
    reps = (bits @ mixing + rng.normal(size=(n, H)) @ noise / 2 + 3) * scale
    return reps.astype(np.float32), bits.astype(np.float32)


def erased(directions, reps, feature):
    amount = np.asarray(directions.coordinates(jnp.asarray(reps)))[:, feature]
    return reps - amount[:, None] * np.asarray(directions.move)[feature]


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_erasing_is_leace(scale):
    """Oracle: Theorem 4.2 of Belrose et al. 2023 in float64 with SciPy's matrix root,
    x - W^-1 P W (x - mean), W the inverse root of the covariance and P the projection on W Cov."""
    fit, bits = layer(scale=scale)
    test, _ = layer(seed=1, n=N, scale=scale)
    wide, z = fit.astype(float), bits.astype(float)
    root = np.real(sqrtm(np.cov(wide.T, ddof=0)))
    whiten = np.linalg.inv(root)
    directions = of_features(jnp.asarray(fit), jnp.asarray(bits))
    for f in range(2):
        sigma = (wide - wide.mean(0)).T @ (z[:, f] - z[:, f].mean()) / M
        u = whiten @ sigma / np.linalg.norm(whiten @ sigma)
        wanted = test - (test - wide.mean(0)) @ (root @ np.outer(u, u) @ whiten).T
        np.testing.assert_allclose(erased(directions, test, f), wanted, atol=2e-5 * scale)


def test_after_erasing_no_linear_reader_knows_more_than_the_mean():
    """Oracle: scikit-learn's LinearRegression on the erased layer; before, it reads the feature."""
    fit, bits = layer()
    directions = of_features(jnp.asarray(fit), jnp.asarray(bits))
    for f in range(2):
        assert LinearRegression().fit(fit, bits[:, f]).score(fit, bits[:, f]) > 0.3
        gone = erased(directions, fit, f).astype(float)
        assert LinearRegression().fit(gone, bits[:, f]).score(gone, bits[:, f]) < 1e-6


def test_the_direction_is_the_difference_of_the_class_means():
    fit, bits = layer()
    move = of_features(jnp.asarray(fit), jnp.asarray(bits)).move
    for f in range(2):
        wanted = fit[bits[:, f] == 1].mean(0) - fit[bits[:, f] == 0].mean(0)
        np.testing.assert_allclose(move[f], wanted, rtol=1e-4)


def test_coordinates_of_oblique_directions_are_the_features_themselves():
    """A layer that is exactly v1 f1 + v2 f2 tells both without error, whatever their angle."""
    _, bits = layer()
    plane = np.array([[1.0, 0, 2], [1.0, 0.1, 2]], np.float32)
    reps = bits @ plane
    directions = of_features(jnp.asarray(reps), jnp.asarray(bits))
    found = directions.coordinates(jnp.asarray(reps))
    np.testing.assert_allclose(found, bits - bits.mean(0), atol=2e-4)


def test_null_directions_match_in_length_and_variance():
    """Oracle: NumPy on the draws. As long as the feature's, holding as much of the variance, which
    for u in whitened coordinates is |move|^2 Var(coordinate)."""
    fit, bits = layer()
    own = of_features(jnp.asarray(fit), jnp.asarray(bits))
    chance = of_chance(jnp.asarray(fit), jnp.asarray(bits))
    assert chance.move.shape == (DRAWS, 2, H)
    length = np.linalg.norm(own.move, axis=1)
    np.testing.assert_allclose(np.linalg.norm(chance.move, axis=2), [length] * DRAWS, rtol=1e-3)
    one = (np.asarray(chance.move) * np.asarray(chance.read)).sum(axis=2)
    np.testing.assert_allclose(one, np.ones((DRAWS, 2)), rtol=1e-4)
    spread = np.asarray(own.coordinates(jnp.asarray(fit))).var(axis=0)
    wide = fit.astype(float)
    for read in np.asarray(chance.read):
        np.testing.assert_allclose(((wide - wide.mean(0)) @ read.T).var(axis=0), spread, rtol=1e-3)
    # They are directions of their own: no two agree, and none is the feature's.
    lines = np.concatenate([np.asarray(chance.move)[:, 0], np.asarray(own.move)[:1]])
    unit = lines / np.linalg.norm(lines, axis=1, keepdims=True)
    assert np.abs((unit @ unit.T)[~np.eye(DRAWS + 1, dtype=bool)]).max() < 0.999


def test_a_rotated_layer_has_rotated_directions():
    fit, bits = layer()
    turn = special_ortho_group.rvs(H, random_state=0).astype(np.float32)
    plain = of_features(jnp.asarray(fit), jnp.asarray(bits))
    turned = of_features(jnp.asarray(fit @ turn), jnp.asarray(bits))
    np.testing.assert_allclose(turned.move, plain.move @ turn, atol=1e-5)
    np.testing.assert_allclose(turned.read, plain.read @ turn, atol=1e-4)


def test_dead_units_and_twins_change_nothing():
    """A constant unit, and a unit twice, add no information: the coordinates stay."""
    fit, bits = layer()
    more = np.concatenate([fit, np.full((M, 1), 0.1, np.float32), fit[:, :1]], axis=1)
    plain = of_features(jnp.asarray(fit), jnp.asarray(bits)).coordinates(jnp.asarray(fit))
    found = of_features(jnp.asarray(more), jnp.asarray(bits)).coordinates(jnp.asarray(more))
    np.testing.assert_allclose(found, plain, atol=2e-5)


def test_what_has_no_direction():
    fit, bits = layer()
    rng = np.random.default_rng(3)
    features = np.stack([np.ones(M), np.full(M, np.nan), bits[:, 0]], axis=1).astype(np.float32)
    for found in (of_features, of_chance):
        move = np.asarray(found(jnp.asarray(fit), jnp.asarray(features)).move)
        assert np.isnan(move[..., :2, :]).all()
        assert np.isfinite(move[..., 2, :]).all()
    # A feature that the layer holds nothing of: no direction, and none to match.
    signs = np.array([[a, b, a * b] for a in (-1, 1) for b in (-1, 1)] * 8, np.float32)
    held = signs[:, :2] @ rng.normal(size=(2, H)).astype(np.float32)
    for found in (of_features, of_chance):
        directions = found(jnp.asarray(held), jnp.asarray(signs[:, 2:]))
        np.testing.assert_array_equal(directions.move, np.zeros_like(directions.move))
        np.testing.assert_array_equal(directions.read, np.zeros_like(directions.read))
    # A constant layer holds nothing of anything.
    flat = of_features(jnp.full((M, H), 0.1), jnp.asarray(bits))
    np.testing.assert_array_equal(flat.read, np.zeros((2, H)))
