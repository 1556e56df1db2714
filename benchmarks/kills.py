"""`make kills`: runs killed at random moments and resumed; every resume must end with equal bytes.

    python benchmarks/kills.py [--trials 200] [--seed 0] [--kind arrays ...]

Four kinds of study, by turns: examples from a function, a user's own file with controls, a stream
of regression examples, a study of studies. A trial kills `primacy run` with SIGKILL once to three
times, each at a random moment of the time that an undisturbed run takes, and then lets it end. Its
files must be those of the undisturbed run, and no network that was committed when it was killed may
be trained again. The seed of each trial is printed; `--seed SEED --trials 1` runs it alone.
"""

import argparse
import collections
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from primacy.records.store import Store

SMALL = """
[model]
kind = "mlp"
widths = [8]
[training]
learning_rate = 0.01
batch_size = 32
epochs = 30
evaluations = 5
fit_examples = 64
test_examples = 64
"""
GATES = '[task]\nkind = "boolean"\nfeatures = ["linear", "xor_and_or"]\nunits_per_feature = 4\n'
PLAIN = 'name = "{name}"\nseeds = 6\nexact_solo = true\ncontrols = "{controls}"\n'
STUDIES = {
    "gates": PLAIN.format(name="gates", controls="none") + GATES + SMALL + "examples = 256\n",
    "arrays": PLAIN.format(name="arrays", controls="default")
    + '[task]\nkind = "arrays"\nfile = "data.npz"\ntarget = ["labels"]\n'
    + 'features = {first = ["a"], rest = ["b", "c"]}\n'
    + SMALL,
    "stream": PLAIN.format(name="stream", controls="none")
    + '[task]\nkind = "affine"\n'
    + SMALL.replace("epochs = 30", "steps = 400"),
    "studies": 'name = "studies"\ninclude = ["gates.toml", "stream.toml"]\n',
}
"""One block a network, so that a run has many commits."""


def written(folder: Path) -> None:
    """The study files and the data that they name."""
    for name, text in STUDIES.items():
        (folder / f"{name}.toml").write_text(text)
    random_ = np.random.default_rng(0)
    x = random_.normal(size=(400, 3)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(np.int64)
    np.savez(folder / "data.npz", a=x[:, 0], b=x[:, 1], c=x[:, 2], labels=labels)


def command(study: Path, out: Path) -> list[str]:
    """Of a run as a process of its own."""
    return [sys.executable, "-m", "primacy", "run", str(study), "--out", str(out), "--json"]


def content(folder: Path) -> dict[str, bytes]:
    """Every byte that a run promises: not who holds the folder, what it took, and where it is."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", "status.json", "report.html")
    }


def stored(folder: Path) -> dict[str, int]:
    """When the file of each committed part was last written."""
    found = {}
    for lock in folder.rglob("study.lock.json"):
        store = Store(lock.parent)
        for name in store.manifest():
            path = store.parts.path(name, "curves")
            found[str(path)] = path.stat().st_mtime_ns
    return found


def trial(
    study: Path, out: Path, wanted: dict[str, bytes], takes: float, seed: int
) -> tuple[int, list[str]]:
    """Kill a run, and let it end; returns how often it was killed, and what is wrong."""
    chance, problems = random.Random(seed), []
    shutil.rmtree(out, ignore_errors=True)
    kills = chance.randint(1, 3)
    for _ in range(kills):
        process = subprocess.Popen(
            command(study, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.3, 1.0) * takes)
        process.kill()
        process.wait()
    before = stored(out)
    ended = subprocess.run(command(study, out), capture_output=True, text=True, check=False)
    if ended.returncode:
        return kills, [f"the resumed run ended with {ended.returncode}: {ended.stderr[-500:]}"]
    after = stored(out)
    if again := [path for path, at in before.items() if after.get(path) != at]:
        problems.append(f"committed and written again: {again}")
    found = content(out)
    if odd := [n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n)]:
        problems.append(f"other bytes than of the undisturbed run: {sorted(odd)}")
    return kills, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=STUDIES)
    asked = parser.parse_args()
    kinds, failed, kills = asked.kind or list(STUDIES), 0, 0
    with tempfile.TemporaryDirectory(prefix="primacy-kills-") as place:
        folder = Path(place)
        written(folder)
        undisturbed = {}
        for kind in kinds:
            for _ in range(2):  # the first one fills the cache of compiled programs
                shutil.rmtree(folder / kind, ignore_errors=True)
                began = time.monotonic()
                subprocess.run(
                    command(folder / f"{kind}.toml", folder / kind),
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                took = time.monotonic() - began
            undisturbed[kind] = content(folder / kind), took
        counts: collections.Counter[str] = collections.Counter()
        for seed in range(asked.seed, asked.seed + asked.trials):
            kind = kinds[seed % len(kinds)]
            wanted, takes = undisturbed[kind]
            killed, problems = trial(folder / f"{kind}.toml", folder / "trial", wanted, takes, seed)
            counts[kind] += 1
            kills += killed
            failed += bool(problems)
            print(json.dumps({"seed": seed, "kind": kind, "problems": problems}), flush=True)
    told = ", ".join(f"{kind} {n}" for kind, n in counts.items())
    every = sum(counts.values())
    print(f"{every} trials with {kills} kills ({told}): {failed} did not end with the same bytes")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
