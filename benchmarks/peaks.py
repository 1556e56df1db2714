"""What `--dry-run` predicts of memory and time against what `primacy run` takes.

python benchmarks/peaks.py complexity:2 size:30 ... (a study and how many seeds)
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measured import measured

PRIMACY = [sys.executable, "-m", "primacy"]
STUDIES = ("complexity:2", "shortcut:10", "number:10", "notebook:30")


def peak(study: str, seeds: str, folder: Path) -> dict[str, Any]:
    """Bytes and seconds: as `--dry-run` says, and of a cold and a warm run, page included."""
    asked = [*PRIMACY, "run", study, "--seeds", seeds, "--json"]
    log, cache = folder / "log.txt", {"XDG_CACHE_HOME": str(folder / "cache")}
    measured([*asked, "--out", str(folder / "none"), "--dry-run"], cache, log)
    told = log.read_text().splitlines()
    plan = json.loads(next(line for line in told if line.startswith("{")))
    found: dict[str, Any] = {
        "study": f"{study} x {seeds}",
        "predicted": plan["memory_bytes"],
        "predicted_seconds": plan["seconds"],
    }
    for how in ("cold", "warm"):
        took = measured([*asked, "--out", str(folder / how)], cache, log)
        inside = json.loads((folder / how / "status.json").read_text())["seconds"]
        found |= {how: took.memory, f"{how}_seconds": took.wall, f"{how}_user": took.user,
                  f"{how}_inside": inside}  # fmt: skip
    return found


def main(studies: list[str]) -> Iterator[list[dict[str, Any]]]:
    """A row for each study, as far as it got."""
    found = []
    for each in studies:
        study, _, seeds = each.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            found.append(peak(study, seeds or "30", Path(folder)))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
        yield found


if __name__ == "__main__":
    *_, last = main(sys.argv[1:] or list(STUDIES))
    print(json.dumps(last))
