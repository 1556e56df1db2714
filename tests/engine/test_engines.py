"""Which engine a command gets, what is refused, and that nothing else needs Dask."""

import json
import subprocess
import sys

import pytest

from primacy.cli.app import main
from primacy.engine.addresses import refuse_open
from primacy.engine.inbox import wire
from primacy.engine.jobs import Engine
from primacy.engine.plan import plan
from primacy.engine.threads import Threads
from primacy.engine.walk import jobs_of
from primacy.records.files import Damaged, StoreError
from primacy.study import file
from tests.faults.study import made_up, study
from tests.support import tiny

WITHOUT = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dask", "distributed"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

ENGINE = ("primacy.engine.dask", "primacy.engine.dask_remote")
sys.meta_path.insert(0, Absent())
import primacy
for module in pkgutil.walk_packages(primacy.__path__, "primacy."):
    if module.name not in ("primacy.__main__", *ENGINE):
        importlib.import_module(module.name)
assert "distributed" not in sys.modules and "dask" not in sys.modules
"""


def test_nothing_but_its_engine_imports_dask():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_without_dask_its_engine_is_refused_with_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr("primacy.cli.engines.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main(["run", "complexity", "--engine", "dask"])
    assert ended.value.code == 2
    assert "pip install 'primacy[dask]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "tresds"], 'Did you mean "threads"'),
        (["--engine", "tcp://10.0.0.1:8786"], "is not encrypted"),
        (["--engine", "tls://h:1", "--workers", "2"], "--workers is for this machine"),
        (["--engine", "absent.json"], "No such file"),
        (["--workers", "0"], "Must be >= 1"),
    ],
)
def test_an_engine_that_cannot_be_is_refused_before_any_work(words, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["run", "complexity", "--out", str(tmp_path / "run"), *words])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_open_connections_to_other_machines_are_refused(tmp_path):
    for fine in ("tls://far:8786", "tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1"):
        refuse_open(fine)
    for open_ in ("tcp://far:8786", "ws://10.0.0.1:1", "tcp://0.0.0.0:1", "tcp://localhost.evil:1"):
        with pytest.raises(StoreError, match="is not encrypted"):
            refuse_open(open_)
        refuse_open(open_, insecure=True)
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": "tcp://10.1.2.3:8786"}))
    with pytest.raises(StoreError, match=r"tcp://10\.1\.2\.3:8786 is not encrypted"):
        refuse_open(str(file))
    file.write_text("{}")
    with pytest.raises(StoreError, match="dask scheduler --scheduler-file"):
        refuse_open(str(file))
    with pytest.raises(StoreError, match="expected tls://host:port"):
        refuse_open("http://far:80")


def test_threads_are_an_engine_with_as_many_workers_as_asked_for():
    assert isinstance(Threads(1), Engine)
    assert len(Threads(100, 3)._pool) == 3
    assert len(Threads(2, 3)._pool) == 2


def test_a_block_and_its_result_are_the_same_after_a_journey_as_bytes(tmp_path):
    own = tiny.study(seeds=3, controls="full", measures=("accuracy", "loss", "variance_explained"))
    jobs = jobs_of(own, plan(own))
    assert any(job.block.riders for job in jobs)
    for job in jobs:
        order = wire.unpacked(wire.packed(job, own.seed_axes), tmp_path)
        lanes = (*job.block.lanes, *job.block.riders)
        assert [lane.condition for lane in order.lanes] == [lane.condition for lane in lanes]
        assert [lane.seed for lane in order.lanes] == [lane.seed for lane in lanes]
        assert [x.record.steps for x in order.lanes] == [x.record.steps for x in lanes]
        assert [x.record.features for x in order.lanes] == [x.record.features for x in lanes]
        assert (order.width, order.measures) == (job.block.width, job.measures)
        assert order.axes == own.seed_axes
    (lane,) = jobs_of(study(1), plan(study(1)))[0].block.lanes
    trained = made_up(lane)
    content = wire.receipt(trained, {"more": 1})
    back = wire.result(content)
    assert back.curves.equals(trained.curves)
    assert back.lanes.equals(trained.lanes)
    assert {k: v.tobytes() for k, v in back.weights.items()} == {
        k: v.tobytes() for k, v in trained.weights.items()
    }
    assert wire.facts_of(content)["more"] == 1
    for hurt in (content[:-1], content[:100] + b"?" + content[101:], b""):
        with pytest.raises(Damaged, match="checksum"):
            wire.result(hurt)


def test_what_another_process_cannot_rebuild_is_refused_with_the_cure(monkeypatch):
    jobs = jobs_of(tiny.study(seeds=1), plan(tiny.study(seeds=1)))
    wire.transferable(jobs)
    wire._rebuilt.cache_clear()
    monkeypatch.delitem(wire.models, "mlp")
    with pytest.raises(wire.Untransferable, match="name it with --plugin"):
        wire.transferable(jobs)


@pytest.mark.parametrize("name", sorted(file.builtin()))
def test_another_process_can_rebuild_every_built_in_study(name):
    """Oracle: the hash of each condition, which `transferable` compares with the rebuilt one's."""
    own = file.read(name, overrides=["seeds=1"])
    wire.transferable(jobs_of(own, plan(own)))
