"""A walk over the blocks of a plan: it drives an engine, and commits what comes back."""

import dataclasses
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

import polars as pl

from primacy.analysis import summary as summaries
from primacy.engine import forecast, inbox
from primacy.engine.interruption import compiling, waiting
from primacy.engine.jobs import Driver, Engine, Job
from primacy.engine.live import Live
from primacy.engine.plan import Plan, program
from primacy.engine.progress import Progress
from primacy.engine.provisional import Pages
from primacy.records import curves
from primacy.records.held import controls_of
from primacy.records.store import Store
from primacy.records.study import StudyRecord
from primacy.registry import Measure
from primacy.study.describe import measured
from primacy.study.spec import Study
from primacy.training.block import Trained

STALL_SECONDS = 60.0
"""A run in which nothing advances for less than this is never called stalled."""

COMPILING_SECONDS = 900.0
"""The same while a program is compiled: on a busy machine that alone takes minutes."""

STALL_FACTOR = 10.0
"""Times its forecast that a block may take before the run is called stalled."""


def _least(frames: Mapping[int, FrameType]) -> float:
    """Seconds without news that are never a stall, by what the threads are in."""
    return COMPILING_SECONDS if compiling(frames) else STALL_SECONDS


def folders(study: Study, store: Store) -> tuple[Store, ...]:
    """Where the runs are: a folder for each member, or the one of the study itself."""
    if not study.members:
        return (store,)
    return tuple(Store(store.folder / member.name) for member in study.members)


def jobs_of(study: Study, todo: Plan) -> list[Job]:
    """Every block of a plan as a job; equal programs are next to each other."""
    return [
        Job(member.name, block, chosen, program(part, block))
        for member, part in zip(study.studies, todo.parts, strict=True)
        for chosen in (measured(member),)
        for block in (*part.blocks, *part.control_blocks)
    ]


def on_device(todo: Plan, device: str) -> Plan:
    """The plan with the device in its records."""
    return dataclasses.replace(
        todo,
        record=dataclasses.replace(todo.record, device=device),
        controls=todo.controls and dataclasses.replace(todo.controls, device=device),
        members=tuple(on_device(part, device) for part in todo.members),
    )


@dataclasses.dataclass
class Place:
    """A folder that a walk fills: its plan and how far it is."""

    plan: Plan
    store: Store
    measures: tuple[Measure, ...]
    done: int


class Walk:
    """One pass over the blocks of a plan: the driver of an engine.

    Equal structures are next to each other, and those of all members are in one list.
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
        self.command = command
        self.places = {
            member.name: Place(part, place, measured(member), part.stored)
            for member, part, place in zip(
                study.studies, todo.parts, folders(study, store), strict=True
            )
        }
        self.live = Live({name: place.store.folder for name, place in self.places.items()})
        self.pages = Pages(store.folder)
        self._study = study
        self._moved = time.monotonic()
        """When a step was last taken or a block committed."""
        self._reported: float | None = None
        """`_moved` when a stall was last reported."""

    def over(self, engine: Engine) -> None:
        """Train and commit every block that is missing."""
        self._moved = time.monotonic()
        driver = Driver(self._commit, self._advanced, self._idle, self.stop, self.live.evaluated)
        engine.train(jobs_of(self._study, self.todo), self._study.seed_axes, driver)

    def adopt(self, boxed: Sequence[inbox.Boxed]) -> int:
        """Commit blocks of the inbox, in order; each file goes once its block is on disk."""
        for own in boxed:
            part = self.places[own.member].plan
            trained = own.trained(part.record, part.controls)
            self._keep(own.member, own.width, trained, own.origin)
            own.path.unlink(missing_ok=True)
        return len(boxed)

    def _advanced(self, seed_steps: int) -> None:
        self._moved = time.monotonic()
        self.progress.advanced(seed_steps)

    def _idle(self) -> None:
        """Rewrite the page; report when nothing has advanced for longer than is forecast."""
        self.pages.rewrite(sum(place.done for place in self.places.values()))
        moved, still = self._moved, time.monotonic() - self._moved
        if still < _least(sys._current_frames()) or moved == self._reported:
            return
        # Only now: the forecast measures the machine's speed, and meanwhile a thread may move on.
        allowed = STALL_SECONDS + STALL_FACTOR * forecast.longest_block(self.todo)
        if moved == self._moved:
            self._still(still, allowed, sys._current_frames())

    def _still(self, still: float, allowed: float, frames: Mapping[int, FrameType]) -> None:
        """Report a stall, judged and described by the same look at the threads."""
        if still > (allowed := max(_least(frames), allowed)):
            self.progress.stalled(still, allowed, tuple(waiting(frames)))
            self._reported = self._moved

    def _commit(self, job: Job, trained: Trained) -> None:
        self._moved = time.monotonic()
        record = self.places[job.member].plan.record
        where = {"versions": record.versions, "device": record.device}
        here = self._keep(job.member, job.block.width, trained, where)
        self.live.committed(job)
        if here is not None:
            rows = trained.only([c.key for c in record.conditions]).curves
            self.progress.committed(
                here, lambda: summaries.summary(curves.named(rows, record), here, record)
            )

    def _keep(
        self, member: str, width: int, trained: Trained, where: Mapping[str, Any]
    ) -> pl.DataFrame | None:
        """Commit a block; how its networks ended, or None where all were controls."""
        place = self.places[member]
        record = place.plan.record
        origin = {"block_width": width, "study_hash": record.study_hash, **where}
        if place.plan.controls is not None:
            keys = [c.key for c in place.plan.controls.conditions]
            beside, trained = trained.only(keys), trained.without(keys)
            if beside.lanes.height:
                controls_of(place.store).commit(*beside, origin)
            if not trained.lanes.height:
                return None
        place.store.commit(*trained, origin)
        place.done += trained.lanes.height
        self._tell(place)
        return curves.named(trained.lanes, record)

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

    def complete(self, engine: Engine, seconds: float) -> None:
        """Say in every folder that the run is done, and what it took."""
        for place in self.places.values():
            if place.plan.controls is not None:
                lanes = _total(place.plan.controls)
                controls_of(place.store).status(state="complete", lanes=lanes)
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
            programs=engine.programs,
            command=self.command,
            seconds={"total": seconds, "compile": engine.compile_seconds},
        )


def _total(record: StudyRecord) -> int:
    return len(record.seeds) * len(record.conditions)
