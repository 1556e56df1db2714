"""Features that matter only in part of the input space: a flag says which input to read."""

import functools

import jax.numpy as jnp
import numpy as np
from scipy.special import expit, ndtr

from primacy.registry import spec, tasks
from primacy.tasks.moments import NotNegative, Regression, Share
from primacy.tasks.regression import batch, normal
from primacy.types import Batch, Draws, Feature, Streams

STEP = 1e4
"""From this steepness on the flag counts as a step: one in 1,000 examples is not 0 or 1."""

# Beyond so many units of its slope the flag is 0 or 1 in single precision.
_SATURATES = 16.0

_GATED = "the best predictor has no one slope along it: its sign and size hang on other inputs"


@tasks.add("gate")
@spec
class Gate(Regression):
    """flag, x1, x2: the target is x1 where the flag is 1, x2 where it is 0, a mixture between.

    With u = -leak y + sqrt(1 - leak^2) N', a standard normal, the flag is 1 / (1 + exp(-steepness
    u)). With (p, q) = (flag, 1 - flag) / sqrt(flag^2 + (1 - flag)^2), the inputs are x1 = p y + q N
    and x2 = q y - p N. So the target is p x1 + q x2 exactly, at any steepness: one smooth function
    of the inputs, of which a steep flag shows only the ends. Steepness 0 is a linear sum of two
    uncorrelated inputs; the default is a step: with leak 1 the notebook's "continuity" task,
    ([y<0], y or N, N or y).

    A step flag that leaks all tells the sign of the target, R^2 2/pi = .64 from it alone; a smooth
    one the target itself. With leak 0 it tells nothing, and only choosing an input does.
    """

    steepness: NotNegative = 1e9
    """Of the flag at its middle, per standard deviation; 1e9: one in 100 million is in between."""
    leak: Share = 1.0
    """Correlation of -y with what decides the flag."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The flag and what it chooses from."""
        return ("flag", "x1", "x2")

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The flag and the two inputs; `complexity` is the degree of the products they enter.

        `predictivity` of x1 and x2 is null for a leaking flag that is neither flat nor a step.
        """
        shares = (
            _flag_predictivity(self.steepness, self.leak),
            *[_input_predictivity(self.steepness, self.leak)] * 2,
        )
        return tuple(
            Feature(
                name=name,
                columns=(i,),
                predictivity=share,
                complexity=2.0,
                reason=_GATED,
                facts={"leak_r_squared": shares[0]} if i == 0 else {},
            )
            for i, (name, share) in enumerate(zip(self.input_names, shares, strict=True))
        )

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target, the input not chosen, and what else decides the flag, a stream each."""
        return {name: normal(rng, split, name, n) for name in ("y", "noise1", "flag")}

    def build(self, draws: Draws) -> Batch:
        """The flag, and the inputs that it mixes."""
        y, other = jnp.asarray(draws["y"]), jnp.asarray(draws["noise1"])
        u = jnp.sqrt(1 - self.leak**2) * draws["flag"] - self.leak * y
        # As a tanh it saturates alike at both ends.
        flag = 0.5 + 0.5 * jnp.tanh(self.steepness * u / 2)
        size = jnp.sqrt(flag**2 + (1 - flag) ** 2)
        p, q = flag / size, (1 - flag) / size
        return batch([flag, p * y + q * other, q * y - p * other], y)


@functools.lru_cache(maxsize=1000)
def _flag_predictivity(steepness: float, leak: float) -> float:
    """R^2 of the best predictor of the target from the flag alone, in single precision.

    The flag tells u up to where it saturates, at +-a, and beyond it only the side, where the mean
    is phi(a) / Q(a): leak^2 (E[u^2; |u| < a] + 2 phi(a)^2 / Q(a)). For a step a = 0: leak^2 2/pi.
    """
    if steepness == 0:
        return 0.0
    a = min(_SATURATES / steepness, 30.0)
    density, beyond = np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi), ndtr(-a)
    told = 1 - 2 * beyond - 2 * a * density + 2 * density**2 / beyond
    return float(leak**2 * min(told, 1.0))


@functools.lru_cache(maxsize=1000)
def _input_predictivity(steepness: float, leak: float) -> float | None:
    """R^2 of the best predictor of the target from x1 (or x2) alone; null where not worked out.

    Without a leak x1 is standard normal whatever the flag and has correlation E[p] with the target.
    For a step E[y | x1 = x] = (x r(x) + leak phi(0)) / (r(x) + 1/2), where r(x) is the probability
    of flag 1 given y = x.
    """
    x = np.linspace(-10, 10, 20_001)
    weight = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (x[1] - x[0])
    if steepness >= STEP:
        apart = np.sqrt(1 - leak**2)
        chosen = ndtr(-leak * x / apart) if apart > 0 else np.where(x < 0, 1.0, (x == 0) / 2)
        told = (x * chosen + leak / np.sqrt(2 * np.pi)) ** 2 / (chosen + 0.5)
        return float(weight @ told)
    if leak == 0 or steepness == 0:
        flag = expit(steepness * x)
        return float(weight @ (flag / np.sqrt(flag**2 + (1 - flag) ** 2))) ** 2
    return None
