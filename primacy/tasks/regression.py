"""Regression on few inputs: a number is to be read from one, summed from several, or chosen.

The tasks of the feature notebook, each with its numbers as knobs. Fields that are numbers (scale,
noise, ...) are leaves: conditions that differ only in them share one compiled program and, for a
seed, the same draws.
"""

from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import AfterValidator, Field

from primacy.registry import spec, tasks
from primacy.tasks.moments import (
    NOT_IDENTIFIED,
    Mixing,
    NotNegative,
    NotZero,
    Number,
    Positive,
    Regression,
    Share,
    linear_terms,
)
from primacy.types import Batch, Draws, Feature, Streams

AT_A_TIME = 16
"""Columns; as many numbers as a line of the cache holds."""


def normal(rng: Streams, split: str, name: str, n: int) -> Float[np.ndarray, " n"]:
    """Standard normals of the stream of that name."""
    return rng(split, name).standard_normal(n, dtype=np.float32)


def normals(rng: Streams, split: str, name: str, n: int, m: int) -> Float[np.ndarray, "n m"]:
    """Columns of standard normals; one column more leaves the others alone."""
    generator, columns = rng(split, name), np.empty((n, m), np.float32)
    # Drawn column after column and stored row after row: a few at a time, they turn in the cache.
    for at in range(0, m, AT_A_TIME):
        some = generator.standard_normal((min(AT_A_TIME, m - at), n), dtype=np.float32)
        columns[:, at : at + AT_A_TIME] = some.T
    return columns


def batch(columns: list[Array], y: Array) -> Batch:
    """Examples whose features are their input columns, one each."""
    inputs = jnp.stack(columns, axis=1)
    return Batch(inputs=inputs, features=inputs, targets=y[:, None])


@tasks.add("affine")
@spec
class Affine(Regression):
    """One input: scale (y + noise N) + shift. The target is `y`, N a standard normal."""

    scale: NotZero = 1.0
    """How large the input is; 1 is the target's own size."""
    shift: Number = 0.0
    """The input's mean."""
    noise: NotNegative = 0.0
    """Standard deviation of what hides the target, in the target's unit; 0: nothing does."""

    @property
    def ceiling(self) -> float:
        """R^2 of the best predictor, 1 / (1 + noise^2)."""
        return 1 / (1 + self.noise**2)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The input."""
        return ("x1",)

    @property
    def mixing(self) -> Mixing:
        """Of y and the noise."""
        return self.scale * np.array([[1.0, self.noise]]), np.array([self.shift])

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The input."""
        return linear_terms(self, self.input_names, [self.ceiling / self.scale])

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target and the noise, a stream each."""
        return {"y": normal(rng, split, "y", n), "noise1": normal(rng, split, "noise1", n)}

    def build(self, draws: Draws) -> Batch:
        """Scales and shifts."""
        y = jnp.asarray(draws["y"])
        return batch([self.scale * (y + self.noise * draws["noise1"]) + self.shift], y)


@tasks.add("sum")
@spec
class Sum(Regression):
    """Terms that sum to the target: s N1, ..., and last y - s N1 - ..., with s = `term_scale`.

    All but the last alone say nothing about the target. `whitening` w replaces the inputs x by
    C^(-w/2) x, where C is their covariance: then it is C^(1-w), its condition number the old one to
    the power 1 - w, and 1 at w = 1. The target stays a sum, with other weights (`best`): the same
    information and the same functions for a network to learn, without the bad conditioning. In
    single precision the whitened inputs are right to about 1e-6 of the plain terms' size.
    """

    terms: Annotated[int, Field(ge=2, le=100)] = 2
    """How many inputs sum to the target."""
    term_scale: Positive = 1.0
    """Size of the terms that cancel; 1 is the target's own."""
    whitening: Share = 0.0
    """0: the terms as they are. 1: uncorrelated inputs of variance 1."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The terms."""
        return tuple(f"x{i + 1}" for i in range(self.terms))

    @property
    def mixing(self) -> Mixing:
        """Of y and the noises of all terms but the last."""
        plain = np.zeros((self.terms, self.terms))
        plain[:-1, 1:] = self.term_scale * np.eye(self.terms - 1)
        plain[-1] = [1.0, *[-self.term_scale] * (self.terms - 1)]
        return self._power(plain, -self.whitening / 2), np.zeros(self.terms)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The terms."""
        best = self._power(np.ones((self.terms, 1)), self.whitening / 2)[:, 0]
        return linear_terms(self, self.input_names, best.tolist())

    def _power(self, rows: np.ndarray, exponent: Any) -> np.ndarray:
        """C^exponent times a matrix of `terms` rows."""
        total, last = self._pieces(rows[:-1].sum(0), rows[-1], exponent, np)
        own = self.term_scale ** (2 * exponent)
        even = rows[:-1].mean(0)
        return np.concatenate([own * (rows[:-1] - even) + total / (self.terms - 1), last[None]])

    def _pieces(self, total: Any, last: Any, exponent: Any, xp: Any) -> tuple[Any, Any]:
        """Sum of the first terms, and the last term, after multiplication by C^exponent.

        C acts on these two as a 2 x 2 matrix, and on differences among the first terms as the
        number term_scale^2; so its powers have a closed form, which needs no decomposition within
        the training loop. `xp`: NumPy, or JAX's.
        """
        k, s2 = self.terms - 1, self.term_scale**2
        # On (total, last): [[s2, -k s2], [-s2, 1 + k s2]], determinant s2, trace 1 + (k + 1) s2.
        trace = 1 + (k + 1) * s2
        high = (trace + xp.sqrt((1 + (k - 1) * s2) ** 2 + 4 * k * s2 * s2)) / 2
        low = s2 / high
        # Cayley-Hamilton: a power of the matrix is alpha + beta times the matrix.
        beta = (high**exponent - low**exponent) / (high - low)
        alpha = high**exponent - beta * high
        return (
            alpha * total + beta * (s2 * total - k * s2 * last),
            alpha * last + beta * ((1 + k * s2) * last - s2 * total),
        )

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target, and the terms that cancel."""
        return {
            "y": normal(rng, split, "y", n),
            "terms": normals(rng, split, "terms", n, self.terms - 1),
        }

    def build(self, draws: Draws) -> Batch:
        """Terms of that scale, the last what is left of the target; whitened."""
        y = jnp.asarray(draws["y"])
        first = self.term_scale * jnp.asarray(draws["terms"])
        total = first.sum(axis=1)
        even = total / (self.terms - 1)
        exponent = -self.whitening / 2
        white_total, last = self._pieces(total, y - total, exponent, jnp)
        own = self.term_scale ** (2 * exponent)
        first = own * first + (white_total / (self.terms - 1) - own * even)[:, None]
        inputs = jnp.concatenate([first, last[:, None]], axis=1)
        return Batch(inputs=inputs, features=inputs, targets=y[:, None])


