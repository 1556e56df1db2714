"""A run: plan what is missing, have an engine train it, commit each block, judge the whole."""

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from primacy.engine import inbox
from primacy.engine.jobs import Engine
from primacy.engine.plan import Plan, plan, refusal
from primacy.engine.progress import Progress
from primacy.engine.threads import Threads
from primacy.engine.walk import Walk, folders, on_device
from primacy.records import live
from primacy.records.held import Held, controls_of, read
from primacy.records.store import STUDY, VERDICTS, Damaged, Store, StoreError
from primacy.records.study import StudyRecord
from primacy.result import Result
from primacy.study.spec import Study


def run(
    study: Study,
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    fork: bool = False,
    allow_mixed: bool = False,
    command: Sequence[str] = (),
    engine: Callable[[int], Engine] = Threads,
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
        engine: makes what trains, for a number of blocks; left out: the threads of this process.

    Raises:
        StoreError: nothing was run: the folder is in use or holds runs of another study.
        Interrupted: somebody asked to stop; committed blocks stay.
        NotFinished: blocks could not be trained; those that are committed stay.
    """
    folder = Path(out) if out else Path("runs") / study.name
    progress, stop = progress or Progress(), stop or threading.Event()
    store = Store(destination(study, folder) if fork else folder)
    with contextlib.ExitStack() as locks:
        for place in dict.fromkeys((store, *folders(study, store))):
            locks.enter_context(place.locked())
            live.sweep(place.folder)
        held = holdings(study, store.folder)
        todo = plan(study, held, allow_mixed=allow_mixed)
        if why := refusal(todo):
            raise StoreError(why)
        boxed, stored, staying = inbox.adoptable(store.folder, todo, allow_mixed)
        blocks = max(0, sum(map(len, todo.every_batch)) - len(boxed))
        trainer = locks.enter_context(contextlib.closing(engine(blocks)))
        todo = on_device(todo, trainer.device)
        _begin(study, store, todo, held, progress)
        began, words = time.monotonic(), _command(command, store.folder, todo.record)
        walk = Walk(todo, store, study, progress, stop, words)
        if boxed or stored or staying:
            progress.adopted(walk.adopt(boxed), staying)
            for path in stored:
                path.unlink(missing_ok=True)
            todo = plan(study, holdings(study, store.folder), allow_mixed=allow_mixed)
            walk = Walk(on_device(todo, trainer.device), store, study, progress, stop, words)
        progress.planned(walk.todo)
        try:
            walk.over(trainer)
        finally:
            walk.live.clear()
        walk.take_over()
        walk.complete(trainer, time.monotonic() - began)
        return _judged(study, store, provisional=walk.pages.written > 0)


def _begin(study: Study, store: Store, todo: Plan, held: Held, progress: Progress) -> None:
    """Move damaged parts aside and write the records of a run into its folders."""
    places = folders(study, store)
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


def _judged(study: Study, store: Store, *, provisional: bool) -> Result:
    """The finished run, judged; what was judged or drawn of it before is never left behind."""
    result = Result(store.folder)
    result.judge()
    for place in folders(study, store) if study.members else ():
        if (place.folder / VERDICTS).exists():
            Result(place.folder).judge()
    if provisional:
        result.report()
    return result


def holdings(study: Study, folder: Path) -> Held:
    """What the folder of a study, and those of its members, hold.

    Raises:
        StoreError: one of them cannot be read as a run folder.
    """
    return read(folder, [member.name for member in study.members])


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


def _command(words: Sequence[str], folder: Path, record: StudyRecord) -> str:
    """What runs a study again in its folder; made in Python, it stands there as a file."""
    seeds = ("--seeds", str(len(record.seeds)))
    words = words or ("primacy", "run", str(folder / STUDY), *seeds)
    return shlex.join([*words, "--out", str(folder)])
