"""Walks the blocks of a study: skips what is stored, trains the rest, commits, tells progress."""

import contextlib
import dataclasses
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

import polars as pl

from primacy.analysis import summary as summaries
from primacy.engine import forecast
from primacy.engine.hardware import workers
from primacy.engine.interruption import waiting
from primacy.engine.packing import Block
from primacy.engine.plan import Plan, plan, program, refusal
from primacy.records import curves
from primacy.records.held import Held, controls_of, read
from primacy.records.store import STUDY, VERDICTS, Damaged, Store, StoreError
from primacy.records.study import StudyRecord
from primacy.registry import Measure
from primacy.result import Result
from primacy.study.describe import measured
from primacy.study.spec import Study
from primacy.training.block import Interrupted, Trained, Watch, train_block
from primacy.training.programs import Device, Programs

STALL_SECONDS = 60.0
"""A run in which nothing advances for less than this is never called stalled."""

STALL_FACTOR = 10.0
"""Times its forecast that a block may take before the run is called stalled."""


class Progress:
    """What a run tells while it works; the plain class stays silent."""

    def planned(self, plan: Plan) -> None:
        """Before anything is trained."""

    def set_aside(self, folder: Path, problems: Sequence[str]) -> None:
        """Parts of a folder were damaged, each file as `problems` says, and were moved aside."""

    def advanced(self, seed_steps: int) -> None:
        """So many training steps, summed over seeds, were just taken."""

    def stalled(self, seconds: float, allowed: float, waits: Sequence[str]) -> None:
        """Nothing has advanced for some seconds, more than the forecast allows.

        Args:
            seconds: since the last step or commit.
            allowed: by the forecast.
            waits: what the threads are in.
        """

    def committed(self, lanes: pl.DataFrame, summary: Callable[[], pl.DataFrame]) -> None:
        """A block is on disk: how its lanes ended; `summary()` is their `learning_times.summary`.

        It takes a while, so it is made for who asks; training waits for the answer.
        """


def run(
    study: Study,
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    fork: bool = False,
    allow_mixed: bool = False,
    command: Sequence[str] = (),
) -> Result:
    """Train what is missing, commit it block by block, and judge the whole.

    Args:
        study: what to run; `primacy.read("complexity")` gives a built-in one.
        out: the run folder; `runs/NAME` when left out. The same folder again resumes.
        progress: told what happens.
        stop: when set, blocks in progress are dropped and `Interrupted` is raised.
        fork: if the folder holds another study's runs, start in the next free `OUT-2`, `OUT-3`...
        allow_mixed: go on in a folder that other library versions began; parts say which.
        command: the words of a shell that run this, which the page shows with the folder.

    Raises:
        StoreError: nothing was run: the folder is in use or holds runs of another study.
        Interrupted: somebody asked to stop; committed blocks stay.
    """
    folder = Path(out) if out else Path("runs") / study.name
    progress, stop = progress or Progress(), stop or threading.Event()
    store = Store(destination(study, folder) if fork else folder)
    places = folders(study, store)
    with contextlib.ExitStack() as locks:
        for place in dict.fromkeys((store, *places)):
            locks.enter_context(place.locked())
        held = holdings(study, store.folder)
        todo = plan(study, held, allow_mixed=allow_mixed)
        if why := refusal(todo):
            raise StoreError(why)
        pool = workers()[: max(1, sum(map(len, todo.every_batch)))]
        kind = {f"{d.platform} ({d.device_kind})" for d in pool}
        todo = _on(todo, ", ".join(sorted(kind)))
        inside = [held.members[member.name] for member in study.members] or [held]
        for place, own in zip(places, inside, strict=True):
            for there, found in ((place, own), (controls_of(place), own.controls)):
                if found and found.damaged:
                    progress.set_aside(there.folder, there.set_aside(found.damaged))
        # The whole first: with it there, whoever looks knows what a member's folder belongs to.
        if study.members:
            store.begin(todo.record, study.source)
        for member, part, place in zip(study.studies, todo.parts, places, strict=True):
            place.begin(part.record, member.source)
            if part.controls is not None:
                controls_of(place).begin(part.controls, member.source)
        progress.planned(todo)
        began = time.time()
        walk = Walk(
            todo, store, study, progress, stop, _command(command, store.folder, todo.record)
        )
        walk.over(pool)
        walk.take_over()
        walk.complete(time.time() - began)
        result = Result(store.folder)
        result.judge()
        for place in places[: len(study.members)]:
            if (place.folder / VERDICTS).exists():  # judged by itself before: never left behind
                Result(place.folder).judge()
    return result


