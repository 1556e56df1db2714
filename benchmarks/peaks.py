"""Predicted against measured peak memory of `primacy run`, study by study.

python benchmarks/peaks.py complexity:2 size:30 ... (a study and how many seeds)
"""

import json
import sys
import tempfile
from pathlib import Path

from measured import measured

PRIMACY = [sys.executable, "-m", "primacy"]
STUDIES = ("complexity:2", "size:10", "shortcut:10", "number:10")


def peak(study: str, seeds: str, folder: Path) -> dict[str, float | str]:
    """Bytes that `--dry-run` predicts, and that a cold and a warm run take, page included."""
    asked = [*PRIMACY, "run", study, "--seeds", seeds, "--json"]
    log, cache = folder / "log.txt", {"XDG_CACHE_HOME": str(folder / "cache")}
    measured([*asked, "--out", str(folder / "none"), "--dry-run"], cache, log)
    told = log.read_text().splitlines()
    predicted = json.loads(next(line for line in told if line.startswith("{")))["memory_bytes"]
    found: dict[str, float | str] = {"study": f"{study} x {seeds}", "predicted": predicted}
    for how in ("cold", "warm"):
        took = measured([*asked, "--out", str(folder / how)], cache, log)
        found |= {how: took.memory, f"{how}_seconds": took.wall}
    return found


def main(studies: list[str]) -> list[dict[str, float | str]]:
    """A row for each study."""
    found = []
    for each in studies:
        study, _, seeds = each.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            found.append(peak(study, seeds or "30", Path(folder)))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:] or list(STUDIES))))
