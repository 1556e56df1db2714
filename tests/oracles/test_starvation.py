"""Gradient starvation against the minimum of its loss (Pezeshki et al. 2020, arXiv 2011.09468).

Oracle: SciPy's minimum, in double precision, of the summed loss as the paper writes it.
"""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from primacy.calibration import Check
from primacy.calibration.starvation import DECOUPLED, LABELS, RIDGE, SECOND, C, U, starvation


@pytest.fixture(scope="module")
def checks():
    return [found for found in starvation() if isinstance(found, Check)]


@pytest.mark.parametrize("strength", RIDGE)
@pytest.mark.parametrize("penalty", ["ridge", "spectral decoupling"])
def test_the_table_is_the_minimum(strength, penalty):
    inputs = LABELS[:, None] * U * np.array([strength, SECOND])

    def loss(theta):
        outputs = inputs @ theta
        summed = np.logaddexp(0, -LABELS * outputs).sum()
        if penalty == "ridge":
            return summed + 0.5 / C * theta @ theta
        return summed + 0.1 / C * outputs @ outputs

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9})
    z = U.T @ (LABELS * (inputs @ best.x))
    expected = RIDGE[strength] if penalty == "ridge" else DECOUPLED
    assert abs(z[1]) == pytest.approx(expected, abs=1e-4)


def test_training_reaches_the_responses(checks):
    """To 5e-4: ten networks, five strengths under either penalty."""
    assert len(checks) == 10
    assert [(c.quantity, c.measured) for c in checks if not c.passed] == []


def test_ridge_starves_and_spectral_decoupling_does_not(checks):
    measured = {c.quantity: c.measured for c in checks}
    ridge = [value for name, value in measured.items() if name.startswith("ridge")]
    free = [value for name, value in measured.items() if name.startswith("spectral")]
    assert all(later < earlier for earlier, later in itertools.pairwise(ridge))
    assert np.ptp(free) < 1e-3