def holdings(study: Study, folder: Path) -> Held:
    """What the folder of a study, and those of its members, hold.

    Raises:
        StoreError: one of them cannot be read as a run folder.
    """
    return read(folder, [member.name for member in study.members])


def folders(study: Study, store: Store) -> tuple[Store, ...]:
    """Where the runs are: a folder for each member, or the one of the study itself."""
    if not study.members:
        return (store,)
    return tuple(Store(store.folder / member.name) for member in study.members)


def destination(study: Study, folder: Path) -> Path:
    """The folder itself if the study fits what it holds, else the first free `NAME-2`, ..."""
    number, found = 2, folder
    while True:
        try:
            plan(study, holdings(study, found))
        except Damaged:
            raise
        except StoreError:
            found = folder.with_name(f"{folder.name}-{number}")
            number += 1
        else:
            return found


def _on(todo: Plan, device: str) -> Plan:
    """The plan with the device in its records."""
    return dataclasses.replace(
        todo,
        record=dataclasses.replace(todo.record, device=device),
        controls=todo.controls and dataclasses.replace(todo.controls, device=device),
        members=tuple(_on(part, device) for part in todo.members),
    )


@dataclasses.dataclass
class Place:
    """A folder that a walk fills: its plan and how far it is."""

    plan: Plan
    store: Store
    measures: tuple[Measure, ...]
    done: int


