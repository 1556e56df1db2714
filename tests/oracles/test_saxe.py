"""Deep linear networks against the theory of Saxe, McClelland, Ganguli 2013 (arXiv 1312.6120).

Oracles: SciPy's integral of dt = da / (L a^(2 - 2/L) (s - a)), its solution of the same equation in
time, and the closed forms for one and two matrices.
"""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from primacy.calibration import Check, Curve
from primacy.calibration.saxe import (
    COURSES,
    SINGULAR_VALUES,
    START,
    half_time,
    saxe,
    saxe_random_start,
    strength,
)
from primacy.models.deep_linear import DeepLinear
from primacy.rng import streams
from primacy.tasks.modes import LinearModes


@pytest.fixture(scope="module")
def found():
    return saxe()


@pytest.mark.parametrize("matrices", COURSES)
def test_the_table_is_the_integral(matrices):
    """To the four or five digits that it has."""
    start = 0.0 if matrices == 1 else START
    for s, expected in zip(SINGULAR_VALUES, COURSES[matrices].half_times, strict=True):
        power = 2 - 2 / matrices
        time, _ = quad(
            lambda a, s=s, p=power: 1 / (matrices * a**p * (s - a)), start, s / 2, limit=500
        )
        assert time == pytest.approx(expected, rel=5e-5)


@pytest.mark.parametrize("matrices", [1, 2])
@pytest.mark.parametrize("s", SINGULAR_VALUES)
def test_the_formula_solves_the_equation(matrices, s):
    times = np.linspace(0, 8, 50)
    power = 2 - 2 / matrices
    solved = solve_ivp(lambda t, a: matrices * a**power * (s - a), (0, 8), [START],
                       t_eval=times, rtol=1e-9, atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(strength(times, s, START, matrices), solved.y[0], atol=1e-6)
    assert np.isfinite(strength(np.array([1e4]), s, START, matrices)).all()


def test_half_times_are_those_of_the_theory(found):
    """To .5 %: four modes for each of one to four matrices."""
    checks = [f for f in found if isinstance(f, Check)]
    assert len(checks) == 16
    assert [c.quantity for c in checks if not c.passed] == []


def test_courses_follow_the_formula(found):
    """To 1 % of the mode's final strength, at every evaluation."""
    curves = [f for f in found if isinstance(f, Curve)]
    assert len(curves) == 8
    for curve in curves:
        gap = np.abs(np.array(curve.measured) - np.array(curve.formula)).max()
        assert gap < 0.01 * max(curve.formula), curve.label


def test_random_starts_tend_to_the_aligned_times_as_they_shrink():
    """Mean distance over ten seeds and four modes: it falls with each
    smaller start, and ends below half of where it began."""
    checks = saxe_random_start()
    assert [(c.quantity, c.measured) for c in checks if not c.passed] == []
    gaps = [c.measured for c in checks]  # from the largest start to the smallest
    assert all(later < earlier for earlier, later in itertools.pairwise(gaps))
    assert gaps[-1] < 0.5 * gaps[0]


def test_half_time_is_interpolated_and_null_if_never_reached():
    times = np.array([0.0, 1.0, 2.0])
    assert half_time(times, np.array([0.0, 0.5, 1.5]), 2.0) == 1.5
    assert half_time(times, np.array([0.0, 0.5, 0.9]), 2.0) is None


@pytest.mark.parametrize("n", [4, 5, 64, 1000])
def test_a_set_is_exactly_white(n):
    """Oracle: X^T X / n is the identity, to single precision."""
    x = LinearModes().draw("train", streams(0, "data"), n)["inputs"].astype(float)
    np.testing.assert_allclose(x.T @ x / n, np.eye(4), atol=1e-6)


def test_aligned_matrices_are_balanced_and_give_every_mode_the_same_start():
    for widths in ((), (4,), (6, 5)):
        model = DeepLinear(widths=widths, initialization="aligned", scale=1e-3)
        kernels = [
            layer["kernel"] for layer in model.init(np.random.default_rng(0), (4,), 4).values()
        ]
        np.testing.assert_allclose(
            np.linalg.multi_dot([np.eye(4), *kernels]), 1e-3 * np.eye(4), atol=1e-9
        )
        for one, next_one in itertools.pairwise(kernels):
            np.testing.assert_allclose(
                (one.T @ one)[:4, :4], (next_one @ next_one.T)[:4, :4], atol=1e-7
            )


@pytest.mark.parametrize("matrices", [1, 2, 3])
def test_normal_matrices_keep_the_size_of_a_random_input(matrices):
    """Oracle: the mean square of an output is scale^2 that of an input, five standard errors."""
    model = DeepLinear(widths=(100,) * (matrices - 1), scale=0.01)
    sizes = []
    for seed in range(40):
        product = np.eye(100)
        for layer in model.init(np.random.default_rng(seed), (100,), 100).values():
            product = product @ layer["kernel"]
        sizes.append(np.sum(product**2) / 100 / 0.01**2)
    assert abs(np.mean(sizes) - 1) < 5 * np.std(sizes) / np.sqrt(len(sizes))
