"""Run folders with one file damaged or forged: every command ends in one line, or does its work.

    python -m tests.faults.mutations [--trials 500] [--seed 0] [--trial SEED] [--members]

A trial's seed chooses the file, what is done to it and the command; it is printed with a failure,
and `--trial SEED` runs that one alone. `--members` damages a study that includes two others.
"""

import argparse
import collections
import contextlib
import hashlib
import io
import json
import random
import shutil
import tempfile
import traceback
from pathlib import Path

from primacy.cli import app
from primacy.engine.interruption import Interruption
from primacy.records.manifest import PLACES
from tests.faults.disk import Killed

COMMANDS = ("judge", "report", "export", "inspect", "evaluate", "verify", "open")
KINDS = (
    *("bit", "bits", "cut", "longer", "empty", "zeros"),
    *("gone", "other", "json", "forged", "link"),
)
MAX_LINES = 20
"""Of an error; a list of damaged files has a line each."""


def mutate(folder: Path, chance: random.Random) -> str:
    """Change one file; returns what was done to which."""
    own = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    path, kind = chance.choice(own), chance.choice(KINDS)
    content = bytearray(path.read_bytes())
    if kind in ("bit", "bits", "forged"):
        for _ in range(1 if kind == "bit" else 20):
            if content:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del content[chance.randrange(len(content) + 1) :]
    elif kind == "longer":
        content += chance.randbytes(chance.randrange(1, 5000))
    elif kind == "empty":
        content.clear()
    elif kind == "zeros":
        content[:] = bytes(len(content))
    elif kind == "other":
        content[:] = chance.choice(own).read_bytes()
    elif kind == "json":
        content[:] = _odd(bytes(content), chance)
    path.unlink()
    if kind == "link":
        path.symlink_to("/dev/zero")
    elif kind != "gone":
        path.write_bytes(content)
    if kind == "forged" and path.parent.name in PLACES:
        _fit(path, bytes(content))
    return f"{kind} {path.relative_to(folder)}"


def _odd(content: bytes, chance: random.Random) -> bytes:
    """JSON with one value, somewhere, replaced by another; of other files, JSON for no reason."""
    try:
        value = json.loads(content)
    except ValueError:
        return b"[" * 50_000
    place, where = value, value
    while isinstance(place, dict | list) and place:
        where = place
        key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
        place = place[key]
        if chance.random() < 0.3:
            break
    odd = [None, -1, 2**70, 1e308, "", "../../x", "\x1b[31m", [], {}, True, "x" * 3000]
    if isinstance(where, dict | list) and where:
        where[key] = chance.choice(odd)
    return json.dumps(value).encode()


def _fit(path: Path, content: bytes) -> None:
    """Make the manifest say that this is the file that was written."""
    manifest = path.parent.parent / "manifest.json"
    if not manifest.is_file():
        return
    told = json.loads(manifest.read_bytes())
    told["parts"][path.stem][path.parent.name] = hashlib.sha256(content).hexdigest()
    manifest.write_text(json.dumps(told))


def words(command: str, folder: Path) -> list[str]:
    """The command line."""
    more = {"export": ["--to", "latex"], "inspect": ["--condition", "default"]}
    return [command, str(folder), *more.get(command, [])]


def trial(whole: Path, folder: Path, seed: int) -> tuple[str, str]:
    """One mutation and one command: what was done, and what is wrong with how it ended, if so."""
    chance = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    done = mutate(folder, chance)
    command = chance.choice(COMMANDS)
    out, err = io.StringIO(), io.StringIO()
    point = f"trial {seed}: {done}, {command}"
    folder = folder.parent if command == "runs" else folder
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = (
                _open(folder)
                if command == "open"
                else app._called(words(command, folder), Interruption())
            )
    except SystemExit as ended:
        code = ended.code
    except (Exception, Killed):  # noqa: BLE001 - this is what is looked for
        return point, traceback.format_exc()
    said = err.getvalue()
    if code not in (0, 1, 2):
        return point, f"exit code {code}: {said}"
    if "Traceback" in said or "\x1b" in said + out.getvalue():
        return point, f"not fit for a terminal: {said!r}"
    return point, f"{said.count(chr(10))} lines" if said.count("\n") > MAX_LINES else ""


def _open(folder: Path) -> int:
    """`primacy.open` in Python, and the tables of what it gives."""
    import primacy

    try:
        result = primacy.open(folder)
        assert result.curves.height >= 0
        assert result.lanes.height >= 0
        assert result.summary.height >= 0
    except (ValueError, OSError):
        return 1
    return 0


def made(folder: Path, members: bool = False) -> Path:
    """The finished run that is damaged: a plain study, or one of two members."""
    from primacy.engine.run import run
    from tests.support import tiny

    told = {"seeds": 2, "controls": "default"}
    study = tiny.study(**told)
    if members:
        included = tuple(tiny.study(name=name, **told) for name in ("first", "second"))
        study = tiny.study(name="both", conditions={}, hypotheses=(), members=included, **told)
    run(study, folder).report()
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trial", type=int)
    parser.add_argument("--members", action="store_true")
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.trials)
    if asked.trial is not None:
        seeds = range(asked.trial, asked.trial + 1)
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="primacy-mutations-") as place:
        whole, runs = Path(place) / "whole", Path(place) / "runs"
        made(whole, asked.members)
        for seed in seeds:
            point, wrong = trial(whole, runs / "run", seed)
            counts["wrong" if wrong else "right"] += 1
            if wrong:
                print(f"{point}\n{wrong}", flush=True)
            elif sum(counts.values()) % 100 == 0:
                print(f"{sum(counts.values())} trials, {counts['wrong']} wrong", flush=True)
    print(f"{sum(counts.values())} trials from seed {seeds[0]}: {counts['wrong']} wrong")
    raise SystemExit(bool(counts["wrong"]))


if __name__ == "__main__":
    main()
