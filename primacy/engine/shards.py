"""One share of a run's blocks, trained by a process that needs nothing but the study.

As many as there are shares may work at the same time, on one machine or many: none of them writes
to the run folder but into its inbox, from which the next run adopts what is whole.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from primacy.analysis import summary as summaries
from primacy.engine import inbox
from primacy.engine.jobs import Driver, Engine, Job
from primacy.engine.plan import plan, refusal, share
from primacy.engine.progress import Progress
from primacy.engine.run import holdings
from primacy.engine.threads import Threads
from primacy.engine.walk import jobs_of, on_device
from primacy.records import curves
from primacy.records.store import StoreError
from primacy.study.spec import Study
from primacy.training.block import Trained


def work(
    study: Study,
    folder: Path,
    index: int,
    of: int,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    allow_mixed: bool = False,
    engine: Callable[[int], Engine] = Threads,
) -> int:
    """Train share `index` of `of` of the blocks that a run folder lacks, into its inbox.

    Args:
        study: what to run.
        folder: the run folder; it need not exist.
        index: which share, from 0.
        of: how many there are.
        progress: told what happens.
        stop: when set, blocks in progress are dropped and `Interrupted` is raised.
        allow_mixed: as in `run`.
        engine: as in `run`.

    Returns:
        How many blocks were trained; those that were in the inbox already are not.

    Raises:
        StoreError: nothing was trained: the folder holds another study, or memory is too small.
        Interrupted: somebody asked to stop; blocks in the inbox stay.
    """
    progress, stop = progress or Progress(), stop or threading.Event()
    whole = plan(study, holdings(study, folder), allow_mixed=allow_mixed)
    todo = share(whole, index, of)
    if why := refusal(todo):
        raise StoreError(why)
    trainer = engine(sum(map(len, todo.every_batch)))
    try:
        todo = on_device(todo, trainer.device)
        records = {part.record.name: part.record for part in todo.parts}
        missing = [job for job in jobs_of(study, todo) if not inbox.holds(folder, job)]
        progress.planned(todo)

        def commit(job: Job, trained: Trained) -> None:
            record = records[job.member]
            inbox.put(folder, job, trained, record)
            own = trained.only([c.key for c in record.conditions])
            here = curves.named(own.lanes, record)
            if here.height:
                progress.committed(
                    here, lambda: summaries.summary(curves.named(own.curves, record), here, record)
                )

        driver = Driver(commit, progress.advanced, lambda: None, stop)
        trainer.train(missing, study.seed_axes, driver)
    finally:
        trainer.close()
    return len(missing)
