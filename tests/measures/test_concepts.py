"""Concept direction sensitivity: planted networks, and PyTorch's derivatives on a smooth one."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from primacy.measures import concepts as concepts_file
from primacy.measures.concepts import RANDOM
from primacy.measures.directions import of_features
from tests.support.compiled import Compiled

concepts = Compiled(concepts_file)
BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=5)), np.float32)
LAYER = np.tile(BITS, (4, 1)) * np.array([2, 1, 1, 1, 1], np.float32)
"""Five features, each in a unit of its own."""
FEATURES = np.tile(BITS, (4, 1))[:, :3]


def value(name, onward, features=FEATURES, reps=LAYER, **more):
    outputs = np.asarray(onward(jnp.asarray(reps)))
    given = (reps, features, reps, outputs)
    return np.asarray(getattr(concepts_file, name)(*map(jnp.asarray, given), onward, **more))


def linear(reps):
    return reps @ jnp.asarray([[1.0, 0], [-3, 0], [0, 0], [0, 1], [0, 0]])


def test_linear_network():
    """Slopes are weight x SD of the unit over the output's SD (2, -3 over root 13); the score is 0
    or 1 or, where nothing is read, a half."""
    found = value("concept_slope", linear)
    size = np.sqrt(13)
    np.testing.assert_allclose(found, [[2 / size, 0], [-3 / size, 0], [0, 0]], atol=1e-4)
    found = value("concept_sensitivity", linear)
    assert found[:, 0].tolist() == [1, 0, 0.5]


def test_where_units_are_off_nothing_rises():
    """relu(x2) at x2 = -1 and 1: its slope is 1 at half of the examples and 0 at the others, which
    count half: .75; the mean slope is a half of the unit's SD, the output's SD a half: 1."""
    relu = lambda reps: jnp.maximum(reps[:, 1:2], 0)  # noqa: E731
    assert value("concept_sensitivity", relu)[1, 0] == 0.75
    assert value("concept_slope", relu)[1, 0] == pytest.approx(1, abs=1e-4)


def test_an_xor_of_directions_has_no_mean_slope():
    xor = lambda reps: reps[:, 1:2] * reps[:, 2:3]  # noqa: E731
    assert value("concept_sensitivity", xor)[1:, 0].tolist() == [0.5, 0.5]
    np.testing.assert_allclose(value("concept_slope", xor)[1:, 0], 0, atol=1e-5)


def test_against_derivatives_of_pytorch():
    """A smooth rest of a network, oblique directions: autograd along the same ones."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(5, 7))
    reps = (LAYER @ mix + 0.1 * rng.normal(size=(len(LAYER), 7))).astype(np.float32)
    w, v = (rng.normal(size=size).astype(np.float32) / 3 for size in ((7, 4), (4, 2)))
    onward = lambda r: jnp.tanh(r @ w) @ v  # noqa: E731
    found = value("concept_slope", onward, reps=reps)
    directions = of_features(jnp.asarray(reps), jnp.asarray(FEATURES))
    move = np.array(directions.move)
    spread = np.array(directions.coordinates(jnp.asarray(reps))).std(axis=0)
    x = torch.tensor(reps, requires_grad=True)
    out = torch.tanh(x @ torch.tensor(w)) @ torch.tensor(v)
    for t in range(2):
        (slope,) = torch.autograd.grad(out[:, t].sum(), x, retain_graph=True)
        along = slope.numpy() @ move.T * spread
        wanted = along.mean(axis=0) / out[:, t].detach().numpy().std()
        # A difference over .1 SD is off by its third derivative.
        np.testing.assert_allclose(found[:, t], wanted, atol=2e-3)
        score = value("concept_sensitivity", onward, reps=reps)[:, t]
        near = (np.abs(along) < 1e-2 * np.abs(along).max()).mean(axis=0)
        assert (np.abs(score - (along > 0).mean(axis=0)) <= near + 1e-6).all()


def wide(h=40, seed=0):
    """A layer of 40 equally large directions, two features in it, and an output that reads one."""
    rng = np.random.default_rng(seed)
    reps = rng.normal(size=(4000, h)).astype(np.float32)
    features = (reps[:, :2] > 0).astype(np.float32)
    return reps, features, lambda r: r[:, :1] + 0.1 * r[:, 5:6]


def test_the_random_direction_test():
    """The feature that is read: no random direction moves the output as much. The one that is not
    read: its p is that of a draw among 40 directions. And random directions move by 1 / root h."""
    reps, features, onward = wide()
    p = value("concept_slope_p", onward, features, reps)[:, 0]
    assert p[0] == pytest.approx(1 / (RANDOM + 1))
    assert p[1] > 0.2
    null = value("concept_slope_null", onward, features, reps)[:, 0]
    # |u1| of a random unit vector of 40 dimensions: root(2 / 40 pi), +- 60 % for a mean of 4.
    np.testing.assert_allclose(null, np.sqrt(2 / 40 / np.pi), rtol=0.9)
    assert value("concept_slope", onward, features, reps)[0, 0] > 5 * null[0]


def test_p_of_features_that_are_not_read_is_uniform():
    """400 features of noise, none of them read: 1 in 20 has p <= .05 (binomial, 4 SE)."""
    rng = np.random.default_rng(1)
    reps = rng.normal(size=(2000, 12)).astype(np.float32)
    features = rng.integers(0, 2, (2000, 400)).astype(np.float32)
    p = value("concept_slope_p", lambda r: r[:, :1], features, reps)[:, 0]
    share = (p <= 0.05).mean()
    assert abs(share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)
    assert abs(p.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 400) + 0.02


def test_what_is_null():
    features = np.stack([FEATURES[:, 0], np.ones(len(LAYER)), FEATURES[:, 1]], axis=1)
    reps = LAYER.copy()
    reps[:, 1] = 0  # the layer holds nothing of the third
    flat = lambda r: r[:, :1] * jnp.asarray([[1.0, 0]])  # noqa: E731
    for name in ("concept_slope", "concept_slope_null", "concept_slope_p"):
        found = value(name, flat, features.astype(np.float32), reps)
        assert np.isnan(found).tolist() == [[False, True], [True, True], [True, True]], name
    found = value("concept_sensitivity", flat, features.astype(np.float32), reps)
    assert np.isnan(found).tolist() == [[False, False], [True, True], [True, True]]
    # A class of two outputs has no one sign; beside it a target of one output has.
    three = lambda r: r[:, :3]  # noqa: E731
    found = value("concept_slope", three, heads=(2, 1))
    assert found.shape == (3, 2) and np.isnan(found[:, 0]).all() and np.isfinite(found[:, 1]).all()
