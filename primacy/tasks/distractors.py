"""One input that is the target, among others that say nothing about it.

More distractors change more than their number: where weights start within 1 / sqrt(inputs), the
signal enters a wider network more weakly; there are more parameters; the inputs are longer. Each of
these has a knob that keeps it fixed, so that what remains is due to the distractors themselves.
"""

import abc
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from pydantic import AfterValidator, Field

from primacy.registry import spec, tasks
from primacy.tasks.moments import (
    IGNORED,
    MOST_COLUMNS,
    Mixing,
    NotNegative,
    NotZero,
    Regression,
    linear_terms,
)
from primacy.tasks.regression import normal, normals
from primacy.types import Batch, Draws, Feature, Streams


class _Distracted(Regression, abc.ABC):
    """The target's column, then distractors that some spec scales."""

    gain: float
    distractor_scale: float

    @property
    @abc.abstractmethod
    def _columns(self) -> int:
        """Columns beside the target's."""

    @property
    def _live(self) -> int:
        """Of these, how many are not always 0."""
        return self._columns

    @property
    def input_names(self) -> tuple[str, ...]:
        """The signal, then the distractors by number."""
        return ("x1", *(f"distractor {i + 1}" for i in range(self._columns)))

    @property
    def mixing(self) -> Mixing:
        """Of y and the distractors' draws: diagonal."""
        sizes = np.zeros(1 + self._columns)
        sizes[0], sizes[1 : 1 + self._live] = self.gain, self.distractor_scale
        return np.diag(sizes), np.zeros(1 + self._columns)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The signal, and all distractors as one feature."""
        signal = linear_terms(self, ("x1",), [1 / self.gain])
        if not self._columns:
            return signal
        group = Feature(
            name="distractors",
            columns=tuple(range(1, 1 + self._columns)),
            predictivity=0.0,
            best=0.0,
            solo=0.0,
            reason=IGNORED,
            facts={
                "count": self._live,
                "standard_deviation": self.distractor_scale if self._live else 0.0,
            },
        )
        return *signal, group

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target, and every distractor."""
        return {
            "y": normal(rng, split, "y", n),
            "distractors": normals(rng, split, "distractors", n, self._columns),
        }

    def _batch(self, draws: Draws, distractors: Any) -> Batch:
        y = jnp.asarray(draws["y"])
        signal = (self.gain * y)[:, None]
        inputs = jnp.concatenate([signal, distractors], axis=1)
        features = [signal]
        if self._columns:
            # A group of several columns has no one value.
            none = jnp.full_like(signal, jnp.nan)
            features.append(distractors if self._columns == 1 else none)
        return Batch(inputs=inputs, features=jnp.concatenate(features, axis=1), targets=y[:, None])


@tasks.add("distractors")
@spec
class Distractors(_Distracted):
    """gain y, then so many standard normals times `distractor_scale`: as many inputs as it says.

    Two controls: fixed signal gain, `gain` = sqrt(1 + distractors). Where weights start within
    1 / sqrt(inputs), the target then enters every hidden unit as strongly at the start as it would
    alone, at any count. It also multiplies how far a step of Adam moves the slope by `gain` (SGD:
    by its square), so that it over-corrects the speed: read it as the most favorable case. Fixed
    input length: `distractor_scale` = 1 / sqrt(distractors). `padded_distractors` has neither side
    effect.
    """

    distractors: Annotated[int, Field(ge=0, lt=MOST_COLUMNS)] = 9
    """How many inputs say nothing about the target."""
    gain: NotZero = 1.0
    """Size of the target's column."""
    distractor_scale: NotNegative = 1.0
    """Size of every distractor; 0: they are blank."""

    @property
    def _columns(self) -> int:
        return self.distractors

    def build(self, draws: Draws) -> Batch:
        """The signal and the distractors."""
        return self._batch(draws, self.distractor_scale * jnp.asarray(draws["distractors"]))


def _whole(count: float, info: Any) -> float:  # pydantic.ValidationInfo
    width = info.data.get("width", MOST_COLUMNS)
    if count != int(count):
        raise ValueError("must be a whole number")
    if count >= width:
        raise ValueError(f"must be at most {width - 1}: width is {width}, one of it the target's")
    return count


@tasks.add("padded_distractors")
@spec
class PaddedDistractors(_Distracted):
    """gain y, then standard normals, then zeros up to a fixed number of inputs.

    So every count has the same network, with the same parameters and the same initial weights: only
    the distractors differ. All counts of one width share a compiled program.
    """

    width: Annotated[int, Field(ge=2, le=MOST_COLUMNS)] = 100
    """Inputs in all."""
    distractors: Annotated[float, Field(ge=0), AfterValidator(_whole)] = 9.0
    """How many are distractors (a whole number)."""
    gain: NotZero = 1.0
    """Size of the target's column."""
    distractor_scale: NotNegative = 1.0
    """Size of every distractor."""

    @property
    def _columns(self) -> int:
        return self.width - 1

    @property
    def _live(self) -> int:
        return int(self.distractors)

    def build(self, draws: Draws) -> Batch:
        """The signal, the distractors and zeros."""
        sizes = jnp.where(jnp.arange(self.width - 1) < self.distractors, self.distractor_scale, 0)
        return self._batch(draws, sizes[None].astype(jnp.float32) * draws["distractors"])
