"""`make bench`: everything that docs/performance.md says, measured and written anew.

    python benchmarks/bench.py [--quick] [--resume] [--part race --part growth ...] [--seeds 10]

Figures go to benchmarks/results.json as they come, and the page is rendered from there, also of
half of them; `--part page` only renders, `--resume` keeps the parts that are complete. The first
repetition of the race always runs; another one only if it ends within `--minutes`. Quick: two
seeds and one repetition, to see that all of it works; its figures go to a folder of their own.
"""

import argparse
import datetime
import importlib.metadata
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import growth
import peaks
import race
import scale
from measured import calibration
from race import said

from primacy.engine import machine

HERE = Path(__file__).parent
PARTS = ("startup", "race", "steps", "growth", "scale", "equivalence", "memory", "page")
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


def raced(seeds: int, repetitions: int, minutes: float, scratch: Path) -> Iterator[dict[str, Any]]:
    """All peers on the demo's work, as far as it got; in the end, whether their answers agree."""
    race.warmed_up(scratch / "log.txt")
    trials = race.torch_trials(scratch)
    found: dict[str, Any] = {
        "seeds": seeds, "gflop": race.GFLOP, "torch": trials, "runs": [], "agreement": []
    }  # fmt: skip
    folders: dict[str, str] = {}
    for run in race.race(seeds, repetitions, minutes, trials, scratch):
        folders.setdefault(run["peer"], run.pop("folder"))  # of the first repetition
        found["runs"].append(run)
        said(
            f"{run['peer']}: {run['wall']:.1f} s, {run['memory'] / 1e6:.0f} MB; "
            f"GEMM {run['gemm'][0]:.0f} and {run['gemm'][1]:.0f} GFLOP/s"
        )
        yield found
    # A warm run gives the bytes of the cold one.
    kept = {name: folder for name, folder in folders.items() if not name.endswith("warm")}
    asked = {"folders": kept, "ours": "primacy, cold"}
    yield {**found, "agreement": child("agreement.py", json.dumps(asked))}


def growing(scratch: Path, quick: bool) -> Iterator[list[dict[str, Any]]]:
    """The points of growth so far."""
    rows: list[dict[str, Any]] = []
    for row in growth.grown(scratch, quick):
        rows.append(row)
        said(f"{row['count']} {row['what']}: {row['wall']:.1f} s, {row['memory'] / 1e6:.0f} MB")
        yield rows


def scaling(scratch: Path, quick: bool) -> Iterator[list[dict[str, Any]]]:
    """The points of scale so far."""
    rows: list[dict[str, Any]] = []
    for row in scale.scaled(scratch, quick):
        rows.append(row)
        said(f"{row['count']:,} {row['what']}: {row['wall']:.1f} s, {row['memory'] / 1e6:.0f} MB")
        yield rows


def stepped(quick: bool, scratch: Path) -> dict[str, Any]:
    """A step of the notebook's networks and of thousand-input ones, ours and Lightning's."""
    times = 1 if quick else 3
    return {
        "ours": [
            child("steps.py", "--network", network, "--times", str(times))
            for network in ("notebook", "thousand")
        ],
        "lightning": race.lightning(2 if quick else 3, 1 if quick else 2, scratch / "log.txt"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--minutes", type=float, default=13.0)
    asked = parser.parse_args()
    quick, parts = asked.quick, asked.part or PARTS
    out = Path(tempfile.gettempdir()) / "primacy-bench-quick" if quick else HERE
    out.mkdir(exist_ok=True)
    results, page = out / "results.json", out / "performance.md"
    if not quick:
        page = HERE.parent / "docs" / "performance.md"
    afresh = quick and not asked.resume  # of an older bench, perhaps, with other fields
    found = json.loads(results.read_text()) if results.exists() and not afresh else {}
    seeds = asked.seeds or (2 if quick else 10)
    repetitions = asked.repetitions or (1 if quick else 2)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="primacy-bench-") as folder:
        scratch = Path(folder)
        work: dict[str, Callable[[], Iterator[Any]]] = {
            "startup": lambda: iter([race.startup(2 if quick else 5, scratch / "log.txt")]),
            "race": lambda: raced(seeds, repetitions, asked.minutes, scratch),
            "steps": lambda: iter([stepped(quick, scratch)]),
            "growth": lambda: growing(scratch, quick),
            "scale": lambda: scaling(scratch, quick),
            "equivalence": lambda: iter(
                [child("equivalence.py", "--seeds", "20" if quick else "100")]
            ),
            "memory": lambda: peaks.main(["complexity:2"] if quick else list(peaks.STUDIES)),
        }
        for part in (p for p in parts if p in work):
            if asked.resume and found.get(part, {}).get("complete"):
                said(f"{part}: there already")
                continue
            said(part)
            about, start = measured_on(), time.monotonic()
            for so_far in work[part]():
                found[part] = {**about, "complete": False, "found": so_far}
                kept(results, found)
            found[part] |= {"complete": True, "seconds": time.monotonic() - start}
            kept(results, found)
            said(f"{part}: took {time.monotonic() - start:.0f} s")
    rendered = [sys.executable, str(HERE / "page.py"), str(results), str(page)]
    subprocess.run(rendered, check=True)
    said(f"wrote {page} after {(time.monotonic() - began) / 60:.1f} min")


def kept(results: Path, found: dict[str, Any]) -> None:
    """Write what there is so far: an interrupted bench goes on with --resume."""
    results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
