"""Nothing lost: every operation of a commit, a resume and a repair fails once, and dies once.

As SQLite is tested. Whatever fails, the folder then holds what was committed before, and what was
being committed either whole or not at all; the same call again ends with the bytes of a run that
nothing disturbed, and trains only what was never committed.

A failure prints the scenario, the number of the operation, and what happened there:
`PRIMACY_FAULTS="resume 31 EIO"` runs that trial alone; `PRIMACY_FAULTS=all` every kind of fault at
every operation, of which an ordinary run takes one in turn at each.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import socket
import time

import pytest

from primacy.engine.run import run
from primacy.records import files
from primacy.records.store import DAMAGED, STATUS, Store, StoreError
from tests.faults.disk import Disk, Killed
from tests.faults.study import Trainer, study

FAULTS = {
    "killed": {"error": None},
    "EIO": {"error": errno.EIO},
    "ENOSPC": {"error": errno.ENOSPC},
    "EACCES for good": {"error": errno.EACCES, "lasting": True},
    "EIO for good": {"error": errno.EIO, "lasting": True},
}
SEEDS = 2
CHOSEN = os.environ.get("PRIMACY_FAULTS", "")


@pytest.fixture
def trainer(monkeypatch):
    monkeypatch.setattr(files, "PAUSES", (0.0, 0.0))
    return Trainer(monkeypatch)


def content(folder, whole=False):
    """Every byte that a run promises: not who holds it, and how long it took.

    What was moved aside, and leftovers of a write, only if it is to be the `whole` folder.
    """
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in (".lock", STATUS)
        and (whole or DAMAGED not in path.parts)
    }


def parts(folder):
    """Seeds of parts that are whole."""
    return {seed for _, seed in Store(folder).stored()}


def fresh(folder):
    return set()


def begun(folder):
    run(study(SEEDS - 1), folder)
    return set(range(SEEDS - 1))


def damaged(folder):
    run(study(SEEDS), folder)
    hurt = sorted((folder / "checkpoints").iterdir())[0]
    whole = parts(folder)
    hurt.write_bytes(hurt.read_bytes()[:-1])
    assert len(parts(folder)) == len(whole) - 1
    return parts(folder)


SCENARIOS = {"fresh": fresh, "resume": begun, "repair": damaged}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_operation_fails_and_dies(scenario, tmp_path, trainer):
    run(study(SEEDS), tmp_path / "undisturbed")
    start = tmp_path / "start"
    before = SCENARIOS[scenario](start)
    start.mkdir(exist_ok=True)
    trial = Trial(tmp_path / "run", start, before, content(tmp_path / "undisturbed"), trainer)
    kinds, trials, hit = list(FAULTS), 0, True
    for n in itertools.count(1):
        for kind in kinds if CHOSEN == "all" else [kinds[n % len(kinds)]]:
            point = f"{scenario} {n} {kind}"
            if CHOSEN in ("", "all", point):
                hit = trial(n, FAULTS[kind], point)
                trials += hit
        if not hit or n > 1000:
            break
    print(f"{scenario}: {trials} faults at {n - 1} operations, {len(trial.seen)} states")
    assert CHOSEN not in ("", "all") or (trials > 100 and len(trial.seen) > 10)


class Trial:
    """A fault in a copy of a folder, and what comes of it."""

    def __init__(self, folder, start, before, wanted, trainer) -> None:
        self.folder, self.start, self.before, self.wanted = folder, start, before, wanted
        self.trainer = trainer
        self.seen: set[str] = set()
        """States of the folder from which a resume was tried: it depends on nothing else."""

    def __call__(self, n, fault, point):
        """Whether there was an n-th operation."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.start, self.folder)
        self.trainer.asked()
        expected = contextlib.suppress(OSError, StoreError, Killed)
        with Disk(self.folder, n, **fault) as disk, expected:
            run(study(SEEDS), self.folder)
        point = f"{point}: {disk.hit}"
        asked = self.trainer.asked()
        assert self.before.isdisjoint(asked), f"{point}: trained again: {asked}"
        state = content(self.folder, whole=True)
        told = hashlib.sha256(repr(sorted(state.items())).encode()).hexdigest()
        if told not in self.seen:
            self.seen.add(told)
            self.resume(point)
        return disk.hit is not None

    def resume(self, point):
        now = parts(self.folder)
        assert self.before <= now, f"{point}: forgotten: {self.before - now}"
        run(study(SEEDS), self.folder)
        asked = self.trainer.asked()
        assert sorted(asked) == sorted(set(range(SEEDS)) - now), f"{point}: trained {asked}"
        found = content(self.folder)
        assert found.keys() == self.wanted.keys(), point
        odd = [name for name in found if found[name] != self.wanted[name]]
        assert not odd, f"{point}: other bytes: {odd}"


def test_a_single_failed_read_is_nothing(tmp_path, trainer):
    """Read once more: the run goes on, and trains what is missing only."""
    run(study(SEEDS - 1), tmp_path)
    trainer.asked()
    with Disk(tmp_path) as disk:
        run(study(SEEDS), tmp_path)
    assert trainer.asked() == [SEEDS - 1]
    reads = 0
    for n in range(1, disk.count):
        with Disk(tmp_path, n, error=errno.EIO) as disk, contextlib.suppress(OSError, StoreError):
            stored = Store(tmp_path).stored()
            assert len(stored) == SEEDS
            reads += disk.hit is not None
        if disk.hit is None:
            break
    assert reads >= 2 * SEEDS  # two files a network, and the manifest


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES])
def test_a_read_that_keeps_failing_is_an_error_and_no_damage(tmp_path, trainer, error):
    run(study(SEEDS), tmp_path)
    before = content(tmp_path, whole=True)
    trainer.asked()

    class Broken(Disk):
        def point(self, kind, path):
            if kind == "read" and "part-" in str(path):
                raise OSError(error, os.strerror(error), str(path))

    with Broken(tmp_path), pytest.raises(OSError, match=os.strerror(error)):
        run(study(SEEDS), tmp_path)
    assert trainer.asked() == []
    assert content(tmp_path, whole=True) == before


def test_a_clock_that_jumps_changes_nothing(tmp_path, trainer, monkeypatch):
    run(study(SEEDS), tmp_path / "undisturbed")
    jumps = itertools.cycle([2e9, 0.0, 1e9, -5.0])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    run(study(SEEDS), tmp_path / "run")
    assert content(tmp_path / "run") == content(tmp_path / "undisturbed")
    told = json.loads((tmp_path / "run" / STATUS).read_bytes())
    assert 0 <= told["seconds"]["total"] < 600


def test_a_run_opens_no_connection(tmp_path, trainer, monkeypatch):
    def no(*_, **__):
        raise AssertionError("asks for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, no)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, no)
    assert run(study(SEEDS), tmp_path).complete
