"""Sums of products of signs: is a hard term learned sooner where easier ones lead up to it?"""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Streams, Target


@tasks.add("staircase")
@spec
class Staircase:
    """Inputs of +1 and -1; the target is the sum of x1...xk over the `degrees` k.

    `degrees = [1, 2, 3]` is x1 + x1x2 + x1x2x3, a staircase: each term needs one input more than
    the one before (leap 1). `[1, 3]` has a leap of 2, `[3]` of 3. Terms are uncorrelated, so each
    counts as learned by its own coefficient in the output, `output_coefficient`, which ends at 1.

    Reference: Abbe, Boix-Adsera, Misiakiewicz 2023, arXiv 2302.11055.
    """

    loss = "squared_error"

    bits: Annotated[int, Field(ge=1, le=4096)] = 20
    """Inputs; those beyond the largest degree say nothing."""
    degrees: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 2, 3)
    """Inputs that each term multiplies, always from the first on."""

    def __post_init__(self) -> None:
        """Refuse terms that do not fit or are there twice.

        Raises:
            ValueError: with all that is wrong.
        """
        problems = []
        if self.degrees and max(self.degrees) > self.bits:
            problems.append(f"degrees: {max(self.degrees)} inputs, but bits = {self.bits}")
        if len(set(self.degrees)) < len(self.degrees):
            problems.append("degrees: a term is there twice")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The terms."""
        idle = tuple(range(max(self.degrees), self.bits))
        steps = np.diff((0, *sorted(self.degrees)))
        return tuple(
            Feature(
                name="".join(f"x{i + 1}" for i in range(degree)),
                columns=tuple(range(degree)),
                predictivity=1 / len(self.degrees),
                complexity=float(degree),
                null_columns=idle[:degree],
                judged_by="output_coefficient",
                facts={"degree": degree, "leap": int(max(steps))},
            )
            for degree in self.degrees
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """The sum."""
        return (Target(name="y", kind="number", chance=0.0),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """`x1`, `x2`, ..."""
        return tuple(f"x{i + 1}" for i in range(self.bits))

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Fair coins."""
        return {"bits": rng(split, "bits").integers(0, 2, (n, self.bits), dtype=np.uint8)}

    def build(self, draws: Draws) -> Batch:
        """Signs, the terms and their sum."""
        inputs = 2 * jnp.asarray(draws["bits"]).astype(jnp.float32) - 1
        terms = jnp.stack([inputs[:, :degree].prod(axis=1) for degree in self.degrees], axis=1)
        return Batch(inputs=inputs, features=terms, targets=terms.sum(axis=1, keepdims=True))
