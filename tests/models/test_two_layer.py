"""The two-layer network: how it starts, and its kernel on the circle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from primacy.calibration.circle import eigenvalue
from primacy.models.two_layer import TwoLayer


def test_a_mirrored_network_starts_at_zero_and_a_trained_one_does_not():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 3)), jnp.float32)
    for output, silent in (("mirrored", True), ("trained", False)):
        model = TwoLayer(units=64, output=output)
        made = model.apply(model.init(np.random.default_rng(0), (3,), 1), x).outputs
        assert (np.abs(made).max() < 1e-6) == silent


@pytest.mark.parametrize("bias", [True, False])
def test_the_kernel_of_a_wide_one_has_the_eigenvalues_of_theory(bias):
    """Oracle: the eigenvalue, an integral (SciPy), against the network's own gradients."""
    model = TwoLayer(units=20_000, bias=bias, output="mirrored")
    angle = 2 * np.pi * np.arange(32) / 32
    x = jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], 1), jnp.float32)
    params = model.init(np.random.default_rng(0), (2,), 1)
    slopes = jax.jacobian(lambda p: model.apply(p, x).outputs[:, 0])(params)
    flat = np.concatenate([np.asarray(a).reshape(32, -1) for a in jax.tree.leaves(slopes)], 1)
    kernel = flat.astype(float) @ flat.T.astype(float) / 32
    for k in range(1, 6):
        wave = np.cos(k * angle)
        found = wave @ kernel @ wave / (wave @ wave)
        # A mean over 10,000 pairs of units; what is exactly 0 in theory is small here.
        assert found == pytest.approx(eigenvalue(k, bias), abs=0.004)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="in pairs"):
        TwoLayer(units=5, output="mirrored")
    with pytest.raises(ValueError, match="one target"):
        TwoLayer(units=4, output="mirrored").shapes((2,), 2)
