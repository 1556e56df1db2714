"""The engine of many processes: blocks go to the workers of a Dask cluster, as bytes.

A cluster of this machine is started for the run; or one that exists is used, which needs this
version of primacy on every worker and no shared files. This file and `dask_remote` are the only
ones that import Dask.

Dask calls a plain function of bytes on a worker (by its name: the worker imports primacy itself),
and what comes back is bytes. Whatever else travels is Dask's own protocol, which runs what reaches
its port: use TLS, or a network in which you trust everybody.
"""

import contextlib
import json
import logging
import os
import queue
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dask
import distributed
from distributed.client import ClosedClientError, FutureCancelledError

from primacy.engine import wire, worker
from primacy.engine.addresses import refuse_open
from primacy.engine.dask_remote import FAILED, absent, facts, keep, train
from primacy.engine.jobs import Driver, Job, NotFinished
from primacy.engine.ledger import Blocks, Task
from primacy.engine.machine import cores, product_threads
from primacy.records.files import Damaged, StoreError
from primacy.study.describe import versions
from primacy.study.spec import SeedAxis
from primacy.training.block import Interrupted

WAIT_SECONDS = 300.0
"""For the first worker of a cluster that exists, say in the queue of a machine room."""
GREET_SECONDS = 300.0
"""For a worker to say what it is: it imports the libraries first."""
SILENT_SECONDS = 400.0
"""Without a sign of any worker, after which the run ends; Dask itself gives a worker 300."""
LOST_SECONDS = 60.0
"""For the scheduler to come back after its connection was lost."""
ANSWER_SECONDS = 30.0
"""For the scheduler to answer a question."""
COUNT_SECONDS = 1.0
"""Between two questions how many workers there are."""
IDLE_SECONDS = 5.0
"""Between two calls of `Driver.idle`."""
GONE = (OSError, TimeoutError, distributed.CancelledError, FutureCancelledError)
"""What is raised of a result that is not to be had any more."""
LOCAL: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 2,
    "distributed.scheduler.worker-ttl": "60s",
    # As many threads in a worker as in this process, and no other settings: so the same bits.
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.worker.daemon": True,
    # No pages: what a run is at, it says itself.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.nanny.http.routes": [],
}
"""Settings of a cluster that is started here."""


