"""What a run shows while it trains: live files and a provisional page, and no byte of its data."""

import hashlib
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import polars as pl
import pytest

from primacy.engine import live as writer
from primacy.engine import provisional, threads
from primacy.engine import walk as engine_walk
from primacy.engine.run import run
from primacy.records import live
from primacy.training.block import Interrupted
from tests.support import tiny
from tests.support.waiting import until

DATA = ("curves", "checkpoints")


def content(folder):
    """Every byte of data; not who held it and how long it took."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in (".lock", "status.json", "report.html")
    }


@pytest.fixture
def caught(monkeypatch):
    """Keeps a copy of each live file when its block is committed."""
    found = {}
    committed = writer.Live.committed

    def keep(self, job):
        for file in self._files.get(job, ()):
            found[file.name] = live.read(file)[0]
        committed(self, job)

    monkeypatch.setattr(writer, "WRITE_SECONDS", 0.0)
    monkeypatch.setattr(writer.Live, "committed", keep)
    return found


def test_live_values_are_those_that_are_stored(tmp_path, caught):
    result = run(tiny.study(seeds=2), tmp_path / "run")
    (c,) = result.record.conditions
    assert set(caught) == {f"{c.key}-0.jsonl", f"{c.key}-1.jsonl"}  # controls have none
    for seed in (0, 1):
        rows = caught[f"{c.key}-{seed}.jsonl"]
        assert [step for step, _ in rows] == list(c.steps)
        for k, feature in enumerate(("linear", "xor_and_or")):
            stored = result.curves.filter(
                (pl.col("measure") == "accuracy") & (pl.col("split") == "test")
                & (pl.col("feature") == feature) & (pl.col("seed") == seed)
            ).sort("step")["value"]  # fmt: skip
            np.testing.assert_allclose([v[k] for _, v in rows], stored, rtol=1e-4)
    assert not (tmp_path / "run" / "live").exists()


def test_data_are_the_same_with_and_without(tmp_path, monkeypatch, caught):
    watched = run(tiny.study(seeds=3), tmp_path / "watched").folder
    monkeypatch.setattr(writer.Live, "evaluated", lambda *_: None)
    monkeypatch.setattr(provisional, "PAGE_SECONDS", np.inf)
    plain = run(tiny.study(seeds=3), tmp_path / "plain").folder
    assert len(caught) == 3 and content(watched) == content(plain)


def test_a_network_that_ended_early_writes_no_more(tmp_path, caught):
    study = tiny.study(
        seeds=4, controls="none", measures=("accuracy",), hypotheses=(),
        conditions={"default": tiny.condition(
            stop="learned", epochs=24, evaluations=25, theta=0.1, confirm=1)},
    )  # fmt: skip
    result = run(study, tmp_path / "run")
    ends = dict(result.lanes.select("seed", "end_step").rows())
    (c,) = result.record.conditions
    assert min(ends.values()) < max(ends.values())
    assert {s: caught[f"{c.key}-{s}.jsonl"][-1][0] for s in ends} == ends


def test_where_it_cannot_be_written_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "WRITE_SECONDS", 0.0)
    (tmp_path / "live").write_text("a file where the folder would be")
    assert run(tiny.study(seeds=2, controls="none"), tmp_path).complete


def test_writes_are_half_a_second_apart(monkeypatch, tmp_path):
    """Oracle: the clock that is set here."""
    clock, writes = [100.0], []
    monkeypatch.setattr(writer.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(live, "append", lambda file, lines: writes.append((clock[0], len(lines))))
    from primacy.engine.jobs import Job
    from primacy.engine.plan import plan, program

    study = tiny.study(seeds=1, controls="none", measures=("accuracy",))
    todo = plan(study)
    block = next(iter(todo.blocks))
    job = Job(study.name, block, (), program(todo, block))
    own = writer.Live({study.name: tmp_path})
    values = {"accuracy/test": np.full((1, 2), 0.5)}
    for step in range(20):
        own.evaluated(job, step, values, [True])
        clock[0] += 0.125
    assert [t - 100.0 for t, _ in writes] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert sum(n for _, n in writes) == 17  # the last three wait for the next write


def long():
    """A study that trains for hours."""
    condition = tiny.condition(epochs=200_000, evaluations=20_001)
    return tiny.study(seeds=2, controls="none", conditions={"default": condition})


KILLED = "from tests.engine.test_live import *; run(long(), sys.argv[1])"


def test_after_a_kill_the_next_run_leaves_nothing_of_it(tmp_path):
    folder = tmp_path / "run"
    started = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], env=os.environ)
    try:
        until(lambda: started.poll() is not None or live.files(folder))
        assert started.poll() is None
        assert live.files(folder)  # within the first block: nothing is stored yet
        assert not list((folder / "curves").glob("*"))
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()
    assert live.files(folder)
    (key, _), *_ = live.files(folder)
    live.append(live.path(folder, key, 99), [live.line(0, [0.5, 0.5])])  # nobody's own any more
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        run(long(), folder, stop=stop)
    assert not (folder / "live").exists()


def test_the_page_is_provisional_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(provisional, "PAGE_SECONDS", 0.0)
    monkeypatch.setattr(provisional, "PAGE_SHARE", np.inf)
    monkeypatch.setattr(threads, "IDLE_SECONDS", 1e6)  # no page but those that are asked for here
    page, seen = tmp_path / "run" / "report.html", []
    commit = engine_walk.Walk._commit

    def committed(self, job, trained):
        commit(self, job, trained)
        self._idle()
        seen.append(page.read_text())

    monkeypatch.setattr(engine_walk.Walk, "_commit", committed)
    study = tiny.study(
        seeds=2, controls="none", exact_solo=True, measures=("accuracy",), hypotheses=()
    )
    run(study, tmp_path / "run")
    assert "Provisional: 1 of 2 networks" in seen[0]
    assert "Provisional" not in page.read_text()
