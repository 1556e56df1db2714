"""A network that prints a gigabyte, and one that never comes back, while it is measured.

Oracles: the memory of the process, the lines on stderr, and the runs in the folder.
"""

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
import torch

from primacy.networks import overseen
from primacy.result import Result
from tests.support.tracked import STEPS, loop, make

FAST = {"measures": ["accuracy"], "evaluations": [0, 10, STEPS]}
A_PART = 50_000_000


class Prints(torch.nn.Module):
    """Prints 50 MB whenever it is asked in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.inner, self.printed = make(), 0

    def forward(self, x):
        if not self.training and self.printed < 20 * A_PART:
            print("x" * (A_PART - 1))
            self.printed += A_PART
        return self.inner(x)


def test_a_gigabyte_of_prints_is_not_shown_and_not_kept(tmp_path, capfd):
    model = Prints()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, result = loop(tmp_path / "run", seed=0, model=model, **FAST)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert model.printed >= 5 * A_PART
    told = capfd.readouterr()
    assert told.out == ""
    assert f"printed {model.printed:,} characters" in told.err
    assert (after - before) * 1024 < 3e8
    assert result.lanes["end_step"].to_list() == [STEPS]


class Waits(torch.nn.Module):
    """In evaluation mode it waits until it is called late."""

    def __init__(self, late):
        super().__init__()
        self.inner, self.late = make(), late

    def forward(self, x):
        if not self.training:
            assert self.late.wait(600)
        return self.inner(x)


def test_an_evaluation_that_does_not_come_back_is_named(tmp_path, capsys, monkeypatch):
    late = threading.Event()

    class Timer(threading.Timer):
        def run(self):
            super().run()
            late.set()

    monkeypatch.setattr(overseen.threading, "Timer", Timer)
    monkeypatch.setattr(overseen, "PATIENCE", 0.2)
    _, result = loop(tmp_path / "run", seed=0, model=Waits(late), **FAST)
    told = capsys.readouterr().err
    assert "the evaluation after step 0 has not come back for 0.2 s" in told
    assert result.lanes["end_step"].to_list() == [STEPS]  # it was only slow


def test_one_that_comes_back_is_not(capsys, monkeypatch):
    monkeypatch.setattr(overseen, "PATIENCE", 60.0)
    said = []
    for _ in range(3):
        before = set(threading.enumerate())
        with overseen.overseen("this", said.append) as printed:
            print("four")
            (timer,) = set(threading.enumerate()) - before
        assert printed() == 5
        timer.join()
    assert said == [] and capsys.readouterr().out == ""


HANGS = """
import signal, sys, time, torch, primacy
from tests.support.tracked import data, make
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
net = make()
class Hangs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.hang = net, False
    def forward(self, x):
        if self.hang:
            print("hanging", file=sys.stderr, flush=True)
            while True:
                time.sleep(0.1)
        return self.inner(x)
model = Hangs()
how = {"evaluations": [0, 1, 9], "measures": ["accuracy"]}
with primacy.track(data(), out=sys.argv[1], seed=0, steps=9, **how) as tracker:
    tracker.evaluate(model, 0)
    model.hang = True
    tracker.evaluate(model, 1)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_network_that_hangs_can_be_interrupted_and_what_came_before_is_kept(tmp_path):
    command = [sys.executable, "-c", HANGS, str(tmp_path / "run")]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if "hanging" in line:
                break
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=600)
    finally:
        child.kill()
    assert child.returncode not in (0, None) and "KeyboardInterrupt" in told
    lanes = Result(tmp_path / "run").lanes
    assert lanes["ended"].cast(pl.String).to_list() == ["crashed"]
    assert lanes["end_step"].to_list() == [0]
