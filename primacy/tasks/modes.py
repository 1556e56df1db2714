"""Linear targets of whitened inputs: directions that differ in nothing but their strength."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Streams, Target

Strength = Annotated[float, Field(gt=0)]


@tasks.add("linear_modes")
@spec
class LinearModes:
    """Target i is input i times singular value i; the inputs are white, exactly so in a whole set.

    The features are the modes: input i with the target that it determines. A set of n examples (n
    at least the number of modes) has second moments of exactly 1 and 0, so that training on all of
    it at once follows the theory with no sampling error; parts of a set, and pages of a stream, are
    white on average only. Turning inputs and targets would change nothing for a network whose start
    has no preferred direction.

    Reference: Saxe, McClelland, Ganguli 2013, arXiv 1312.6120.
    """

    loss = "squared_error"

    singular_values: Annotated[tuple[Strength, ...], Field(min_length=1)] = (4.0, 2.0, 1.0, 0.5)
    """Strength of each mode: its target's standard deviation."""

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The modes."""
        return tuple(
            Feature(name=f"mode {i + 1}", columns=(i,), target=i, facts={"singular_value": s})
            for i, s in enumerate(self.singular_values)
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """One number a mode."""
        return tuple(
            Target(name=f"y{i + 1}", kind="number", chance=0.0)
            for i in range(len(self.singular_values))
        )

    @property
    def input_names(self) -> tuple[str, ...]:
        """One input a mode."""
        return tuple(f"x{i + 1}" for i in range(len(self.singular_values)))

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Normals, each made orthogonal to those before it, so that one more leaves them alone."""
        # A row a mode: what is summed for one then does not depend on how many follow it.
        x = np.empty((len(self.singular_values), n))
        for i, name in enumerate(self.input_names):
            x[i] = rng(split, name).standard_normal(n)
            if i < n:
                for _ in range(2):  # once more, for what rounding left
                    x[i] -= (x[:i] @ x[i]) @ x[:i] / n
                x[i] *= np.sqrt(n) / np.linalg.norm(x[i])
        return {"inputs": np.ascontiguousarray(x.T, np.float32)}

    def build(self, draws: Draws) -> Batch:
        """The inputs, and each times its singular value."""
        inputs = jnp.asarray(draws["inputs"])
        strengths = jnp.array(self.singular_values, inputs.dtype)
        return Batch(inputs=inputs, features=inputs, targets=strengths[None] * inputs)
