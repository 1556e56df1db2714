"""Lanes in blocks, as conditions, seeds and places: a million of them are two numbers.

A lane is made when it is asked for, so that a plan takes as long, and as much memory, for a
million seeds as for ten.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import jax
import numpy as np

from primacy.records.study import ConditionRecord
from primacy.study.spec import Condition
from primacy.training.lane import Lane

Described = tuple[Condition, ConditionRecord]


@dataclasses.dataclass(frozen=True, eq=False)
class Lanes(Sequence[Lane]):
    """Some of the lanes of conditions x seeds, in an order of their own."""

    of: tuple[Described, ...]
    seeds: Sequence[int]
    places: range | np.ndarray
    """Which: (position of the seed) x (number of conditions) + (position of the condition)."""

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Lane: ...
    @overload
    def __getitem__(self, at: slice) -> "Lanes": ...
    def __getitem__(self, at: int | slice) -> "Lane | Lanes":
        if isinstance(at, slice):
            return Lanes(self.of, self.seeds, self.places[at])
        seed, which = divmod(int(self.places[at]), len(self.of))
        return Lane(*self.of[which], self.seeds[seed])

    @property
    def counts(self) -> list[tuple[Condition, ConditionRecord, int]]:
        """How many lanes each condition has, of those that have any."""
        if isinstance(self.places, range):
            many, rest = divmod(len(self.places), max(1, len(self.of)))
            first = self.places.start
            numbers = np.full(len(self.of), many)
            numbers[[(first + i) % len(self.of) for i in range(rest)]] += 1
        else:
            numbers = np.bincount(self.places % len(self.of), minlength=len(self.of))
        return [(*own, int(n)) for own, n in zip(self.of, numbers, strict=True) if n]


NO_LANES = Lanes((), (), range(0))


@dataclasses.dataclass(frozen=True)
class Block:
    """Lanes that are trained together, and how many the compiled program holds."""

    lanes: Lanes
    width: int
    riders: Lanes = NO_LANES
    """Control lanes in places that would be padding."""


@dataclasses.dataclass(frozen=True)
class Batch(Sequence[Block]):
    """Lanes of equal structure, cut into blocks; only the last one can have places left."""

    lanes: Lanes
    width: int
    riders: Lanes = NO_LANES
    """Control lanes in places that would be padding."""

    def __len__(self) -> int:
        return -(-len(self.lanes) // self.width)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return tuple(self[i] for i in range(*at.indices(len(self))))
        at = range(len(self))[at]
        lanes = self.lanes[at * self.width : (at + 1) * self.width]
        return Block(lanes, self.width, self.riders if at == len(self) - 1 else NO_LANES)

    @property
    def free(self) -> int:
        """Places of the last block that would be padding."""
        return len(self) * self.width - len(self.lanes)

    @property
    def structure(self) -> tuple:
        """What all of its lanes share."""
        return structure(*self.lanes.of[0])

    @property
    def counts(self) -> list[tuple[Condition, ConditionRecord, int]]:
        """How many lanes each condition has, riders included."""
        return [*self.lanes.counts, *self.riders.counts]


def structure(condition: Condition, record: ConditionRecord) -> tuple:
    """What two lanes must share to train in one program, measured at the same steps."""
    return jax.tree.structure(condition), record.steps


def grouped(conditions: Iterable[Described]) -> list[tuple[Described, ...]]:
    """The conditions by structure."""
    found: dict[tuple, list[Described]] = {}
    for own in conditions:
        found.setdefault(structure(*own), []).append(own)
    return [tuple(alike) for alike in found.values()]


def missing(
    conditions: Sequence[Described],
    seeds: Sequence[int],
    stored: Mapping[str, np.ndarray],
    *,
    by_condition: bool = False,
) -> Lanes:
    """The lanes that are not stored, seed by seed or one condition after the other.

    Args:
        conditions: of which every seed is wanted.
        seeds: the wanted ones.
        stored: seeds that are on disk, by condition key.
        by_condition: one condition after the other.
    """
    own = tuple(conditions)
    places: Any = range(len(own) * len(seeds))
    if any(len(stored.get(c.key, ())) for _, c in own) or (by_condition and len(own) > 1):
        wanted = np.asarray(seeds)
        absent = [np.isin(wanted, stored.get(c.key, ()), invert=True) for _, c in own]
        places = np.arange(len(places)).reshape(len(seeds), len(own))
        kept = np.stack(absent, axis=1)
        places = places.T[kept.T] if by_condition else places[kept]
    return Lanes(own, seeds, places)
