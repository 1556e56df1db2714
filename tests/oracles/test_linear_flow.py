"""The linear model against gradient flow, which has a closed form.

Oracle: on the squared error of a fixed set, with S the second-moment matrix of [inputs, 1] and w*
the least-squares weights of that very sample, w(t) = w* + e^(-2 S t) (w(0) - w*). SGD on the
whole set with a small rate follows it, one step being `learning_rate` of time. The rate is a
hundredth of 1 / lambda_max, so steps instead of a flow cost the fastest direction .5 to 1 % of its
rate, and .4 % of its weight at most; the slow ones nothing.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from primacy.models.linear import Linear
from primacy.registry import spec
from primacy.study.spec import Condition, Training
from primacy.training import step as train
from primacy.types import Batch, Target

N = 32
PAGE = 2048
"""Steps of one call of the program."""

FINENESS = 0.01
"""Learning rate times the largest eigenvalue of S."""

LOOKS = 150
HALVINGS = 2.0
"""So many half-lives of the slowest direction are trained."""


@spec
class Given:
    """The squared error on examples that somebody drew."""

    loss = "squared_error"

    width: int = 1

    @property
    def declared(self):
        return ()

    @property
    def targets(self):
        return (Target(name="y", kind="number", chance=0.0),)

    @property
    def input_names(self):
        return tuple(f"x{i}" for i in range(self.width))

    @property
    def sizes(self):
        return None

    def draw(self, split, rng, n):
        raise NotImplementedError("the examples are given")

    def build(self, draws):
        return Batch(draws["x"], jnp.zeros((draws["x"].shape[0], 0)), draws["y"])


def examples(seed=0):
    """The notebook's problems (y and every n standard normal): inputs by name, and y."""
    y, *n = np.random.default_rng(seed).normal(size=(3, N))
    fifth = y + n[0] / 5
    problems = {
        "constant": [y],
        "scale .01": [0.01 * y],
        "scale .1": [0.1 * y],
        "scale 10": [10 * y],
        "shift 1": [y + 1],
        "shift 2": [y + 2],
        "shift 5": [y + 5],
        "shift 10": [y + 10],
        "sum": [n[0], y - n[0]],
        "sum15": [15 * n[0], y - 15 * n[0]],
        "double": [y, -y - 1],
        "noisy duplicate": [fifth, y],
        "sum with noisy shortcut": [fifth, n[1], y - n[1]],
    }
    return {name: np.stack(columns, 1) for name, columns in problems.items()}, y[:, None]


PROBLEMS = list(examples()[0])
SLOW = ("scale .01", "shift 10")
"""Ten thousand times between the fastest and the slowest direction: a million steps."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A sample as the network sees it, with its own S and w*."""

    x: np.ndarray
    y: np.ndarray

    @functools.cached_property
    def design(self):
        return np.concatenate([self.x, np.ones((N, 1))], 1).astype(float)

    @functools.cached_property
    def second(self):
        return self.design.T @ self.design / N

    @functools.cached_property
    def best(self):
        # Of many solutions the smallest; the flow keeps what the start has beside it.
        return np.linalg.lstsq(self.design, self.y[:, 0].astype(float), rcond=1e-6)[0]

    @functools.cached_property
    def modes(self):
        """Eigenvalues from the largest on, and eigenvectors as columns; no flat directions."""
        values, vectors = np.linalg.eigh(self.second)
        steep = values > 1e-6 * values[-1]
        return values[steep][::-1], vectors[:, steep][:, ::-1]

    @property
    def rate(self):
        return FINENESS / self.modes[0][0]

    @property
    def steps(self):
        """Log-spaced, from one step to several half-lives of the slowest direction."""
        end = HALVINGS * np.log(2) / (2 * self.modes[0][-1] * self.rate)
        return np.unique(np.geomspace(1, end, LOOKS).astype(int))

    def flow(self, first, times):
        """Weights in closed form, one row a time; the matrix exponential is SciPy's."""
        gap = first - self.best
        return np.stack([self.best + expm(-2 * self.second * t) @ gap for t in times])


@functools.cache
def problem(name, seed=0):
    inputs, y = examples(seed)
    return Problem(inputs[name].astype(np.float32), y.astype(np.float32))


advance = jax.jit(lambda condition, *rest: train.advance(condition, 1, *rest))
"""Training as the engine compiles it: the learning rate is an argument, the structure is not."""


def trained(given, first, encoding="none", params=None):
    """Weights (bias last) after each of the problem's steps, through `step.advance`."""
    d = given.x.shape[1]
    condition = Condition(
        task=Given(width=d),
        model=Linear(encoding=encoding),
        training=Training(
            optimizer="sgd", learning_rate=float(given.rate), batch_size=N, examples=N, steps=1
        ),
    )
    kernel, bias = np.float32(first[:-1, None]), np.float32(first[-1:])
    params = {**(params or {}), "output": {"kernel": kernel, "bias": bias}}
    state = params, train.optimizer(condition.training, 1).init(params)
    order = np.tile(np.arange(N, dtype=np.int32), (PAGE, 1))
    draws = {"x": jnp.asarray(given.x), "y": jnp.asarray(given.y)}
    seen, done = [], 0
    for step in given.steps:
        while done < step:
            count = min(step - done, PAGE)
            state = advance(condition, state, draws, order, np.int32(0), np.int32(count))
            done += count
        output = state[0]["output"]
        seen.append(np.append(output["kernel"][:, 0], output["bias"]))
    return np.array(seen, float)


