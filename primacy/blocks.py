"""Walks the blocks of a study: skips what is stored, trains the rest, commits, tells progress."""

import dataclasses
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import jax
import polars as pl

from primacy import curves, events
from primacy.cohort import Interrupted, Lane, Programs, Trained, Watch, train_block, width
from primacy.describe import describe, measured
from primacy.devices import devices
from primacy.record import StudyRecord
from primacy.result import Result
from primacy.store import Store, StoreError
from primacy.study import Study


class Progress:
    """What a run tells while it works; the plain class stays silent."""

    def planned(self, plan: "Plan") -> None:
        """Before anything is trained."""

    def advanced(self, seed_steps: int) -> None:
        """So many training steps, summed over seeds, were just taken."""

    def committed(self, lanes: pl.DataFrame, summary: pl.DataFrame) -> None:
        """A block is on disk: how its lanes ended, and what `events.summary` says of them."""


@dataclasses.dataclass(frozen=True)
class Block:
    """Lanes that are trained together, and how many the compiled program holds."""

    lanes: tuple[Lane, ...]
    width: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run would do."""

    record: StudyRecord
    blocks: tuple[Block, ...]
    stored: int
    """Lanes that are on disk already."""

    @property
    def lanes(self) -> int:
        """Lanes to train."""
        return sum(len(block.lanes) for block in self.blocks)

    @property
    def seed_steps(self) -> int:
        """Training steps to take, summed over lanes."""
        return sum(lane.record.budget for block in self.blocks for lane in block.lanes)

    @property
    def programs(self) -> int:
        """Structures to compile."""
        return len({structure(block.lanes[0]) for block in self.blocks})

    @property
    def multiplications(self) -> float:
        """Floating-point operations of training and evaluation, roughly."""
        total = 0.0
        for block in self.blocks:
            for lane in block.lanes:
                c, examples = lane.record, lane.condition.examples
                passes = 6 * c.budget * lane.condition.training.batch_size
                held_out = examples["fit"] + examples["test"] * (2 + 2 * len(c.features))
                passes += 2 * len(c.steps) * (examples.get("train", 0) + held_out)
                total += passes * c.parameters
        return total

    @property
    def memory(self) -> float:
        """Bytes at the peak, roughly: what the blocks in progress hold."""
        largest = 0.0
        for block in self.blocks:
            c, condition = block.lanes[0].record, block.lanes[0].condition
            rows = sum(condition.examples.values()) + 4 * condition.examples["test"]
            hidden = sum(getattr(condition.model, "widths", ())) + len(c.inputs)
            largest = max(largest, block.width * 4.0 * (8 * c.parameters + rows * hidden))
        return 400e6 + 2 * largest

    @property
    def disk(self) -> float:
        """Bytes of the part files, roughly."""
        return sum(
            4.0 * lane.record.parameters + 60.0 * len(lane.record.steps) * len(self.record.measures)
            for block in self.blocks
            for lane in block.lanes
        )


def structure(lane: Lane) -> tuple:
    """What two lanes must share to train in one program."""
    return jax.tree.structure(lane.condition), lane.record.steps


def plan(study: Study, store: Store, *, allow_mixed: bool = False) -> Plan:
    """What is missing in a folder, packed into blocks.

    Raises:
        StoreError: the folder holds something that this study would change.
    """
    record = describe(study)
    stored: set[tuple[str, int]] = set()
    if (store.folder / "study.lock.json").exists():
        stored = store.stored()
        record = reconcile(store.record(), record, bool(stored), allow_mixed)
    kept = {c.name: c for c in record.conditions}
    groups: dict[Any, list[Lane]] = {}
    for seed in record.seeds:
        for name, condition in study.conditions.items():
            if (kept[name].key, seed) not in stored:
                lane = Lane(condition, kept[name], seed)
                groups.setdefault(structure(lane), []).append(lane)
    widths = {c.key: width(study.conditions[c.name], c.parameters) for c in record.conditions}
    record = dataclasses.replace(record, block_widths=widths)
    blocks = []
    for lanes in groups.values():
        step = widths[lanes[0].record.key]
        blocks += [
            Block(tuple(lanes[i : i + step]), step) for i in range(0, len(lanes), step)
        ]  # fmt: skip
    wanted = {(c.key, seed) for c in record.conditions for seed in record.seeds}
    return Plan(record, tuple(blocks), len(stored & wanted))


def reconcile(
    old: StudyRecord, new: StudyRecord, has_runs: bool, allow_mixed: bool = False
) -> StudyRecord:
    """The new record of a folder that holds an old one, with edits after the runs marked.

    Raises:
        StoreError: stored runs would no longer be those of the study; lists every difference.
    """
    if not has_runs:
        return new
    problems = []
    now = {c.name: c for c in new.conditions}
    for before in old.conditions:
        after = now.get(before.name)
        if after is None:
            problems.append(f"condition {before.name} is gone")
        elif after.key != before.key:
            problems += [
                f"condition {before.name}: {line}"
                for line in differences(before.spec, after.spec)
            ]  # fmt: skip
    for what, a, b in (
        ("measures", [m.name for m in old.measures], [m.name for m in new.measures]),
        ("seed_axes", list(old.seed_axes), list(new.seed_axes)),
    ):
        if a != b:
            problems.append(f"{what}: {', '.join(a)} -> {', '.join(b)}")
    if len(new.seeds) < len(old.seeds):
        problems.append(
            f"seeds: {len(old.seeds)} -> {len(new.seeds)}; nothing is thrown away "
            f"(`primacy judge RUN --seeds {len(new.seeds)}` shows the smaller set)"
        )
    if not allow_mixed:
        problems += [
            f"{name}: {old.versions.get(name)} -> {version} (--allow-mixed goes on with both)"
            for name, version in new.versions.items()
            if old.versions.get(name) != version
        ]
    if problems:
        raise StoreError(
            "this folder holds runs of another study:\n  "
            + "\n  ".join(problems)
            + "\nGive another --out, or --fork to start beside it."
        )
    known = {h.id: h for h in old.hypotheses}
    edited = {h.id for h in new.hypotheses if known.get(h.id) != h}
    post_hoc = [h.id for h in new.hypotheses if h.id in edited or h.id in old.post_hoc]
    earlier = old.earlier_hashes
    if old.study_hash != new.study_hash:
        earlier = (*earlier, old.study_hash)
    return dataclasses.replace(
        new, post_hoc=tuple(post_hoc), earlier_hashes=earlier, versions=new.versions
    )


def differences(a: Any, b: Any, at: str = "") -> Iterator[str]:
    """`dotted.key: old -> new` for every difference of two JSON values."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from differences(a.get(key), b.get(key), f"{at}.{key}" if at else key)
    elif a != b:
        yield f"{at}: {a} -> {b}"


