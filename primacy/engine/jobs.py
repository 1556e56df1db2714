"""What an engine is asked to train, and what it must do with it."""

import dataclasses
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from primacy.engine.packing import Block
from primacy.registry import Measure
from primacy.study.spec import SeedAxis
from primacy.training.block import Trained


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One block to train."""

    member: str
    """The study that it belongs to, by name."""
    block: Block
    measures: tuple[Measure, ...]
    program: Hashable
    """Equal for jobs that can run in the same compiled programs."""


def _unseen(job: Job, step: int, values: Any, running: Sequence[bool]) -> None:
    """Nobody watches."""


@dataclasses.dataclass(frozen=True)
class Driver:
    """What an engine tells the run that drives it, and how it is stopped."""

    commit: Callable[[Job, Trained], None]
    """Keep the result of a job. An engine calls it from one thread at a time."""
    advanced: Callable[[int], None]
    """So many training steps, summed over networks, were just taken; from any thread."""
    idle: Callable[[], None]
    """Called every few seconds while the engine waits."""
    stop: threading.Event
    """When set, jobs in progress are dropped."""
    evaluated: Callable[[Job, int, Mapping[str, np.ndarray], Sequence[bool]], None] = _unseen
    """A job's networks were just measured: the step, what `evaluate` gave, and which of them had
    not ended before; from any thread. An engine may leave it out: only who watches misses it."""


class NotFinished(ValueError):
    """An engine could not train everything; what was committed stays, and the run resumes."""

    exit_code = 1


@runtime_checkable
class Engine(Protocol):
    """Trains jobs somewhere: in threads of this process, or on other machines.

    An engine trains and nothing else: it plans nothing and writes no file, so that one writer keeps
    every run folder.
    """

    device: str
    """What the jobs run on, as the record of a run says it."""

    def train(self, jobs: Sequence[Job], axes: Sequence[SeedAxis], driver: Driver) -> None:
        """Train every job and commit each result once.

        Args:
            jobs: in the order in which they should be begun; equal programs are next to each other.
            axes: what differs between seeds.
            driver: who is told.

        Raises:
            Interrupted: `driver.stop` was set; results that were committed stay.
            NotFinished: some jobs could not be trained; the others were.
        """
        ...

    def close(self) -> None:
        """Let go of whatever the engine holds; nothing is trained after it."""
        ...

    @property
    def programs(self) -> int:
        """Programs that were compiled, or taken from the cache."""
        ...

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling, summed over programs."""
        ...
