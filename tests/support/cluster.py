"""A Dask cluster on loopback whose workers train nothing: results are made up, faults are planned.

Every attempt at a block is written down, so that a test can count them.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import distributed

from primacy.records.files import write
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).parent / "pretending.py"


class Cluster:
    """A scheduler and workers, each a process; `with Cluster(folder) as cluster:`."""

    def __init__(self, folder, faults=None, **settings):
        self.folder, self.processes, self.workers = folder, [], []
        folder.mkdir(parents=True, exist_ok=True)
        self.plan(faults)
        self.file = folder / "scheduler.json"
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PRETENDED": str(folder),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
            "DASK_LOGGING__DISTRIBUTED": "critical",
            **{f"DASK_DISTRIBUTED__{key}": str(value) for key, value in settings.items()},
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.send_signal(signal.SIGCONT)
            process.wait()

    def started(self, *words, inside=()):
        with (self.folder / "log").open("ab") as log:
            module = ("-m", "distributed.cli." + words[0])
            process = subprocess.Popen(
                [*inside, sys.executable, *module, *map(str, words[1:])],
                stdout=log, stderr=log, env=self.env, cwd=self.folder,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def scheduler(self, address="tcp://127.0.0.1:0", *more, inside=()):
        process = self.started(
            "dask_scheduler", "--host", address, "--scheduler-file", self.file,
            "--no-dashboard", *more, inside=inside,
        )  # fmt: skip
        until(lambda: self.file.exists() and self.file.read_text().endswith("}"))
        return process

    def worker(self, *more, inside=()):
        process = self.started(
            "dask_worker", "--scheduler-file", self.file, "--no-nanny", "--nthreads", "1",
            "--no-dashboard", "--local-directory", self.folder, "--preload", WORKER, *more,
            inside=inside,
        )  # fmt: skip
        self.workers.append(process)
        return process

    def ready(self, number):
        """Start workers until there are so many that live, and wait until they are known."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < number:
            self.worker()
        with self.client() as client:
            client.wait_for_workers(number, timeout=600)

    def client(self):
        """One of its own, of no run."""
        return distributed.Client(scheduler_file=str(self.file), timeout=120, set_as_default=False)

    def settled(self):
        """Wait until nothing of an earlier run is left.

        The scheduler has no task any more; and each worker has done one that was sent after all
        others, in its only thread.
        """
        with self.client() as client:
            until(lambda: not client.run_on_scheduler(_tasks))
            asked = {w: client.submit(int, workers=[w], pure=False) for w in _known(client)}
            until(lambda: all(asked[w].done() for w in asked.keys() & _known(client).keys()))

    def plan(self, faults=None):
        """What is to go wrong from now on; forgets the attempts so far."""
        if self.workers:
            self.settled()
        write(self.folder / "faults.json", json.dumps(faults or {}).encode())
        (self.folder / "attempts").write_text("")

    @property
    def address(self):
        return json.loads(self.file.read_text())["address"]

    @property
    def attempts(self):
        """Seed and process of every attempt, in order."""
        whole, _, _ = (self.folder / "attempts").read_text().rpartition("\n")
        lines = whole.splitlines()
        return [tuple(map(int, line.split())) for line in lines]

    def seeds(self):
        """How often each seed was begun."""
        begun = [seed for seed, _ in self.attempts]
        return {seed: begun.count(seed) for seed in sorted(set(begun))}


def _tasks(dask_scheduler):
    return len(dask_scheduler.tasks)


def _known(client):
    """Threads of each worker, by address."""
    return client.sync(client.scheduler.ncores)