class Walk:
    """One pass over the blocks of a plan.

    The blocks of all members stand in one queue, so that no worker waits for a member to end, and
    a program compiled for one serves the others. Equal structures stand together and workers take
    from both ends: two seldom want the same program at the same time, and while one traces its own,
    which takes the interpreter's lock, the other trains.
    """

    def __init__(
        self,
        todo: Plan,
        store: Store,
        study: Study,
        progress: Progress,
        stop: threading.Event,
        command: str,
    ) -> None:
        self.todo, self.store, self.progress, self.stop = todo, store, progress, stop
        self.axes, self.command = study.seed_axes, command
        self.compiled: dict[tuple, Programs] = {}
        """By structure and device; all workers share them."""
        self.places = {
            member.name: Place(part, place, measured(member), part.stored)
            for member, part, place in zip(
                study.studies, todo.parts, folders(study, store), strict=True
            )
        }
        self._queue = deque(
            (p, b) for p in self.places.values() for b in (*p.plan.blocks, *p.plan.control_blocks)
        )
        self._turn = threading.Lock()
        self._moved = time.monotonic()
        """When a step was last taken or a block committed."""

    def over(self, pool: Sequence[Device]) -> None:
        """Train every block; the first failure stops the others and is raised."""
        if not self._queue:
            return
        with ThreadPoolExecutor(len(pool), thread_name_prefix="worker") as threads:
            futures = [
                threads.submit(self._work, device, k % 2 == 1) for k, device in enumerate(pool)
            ]
            try:
                self._wait(futures)
            finally:
                failed = any(f.done() and f.exception() for f in futures)
                if failed or not all(f.done() for f in futures):
                    self.stop.set()  # a failure, or Ctrl-C while waiting
        errors = [error for f in futures if (error := f.exception())]
        errors.sort(key=lambda error: isinstance(error, Interrupted))
        if errors:
            raise errors[0]

    def _wait(self, futures: Sequence[Future]) -> None:
        """Until all are done or one failed; report when nothing advances."""
        self._moved, reported = time.monotonic(), 0.0
        while True:
            done, pending = wait(futures, timeout=STALL_SECONDS / 10, return_when=FIRST_EXCEPTION)
            if not pending or any(future.exception() for future in done):
                return
            still = time.monotonic() - self._moved
            if still < STALL_SECONDS or self._moved == reported:
                continue
            # Only now: the forecast measures the machine's speed.
            allowed = STALL_SECONDS + STALL_FACTOR * forecast.longest_block(self.todo)
            if still > allowed:
                self.progress.stalled(still, allowed, tuple(waiting()))
                reported = self._moved

    def _work(self, device: Device, from_the_end: bool) -> None:
        def advanced(seed_steps: int) -> None:
            self._moved = time.monotonic()
            self.progress.advanced(seed_steps)

        watch = Watch(advanced, self.stop.is_set)
        while True:
            with self._turn:
                if not self._queue:
                    return
                place, block = self._queue.pop() if from_the_end else self._queue.popleft()
            trained = train_block(
                self._programs(place, block, device),
                (*block.lanes, *block.riders),
                self.axes,
                watch,
            )
            with self._turn:
                self._commit(place, block, trained)
                self._moved = time.monotonic()

    def _programs(self, place: Place, block: Block, device: Device) -> Programs:
        key = (program(place.plan, block), device)
        with self._turn:
            if key not in self.compiled:
                self.compiled[key] = Programs(
                    block.lanes[0].condition, place.measures, block.width, device
                )
            return self.compiled[key]

    def _commit(self, place: Place, block: Block, trained: Trained) -> None:
        record = place.plan.record
        origin = {
            "block_width": block.width,
            "study_hash": record.study_hash,
            "versions": record.versions,
            "device": record.device,
        }
        if place.plan.controls is not None:
            keys = [c.key for c in place.plan.controls.conditions]
            beside, trained = trained.only(keys), trained.without(keys)
            if beside.lanes.height:
                controls_of(place.store).commit(*beside, origin)
            if not trained.lanes.height:
                return
        place.store.commit(*trained, origin)
        place.done += len(block.lanes)
        here = curves.named(trained.lanes, record)
        self._tell(place)
        self.progress.committed(
            here, lambda: summaries.summary(curves.named(trained.curves, record), here, record)
        )

    def _tell(self, place: Place) -> None:
        """Rewrite the status of a folder, and of the whole it is in."""
        own = {"command": self.command} if place.store is self.store else {}
        place.store.status(state="running", lanes=_total(place.plan.record), done=place.done, **own)
        if place.store is not self.store:
            done = sum(p.done for p in self.places.values())
            self.store.status(
                state="running", lanes=_total(self.todo.record), done=done, command=self.command
            )

    def take_over(self) -> None:
        """Commit to each member the lanes that another one trained, as they are."""
        for place in self.places.values():
            for owner, lanes in place.plan.taken.items():
                wanted = {(lane.record.key, lane.seed) for lane in lanes}
                for table, ends, weights, origin in self.places[owner].store.held(wanted):
                    place.store.commit(table, ends, weights, origin)
                    place.done += ends.height
                    self._tell(place)

    def complete(self, seconds: float) -> None:
        """Say in every folder that the run is done, and what it took."""
        for place in self.places.values():
            if place.plan.controls is not None:
                controls_of(place.store).status(
                    state="complete", lanes=_total(place.plan.controls)
                )  # fmt: skip
            if place.store is not self.store:
                place.store.status(
                    state="complete",
                    lanes=_total(place.plan.record),
                    trained=place.plan.lanes,
                    shared=place.plan.shared,
                )
        todo = self.todo
        self.store.status(
            state="complete",
            lanes=_total(todo.record),
            trained=todo.lanes,
            shared=todo.shared,
            programs=len(self.compiled),
            command=self.command,
            seconds={"total": seconds, "compile": sum(p.seconds for p in self.compiled.values())},
        )


def _command(words: Sequence[str], folder: Path, record: StudyRecord) -> str:
    """What runs a study again in its folder; made in Python, it stands there as a file."""
    seeds = ("--seeds", str(len(record.seeds)))
    words = words or ("primacy", "run", str(folder / STUDY), *seeds)
    return shlex.join([*words, "--out", str(folder)])


def _total(record: StudyRecord) -> int:
    return len(record.seeds) * len(record.conditions)
