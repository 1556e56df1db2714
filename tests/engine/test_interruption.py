"""A signal ends a command, whatever it waits for; a run in which nothing advances says so."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import primacy
from primacy.engine import threads, walk
from primacy.engine.interruption import GRACE_SECONDS
from primacy.engine.progress import Progress
from primacy.records import live
from primacy.result import open as open_run
from primacy.training import programs
from tests.support import tiny
from tests.support.waiting import until

HEAD = """
import sys, threading
import primacy
from primacy.cli import app as cli
from primacy.training import programs
from primacy.engine.interruption import Interruption

before_the_end = Interruption._await_end
def heard(self, again):
    print("heard\\n", end="", flush=True)
    before_the_end(self, again)
Interruption._await_end = heard
"""

STUDY = """
name = "tiny"
[task]
kind = "boolean"
features = ["linear", "xor_and_or"]
units_per_feature = 8
[model]
kind = "mlp"
widths = [8]
[training]
batch_size = 32
examples = 128
fit_examples = 64
test_examples = 64
epochs = {epochs}
evaluations = 3
"""

BLOCKED = "threading.Event().wait()  # never set, as a call into the device that never returns"

IN_TRAINING = ""

IN_COMPILATION = f"""
def stuck(self, arguments, wait=True):
    print("there\\n", end="", flush=True)
    {BLOCKED}
programs.Program.compile = stuck
"""

IN_THE_DEVICE = f"""
before = programs.Program.__call__
calls = []
def stuck(self, *arguments):
    calls.append(self)
    if len(calls) < 12:
        return before(self, *arguments)
    print("there\\n", end="", flush=True)
    {BLOCKED}
programs.Program.__call__ = stuck
"""


def started(tmp_path, body, epochs, seeds=1):
    study = tmp_path / "tiny.toml"
    study.write_text(STUDY.format(epochs=epochs))
    script = f"{HEAD}\n{body}\ncli.main(sys.argv[1:])\n"
    words = ["run", study, "--out", tmp_path / "run", "--seeds", seeds, "--exact-solo"]
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words), "--controls", "none"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip


STILL_BUSY = f"Still busy {GRACE_SECONDS:g} s after the signal"
"""Said by a process that does not end by itself; then it is ended."""


def ended(process, number=signal.SIGTERM):
    """The exit code and stderr of a process that gets a signal."""
    process.send_signal(number)
    _, err = process.communicate(timeout=600)
    return process.returncode, err


@pytest.mark.parametrize("body", [IN_COMPILATION, IN_THE_DEVICE], ids=["compiling", "device"])
def test_sigterm_ends_a_run_that_waits_for_ever(body, tmp_path):
    process = started(tmp_path, body, epochs=3, seeds=6)
    assert process.stdout.readline() == "there\n"
    code, err = ended(process)
    assert code == 143
    assert STILL_BUSY in err and GRACE_SECONDS < 10
    assert "(training/programs.py:" in err
    assert "This resumes:" in err
    assert not open_run(tmp_path / "run").verified()[1]


def test_sigterm_ends_a_run_in_training_and_keeps_what_was_committed(tmp_path):
    process = started(tmp_path, IN_TRAINING, epochs=5_000_000, seeds=2)
    until(lambda: process.poll() is not None or live.files(tmp_path / "run"))
    code, err = ended(process)
    assert code == 143
    assert "This resumes:" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_command_at_once(number, tmp_path):
    process = started(tmp_path, IN_COMPILATION, epochs=3)
    assert process.stdout.readline() == "there\n"
    process.send_signal(number)
    assert process.stdout.readline() == "heard\n"
    code, err = ended(process, number)
    assert code == 128 + number
    assert STILL_BUSY not in err  # which it would say if it waited


def test_a_command_that_trains_nothing_ends_on_a_signal():
    script = HEAD + (
        "import time\n"
        "cli.app.command(lambda: (print('there', flush=True), time.sleep(6000)), name='nap')\n"
        "cli.main(['nap'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "there\n"
    code, err = ended(process)
    assert code == 143
    assert "Traceback" not in err


class Heard(Progress):
    def __init__(self):
        self.reports = []

    def stalled(self, seconds, allowed, waits):
        self.reports.append((seconds, allowed, waits))


def test_a_run_in_which_nothing_advances_says_once_where_it_waits(tmp_path, monkeypatch):
    """It waits until the run has looked three times more; what comes then may take its time."""
    free, train, idle, looked = threading.Event(), threads.train_block, walk.Walk._idle, []
    heard = Heard()

    def train_block(*arguments):
        assert free.wait(600)
        return train(*arguments)

    def looks(self):
        looked.extend(heard.reports)
        idle(self)
        if len(looked) >= 3:
            monkeypatch.setattr(walk, "STALL_SECONDS", 1e6)
            free.set()

    monkeypatch.setattr(threads, "train_block", train_block)
    monkeypatch.setattr(walk.Walk, "_idle", looks)
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(walk, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(walk, "STALL_FACTOR", 0.0)
    primacy.run(tiny.study(seeds=1, controls="none"), tmp_path, progress=heard)
    ((seconds, allowed, waits),) = heard.reports
    assert seconds > allowed == 0.5
    assert any("_work (engine/threads.py:" in where for where in waits)


def test_a_run_that_compiles_is_not_called_stalled(tmp_path, monkeypatch):
    """The compiler is held for three times what a stall takes; oracle: no report from in there."""
    held = []

    def pooled(lowered):
        held.append(time.sleep(1.5))
        return ()

    monkeypatch.setattr(programs, "pooled", pooled)
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(walk, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(walk, "STALL_FACTOR", 0.0)
    heard = Heard()
    primacy.run(tiny.study(seeds=1, controls="none"), tmp_path, progress=heard)
    assert held and not [w for _, _, waits in heard.reports for w in waits if "programs.py" in w]
