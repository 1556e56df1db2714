"""A lane: one run, a condition and a seed; what it draws from, and whether it has ended."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from primacy.analysis.runs import own_target
from primacy.records.study import ConditionRecord
from primacy.registry import measures
from primacy.rng import streams
from primacy.study.spec import Condition, Part, SeedAxis
from primacy.training.evaluate import DIVERGED
from primacy.types import Streams


class Lane(NamedTuple):
    """One run: a condition, how it is recorded, and a seed."""

    condition: Condition
    record: ConditionRecord
    seed: int


class Phases:
    """Where the lanes of a block are in the phases of their training; all have the same."""

    def __init__(self, condition: Condition) -> None:
        self.parts = condition.parts

    def _at(self, done: int) -> Part | None:
        return next((part for part in self.parts if done < part.end), None)

    def begins_anew(self, done: int) -> bool:
        """Whether after so many steps a phase begins that starts the optimizer anew."""
        return any(part.reset and part.start == done for part in self.parts)

    def end(self, done: int, step: int) -> int:
        """How far to train towards a step without leaving the phase."""
        part = self._at(done)
        return step if part is None else min(step, part.end)

    def counted(self, done: int) -> np.ndarray | None:
        """1 for each target that is trained after so many steps, else 0; None: no phases."""
        part = self._at(done)
        return None if part is None else np.array(part.counted, np.float32)


def generators(lanes: Sequence[Lane], axis: SeedAxis, axes: Sequence[SeedAxis]) -> list[Streams]:
    """The generator of each lane for one purpose; that of seed 0 where seeds do not vary it.

    Lanes that share a generator are given the same one.
    """
    seeds = [lane.seed if axis in axes else 0 for lane in lanes]
    own = {seed: streams(seed, axis) for seed in seeds}
    return [own[seed] for seed in seeds]


class Ending:
    """Whether and how a lane has ended, told after each evaluation."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.running, self.ended, self.step = lane, True, "", 0
        record = lane.record
        targets = [t.name for t in record.targets]
        offered, self._criteria = measures.load(), []
        for site, f in enumerate(record.features):
            if f.criterion is None or f.criterion.ceiling is None:
                continue
            measure, chance, way = f.criterion.measure, f.criterion.chance, record.theta
            # Where the value of this feature stands in what an evaluation gives.
            own = targets.index(own_target(record, f.name) or "")
            position = {"feature": site, "site": site, "target": own}
            index = tuple(position[axis] for axis in offered[measure].axes)
            level = chance + way * (f.criterion.ceiling - chance)
            # A ceiling below chance is reached from above.
            sign = -1 if f.criterion.ceiling < chance else 1
            self._criteria.append((f"{measure}/test", index, sign, level))
        self._held = np.zeros(len(self._criteria), int)
        self._confirmed = np.zeros(len(self._criteria), bool)

    def look(self, step: int, seen: dict[str, np.ndarray], i: int) -> bool:
        """Take in lane `i`'s evaluation at `step`; true if the lane ends with it."""
        self.step, record = step, self.lane.record
        at_end = step == record.steps[-1]
        if not seen["finite"][i] or (at_end and seen["loss_ratio"][i] > DIVERGED):
            self.ended = "diverged"
        elif record.stop == "learned" and self._criteria and self._learned(seen, i):
            self.ended = "learned"
        elif at_end:
            self.ended = "budget"
        self.running = not self.ended
        return not self.running

    def _learned(self, seen: dict[str, np.ndarray], i: int) -> bool:
        there = np.array(
            [
                sign * seen[name][i][index] >= np.float32(sign * level)
                for name, index, sign, level in self._criteria
            ]
        )
        self._held = np.where(there, self._held + 1, 0)
        self._confirmed |= self._held >= self.lane.record.confirm
        return bool(self._confirmed.all())