def _one_exact(probability: float, info: Any) -> float:  # pydantic.ValidationInfo
    if probability > 0 and info.data.get("noise1", 0) > 0:
        raise ValueError("noise1 is above 0 too: one of the two copies must be exact")
    return probability


@tasks.add("duplicates")
@spec
class Duplicates(Regression):
    """Two copies of the target: slope1 (y + noise1 N1), and slope2 (y or N2) + shift2.

    In the second, N2 stands instead of `y` with `probability`: a copy with mistakes. Slopes and
    shift say how hard a copy is to read, noise and probability how much it says (R^2
    1 / (1 + noise1^2) and (1 - probability)^2): two kinds of knobs that leave each other alone. At
    least one copy is exact. If both are, any split between them is as good: the data do not
    identify their slopes, the initialization sets them.
    """

    noise1: NotNegative = 0.0
    """Standard deviation of the noise on the first copy, in the target's unit."""
    slope1: NotZero = 1.0
    """What the first copy, noise included, is multiplied by."""
    slope2: NotZero = 1.0
    """What the second copy is multiplied by."""
    shift2: Number = 0.0
    """What is added to the second copy."""
    # Stands last so that it can be checked against noise1.
    probability: Annotated[Share, AfterValidator(_one_exact)] = 0.0
    """Of a mistake in the second copy; 1: it says nothing."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The copies."""
        return ("x1", "x2")

    @property
    def mixing(self) -> Mixing:
        """Of y and a noise for each copy; mistakes have the second moments of such noise."""
        kept = 1 - self.probability
        copies = np.array([[1.0, self.noise1, 0.0], [kept, 0.0, np.sqrt(1 - kept**2)]])
        return np.array([[self.slope1], [self.slope2]]) * copies, np.array([0.0, self.shift2])

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The copies."""
        best: list[float | None] = [1 / self.slope1, 1 / self.slope2]
        reasons = None
        if self.noise1 > 0:
            best[0] = 0.0
        elif self.probability > 0:
            best[1] = 0.0
        else:
            best[:], reasons = [None, None], [NOT_IDENTIFIED] * 2
        return linear_terms(self, self.input_names, best, reasons)

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target, a noise for each copy, and what is compared with the probability."""
        return {
            "y": normal(rng, split, "y", n),
            "noise1": normal(rng, split, "noise1", n),
            "noise2": normal(rng, split, "noise2", n),
            "mistakes": rng(split, "mistakes").random(n, dtype=np.float32),
        }

    def build(self, draws: Draws) -> Batch:
        """The copies; those with a draw below the probability are mistakes."""
        y = jnp.asarray(draws["y"])
        read = jnp.where(jnp.asarray(draws["mistakes"]) < self.probability, draws["noise2"], y)
        first = self.slope1 * (y + self.noise1 * draws["noise1"])
        return batch([first, self.slope2 * read + self.shift2], y)


@tasks.add("noisy_shortcut")
@spec
class NoisyShortcut(Regression):
    """A sum with a shortcut: y + noise N1, s N2 and y - s N2, with s = `term_scale`.

    The first input alone says nearly all, and a linear network picks it up first; the other two say
    all, but only together. The best predictor uses just these, so the shortcut is dropped again.
    """

    noise: NotNegative = 0.2
    """Standard deviation of what hides the target in the shortcut; 0: an exact copy, and then the
    data do not identify what is used."""
    term_scale: NotZero = 1.0
    """Size of the two terms that cancel."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The shortcut, then the terms."""
        return ("x1", "x2", "x3")

    @property
    def mixing(self) -> Mixing:
        """Of y, the shortcut's noise and the terms' noise."""
        s = self.term_scale
        return np.array([[1.0, self.noise, 0.0], [0.0, 0.0, s], [1.0, 0.0, -s]]), np.zeros(3)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The shortcut and the terms."""
        if self.noise == 0:
            return linear_terms(self, self.input_names, [None] * 3, [NOT_IDENTIFIED] * 3)
        return linear_terms(self, self.input_names, [0.0, 1.0, 1.0])

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target and both noises, a stream each."""
        return {name: normal(rng, split, name, n) for name in ("y", "noise1", "noise2")}

    def build(self, draws: Draws) -> Batch:
        """The shortcut and the terms."""
        y = jnp.asarray(draws["y"])
        term = self.term_scale * jnp.asarray(draws["noise2"])
        return batch([y + self.noise * draws["noise1"], term, y - term], y)
