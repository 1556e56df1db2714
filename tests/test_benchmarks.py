"""What `make bench` counts and writes: figures on the page are those that were measured."""

import sys

import agreement
import numpy as np
import page
import pytest
import race
from measured import measured


def test_the_work_of_one_network():
    """Oracle: 362 GFLOP were counted by hand for 101 epochs; here there are 100."""
    step = 1024 * (6 * race.MULTIPLICATIONS - 2 * 32 * 256) / 1e9
    assert race.GFLOP + 8 * step == pytest.approx(362, abs=0.5)


@pytest.mark.parametrize(
    ("curve", "epoch"),
    [
        ([0.5, 0.96, 0.5, 0.95, 0.95, 0.99], 3),  # the first time it stays
        ([0.96, 0.96, 0.96], 0),
        ([0.5, 0.5, 0.96, 0.96], np.inf),  # not confirmed
    ],
)
def test_the_epoch_of_learning(curve, epoch):
    assert agreement.learned(np.array(curve)) == epoch


def test_a_process_is_measured(tmp_path):
    command = [sys.executable, "-c", "x = bytearray(300_000_000); print(len(x))"]
    took = measured(command, {}, tmp_path / "log")
    assert (tmp_path / "log").read_text() == "300000000\n"
    assert 300e6 < took.memory < 450e6
    assert took.wall > 0
    with pytest.raises(RuntimeError, match="no such thing"):
        measured([sys.executable, "-c", "raise SystemExit('no such thing')"], {}, tmp_path / "log")


def test_growth_that_is_a_line_is_told_as_one():
    """Oracle: points made by 2 s + 10 ms a seed, and one that is a fifth above."""
    points = [
        {"what": what, "count": n, "trained": n, "wall": 9.0, "memory": memory,
         "inside": {"total": 2 + 0.01 * n}}
        for what, n, memory in [
            ("seeds", 10, 5e8), ("seeds", 30, 5e8), ("seeds", 100, 5e8), ("seeds", 300, 5e8),
            ("seeds of tiny networks", 30, 5e8), ("seeds of tiny networks", 1000, 7e8),
        ]
    ]  # fmt: skip
    told = "\n".join(page.grown({"found": points}))
    assert "2.00 s + 10.0 ms a seed" in told
    assert "within 10 %" in told and "not within" not in told
    assert "1.40, **more than** the 1.3" in told
    points[3]["inside"]["total"] *= 2
    assert "**not within** 10 %" in "\n".join(page.grown({"found": points}))


def test_memory_is_judged_by_its_worst_ratio():
    row = {"study": "x", "predicted": 6e8, "cold": 9e8, "warm": 5e8}
    assert "a factor of 1.50 at most" in "\n".join(page.predicted({"found": [row]}))
