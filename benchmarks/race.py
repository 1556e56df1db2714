"""primacy and its peers on the demo's work, interleaved, each a process of its own."""

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measured import calibration, measured

from primacy.engine import machine

HERE = Path(__file__).parent
PEERS = HERE / "peers"
PYTHON = sys.executable

MULTIPLICATIONS = sum(a * b for a, b in itertools.pairwise((32, 256, 128, 64, 64, 2)))
STEPS, BATCH, LOOKS, SCORED = 800, 1024, 101, 8192 + 1024 + 1024
GFLOP = (
    STEPS * BATCH * (6 * MULTIPLICATIONS - 2 * 32 * 256)  # no gradient of the inputs is needed
    + LOOKS * SCORED * 2 * MULTIPLICATIONS
) / 1e9
"""Of one network: its training steps and the forward passes of its evaluations, nothing else."""

SLOW = ("sequential", "PyTorch loop", "PyTorch ensemble")
"""Peers that run once, whatever the others do: the demo's program alone takes minutes."""

TORCH_CORES = ((1, machine.cores()), (machine.cores(), 1))
"""Processes, and threads of each: PyTorch may use the cores either way, and the faster counts."""

Job = tuple[str, Callable[[Path], tuple[list[str], dict[str, str]]]]


def peer(script: str, seeds: int, *flags: str) -> Callable:
    """What a program of `peers/` runs, given a folder for its answers."""

    def asked(folder: Path) -> tuple[list[str], dict[str, str]]:
        words = [PYTHON, str(PEERS / script), "--seeds", str(seeds), *flags]
        return [*words, "--out", str(folder / "answers.json")], {}

    return asked


def torch(way: str, seeds: int, cores: tuple[int, int], *flags: str) -> Callable:
    """PyTorch's program with so many processes and threads of each."""
    processes, threads = map(str, cores)
    own = ("--as", way, "--processes", processes, "--threads", threads)
    return peer("torchseeds.py", seeds, *own, *flags)


def torch_trials(scratch: Path) -> list[dict[str, Any]]:
    """Seconds of a tenth of the training on a seed a core, for each use of the cores."""
    found = []
    for way in ("loop", "ensemble"):
        for cores in TORCH_CORES:
            folder = scratch / f"trial-{way}-{cores[0]}"
            folder.mkdir()
            words, environment = torch(way, machine.cores(), cores, "--epochs", "10")(folder)
            took = measured(words, environment, folder / "log.txt")
            row = {"as": way, "processes": cores[0], "threads": cores[1], "wall": took.wall}
            said(f"PyTorch {way}, {cores[0]} x {cores[1]}: {took.wall:.1f} s for 10 epochs")
            found.append(row)
    return found


def fastest(trials: list[dict[str, Any]], way: str) -> tuple[int, int]:
    """Processes and threads with which PyTorch was fastest."""
    best = min((t for t in trials if t["as"] == way), key=lambda t: t["wall"])
    return best["processes"], best["threads"]


def jobs(seeds: int, trials: list[dict[str, Any]]) -> list[Job]:
    """Each peer by name: what it runs, with which environment, given a folder for its output."""

    def primacy(study: str) -> Callable:
        def asked(folder: Path) -> tuple[list[str], dict[str, str]]:
            words = [PYTHON, "-m", "primacy", "run", study, "--seeds", str(seeds)]
            cache = {"XDG_CACHE_HOME": str(folder.parent / f"cache-{Path(study).stem}")}
            return [*words, "--out", str(folder / "run"), "--json"], cache

        return asked

    demo = primacy(str(HERE / "demo.toml"))
    # Warm comes after cold, which leaves its compiled programs in the same cache.
    return [
        ("sequential", peer("sequential.py", seeds)),
        ("primacy, cold", demo),
        ("JAX vmap", peer("jaxseeds.py", seeds, "--over", "vmap")),
        ("primacy, warm", demo),
        ("JAX map", peer("jaxseeds.py", seeds, "--over", "map")),
        ("complexity, cold", primacy("complexity")),
        ("PyTorch loop", torch("loop", seeds, fastest(trials, "loop"))),
        ("complexity, warm", primacy("complexity")),
        ("PyTorch ensemble", torch("ensemble", seeds, fastest(trials, "ensemble"))),
    ]


def race(
    seeds: int,
    repetitions: int,
    minutes: float,
    trials: list[dict[str, Any]],
    scratch: Path,
) -> Iterator[dict[str, Any]]:
    """One run after the other, with the machine's speed taken between.

    Another repetition begins only if it will be over within `minutes` of the first's beginning.
    """
    began, turn = time.monotonic(), 0.0
    before = calibration()
    for repetition in range(repetitions):
        if repetition and time.monotonic() - began + turn > 60 * minutes:
            said(f"no time for repetition {repetition + 1}: {turn:.0f} s more")
            return
        heat = scratch / f"heat{repetition}"  # its own caches: cold means cold each time
        for name, asked in jobs(seeds, trials):
            if repetition and name in SLOW:
                continue
            folder = heat / name.replace(", ", "-").replace(" ", "-")
            folder.mkdir(parents=True)
            command, environment = asked(folder)
            took = measured(command, environment, folder / "log.txt")
            after = calibration()
            turn += 0 if repetition or name in SLOW else took.wall
            status = folder / "run" / "status.json"
            yield {
                "peer": name,
                "repetition": repetition,
                **took._asdict(),
                "gemm": [sum(pair) / 2 for pair in zip(before, after, strict=True)],
                "inside": json.loads(status.read_text())["seconds"] if status.exists() else None,
                "folder": str(folder),
            }
            before = after


def startup(times: int, log: Path) -> list[dict[str, Any]]:
    """CPU seconds of `import primacy`, of `primacy --help` and of Python alone, interleaved."""
    commands = {
        "python": ["-c", "pass"],
        "import primacy": ["-c", "import primacy"],
        "primacy --help": ["-m", "primacy", "--help"],
    }
    found = []
    for _ in range(times):
        for name, words in commands.items():
            took = measured([PYTHON, *words], {}, log)
            found.append({"what": name, "user": took.user, "wall": took.wall})
    return found


def lightning(epochs: int, times: int, log: Path) -> list[dict[str, Any]] | None:
    """Lightning's seconds for the notebook's network; None where it is not installed."""
    try:
        measured([PYTHON, "-c", "import lightning"], {}, log)
    except RuntimeError:
        return None
    found = []
    for _ in range(times):
        for how in ("bare", "usual"):
            words = [str(PEERS / "lightningnet.py"), "--as", how, "--epochs", str(epochs)]
            took = measured([PYTHON, *words], {"PYTHONWARNINGS": "ignore"}, log)
            told = json.loads(log.read_text().splitlines()[-1])
            found.append({"as": how, **told, "wall": took.wall, "memory": took.memory})
    return found


def said(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def warmed_up(log: Path) -> None:
    """Read every peer's imports once, so that none pays for a cold disk."""
    for modules in (
        "jax, optax, sklearn.linear_model",
        "torch",
        "polars, altair, scipy.stats",
        "primacy.cli.app, primacy.engine.run, primacy.report.html, primacy.study.file, "
        "primacy.report.terminal",
    ):
        measured([PYTHON, "-c", f"import {modules}"], {}, log)
    os.sync()
