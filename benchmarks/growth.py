"""How time and memory grow: with seeds, conditions, width of the network, number of features.

Each point is `primacy run` as a process of its own, page included, with its programs in the cache.
Whether time is linear in the number of seeds is asked of medians: those points take turns.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from measured import measured

HERE = Path(__file__).parent
PRIMACY = [sys.executable, "-m", "primacy"]
GATES = ["linear", "and_or_xor", "or_and_or", "xor_and_or", "and_and_xor", "or_or_xor",
         "xor_or_xor", "xor_xor_xor"]  # fmt: skip

SMALL = """\
name = "growth"
controls = "none"
measures = ["accuracy", "loss", "variance_explained", "reliance"]
[task]
kind = "boolean"
features = ["linear", "xor_and_or"]
units_per_feature = 8
[model]
kind = "mlp"
widths = [64, 32]
[training]
learning_rate = 3e-3
batch_size = 64
examples = 1024
epochs = 40
evaluations = 41
fit_examples = 256
test_examples = 256
"""

Point = tuple[str, int, list[str]]

ROUNDS = 3
"""Times that the points of a line are measured, in turn."""


def points(quick: bool) -> list[Point]:
    """What is varied, how much of it there is, and the arguments of `primacy run`."""
    tiny = str(HERE / "tiny.toml")
    found: list[Point] = []
    for n in (10, 30) if quick else (10, 30, 100, 300):
        found.append(("seeds", n, ["{small}", "--seeds", str(n)]))
    for n in (30, 100) if quick else (30, 1000):
        found.append(("seeds of tiny networks", n, [tiny, "--seeds", str(n)]))
    for n in (1, 10) if quick else (1, 10, 100):
        found.append(("conditions", n, [f"{{grid{n}}}", "--seeds", "3"]))
    for n in (32, 64) if quick else (32, 128, 512):
        found.append(("width", n, ["{small}", "--seeds", "6", "--set", f"model.widths=[{n}, {n}]"]))
    for n in (2, 4) if quick else (2, 4, 8):
        features = json.dumps(GATES[:n])
        found.append(
            ("features", n, ["{small}", "--seeds", "6", "--set", f"task.features={features}"])
        )
    return found


def study(name: str, scratch: Path) -> str:
    """The path of a study that `points` named."""
    if not name.startswith("{"):
        return name
    text = SMALL
    if name.startswith("{grid"):
        count = int(name[5:-1])
        rates = [3e-3 * (0.5 + i / count) for i in range(count)]
        text += f'[grid]\n"training.learning_rate" = {rates}\n'
    path = scratch / f"{name.strip('{}')}.toml"
    path.write_text(text)
    return str(path)


def grown(scratch: Path, quick: bool) -> Iterator[dict[str, Any]]:
    """A row for each point: seconds, seconds inside the run, peak bytes; medians where repeated."""
    cache = {"XDG_CACHE_HOME": str(scratch / "cache-growth")}

    def ran(point: Point, folder: Path) -> dict[str, Any]:
        what, count, words = point
        asked = [*PRIMACY, "run", study(words[0], scratch), *words[1:], "--json"]
        took = measured([*asked, "--out", str(folder)], cache, scratch / "log.txt")
        status = json.loads((folder / "status.json").read_text())
        return {"what": what, "count": count, **took._asdict(), "inside": status["seconds"],
                "trained": status["trained"]}  # fmt: skip

    asked = points(quick)
    line = [point for point in asked if point[0] == "seeds"]
    ran(line[0], scratch / "growth-cold")
    rounds = [
        [ran(point, scratch / f"growth-line{turn}-{point[1]}") for point in line]
        for turn in range(1 if quick else ROUNDS)
    ]
    for same in zip(*rounds, strict=True):
        yield same[0] | {
            "wall": median(row["wall"] for row in same),
            "user": median(row["user"] for row in same),
            "memory": max(row["memory"] for row in same),
            "inside": {k: median(r["inside"][k] for r in same) for k in same[0]["inside"]},
        }
    compiled = set()
    for number, point in enumerate(p for p in asked if p not in line):
        what = point[0]
        if what not in compiled:
            ran(point, scratch / f"growth{number}-cold")
        yield ran(point, scratch / f"growth{number}-warm")
        if what not in ("width", "features"):
            compiled.add(what)  # more of the same programs
