"""Binary features as a sequence for a transformer: tokens that are bits, then the labels so far."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.tasks import truthtable
from primacy.tasks.boolean import facts, function
from primacy.types import Batch, Draws, Feature, Shape, Streams, Target


@tasks.add("tokens")
@spec
class Tokens:
    """Blocks of fair bits, one block for each feature, and behind them the labels to read back.

    Features are those of `boolean`, decoded in their order: the network's first output is the
    first feature. A network that reads labels back (`transformer` with the mask `decoder` or
    `prefix`) reads the true one of each feature before the feature that it decodes, as in teacher
    forcing, so the inputs end in the labels of all features but the last; with the mask `queries`
    it does not look at them.
    """

    loss = "sigmoid_cross_entropy"

    units_per_feature: Annotated[int, Field(ge=1, le=64)] = 4
    """Bits of each feature's block."""
    features: Annotated[tuple[str, ...], Field(min_length=1)] = ("linear1", "parity3")
    """As in `boolean`, in the order of decoding: `linear1` is the first bit of its block."""
    reversed: bool = False
    """The blocks stand in the reverse of the order in which their features are decoded."""

    def __post_init__(self) -> None:
        """Refuse what is no feature, or does not fit its block.

        Raises:
            ValueError: with all that is wrong.
        """
        problems = []
        for i, text in enumerate(self.features):
            try:
                needed = function(text).units
            except ValueError as problem:
                problems.append(f'features[{i}] = "{text}": {problem}')
                continue
            if needed > self.units_per_feature:
                problems.append(
                    f'features[{i}] = "{text}": takes {needed} units, but units_per_feature is '
                    f"{self.units_per_feature}"
                )
        if problems:
            raise ValueError("\n".join(problems))

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names: their texts, repeats with ` #2`, ` #3`, ..."""
        seen = [self.features[: i + 1].count(text) for i, text in enumerate(self.features)]
        return tuple(
            text if count == 1 else f"{text} #{count}"
            for text, count in zip(self.features, seen, strict=True)
        )

    @property
    def blocks(self) -> tuple[int, ...]:
        """The first token of each feature's block."""
        order = range(len(self.features))
        places = order[::-1] if self.reversed else order
        return tuple(place * self.units_per_feature for place in places)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The features; each is its own target, fully determined by its block."""
        found = []
        for i, (name, text) in enumerate(zip(self.names, self.features, strict=True)):
            rule, known, block = function(text), facts(text, False), self.blocks[i]
            idle = [unit for unit in range(self.units_per_feature) if unit not in rule.columns]
            # A copy of a unit that matters says as much.
            idle = [unit for unit in idle if unit >= rule.units]
            found.append(
                Feature(
                    name=name,
                    columns=tuple(block + unit for unit in rule.columns),
                    target=i,
                    complexity=known["average_sensitivity"],
                    null_columns=tuple(block + unit for unit in idle[: len(rule.columns)]),
                    facts={**known, "slot": i + 1},
                )
            )
        return tuple(found)

    @property
    def targets(self) -> tuple[Target, ...]:
        """One 0/1 target a feature."""
        rates = [facts(text, False)["base_rate"] for text in self.features]
        return tuple(
            Target(name=name, kind="binary", chance=max(rate, 1 - rate))
            for name, rate in zip(self.names, rates, strict=True)
        )

    @property
    def input_shape(self) -> Shape:
        """Tokens x 1."""
        return (len(self.input_names), 1)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Feature and number of each bit, then the labels."""
        units = range(self.units_per_feature)
        order = self.names[::-1] if self.reversed else self.names
        bits = [f"{name} unit {unit}" for name in order for unit in units]
        return (*bits, *(f"{name} label" for name in self.names[:-1]))

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Blocks in decoding order and labels; each feature has its own stream."""
        blocks, labels = [], []
        for name, text in zip(self.names, self.features, strict=True):
            rule, generator = function(text), rng(split, name)
            row = generator.integers(rule.table.size, size=n)
            bits = (row[:, None] >> np.arange(truthtable.size(rule.table))) & 1
            rest = self.units_per_feature - rule.units
            idle = generator.integers(0, 2, (n, rest), dtype=np.uint8)
            blocks.append(np.concatenate([bits.repeat(rule.copies, 1).astype(np.uint8), idle], 1))
            labels.append(rule.table[row].astype(np.uint8))
        return {"blocks": np.stack(blocks, axis=1), "labels": np.stack(labels, axis=1)}

    def build(self, draws: Draws) -> Batch:
        """Tokens of 0 and 1; the features are the targets."""
        blocks = jnp.asarray(draws["blocks"]).astype(jnp.float32)
        labels = jnp.asarray(draws["labels"]).astype(jnp.float32)
        blocks = blocks[:, ::-1] if self.reversed else blocks
        tokens = jnp.concatenate([blocks.reshape(len(blocks), -1), labels[:, :-1]], axis=1)
        return Batch(inputs=tokens[..., None], features=labels, targets=labels)