def starts(given):
    d = given.x.shape[1]
    return {
        "zeros": np.zeros(d + 1),
        "uniform": np.random.default_rng(1).uniform(-1, 1, d + 1) / np.sqrt(d),
    }


@pytest.mark.parametrize(
    ("name", "start"),
    [(name, "zeros") for name in PROBLEMS]
    + [(name, "uniform") for name in PROBLEMS if name not in SLOW],
)
def test_weights_follow_the_flow(name, start):
    """To 1 % of the farthest that any weight is from the optimum."""
    given = problem(name)
    first = starts(given)[start]
    found, expected = trained(given, first), given.flow(first, given.steps * given.rate)
    size = np.abs(first - given.best).max()
    np.testing.assert_allclose(found, expected, atol=0.01 * size, rtol=0)
    assert np.abs(found[-1] - first).max() > 0.3 * size  # and they did move


@pytest.mark.parametrize("name", PROBLEMS)
def test_half_times_along_eigenvectors(name):
    """ln 2 / (2 lambda) to 2 %, each direction starting as far from the optimum as that is from 0.

    (Nearer, the steps along the slowest direction of scale .01 are below float32's spacing at its
    weight of 100, and the network stands still: that is rounding, not the flow.)
    """
    given = problem(name)
    values, vectors = given.modes
    size = np.abs(given.best).max()
    assert given.rate * values.max() == pytest.approx(FINENESS)
    gaps = (trained(given, given.best + size * vectors.sum(1)) - given.best) / size
    times = np.concatenate([[0], given.steps * given.rate])
    for value, vector in zip(values, vectors.T, strict=True):
        left = np.concatenate([[1], gaps @ vector])
        after = np.flatnonzero(left <= 0.5)[0]
        # An exponential is a line in the logarithm, so interpolating there is exact.
        pair = slice(after - 1, after + 1)
        half = np.interp(-np.log(0.5), -np.log(left[pair]), times[pair])
        assert half == pytest.approx(np.log(2) / (2 * value), rel=0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_noisy_shortcut_is_learned_first_and_dropped_later(seed):
    """Its weight rises at first at the rate 2 E[x y], peaks, and falls, all on the curve."""
    given = problem("sum with noisy shortcut", seed)
    first = np.zeros(4)
    found = trained(given, first)[:, 0]
    expected = given.flow(first, given.steps * given.rate)[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.01)
    early = 2 * np.mean(given.x[:, 0] * given.y[:, 0]) * given.rate
    assert found[0] == pytest.approx(early, rel=1e-4)
    peak, peak_found = expected.argmax(), found.argmax()
    assert 0 < peak < len(expected) - 1
    assert found[peak_found] == pytest.approx(expected[peak], rel=0.01)
    assert given.steps[peak_found] == pytest.approx(given.steps[peak], rel=0.1)
    assert found[-1] < 0.3 * found[peak_found]
    assert (np.diff(found[: peak_found - 5]) > 0).all()
    assert (np.diff(found[peak_found + 5 :]) < 0).all()


def test_what_the_data_do_not_identify_stays_as_it_started():
    """Duplicates (y, -y - 1): the optimum is a line, and the point on it is set by the start."""
    given = problem("double")
    assert len(given.modes[0]) == 2
    flat = np.array([1.0, 1.0, 1.0]) / np.sqrt(3)  # y + (-y - 1) + 1 = 0
    np.testing.assert_allclose(given.second @ flat, 0, atol=1e-6)
    for share in (0.3, -2.0):
        found = trained(given, share * flat)
        np.testing.assert_allclose(found @ flat, share, atol=1e-4)


def test_standardizing_removes_what_a_shift_costs():
    """Oracle: the closed form again, with S and w* of the standardized inputs: the eigenvalues are
    1 and 1 where those of y + 5 are far apart."""
    raw = problem("shift 5")
    values = raw.modes[0]
    assert values[0] / values[-1] > 500
    params = Linear(encoding="standardize").fitted({}, raw.x)
    read = (raw.x - raw.x.astype(float).mean(0)) / raw.x.astype(float).std(0)
    clean = Problem(read.astype(np.float32), raw.y)
    np.testing.assert_allclose(clean.modes[0], 1, atol=1e-5)
    shifted = _Reading(raw.x, raw.y, clean)
    first = np.zeros(2)
    found = trained(shifted, first, "standardize", params)
    expected = clean.flow(first, clean.steps * clean.rate)
    np.testing.assert_allclose(found, expected, atol=0.01)


@dataclasses.dataclass(frozen=True)
class _Reading:
    """Raw examples, trained for the steps and at the rate of what the model reads."""

    x: np.ndarray
    y: np.ndarray
    clean: Problem

    @property
    def rate(self):
        return self.clean.rate

    @property
    def steps(self):
        return self.clean.steps
