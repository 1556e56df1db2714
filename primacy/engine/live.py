"""Writes what networks in training have come to so far (`records.live`), for whoever watches.

Every value is on the host already, so this costs no transfer. A run never fails for it: where a
file cannot be written, the run goes on unwatched.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from primacy.analysis.runs import own_target
from primacy.engine.jobs import Job
from primacy.records import live
from primacy.records.study import ConditionRecord
from primacy.registry import measures
from primacy.training.lane import Lane

WRITE_SECONDS = 0.5
"""Between two writes of one worker."""


class Live:
    """The live files of a run: one for each network that is being trained."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """Begin with none.

        Args:
            folders: the run folder of each member study, by name.
        """
        self._folders = folders
        self._positions: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
        self._waiting: dict[Job, dict[Path, list[str]]] = {}
        self._written: dict[Job, float] = {}
        self._files: dict[Job, set[Path]] = {}
        self._works = True

    def evaluated(
        self, job: Job, step: int, values: Mapping[str, np.ndarray], running: Sequence[bool]
    ) -> None:
        """Take in an evaluation of a block; from any thread.

        Args:
            job: the block.
            step: of the evaluation.
            values: what `evaluate` gave, on the host.
            running: which of its networks had not ended before.
        """
        if not self._works:
            return
        waiting = self._waiting.setdefault(job, {})
        lanes: tuple[Lane, ...] = (*job.block.lanes, *job.block.riders)
        for i, (lane, on) in enumerate(zip(lanes, running, strict=True)):
            if on and lane.record.control is None:
                file = live.path(self._folders[job.member], lane.record.key, lane.seed)
                if lane.record.key not in self._positions:
                    self._positions[lane.record.key] = positions(lane.record)
                told = [
                    values[name][i][index] if name in values else np.nan
                    for name, index in self._positions[lane.record.key]
                ]
                waiting.setdefault(file, []).append(live.line(step, told))
        now = time.monotonic()
        if now - self._written.get(job, 0.0) >= WRITE_SECONDS:
            self._written[job] = now
            self._write(job)

    def _write(self, job: Job) -> None:
        waiting, self._waiting[job] = self._waiting[job], {}
        known = self._files.setdefault(job, set())
        try:
            for file, lines in waiting.items():
                known.add(file)
                live.append(file, lines)
        except OSError:
            self._works = False

    def committed(self, job: Job) -> None:
        """Remove the files of a block that is stored."""
        self._waiting.pop(job, None)
        self._written.pop(job, None)
        live.remove(self._files.pop(job, ()))

    def clear(self) -> None:
        """Remove every file: the run ends, whichever way."""
        self._works = False
        for job in list(self._files):
            self.committed(job)


def positions(record: ConditionRecord) -> list[tuple[str, tuple[int, ...]]]:
    """Where in an evaluation the value of each watched feature is: measure and split, and index."""
    targets = [t.name for t in record.targets]
    offered, found = measures.load(), []
    for site, feature in enumerate(record.features):
        criterion = feature.criterion
        if criterion is None or feature.null_of is not None:
            continue
        own = own_target(record, feature.name)
        place = {"feature": site, "site": site, "target": targets.index(own) if own else 0}
        index = tuple(place[axis] for axis in offered[criterion.measure].axes)
        found.append((f"{criterion.measure}/{criterion.split}", index))
    return found
