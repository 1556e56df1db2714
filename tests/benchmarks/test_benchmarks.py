"""What `make bench` counts and writes: figures on the page are those that were measured."""

import os
import subprocess
import sys

import agreement
import goals
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
    # In a small process of its own: Linux counts a parent's memory into its children's peak, and
    # that of these tests is gigabytes.
    ask = (
        f"from pathlib import Path; from measured import measured; "
        f"print(*measured({command!r}, {{}}, Path({str(tmp_path / 'log')!r})))"
    )
    small = subprocess.run(
        [sys.executable, "-c", ask],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    wall, _, memory = map(float, small.stdout.split())
    assert (tmp_path / "log").read_text() == "300000000\n"
    assert 300e6 < memory < 450e6
    assert wall > 0
    with pytest.raises(RuntimeError, match="no such thing"):
        measured([sys.executable, "-c", "raise SystemExit('no such thing')"], {}, tmp_path / "log")


def grown(last=1.0):
    """Points made by 2 s + 10 ms a seed, the last one so many times as long."""
    return [
        {"what": what, "count": n, "trained": n, "wall": 9.0, "memory": memory,
         "inside": {"total": (2 + 0.01 * n) * (last if n == 300 else 1)}}
        for what, n, memory in [
            ("seeds", 10, 5e8), ("seeds", 30, 5e8), ("seeds", 100, 5e8), ("seeds", 300, 5e8),
            ("seeds of tiny networks", 30, 5e8), ("seeds of tiny networks", 1000, 7e8),
        ]
    ]  # fmt: skip


def test_growth_that_is_a_line_is_told_as_one():
    """Oracle: the line by which the points were made."""
    assert "2.00 s + 10.0 ms a seed" in "\n".join(page.grown({"found": grown()}))
    line, memory = goals.grown({"found": grown()})
    assert line.reached
    assert (memory.measured, memory.reached) == ("1.40", False)
    assert not goals.grown({"found": grown(last=2.0)})[0].reached
    assert goals.grown({"found": grown()[:2]}) == []  # interrupted: nothing is claimed


def test_memory_is_judged_by_its_worst_ratio():
    row = {"study": "x", "predicted": 6e8, "cold": 9e8, "warm": 5e8}
    (goal,) = goals.predicted({"found": [row]})
    assert (goal.measured, goal.reached) == ("off by a factor 1.50 at most", False)


def runs(peer, *walls, inside=None):
    return [{"peer": peer, "wall": wall, "user": 1.0, "memory": 5e8, "gemm": [50.0, 100.0],
             "inside": inside} for wall in walls]  # fmt: skip


def test_ratios_are_of_medians_and_an_interrupted_race_is_judged_as_far_as_it_went():
    """Oracle: 60 s over the median of 8 and 12 s is 6; 1000 GFLOP in 12.5 s are 80 % of 100 a s."""
    inside = {"total": 13.0, "compile": 1.0}
    part = {
        "cores": 2, "memory": 8e9, "cpu": "x", "versions": {}, "date": "today", "commit": "c",
        "complete": False,
        "found": {
            "seeds": 10, "gflop": 100.0, "agreement": [],
            "torch": [{"as": "loop", "processes": 2, "threads": 1, "wall": 4.0},
                      {"as": "loop", "processes": 1, "threads": 2, "wall": 5.0}],
            "runs": [*runs("sequential", 60.0), *runs("primacy, cold", 8.0, 12.0, inside=inside),
                     *runs("primacy, warm", 20.0, inside=inside), *runs("PyTorch loop", 16.0)],
        },
    }  # fmt: skip
    found = {goal.asked: goal for goal in goals.goals({"race": part})}
    cold = found["primacy, cold: 6 times faster than sequential (hoped for: 8)"]
    assert (cold.measured, cold.reached) == ("6.00 (5.00-7.50)", True)
    assert not found["primacy, warm: 7 times faster than sequential"].reached
    assert found["primacy, cold: 1.7 times faster than PyTorch loop"].measured == "1.60 (1.33-2.00)"
    assert (
        next(g for a, g in found.items() if "matrix products" in a).measured
        == "80.0% (80.0%-80.0%)"
    )
    assert found["primacy, warm: 7 times faster than sequential"].single
    assert not cold.single
    assert len(found) == 4  # of JAX and complexity nothing is claimed
    text = page.rendered({"race": part})
    assert "2 x 1 (processes x threads), in a trial of 10 epochs 4.0 s against 5.0 s" in text
    assert "Interrupted" in text
    assert race.fastest(part["found"]["torch"], "loop") == (2, 1)
