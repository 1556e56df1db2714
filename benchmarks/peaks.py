"""Predicted against measured peak memory of `primacy run`, study by study.

python benchmarks/peaks.py complexity size ... (a study, or a study:seeds)
"""

import json
import sys
import tempfile
from pathlib import Path

from measured import measured

PRIMACY = [sys.executable, "-m", "primacy"]
STUDIES = ("complexity:4", "size:30", "number:30", "simplicity:30")


def peak(study: str, seeds: str, folder: Path) -> dict[str, float | str]:
    """Bytes that `--dry-run` predicts and that the run then takes, page included."""
    asked = ["run", study, "--seeds", seeds, "--out", str(folder / "out"), "--json"]
    log = folder / "log.txt"
    measured([*PRIMACY, *asked, "--dry-run"], {}, log)
    told = log.read_text().splitlines()
    predicted = json.loads(next(line for line in told if line.startswith("{")))["memory_bytes"]
    took = measured([*PRIMACY, *asked], {}, log)
    return {"study": f"{study} x {seeds}", "predicted": predicted, "measured": took.memory,
            "ratio": predicted / took.memory, "wall": took.wall}  # fmt: skip


def main(studies: list[str]) -> list[dict[str, float | str]]:
    found = []
    for each in studies:
        study, _, seeds = each.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            found.append(peak(study, seeds or "30", Path(folder)))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:] or list(STUDIES))))
