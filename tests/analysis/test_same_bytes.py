"""One stored run judged in ten fresh processes; oracle: the bytes of the first judging.

polars may sum floats in another order from run to run where a plan begins with a scan.
"""

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from primacy.engine.run import run
from tests.support import tiny

FILES = ("verdicts.json", "summary.parquet")


def judged(folder):
    """The hashes of what a fresh process makes of a run folder."""
    subprocess.run(
        [sys.executable, "-m", "primacy", "judge", str(folder)], check=True, capture_output=True
    )
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES]


def test_ten_judgings_in_fresh_processes_give_the_same_bytes(tmp_path):
    rates = {f"rate {r:g}": tiny.condition(learning_rate=r) for r in (0.003, 0.01, 0.03)}
    study = tiny.study(conditions=rates, hypotheses=(), seeds=6)
    result = run(study, tmp_path / "run")
    first = [hashlib.sha256((result.folder / name).read_bytes()).hexdigest() for name in FILES]
    copies = [tmp_path / f"copy {i}" for i in range(10)]
    for copy in copies:
        shutil.copytree(result.folder, copy)
        for name in FILES:
            (copy / name).unlink()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(judged, copies)) == [first] * 10
