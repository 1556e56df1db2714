"""The engine of one machine: a worker thread per core, which share the compiled programs."""

import functools
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from primacy.engine.hardware import workers
from primacy.engine.jobs import Driver, Job
from primacy.study.spec import SeedAxis
from primacy.training.block import Interrupted, Watch, train_block
from primacy.training.programs import Device, Programs

IDLE_SECONDS = 5.0
"""Between two calls of `Driver.idle`."""


class Threads:
    """Trains blocks in threads (an `Engine`).

    All jobs are in one queue, so that no worker waits for a member study to end. Workers take from
    both ends: two seldom want the same program at the same time, and while one traces its own,
    which takes the interpreter's lock, the other trains.
    """

    def __init__(self, most: int, wanted: int | None = None) -> None:
        """Find the machine's workers.

        Args:
            most: workers that have something to do.
            wanted: workers at the same time; left out: one per core.
        """
        pool = workers()
        pool = pool if wanted is None else pool[:1] * wanted
        self._pool = pool[: max(1, most)]
        self.device = ", ".join(sorted({f"{d.platform} ({d.device_kind})" for d in self._pool}))
        self._compiled: dict[tuple, Programs] = {}
        self._turn = threading.Lock()

    @property
    def programs(self) -> int:
        """Programs that were compiled, or taken from the cache."""
        return len(self._compiled)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling, summed over programs."""
        return sum((programs.seconds for programs in self._compiled.values()), start=0.0)

    def train(self, jobs: Sequence[Job], axes: Sequence[SeedAxis], driver: Driver) -> None:
        """Train every job; the first failure stops the others and is raised."""
        queue = deque(jobs)
        if not queue:
            return
        with ThreadPoolExecutor(len(self._pool), thread_name_prefix="worker") as threads:
            futures = [
                threads.submit(self._work, queue, k % 2 == 1, device, axes, driver)
                for k, device in enumerate(self._pool)
            ]
            try:
                _wait(futures, driver)
            finally:
                failed = any(f.done() and f.exception() for f in futures)
                if failed or not all(f.done() for f in futures):
                    driver.stop.set()  # a failure, or Ctrl-C while waiting
        errors = [error for f in futures if (error := f.exception())]
        errors.sort(key=lambda error: isinstance(error, Interrupted))
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Nothing is held: the threads end with `train`."""

    def _work(
        self,
        queue: deque[Job],
        from_the_end: bool,
        device: Device,
        axes: Sequence[SeedAxis],
        driver: Driver,
    ) -> None:
        while True:
            with self._turn:
                if not queue:
                    return
                job = queue.pop() if from_the_end else queue.popleft()
            lanes = (*job.block.lanes, *job.block.riders)
            evaluated = functools.partial(driver.evaluated, job)
            watch = Watch(driver.advanced, driver.stop.is_set, evaluated)
            trained = train_block(self._programs(job, device), lanes, axes, watch)
            with self._turn:
                driver.commit(job, trained)

    def _programs(self, job: Job, device: Device) -> Programs:
        key = (job.program, device)
        with self._turn:
            if key not in self._compiled:
                condition = job.block.lanes[0].condition
                self._compiled[key] = Programs(condition, job.measures, job.block.width, device)
            return self._compiled[key]


def _wait(futures: Sequence[Future], driver: Driver) -> None:
    """Until all are done or one failed."""
    while True:
        done, pending = wait(futures, timeout=IDLE_SECONDS, return_when=FIRST_EXCEPTION)
        if not pending or any(future.exception() for future in done):
            return
        driver.idle()
