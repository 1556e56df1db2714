"""A wave on the unit circle, whose learning a kernel predicts step by step."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import AfterValidator, Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Streams, Target


def _whole(frequency: float) -> float:
    if frequency != int(frequency):
        raise ValueError("must be a whole number, or the wave does not close")
    return frequency


@tasks.add("circle")
@spec
class Circle:
    """Points (cos t, sin t), evenly spaced; the target is cos k t with k = `frequency`.

    A wide network of one hidden layer (`two_layer` with `output = "mirrored"`) learns each
    frequency at a rate of its own, the eigenvalue of its kernel; without biases it never learns
    odd frequencies of 3 and more. The set as a whole is turned at random, by another angle for
    each seed and split.

    Reference: Basri, Jacobs, Kasten, Kritchman 2019, arXiv 1906.00425.
    """

    loss = "squared_error"

    frequency: Annotated[float, Field(ge=1, le=1000), AfterValidator(_whole)] = 1.0
    """Periods of the target around the circle (a whole number)."""

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The wave; learned as its amplitude in the output tends to 1."""
        name = f"cos {self.frequency:g}t" if self.frequency > 1 else "cos t"
        return (
            Feature(
                name=name,
                columns=(0, 1),
                target=0,
                complexity=self.frequency,
                judged_by="output_coefficient",
            ),
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """The wave."""
        return (Target(name="y", kind="number", chance=0.0),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The two coordinates of a point."""
        return ("cos t", "sin t")

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Angles, evenly spaced from a random one on, in random order."""
        turns = rng(split, "order").permutation(n) / n + rng(split, "turn").random()
        return {"turns": (turns % 1).astype(np.float32)}

    def build(self, draws: Draws) -> Batch:
        """Points and the wave."""
        angle = 2 * np.pi * jnp.asarray(draws["turns"])
        wave = jnp.cos(self.frequency * angle)[:, None]
        return Batch(
            inputs=jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1), features=wave, targets=wave
        )
