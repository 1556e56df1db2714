"""A sum of waves of one input: low frequencies are learned before high ones."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Streams, Target

Amplitude = Annotated[float, Field(gt=0)]


@tasks.add("sines")
@spec
class Sines:
    """One input x between 0 and 1; the target is the sum of a sin(2 pi k x + phase) over k.

    The features are the waves; each is learned as its coefficient in the output tends to its
    amplitude. Points are evenly spaced, so that waves are uncorrelated; phases are random, the
    same for all examples of a seed.

    Reference: Rahaman et al. 2019, arXiv 1806.08734.
    """

    loss = "squared_error"

    frequencies: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = tuple(
        range(2, 13, 2)
    )
    """Periods of each wave between 0 and 1."""
    amplitudes: tuple[Amplitude, ...] | None = None
    """Size of each wave, in the order of `frequencies`; left out: 1 each."""

    def __post_init__(self) -> None:
        """Refuse waves that are no list of different ones with an amplitude each.

        Raises:
            ValueError: with all that is wrong.
        """
        problems = []
        if len(set(self.frequencies)) < len(self.frequencies):
            problems.append("frequencies: a wave is there twice")
        if self.amplitudes is not None and len(self.amplitudes) != len(self.frequencies):
            problems.append(
                f"amplitudes: {len(self.amplitudes)} for {len(self.frequencies)} frequencies"
            )
        if problems:
            raise ValueError("\n".join(problems))

    @property
    def sized(self) -> tuple[float, ...]:
        """The amplitude of each wave."""
        return self.amplitudes or (1.0,) * len(self.frequencies)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The waves."""
        power = sum(a**2 for a in self.sized)
        return tuple(
            Feature(
                name=f"k={k}",
                columns=(0,),
                predictivity=None,  # a wave says something of the others: where x may be
                complexity=float(k),
                judged_by="output_coefficient",
                full=a,
                facts={"amplitude": a, "linear_r_squared": a**2 / power},
            )
            for k, a in zip(self.frequencies, self.sized, strict=True)
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """The sum of the waves."""
        return (Target(name="y", kind="number", chance=0.0),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The input."""
        return ("x",)

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Points evenly spaced from a random one on, in random order, their waves and the sum.

        Worked out here, in double precision: in a compiled program a fused product and sum moves
        the last bits of a phase.
        """
        x = (rng(split, "order").permutation(n) + rng(split, "start").random()) / n
        phases = np.array([rng("phase", str(k)).random() for k in self.frequencies])
        waves = np.sin(2 * np.pi * (x[:, None] * np.array(self.frequencies) + phases))
        whole = waves @ np.array(self.sized)
        drawn = {"x": x, "waves": waves, "sum": whole}
        return {name: value.astype(np.float32) for name, value in drawn.items()}

    def build(self, draws: Draws) -> Batch:
        """Points, waves and their sum."""
        x, waves, whole = (jnp.asarray(draws[name]) for name in ("x", "waves", "sum"))
        return Batch(inputs=x[:, None], features=waves, targets=whole[:, None])
