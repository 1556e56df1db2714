"""How a run grows from a laptop's to a cluster's: blocks of 250 to 4,000, rows of 1 to 25 million.

    python benchmarks/scale.py [--quick] [--what blocks] [--what rows]

Blocks: one-network blocks of a 1-8-1 net with 100 steps, so that nearly all the time is that of
committing; the points take turns, medians of three. Then the finished run of the most blocks is
resumed, and compacted. Rows: made-up runs (`synthetic_run.py`), judged and reported.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from measured import measured

HERE = Path(__file__).parent
PRIMACY = [sys.executable, "-m", "primacy"]
BLOCKS = (250, 500, 1000, 2000, 4000)
SEEDS = (40, 100, 400, 1000)
"""Of made-up runs: 26,052 rows each."""
ROUNDS = 3
SMALL = """\
name = "blocks"
controls = "none"
exact_solo = true
measures = ["r_squared"]
[task]
kind = "affine"
[model]
kind = "mlp"
widths = [8]
[training]
learning_rate = 1e-3
batch_size = 8
examples = "stream"
steps = 100
evaluations = 3
fit_examples = 32
test_examples = 32
"""


def blocks(scratch: Path, quick: bool) -> Iterator[dict[str, Any]]:
    """A row for each number of blocks: medians over rounds in which the points take turns."""
    file, counts = scratch / "blocks.toml", (20, 40) if quick else BLOCKS
    file.write_text(SMALL)
    cache = {"XDG_CACHE_HOME": str(scratch / "cache-blocks")}

    def ran(count: int, folder: Path) -> dict[str, Any]:
        asked = [*PRIMACY, "run", str(file), "--seeds", str(count), "--out", str(folder)]
        took = measured([*asked, "--json"], cache, scratch / "log.txt")
        inside = json.loads((folder / "status.json").read_text())["seconds"]["total"]
        return {"what": "blocks", "count": count, "inside": inside, **took._asdict()}

    ran(counts[0], scratch / "blocks-cold")
    rounds = []
    for turn in range(1 if quick else ROUNDS):
        for count in counts:
            folder = scratch / f"blocks-{count}"
            shutil.rmtree(folder, ignore_errors=True)
            rounds.append({**ran(count, folder), "turn": turn})
    for count in counts:
        own = [row for row in rounds if row["count"] == count]
        same = {key: median(row[key] for row in own) for key in ("wall", "user", "inside")}
        yield {**own[0], **same, "memory": max(row["memory"] for row in own)}
    largest = scratch / f"blocks-{counts[-1]}"
    yield {**ran(counts[-1], largest), "what": "resumed blocks"}
    took = measured([*PRIMACY, "compact", str(largest)], cache, scratch / "log.txt")
    yield {"what": "compacted blocks", "count": counts[-1], **took._asdict()}


def rows(scratch: Path, quick: bool) -> Iterator[dict[str, Any]]:
    """A row for each command and number of rows."""
    for seeds in (2, 4) if quick else SEEDS:
        folder = scratch / f"rows-{seeds}"
        made = [sys.executable, str(HERE / "synthetic_run.py"), str(folder), "--seeds", str(seeds)]
        measured(made, {}, scratch / "log.txt")
        count = int((scratch / "log.txt").read_text().split()[0].replace(",", ""))
        for command in ("judge", "report"):
            took = measured([*PRIMACY, command, str(folder)], {}, scratch / "log.txt")
            yield {"what": command, "count": count, **took._asdict()}
        shutil.rmtree(folder)


WHAT = {"blocks": blocks, "rows": rows}


def scaled(scratch: Path, quick: bool, what: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Rows of all, or of some of it."""
    for name in what or WHAT:
        yield from WHAT[name](scratch, quick)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--what", action="append", choices=WHAT)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="primacy-scale-") as folder:
        for row in scaled(Path(folder), asked.quick, tuple(asked.what or ())):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
