"""`make bench`: everything that docs/performance.md says, measured and written anew.

    python benchmarks/bench.py [--quick] [--part race --part growth ...] [--seeds 10]

Figures go to benchmarks/results.json part by part, and the page is rendered from there;
`--part page` only renders. Quick: two seeds and one repetition, to see that all of it works; its
figures go to a folder of their own.
"""

import argparse
import datetime
import importlib.metadata
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import growth
import peaks
import race
from measured import calibration
from race import said

from primacy import machine

HERE = Path(__file__).parent
PARTS = ("startup", "race", "steps", "growth", "equivalence", "memory", "page")
LIBRARIES = ("primacy", "jax", "jaxlib", "numpy", "polars", "optax", "torch", "lightning",
             "scikit-learn")  # fmt: skip


def versions() -> dict[str, str]:
    """Of what takes part; a library that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def measured_on() -> dict[str, Any]:
    """When and on what."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": machine.processor(),
        "cores": machine.cores(),
        "memory": machine.memory(),
        "versions": versions(),
        "commit": commit.stdout.strip(),
        "gemm": calibration(1.0),
    }


def child(script: str, *words: str) -> Any:
    """What a script of this folder prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def raced(seeds: int, repetitions: int, scratch: Path) -> dict[str, Any]:
    """All peers on the demo's work, and whether their answers agree."""
    race.warmed_up(scratch / "log.txt")
    runs = []
    for run in race.race(seeds, repetitions, scratch):
        runs.append(run)
        said(f"{run['peer']}: {run['wall']:.1f} s, {run['memory'] / 1e6:.0f} MB; "
             f"GEMM {run['gemm'][0]:.0f} and {run['gemm'][1]:.0f} GFLOP/s")  # fmt: skip
    folders = {run["peer"]: run.pop("folder") for run in reversed(runs)}  # of the first repetition
    kept = {name: folder for name, folder in folders.items() if name != "complexity, warm"}
    asked = {"folders": kept, "ours": "primacy, cold"}
    return {
        "seeds": seeds,
        "repetitions": repetitions,
        "gflop": race.GFLOP,
        "runs": runs,
        "agreement": child("agreement.py", json.dumps(asked)),
    }


def stepped(quick: bool, scratch: Path) -> dict[str, Any]:
    """A step of the notebook's networks and of thousand-input ones, ours and Lightning's."""
    times = 1 if quick else 3
    return {
        "ours": [
            child("steps.py", "--network", network, "--times", str(times))
            for network in ("notebook", "thousand")
        ],
        "lightning": race.lightning(2 if quick else 5, times, scratch / "log.txt"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--repetitions", type=int)
    asked = parser.parse_args()
    quick, parts = asked.quick, asked.part or PARTS
    out = Path(tempfile.gettempdir()) / "primacy-bench-quick" if quick else HERE
    out.mkdir(exist_ok=True)
    results, page = out / "results.json", out / "performance.md"
    if not quick:
        page = HERE.parent / "docs" / "performance.md"
    found = json.loads(results.read_text()) if results.exists() else {}
    with tempfile.TemporaryDirectory(prefix="primacy-bench-") as folder:
        scratch = Path(folder)
        work = {
            "startup": lambda: race.startup(2 if quick else 5, scratch / "log.txt"),
            "race": lambda: raced(
                asked.seeds or (2 if quick else 10),
                asked.repetitions or (1 if quick else 3),
                scratch,
            ),
            "steps": lambda: stepped(quick, scratch),
            "growth": lambda: list(growth.grown(scratch, quick)),
            "equivalence": lambda: child("equivalence.py", "--seeds", "20" if quick else "100"),
            "memory": lambda: peaks.main(["complexity:2"] if quick else list(peaks.STUDIES)),
        }
        for part in parts:
            if part in work:
                said(part)
                found[part] = {**measured_on(), "found": work[part]()}
                results.write_text(json.dumps(found, indent=1) + "\n")
    subprocess.run([sys.executable, str(HERE / "page.py"), str(results), str(page)], check=True)
    said(f"wrote {page}")


if __name__ == "__main__":
    main()