class Dask:
    """Trains blocks on the workers of a cluster (an `Engine`)."""

    def __init__(
        self,
        most: int,
        *,
        address: str | None = None,
        workers: int | None = None,
        plugins: Sequence[Path] = (),
        insecure: bool = False,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start or find a cluster, and look at its workers.

        Args:
            most: blocks that there are to train.
            address: of a scheduler, or the file in which it wrote it; left out: a cluster of this
                machine is started.
            workers: processes of a cluster of this machine; left out: one per core.
            plugins: files of the run's own code, which workers are given as text.
            insecure: allow a connection that is not encrypted, to another machine.
            say: told what a person should know.

        Raises:
            StoreError: a worker has other versions, the connection would be open, or the study
                has code that no file holds. Nothing was run.
            NotFinished: the cluster does not answer.
        """
        self._say, self._plugins = say, wire.plugin_files(plugins)
        self._held = contextlib.ExitStack()
        self.programs, self.compile_seconds = 0, 0.0
        self._known, self._counted = 0, 0.0
        """Threads of the cluster, and when it said so."""
        self._topic = f"primacy-{uuid.uuid4().hex}"
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        log = logging.getLogger("distributed")
        self._held.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)  # what a person should know is said here, or raised
        try:
            if address is None:
                number = min(workers or cores(), max(1, most))
                self._address = self._started(number)
            else:
                number, self._address = 1, address
                refuse_open(address, insecure)
            self._client = self._connected(address)
            self.device = self._greeted(number)
        except BaseException:
            self.close()
            raise

    def _started(self, number: int) -> str:
        """Start a cluster of this machine that listens on loopback only, encrypted."""
        folder = tempfile.mkdtemp(prefix="primacy-workers-")
        self._held.callback(shutil.rmtree, folder, ignore_errors=True)
        self._held.enter_context(dask.config.set(LOCAL))  # pyright: ignore[reportPrivateImportUsage]
        self._cluster = distributed.LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls://",
            security=distributed.Security.temporary(),
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            local_directory=folder,
            silence_logs=logging.CRITICAL,
        )
        self._held.callback(self._stop_cluster)
        return self._cluster.scheduler_address

    def _stop_cluster(self) -> None:
        """End the processes at once: they hold nothing that is still wanted."""
        for nanny in self._cluster.workers.values():
            nanny.close_gracefully()  # or it would start another one
            with contextlib.suppress(OSError, TypeError):
                os.kill(nanny.pid, 9)
        with contextlib.suppress(RuntimeError, *GONE):
            self._cluster.close(timeout=2)

    def _connected(self, address: str | None) -> distributed.Client:
        place: Any = {"address": self._address}
        if address is None:
            place = {"address": self._cluster}
        elif not address.partition("://")[1]:
            place = {"scheduler_file": address}
        try:
            client = distributed.Client(**place, timeout=LOST_SECONDS / 2, set_as_default=False)
        except (OSError, TypeError, ValueError) as error:
            raise NotFinished(
                f"no scheduler answers at {self._address}: {str(error).splitlines()[0]}. It is "
                "started by `dask scheduler`; for tls:// see docs/cluster.md."
            ) from None
        self._held.callback(client.close, timeout=2)
        return client

    def _greeted(self, number: int) -> str:
        """Wait for workers and compare their versions with ours; what they compute on."""
        self._say(f"waiting for workers at {self._address}")
        try:
            self._client.wait_for_workers(number, timeout=WAIT_SECONDS)
            found = self._facts()
        except (TimeoutError, *GONE):
            found = {}
        except ImportError as error:
            raise StoreError(
                f"a worker of {self._address} cannot import primacy ({error}): install there what "
                "runs here"
            ) from None
        if not found:
            raise NotFinished(f"no worker of {self._address} answers")
        wrong = [
            f"{address}: {', '.join(different)}"
            for address, told in found.items()
            if (different := worker.differences(versions(), told["versions"]))
        ]
        if wrong:
            raise StoreError(_OTHER_VERSIONS.format("\n  ".join(wrong)))
        many = sorted({told["threads"] for told in found.values()})
        if many != [product_threads()]:
            self._say(
                f"the workers share a matrix product between {', '.join(map(str, many))} threads, "
                f"this machine between {product_threads()}: the last bits of large networks may "
                "differ from those of a run here (NPROC=1 everywhere makes them equal)"
            )
        self._say(f"{len(found)} worker{'s' * (len(found) != 1)} at {self._address}")
        return ", ".join(sorted({told["device"] for told in found.values()}))

    def _facts(self) -> dict[str, dict[str, Any]]:
        """What each worker is, by address; without those that end, or do not answer in time."""
        known = self._workers()
        asked = {a: self._client.submit(facts, workers=[a], pure=False, priority=1) for a in known}
        found: dict[str, dict[str, Any]] = {}
        ends = time.monotonic() + GREET_SECONDS
        while asked and time.monotonic() < ends:
            for address in [a for a, future in asked.items() if future.done()]:
                with contextlib.suppress(distributed.KilledWorker, *GONE):
                    found[address] = json.loads(asked.pop(address).result(timeout=GREET_SECONDS))
            here = self._workers()
            asked = {a: future for a, future in asked.items() if a in here}
            time.sleep(0.05)
        return found

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._held.close()

    def train(self, jobs: Sequence[Job], axes: Sequence[SeedAxis], driver: Driver) -> None:
        """Train every job; what cannot be trained is left out, and named at the end.

        Raises:
            Interrupted: `driver.stop` was set.
            NotFinished: blocks were left out, or the cluster is gone.
            StoreError: a condition cannot be rebuilt on a worker.
        """
        wire.transferable(jobs)
        blocks = Blocks([Task(job) for job in jobs], driver)
        self._files = {d: path for job in jobs for d, path in wire.files_of(job).items()}
        self._client.subscribe_topic(self._topic, lambda event: self._news.put(("news", event[1])))
        compiled: set[str] = set()
        try:
            for task, content in self._answers(blocks, axes, driver):
                trained = _checked(task, content)
                own = wire.facts_of(content)
                compiled.add(own["program"])
                self.programs = len(compiled)
                self.compile_seconds += own["compile_seconds"]
                driver.commit(task.job, trained)
                blocks.done(task)
        except ClosedClientError:
            raise NotFinished(f"the scheduler at {self._address} is gone") from None
        finally:
            with contextlib.suppress(ValueError, ClosedClientError, *GONE):
                for task in blocks.flight.values():
                    task.future.release()  # nobody waits for it: its worker drops it
                self._client.unsubscribe_topic(self._topic)
        if blocks.left:
            raise NotFinished(blocks.report())

    def _answers(
        self, blocks: Blocks, axes: Sequence[SeedAxis], driver: Driver
    ) -> Iterator[tuple[Task, bytes]]:
        """Results as they come; keeps the window full, and watches over the cluster."""
        heard = idle = time.monotonic()
        self._lost: float | None = None
        while blocks.waiting or blocks.flight:
            if driver.stop.is_set():
                raise Interrupted
            now = time.monotonic()
            if now - idle > IDLE_SECONDS:
                idle = now
                driver.idle()
            if self._away(now):
                blocks.send_again()
                heard = now
            elif now - heard > SILENT_SECONDS:
                raise NotFinished(
                    f"no worker of {self._address} has been heard of for {now - heard:.0f} s"
                )
            else:
                self._fill(blocks, axes)
            with contextlib.suppress(queue.Empty):
                what, told = self._news.get(timeout=0.2)
                heard = time.monotonic()
                if what == "news":
                    if gone := blocks.heard(told):
                        gone.release()
                elif (content := self._landed(told, blocks)) is not None:
                    task, rest = content
                    self._fill(blocks, axes)  # before the commit, which takes a while
                    yield task, rest
            blocks.give_up_if_hopeless()

    def _away(self, now: float) -> bool:
        """Whether the scheduler cannot be reached now."""
        if self._client.status == "running":
            if self._lost is not None:
                self._lost = None
                self._client.subscribe_topic(
                    self._topic, lambda event: self._news.put(("news", event[1]))
                )
            return False
        self._lost = self._lost or now
        if self._client.status == "closed" or now - self._lost > LOST_SECONDS:
            raise NotFinished(f"the scheduler at {self._address} is gone")
        return True

    def _fill(self, blocks: Blocks, axes: Sequence[SeedAxis]) -> None:
        """Send as many blocks as there are threads in the cluster.

        Not one more: a result that waits on a worker for the driver is lost if the next block takes
        that worker along, and a block that waits there is blamed for it.
        """
        while blocks.waiting and len(blocks.flight) < self._threads():
            task = blocks.next()
            future = self._client.submit(
                train,
                wire.packed(task.job, axes),
                self._topic,
                task.token,
                key=f"primacy-{uuid.uuid4().hex}",
                pure=False,
                retries=0,
            )
            blocks.sent(task, future)
            future.add_done_callback(lambda f: self._news.put(("landed", f)))

    def _threads(self) -> int:
        """Threads of all workers, as the scheduler said at most a second ago; it may be away."""
        now = time.monotonic()
        if now - self._counted > COUNT_SECONDS:
            self._counted = now
            with contextlib.suppress(*GONE):
                self._known = sum(self._workers().values())
        return self._known

    def _workers(self) -> dict[str, int]:
        """Threads of each worker, by address, as the scheduler has them now.

        Not `scheduler_info`, which a client empties of workers every two seconds.

        Raises:
            TimeoutError: the scheduler does not answer.
        """
        scheduler: Any = self._client.scheduler
        found: Any = self._client.sync(scheduler.ncores, callback_timeout=ANSWER_SECONDS)
        return found

    def _landed(self, future: Any, blocks: Blocks) -> tuple[Task, bytes] | None:
        """A block that ended and its receipt; None: it starts again, or is left out."""
        task = blocks.landed(future)
        if task is None:
            return None
        try:
            error = future.exception(timeout=LOST_SECONDS)
            answer = b"" if error is not None else future.result(timeout=LOST_SECONDS)
        except GONE as lost:
            error, answer = lost, b""
        finally:
            future.release()
        if isinstance(error, GONE):
            blocks.again(task)
        elif isinstance(error, distributed.KilledWorker):
            blocks.killed(task)
        elif error is not None:
            blocks.failed(task, f"{type(error).__name__}: {error}")
        if answer[:1] == FAILED:
            blocks.failed(task, answer[1:].decode())
        elif answer[:1] == worker.RESULT:
            return task, answer[1:]
        elif answer:
            address, told = json.loads(answer[1:])
            if answer[:1] == worker.REFUSED:
                raise NotFinished(_OTHER_VERSIONS.format(f"{address}: {', '.join(told)}"))
            with contextlib.suppress(*GONE):
                self._give(told, address)
            blocks.returned(task)
        return None

    def _give(self, lacking: Sequence[str], address: str) -> None:
        """Send a worker the files that it lacks, each once."""
        names = {digest: self._named(digest) for digest in lacking}
        found: Any = self._client.run(absent, names, workers=[address])
        for still in found.values():
            self._send(still, names, address)

    def _send(self, digests: Sequence[str], names: dict[str, str], address: str) -> None:
        for digest in digests:
            held = self._plugins.get(digest)
            content = held[1] if held else self._files[digest].read_bytes()
            self._client.run(keep, names[digest], content, digest, workers=[address])

    def _named(self, digest: str) -> str:
        held = self._plugins.get(digest)
        return held[0] if held else wire.file_name(digest, self._files[digest])


_OTHER_VERSIONS = (
    "the workers have other versions than this run:\n  {}\nInstall the same there "
    "(`pip freeze` here lists them)."
)


def _checked(task: Task, content: bytes) -> Any:
    trained = wire.result(content)
    if not wire.fits(trained, task.job):
        raise Damaged(f"a worker sent the result of other networks than {task.name}")
    return trained
