"""Processes of this machine train the very bytes that its threads do, and end when they are told.

Oracle: the files of a run in threads.
"""

import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import psutil
import pytest

pytest.importorskip("distributed")

from distributed import Security

from primacy.engine.dask import Dask
from primacy.engine.jobs import NotFinished
from primacy.engine.run import run
from primacy.registry import PLUGINS, load_plugin, measures
from primacy.study import file
from tests.faults.study import study as pretended
from tests.support.cluster import ROOT, Cluster
from tests.support.folders import promised
from tests.support.waiting import until

PLUGIN = '''
import jax.numpy as jnp
from primacy.registry import measure

@measure(axes=("target",), unit="", direction="", range=(None, None), chance=None, formula="",
         invariance="", misleads="", reference="")
def largest_output(outputs):
    """The largest output."""
    return jnp.max(outputs, axis=0)
'''

STUDY = """
name = "own"
seeds = 2
measures = ["accuracy", "largest_output", "reliance_accuracy"]
exact_solo = true
[task]
kind = "arrays"
file = "own.csv"
target = ["y"]
features = { a = ["a"], b = ["b"] }
[model]
kind = "mlp"
widths = [64, 32]
[training]
batch_size = 32
examples = "all"
fit_examples = "all"
test_examples = "all"
epochs = 6
evaluations = 3
"""


@pytest.fixture
def plugin(tmp_path):
    """A measure in a file of its own, registered for one test."""
    file = tmp_path / "own_measure.py"
    file.write_text(PLUGIN)
    load_plugin(file)
    yield file
    del PLUGINS[file.name], measures["largest_output"]


def test_processes_leave_the_bytes_of_threads_also_of_own_data_and_own_code(tmp_path, plugin):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    pl.DataFrame({"a": a, "b": b, "y": (a + b > 0).astype(int)}).write_csv(tmp_path / "own.csv")
    (tmp_path / "own.toml").write_text(STUDY)
    study = file.read(str(tmp_path / "own.toml"))
    run(study, tmp_path / "threads")
    held, heard = [], set()

    def engine(blocks):
        held.append(Dask(blocks, workers=2, plugins=[plugin]))
        heard.update(c.laddr.ip for p in everyone() for c in p.net_connections() if not c.raddr)
        return held[0]

    def everyone():
        return [psutil.Process(), *psutil.Process().children(recursive=True)]

    run(study, tmp_path / "processes", engine=engine)
    assert promised(tmp_path / "processes") == promised(tmp_path / "threads")
    assert held[0]._address.startswith("tls://127.0.0.1:")
    assert heard == {"127.0.0.1"}  # where anything listens
    # Each process that trained a block compiled its program: one of them or both.
    assert held[0].programs in (1, 2) and held[0].compile_seconds > 0


LONG = STUDY.replace("epochs = 6", "epochs = 5000000").replace('"largest_output", ', "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_run_that_ends_leaves_no_process_behind(number, tmp_path):
    (tmp_path / "long.toml").write_text(LONG)
    (tmp_path / "own.csv").write_text("a,b,y\n" + "".join(f"{i},{-i},{i % 2}\n" for i in range(99)))
    words = ["run", "long.toml", "--out", "run", "--engine", "dask", "--workers", "2"]
    with (tmp_path / "err").open("w") as err:
        driver = subprocess.Popen(
            [sys.executable, "-m", "primacy", *words], cwd=tmp_path, stderr=err,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    until(lambda: driver.poll() is not None or "2 workers at " in (tmp_path / "err").read_text())
    until(lambda: driver.poll() is not None or (tmp_path / "run" / "study.lock.json").exists())
    workers = psutil.Process(driver.pid).children(recursive=True)
    assert len(workers) >= 2
    driver.send_signal(number)
    driver.wait(timeout=600)
    if number == signal.SIGTERM:
        assert driver.returncode == 143
        assert "--engine dask --workers 2" in (tmp_path / "err").read_text()
    assert not psutil.wait_procs(workers, timeout=600)[1]


def test_tls_with_throw_away_certificates_end_to_end(tmp_path):
    """A scheduler and a worker that know only these certificates; a driver without is refused."""
    security = Security.temporary()
    pem = {
        "CA_FILE": security.tls_ca_file,
        "KEY": security.tls_scheduler_key,
        "CERT": security.tls_scheduler_cert,
    }
    for name, text in pem.items():
        (tmp_path / name).write_text(text)
    files = {
        "COMM__TLS__CA_FILE": tmp_path / "CA_FILE",
        "COMM__REQUIRE_ENCRYPTION": "True",
        **{
            f"COMM__TLS__{role}__{name}": tmp_path / name
            for role in ("SCHEDULER", "WORKER", "CLIENT")
            for name in ("KEY", "CERT")
        },
    }
    with Cluster(tmp_path / "cluster", **files) as cluster:
        cluster.scheduler("tls://127.0.0.1:0", "--protocol", "tls")
        cluster.worker("--protocol", "tls")
        words = [sys.executable, "-c", DRIVER, tmp_path / "run", cluster.address]
        done = subprocess.run(words, env=cluster.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert cluster.seeds() == {0: 1, 1: 1}
        with pytest.raises(NotFinished, match="no scheduler answers at tls://127"):
            run(pretended(3), tmp_path / "run", engine=lambda n: Dask(n, address=cluster.address))


DRIVER = """
import sys
from primacy.engine.dask import Dask
from primacy.engine.run import run
from tests.faults.study import study
run(study(2), sys.argv[1], engine=lambda n: Dask(n, address=sys.argv[2]))
"""
