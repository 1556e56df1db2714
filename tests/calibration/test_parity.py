"""Sparse parity: the first gradient of one ReLU neuron (Barak et al. 2022, arXiv 2207.08799).

Oracles: the closed form (n - k)/(k - 1), and the gradient written out as a sum over all inputs.
"""

import itertools

import numpy as np
import pytest

from primacy.calibration.parity import CASES, gradients, parity


def test_ratios_are_those_of_the_paper():
    checks = parity()
    assert len(checks) == 2 * len(CASES)
    assert [c.quantity for c in checks if not c.passed] == []


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 4), (7, 2), (7, 4)])
@pytest.mark.parametrize("seed", range(3))
def test_any_signs_give_the_same_ratio(n, k, seed):
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], n)
    size = np.abs(gradients(signs, k))
    np.testing.assert_allclose(size[:k, None] / size[None, k:], (n - k) / (k - 1), rtol=1e-6)


def test_the_gradient_is_the_sum_written_out():
    n, k, signs = 5, 2, np.array([1.0, -1, 1, 1, -1])
    total = np.zeros(n)
    for x in itertools.product([-1.0, 1.0], repeat=n):
        total -= np.prod(x[:k]) * np.array(x) * (np.dot(signs, x) > 0) / 2**n
    np.testing.assert_allclose(gradients(signs, k), total, atol=1e-7)
