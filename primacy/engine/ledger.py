"""The blocks of a run that others train: which wait, which are away, which were left out."""

import uuid
from collections import deque
from collections.abc import Iterable
from typing import Any

from primacy.engine.jobs import Driver, Job, NotFinished

MAX_ATTEMPTS = 3
"""Times that a block is begun: workers that it may take along with it."""
MAX_SENT = 10
"""Times that a block is sent, whoever is to blame: it may share the fate of another one."""
HOPELESS = 3
"""Blocks left out before the first is finished, after which nothing more is tried."""


class Task:
    """A block and what became of it so far."""

    def __init__(self, job: Job) -> None:
        self.job, self.token = job, uuid.uuid4().hex
        self.future: Any = None
        """Where it is away; None: it is not."""
        self.attempts: set[str] = set()
        """By which workers say they began it."""
        self.times_sent = 0
        self.steps = 0
        """The most that an attempt has taken."""

    @property
    def name(self) -> str:
        """Its conditions and seeds, for a person."""
        lanes = (*self.job.block.lanes, *self.job.block.riders)
        names = list(dict.fromkeys(lane.record.name for lane in lanes))
        seeds = sorted({lane.seed for lane in lanes})
        told = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"{names[0]}{more}, {told}"


class Blocks:
    """Every block of a run, each in one place: waiting, in flight, done or left out."""

    def __init__(self, tasks: Iterable[Task], driver: Driver) -> None:
        self.waiting = deque(tasks)
        self.flight: dict[str, Task] = {}
        """By the key of their futures."""
        self.left: list[tuple[Task, str]] = []
        """With why."""
        self._finished, self._driver = 0, driver
        self._by_token = {task.token: task for task in self.waiting}

    def next(self) -> Task:
        """The one to send now."""
        return self.waiting.popleft()

    def sent(self, task: Task, future: Any) -> None:
        """It is away."""
        task.future, task.times_sent = future, task.times_sent + 1
        self.flight[future.key] = task

    def landed(self, future: Any) -> Task | None:
        """The block of a future that ended; None if it was given up before."""
        task = self.flight.pop(future.key, None)
        if task is not None:
            task.future = None
        return task

    def done(self, task: Task) -> None:
        """It is committed."""
        self._finished += 1
        del self._by_token[task.token]

    def heard(self, told: dict[str, Any]) -> Any:
        """Take in what a worker says; returns a future to cancel, or None."""
        task = self._by_token.get(told["block"])
        if task is None:
            return None
        task.attempts.add(told["attempt"])
        if told["steps"] > task.steps:
            self._driver.advanced(told["steps"] - task.steps)
            task.steps = told["steps"]
        if len(task.attempts) <= MAX_ATTEMPTS or task.future is None:
            return None
        future = task.future
        self.landed(future)
        self._leave(task, _KILLS)
        return future

    def again(self, task: Task, blamed: str = "it was lost on the way") -> None:
        """Send it once more, as long as it may be."""
        if task.times_sent >= MAX_SENT:
            self._leave(task, blamed)
        else:
            self.waiting.appendleft(task)

    def returned(self, task: Task) -> None:
        """A worker could not begin it yet: that counts for nothing."""
        task.times_sent -= 1
        self.waiting.appendleft(task)

    def killed(self, task: Task) -> None:
        """Workers died with it in their hands: begun, or waiting there for another one's end."""
        if len(task.attempts) >= MAX_ATTEMPTS:
            self._leave(task, _KILLS)
        else:
            self.again(task, _KILLS)

    def failed(self, task: Task, why: str) -> None:
        """Its own code raised something, which it would do again."""
        self._leave(task, why)

    def send_again(self) -> None:
        """All that are away are lost."""
        for task in list(self.flight.values()):
            self.landed(task.future)
            self.waiting.appendleft(task)

    def give_up_if_hopeless(self) -> None:
        """End a run in which nothing works.

        Raises:
            NotFinished: the first blocks were all left out.
        """
        if len(self.left) >= HOPELESS and not self._finished:
            raise NotFinished(self.report())

    def report(self) -> str:
        """Which blocks were left out, and why, a line for each."""
        lines = [f"{task.name}: {why}" for task, why in self.left]
        what = "1 block" if len(lines) == 1 else f"{len(lines)} blocks"
        return f"{what} could not be trained:\n  " + "\n  ".join(lines)

    def _leave(self, task: Task, why: str) -> None:
        self.left.append((task, why))
        self._by_token.pop(task.token, None)


_KILLS = f"its worker died, {MAX_ATTEMPTS} times (out of memory?)"
