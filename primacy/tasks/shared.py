"""One target, several domains: each predicts it with its own accuracy. Which is used?"""

import dataclasses
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from pydantic import AfterValidator, Field

from primacy.errors import closest
from primacy.registry import spec, tasks
from primacy.tasks import truthtable
from primacy.tasks.boolean import facts, function
from primacy.types import Batch, Draws, Feature, Streams, Target

Predictivity = Annotated[float, Field(ge=0.5, le=1)]
SURE = 0.9
"""The predictivity of a domain for which none is given."""


def _check_domains(domains: tuple[str, ...]) -> tuple[str, ...]:
    if len(domains) < 2:
        raise ValueError("expected two domains or more, each a feature as of the task boolean")
    for text in domains:
        function(text)  # refuses what is no feature
        if domains.count(text) > 1:
            raise ValueError(f'"{text}" stands twice; domains are told apart by their feature')
    return domains


@tasks.add("shared")
@spec
class Shared:
    """One fair 0/1 target; the feature of each domain equals it with its own predictivity.

    In training a feature equals the target in a share `predictivity` of the examples and is its
    opposite in the others, each domain for itself. In fit and test examples every feature is a
    fair coin of its own, and so is the target: an answer can follow one feature or another, and
    `agreement` is the share of answers that do. So accuracy on test examples is .5 for everybody.
    A feature counts as learned when the answers agree with it.

    Reference: Hermann, Lampinen 2020, arXiv 2006.12433.
    """

    loss = "sigmoid_cross_entropy"

    domains: Annotated[tuple[str, ...], AfterValidator(_check_domains)] = ("linear1", "parity2")
    """The feature of each domain, in the language of the task `boolean`."""
    units_per_domain: Annotated[int, Field(ge=1)] = 16
    """Random bits of each domain; those that do not matter to its feature are distractors."""
    predictivity: dict[str, Predictivity] = dataclasses.field(default_factory=dict)
    """How often a domain's feature equals the target in training, by its name, from .5 (it says
    nothing) to 1: `{ linear1 = .8, parity2 = .9 }`. A domain left out: .9."""

    def __post_init__(self) -> None:
        """Check what was written in Python as a study file is checked.

        Raises:
            ValueError: some field is no good.
        """
        _check_domains(self.domains)
        for text in self.domains:
            if (needed := function(text).units) > self.units_per_domain:
                raise ValueError(
                    f"{text} takes {needed} units; a domain has {self.units_per_domain}"
                )
        for name in self.predictivity:
            if name not in self.domains:
                raise ValueError(
                    f"predictivity.{name}: not a domain.{closest(name, self.domains)} "
                    f"There are: {', '.join(self.domains)}"
                )

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The features of the domains; none determines the target but at predictivity 1."""
        block, features = self.units_per_domain, []
        for i, text in enumerate(self.domains):
            columns = function(text).columns
            idle = list(range(function(text).units, block))
            known = facts(text, True)
            features.append(
                Feature(
                    name=text,
                    columns=tuple(i * block + unit for unit in columns),
                    predictivity=self.predictivity.get(text, SURE),
                    complexity=known["average_sensitivity"],
                    null_columns=tuple(i * block + unit for unit in idle[: len(columns)]),
                    facts=known,
                    judged_by="agreement",
                )
            )
        return tuple(features)

    @property
    def targets(self) -> tuple[Target, ...]:
        """One 0/1 target, which nothing in a test example predicts: accuracy stays at .5 there."""
        return (Target(name="y", kind="binary", chance=0.5, ceiling=1.0, ceiling_known=False),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Domain and number of each unit."""
        return tuple(
            f"{text} unit {u}" for text in self.domains for u in range(self.units_per_domain)
        )

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The target, and for each domain a number that decides whether its feature equals it.

        Both settings of a block are drawn, with its feature 0 and 1, so that no draw depends on a
        predictivity: what equals the target at .6 does at .8.
        """
        zeros, ones, chances = [], [], []
        for text in self.domains:
            generator = rng(split, text)
            zeros.append(self._block(text, False, generator, n))
            ones.append(self._block(text, True, generator, n))
            chances.append(generator.random(n, np.float32))
        target = rng(split, "target").integers(0, 2, n, dtype=np.uint8)
        return {
            "target": target,
            "zeros": np.concatenate(zeros, 1),
            "ones": np.concatenate(ones, 1),
            "chances": np.stack(chances, 1),
            "free": np.full(n, split not in ("train", "stream")),
        }

    def _block(self, text: str, value: bool, generator: np.random.Generator, n: int) -> np.ndarray:
        rule = function(text)
        fitting = np.flatnonzero(rule.table == value)
        row = fitting[generator.integers(fitting.size, size=n)]
        bits = (row[:, None] >> np.arange(truthtable.size(rule.table))) & 1
        idle = generator.integers(0, 2, (n, self.units_per_domain - rule.units), dtype=np.uint8)
        return np.concatenate([np.repeat(bits, rule.copies, axis=1).astype(np.uint8), idle], 1)

    def build(self, draws: Draws) -> Batch:
        """The examples, each feature equal to the target where its number is below its share."""
        target = jnp.asarray(draws["target"]).astype(jnp.float32)[:, None]
        shares: list[Any] = [self.predictivity.get(text, SURE) for text in self.domains]
        told = jnp.stack([jnp.asarray(share, jnp.float32) for share in shares])[None]
        told = jnp.where(jnp.asarray(draws["free"])[:, None], 0.5, told)
        equal = jnp.asarray(draws["chances"]) < told
        features = jnp.where(equal, target, 1 - target)
        ones = jnp.repeat(features, self.units_per_domain, axis=1)
        inputs = jnp.where(ones > 0, jnp.asarray(draws["ones"]), jnp.asarray(draws["zeros"]))
        return Batch(inputs=inputs.astype(jnp.float32), features=features, targets=target)