def run(
    study: Study,
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    fork: bool = False,
    allow_mixed: bool = False,
) -> Result:
    """Train what is missing, commit it block by block, and judge the whole.

    Args:
        study: what to run; `primacy.read("complexity")` gives a built-in one.
        out: the run folder; `runs/NAME` when left out. The same folder again resumes.
        progress: told what happens.
        stop: when set, blocks in progress are dropped and `Interrupted` is raised.
        fork: if the folder holds another study's runs, start in the next free `OUT-2`, `OUT-3`...
        allow_mixed: go on in a folder that other library versions began; parts say which.

    Raises:
        StoreError: nothing was run: the folder is in use or holds runs of another study.
        Interrupted: somebody asked to stop; committed blocks stay.
    """
    folder = Path(out) if out else Path("runs") / study.name
    progress, stop = progress or Progress(), stop or threading.Event()
    store = Store(folder)
    if fork:
        store = forked(study, store)
    with store.locked():
        todo = plan(study, store, allow_mixed=allow_mixed)
        refuse_too_large(todo)
        pool = devices()[: max(1, len(todo.blocks))]
        kind = {f"{d.platform} ({d.device_kind})" for d in pool}
        todo = dataclasses.replace(
            todo, record=dataclasses.replace(todo.record, device=", ".join(sorted(kind)))
        )
        bad = [n for n, part in store.manifest().items() if store.damage(n, part)]
        if bad:
            store.drop(bad)
        store.begin(todo.record, study.source)
        progress.planned(todo)
        began = time.time()
        walk = Walk(todo, store, study, progress, stop)
        walk.over(pool)
        store.status(
            state="complete",
            lanes=len(todo.record.seeds) * len(todo.record.conditions),
            trained=todo.lanes,
            seconds={"total": time.time() - began, "compile": walk.compile_seconds},
        )
        result = Result(store.folder)
        result.judge()
    return result


