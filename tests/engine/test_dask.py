"""Whatever dies on a cluster, what was committed stays and nothing finished is trained again.

Oracle: the bytes of a run in the threads of this process, and the attempts that workers wrote down.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("distributed")

from primacy.engine import dask as dask_engine
from primacy.engine.dask import Dask
from primacy.engine.jobs import NotFinished
from primacy.engine.run import Progress, run
from primacy.records.store import Store, StoreError
from primacy.training.block import Interrupted
from tests.faults.study import Trainer, study
from tests.support.cluster import Cluster
from tests.support.folders import promised
from tests.support.waiting import until

SEEDS = 6


class Committed(Progress):
    """Counts commits and calls back."""

    def __init__(self, then=lambda count: None):
        self.count, self.then = 0, then

    def committed(self, lanes, summary):
        self.count += 1
        self.then(self.count)


def on(cluster, **more):
    return lambda blocks: Dask(blocks, address=str(cluster.file), **more)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run leaves that trains in threads, with the same made-up results."""
    folder = tmp_path_factory.mktemp("threads") / "run"
    with pytest.MonkeyPatch.context() as patch:
        Trainer(patch)
        run(study(SEEDS), folder)
    return promised(folder)


@pytest.fixture(scope="module")
def cluster_of_all(tmp_path_factory):
    """A cluster for tests that leave its scheduler alive."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.scheduler()
        yield cluster


@pytest.fixture
def shared(cluster_of_all):
    """The same with two workers that live, and nothing planned."""
    cluster_of_all.ready(2)
    cluster_of_all.plan()
    return cluster_of_all


ONCE = dict.fromkeys(range(SEEDS), 1)


def test_a_poisoned_block_is_named_and_the_others_finish(tmp_path, shared, undisturbed):
    shared.plan({"1": {"raise": "no such luck"}})
    with pytest.raises(NotFinished, match="default, seed 1: ArithmeticError: no such luck"):
        run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == ONCE
    assert {seed for _, seed in Store(tmp_path / "run").stored()} == set(range(SEEDS)) - {1}
    shared.plan()
    run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == {1: 1}
    assert promised(tmp_path / "run") == undisturbed


def test_a_full_disk_at_the_driver_ends_the_run_and_keeps_what_was_committed(
    tmp_path, shared, undisturbed, monkeypatch
):
    shared.plan()
    commit, kept = Store.commit, []

    def full(self, table, lanes, weights, origin):
        if len(kept) == 2:
            raise OSError(28, "No space left on device")
        kept.extend(lanes["seed"])
        return commit(self, table, lanes, weights, origin)

    monkeypatch.setattr(Store, "commit", full)
    with pytest.raises(OSError, match="No space left"):
        run(study(SEEDS), tmp_path / "run", engine=on(shared))
    monkeypatch.setattr(Store, "commit", commit)
    shared.plan()
    run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == {seed: 1 for seed in range(SEEDS) if seed not in kept}
    assert promised(tmp_path / "run") == undisturbed


def test_a_stopped_run_drops_its_blocks_on_the_workers(tmp_path, shared):
    shared.plan({str(seed): {"seconds": 600} for seed in range(2, SEEDS)})
    stop = threading.Event()
    listen = Committed(lambda count: count == 2 and stop.set())
    began = time.monotonic()
    with pytest.raises(Interrupted):
        run(study(SEEDS), tmp_path / "run", progress=listen, stop=stop, engine=on(shared))
    assert time.monotonic() - began < 600  # what one of its blocks takes
    shared.plan()  # a worker that is still at a dropped block could not begin another
    run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == dict.fromkeys(range(2, SEEDS), 1)


DRIVER = """
import sys
from primacy.engine.dask import Dask
from primacy.engine.run import run
from tests.faults.study import study
run(study({seeds}), sys.argv[1], engine=lambda n: Dask(n, address=sys.argv[2]))
"""


def test_a_killed_driver_loses_what_was_in_flight_and_no_more(tmp_path, shared, undisturbed):
    shared.plan({str(seed): {"seconds": 600} for seed in range(3, SEEDS)})
    words = [sys.executable, "-c", DRIVER.format(seeds=SEEDS), tmp_path / "run", shared.file]
    driver = subprocess.Popen(words, env=shared.env)
    until(lambda: {3, 4} <= set(shared.seeds()))
    until(lambda: len(list((tmp_path / "run" / "curves").glob("*.parquet"))) == 3)
    driver.kill()
    driver.wait()
    kept = {seed for _, seed in Store(tmp_path / "run").stored()}
    assert {0, 1} <= kept
    shared.plan()
    run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == {seed: 1 for seed in range(SEEDS) if seed not in kept}
    assert promised(tmp_path / "run") == undisturbed


def test_a_worker_that_was_away_too_long_changes_nothing(tmp_path, undisturbed):
    with Cluster(tmp_path / "c", {"2": {"first": 600}}, SCHEDULER__WORKER_TTL="15s") as cluster:
        cluster.scheduler()
        cluster.ready(2)

        def pause():
            until(lambda: 2 in cluster.seeds())
            ((_, away),) = [x for x in cluster.attempts if x[0] == 2]
            os.kill(away, signal.SIGSTOP)
            until(lambda: cluster.seeds()[2] == 2)  # another one has begun it
            os.kill(away, signal.SIGCONT)

        pausing = threading.Thread(target=pause)
        pausing.start()
        run(study(SEEDS), tmp_path / "run", engine=on(cluster))
        pausing.join()
        assert cluster.seeds() == {**ONCE, 2: 2}
    assert promised(tmp_path / "run") == undisturbed


def test_a_killed_worker_costs_its_own_block_an_attempt(tmp_path, shared, undisturbed):
    shared.plan({"2": {"kill": 1}})
    run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == {**ONCE, 2: 2}
    assert promised(tmp_path / "run") == undisturbed


def test_a_block_that_kills_three_workers_is_left_out_and_named(tmp_path, shared, undisturbed):
    shared.ready(4)
    shared.plan({"2": {"kill": 99}})
    with pytest.raises(NotFinished, match=r"1 block.*\n  default, seed 2: its worker died"):
        run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == {**ONCE, 2: 3}
    shared.plan()
    run(study(SEEDS), tmp_path / "run", engine=on(shared))
    assert shared.seeds() == {2: 1}
    assert promised(tmp_path / "run") == undisturbed


def test_a_worker_with_other_versions_is_refused_before_anything_runs(tmp_path):
    with Cluster(tmp_path / "cluster", {"versions": {"jax": "0.1", "python": "3.2.1"}}) as cluster:
        cluster.scheduler()
        cluster.worker()
        with pytest.raises(
            StoreError, match=r"tcp://127\.0\.0\.1:\d+: jax 0\.1 instead of .*python"
        ):
            run(study(1), tmp_path / "run", engine=on(cluster))
        assert cluster.attempts == []
    assert not (tmp_path / "run" / "study.lock.json").exists()


def test_a_killed_scheduler_ends_the_run_and_keeps_what_was_committed(
    tmp_path, undisturbed, monkeypatch
):
    with Cluster(tmp_path / "cluster", {"5": {"seconds": 600}}) as cluster:
        scheduler = cluster.scheduler()
        cluster.worker()

        def kill(count):
            if count == SEEDS - 1:
                monkeypatch.setattr(dask_engine, "LOST_SECONDS", 2.0)
                scheduler.kill()

        with pytest.raises(NotFinished, match=r"the scheduler at .* is gone"):
            run(study(SEEDS), tmp_path / "run", progress=Committed(kill), engine=on(cluster))
    assert {seed for _, seed in Store(tmp_path / "run").stored()} == set(range(SEEDS - 1))
    asked = Trainer(monkeypatch)
    run(study(SEEDS), tmp_path / "run")
    assert asked.asked() == [5]
    assert promised(tmp_path / "run") == undisturbed


def test_a_silent_cluster_ends_the_run(tmp_path, monkeypatch):
    with Cluster(tmp_path / "cluster", {"0": {"seconds": 600}}) as cluster:
        scheduler = cluster.scheduler()
        cluster.worker()

        def silence():
            until(lambda: cluster.attempts)
            scheduler.send_signal(signal.SIGSTOP)
            monkeypatch.setattr(dask_engine, "SILENT_SECONDS", 2.0)

        silencing = threading.Thread(target=silence)
        silencing.start()
        with pytest.raises(NotFinished, match="has been heard of for"):
            run(study(1), tmp_path / "run", engine=on(cluster))
        silencing.join()
