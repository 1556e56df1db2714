"""`complexity` with all measures against the demo's four: the time inside the run, in pairs.

    python benchmarks/all_measures.py [--pairs 3] [--seeds 10]

Measures share what a network answered, so that one more costs little. Each run is a process of its
own with its programs in the cache; the two of a pair take turns, and which comes first alternates.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from measured import measured

FOUR = '["accuracy", "loss", "variance_explained", "reliance"]'
"""What the demo of Lampinen et al. measures."""


def inside(folder: Path) -> float:
    """Seconds that a run spent training and evaluating, as it says itself: without compiling."""
    seconds = json.loads((folder / "status.json").read_text())["seconds"]
    return float(seconds["total"] - seconds["compile"])


def run(out: Path, seeds: int, four: bool, log: Path) -> dict[str, float]:
    """One run: seconds on the clock, of CPU, and inside."""
    command = [sys.executable, "-m", "primacy", "run", "complexity", "--seeds", str(seeds)]
    command += ["--out", str(out), "--controls", "none", "--set", "hypothesis=[]"]
    command += ["--set", f"measures={FOUR}"] if four else []
    took = measured(command, dict(os.environ), log)
    return {"wall": took.wall, "cpu": took.user, "inside": inside(out)}


def main() -> None:
    """Print the pairs and their medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    ratios: dict[str, list[float]] = {"inside": [], "cpu": [], "wall": []}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for four in (True, False):  # so that every program is in the cache
            run(place / f"warm-{four}", 1, four, place / "log")
        for pair in range(given.pairs):
            order = (True, False) if pair % 2 else (False, True)
            took = {f: run(place / f"{pair}-{f}", given.seeds, f, place / "log") for f in order}
            for kind, found in ratios.items():
                found.append(took[False][kind] / took[True][kind])
            print(f"pair {pair + 1}: all {took[False]}, four {took[True]}", flush=True)
    for kind, found in ratios.items():
        told = ", ".join(f"{ratio:.3f}" for ratio in found)
        print(f"{kind}: {told}; median {median(found):.3f}")


if __name__ == "__main__":
    main()