def forked(study: Study, store: Store) -> Store:
    """The store itself if the study fits it, else the first free `NAME-2`, `NAME-3`, ..."""
    number, folder = 2, store.folder
    while True:
        try:
            plan(study, store)
        except StoreError:
            store = Store(folder.with_name(f"{folder.name}-{number}"))
            number += 1
        else:
            return store


def refuse_too_large(todo: Plan) -> None:
    """Refuse work that would not fit the machine.

    Raises:
        StoreError: with the numbers.
    """
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if todo.memory > 0.8 * has:
        raise StoreError(
            f"this needs about {todo.memory / 1e9:.1f} GB of memory; the machine has "
            f"{has / 1e9:.1f} GB. Use smaller networks or fewer examples."
        )


class Walk:
    """One pass over the blocks of a plan, a worker for each device."""

    def __init__(
        self, todo: Plan, store: Store, study: Study, progress: Progress, stop: threading.Event
    ) -> None:
        self.todo, self.store, self.progress, self.stop = todo, store, progress, stop
        self.measures = measured(study)
        self.axes = study.seed_axes
        self.compile_seconds = 0.0
        self._blocks = iter(todo.blocks)
        self._turn = threading.Lock()
        self._done = todo.stored

    def over(self, pool: Sequence[jax.Device]) -> None:
        """Train every block; the first failure stops the others and is raised."""
        if not self.todo.blocks:
            return
        with ThreadPoolExecutor(len(pool)) as threads:
            futures = [threads.submit(self._work, device) for device in pool]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                failed = any(f.done() and f.exception() for f in futures)
                if failed or not all(f.done() for f in futures):
                    self.stop.set()  # a failure, or Ctrl-C while waiting
        errors = [error for f in futures if (error := f.exception())]
        errors.sort(key=lambda error: isinstance(error, Interrupted))
        if errors:
            raise errors[0]

    def _work(self, device: jax.Device) -> None:
        programs: dict[Any, Programs] = {}
        watch = Watch(self.progress.advanced, self.stop.is_set)
        while True:
            with self._turn:
                block = next(self._blocks, None)
            if block is None:
                return
            key = structure(block.lanes[0])
            if key not in programs:
                programs[key] = Programs(
                    block.lanes[0].condition, self.measures, block.width, device
                )
            before = programs[key].seconds
            trained = train_block(programs[key], block.lanes, self.axes, watch)
            compiling = programs[key].seconds - before
            with self._turn:
                self.compile_seconds += compiling
                self._commit(block, trained)

    def _commit(self, block: Block, trained: Trained) -> None:
        record = self.todo.record
        self.store.commit(
            trained.curves,
            trained.lanes,
            trained.weights,
            {
                "block_width": block.width,
                "study_hash": record.study_hash,
                "versions": record.versions,
                "device": record.device,
            },
        )
        self._done += len(block.lanes)
        here = curves.named(trained.lanes, record)
        summary = events.summary(curves.named(trained.curves, record), here, record)
        total = len(record.seeds) * len(record.conditions)
        self.store.status(state="running", lanes=total, done=self._done)
        self.progress.committed(here, summary)

