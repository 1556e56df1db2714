"""A parity that decides the label, beside a simpler one that only goes with it in training."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Streams, Target

NEVER, ALWAYS = 2.0, -1.0
"""What is compared with the predictivity: larger than any, smaller than any."""


@tasks.add("spurious")
@spec
class Spurious:
    """The label is the parity of `core` signs; that of `spurious` others equals it in training.

    It does so in a share `predictivity` of the training examples. In those held out all inputs are
    independent fair signs, so that there the accuracy is that of the core feature alone, and
    `agreement` says how often the output is the spurious feature's value (.5: chance).

    Reference: Qiu, Kuang, Goel 2024, arXiv 2403.03375.
    """

    loss = "sigmoid_cross_entropy"

    bits: Annotated[int, Field(ge=2, le=4096)] = 20
    """Inputs in all."""
    core: Annotated[int, Field(ge=1, le=16)] = 3
    """Of them, the signs whose product is the label."""
    spurious: Annotated[int, Field(ge=1, le=16)] = 1
    """Of the others, the signs whose product goes with it."""
    predictivity: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of training examples in which the two are equal; .5: they have nothing to do with one
    another."""

    def __post_init__(self) -> None:
        """Refuse more signs than there are inputs.

        Raises:
            ValueError: there are.
        """
        if self.core + self.spurious > self.bits:
            raise ValueError(
                f"core = {self.core} and spurious = {self.spurious}: more than bits = {self.bits}"
            )

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The core feature, with the label as its target, and the spurious one."""
        first = self.core + self.spurious
        idle = tuple(range(first, self.bits))
        return (
            Feature(
                name="core",
                columns=tuple(range(self.core)),
                target=0,
                complexity=float(self.core),
                null_columns=idle[: self.core],
            ),
            Feature(
                name="spurious",
                columns=tuple(range(self.core, first)),
                predictivity=max(self.predictivity, 1 - self.predictivity),
                complexity=float(self.spurious),
                null_columns=idle[: self.spurious],
                judged_by="agreement",
            ),
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """The label."""
        return (Target(name="label", kind="binary", chance=0.5),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Signs of the core, of the spurious feature, and of neither."""
        first = self.core + self.spurious
        core = [f"core {i + 1}" for i in range(self.core)]
        spurious = [f"spurious {i + 1}" for i in range(self.spurious)]
        return (*core, *spurious, *(f"idle {i + 1}" for i in range(self.bits - first)))

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Fair coins, and what decides whether the two features agree."""
        turn = rng(split, "turn").random(n, dtype=np.float32)
        if split in ("fit", "test"):
            turn = np.where(turn < 0.5, NEVER, ALWAYS).astype(np.float32)
        bits = rng(split, "bits").integers(0, 2, (n, self.bits), dtype=np.uint8)
        return {"bits": bits, "turn": turn}

    def build(self, draws: Draws) -> Batch:
        """Signs, of which the first spurious one is turned where it must be."""
        signs = 2 * jnp.asarray(draws["bits"]).astype(jnp.float32) - 1
        first, last = self.core, self.core + self.spurious
        label = signs[:, :first].prod(axis=1)
        agree = jnp.asarray(draws["turn"]) < self.predictivity
        wanted = jnp.where(agree, label, -label)
        turned = wanted * signs[:, first + 1 : last].prod(axis=1)
        features = (jnp.stack([label, wanted], axis=1) + 1) / 2
        return Batch(
            inputs=signs.at[:, first].set(turned), features=features, targets=features[:, :1]
        )
