"""`live/`: what networks in training have come to so far, for whoever watches a run.

One file for each network, `KEY-SEED.jsonl`, one line for each evaluation:
`{"step": 240, "values": [0.98, 0.51]}`, a value for each feature that has a criterion, in the
record's order; null where it is not a finite number. The files count for nothing: no manifest names
them, they are removed when their network is stored, and the next run sweeps what a killed one left.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from primacy.records.study import ConditionRecord, FeatureRecord

LIVE = "live"
"""The folder, inside a run folder."""

MAX_BYTES = 1 << 22
"""Of a file that is read; what lies beyond is not looked at."""

_NAME = re.compile(r"([0-9a-f]+)-(\d{1,19})\.jsonl")


def path(folder: Path, key: str, seed: int) -> Path:
    """The file of one network."""
    return folder / LIVE / f"{key}-{seed}.jsonl"


def watched(condition: ConditionRecord) -> list[FeatureRecord]:
    """The features whose criterion's measure is written, in the order of their values."""
    return [f for f in condition.features if f.null_of is None and f.criterion is not None]


def line(step: int, values: Iterable[Any]) -> str:
    """One evaluation."""
    told = [float(f"{v:.5g}") if math.isfinite(v) else None for v in map(float, values)]
    return json.dumps({"step": step, "values": told}, separators=(",", ":")) + "\n"


def append(file: Path, lines: Sequence[str]) -> None:
    """Add evaluations; nothing is synchronized, for nothing depends on it.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write("".join(lines))


def files(folder: Path) -> dict[tuple[str, int], Path]:
    """The files there are, by condition key and seed; no link, and no file of another name."""
    try:
        found = sorted((folder / LIVE).iterdir())
    except OSError:
        return {}
    named = [(file, _NAME.fullmatch(file.name)) for file in found]
    return {(m[1], int(m[2])): f for f, m in named if m and not f.is_symlink() and f.is_file()}


def read(file: Path, start: int = 0) -> tuple[list[tuple[int, list[float | None]]], int]:
    """Evaluations from a position of a file on, and the position after the last whole line.

    Lines that are not such an evaluation are passed over. A file that is gone has none.
    """
    try:
        with file.open("rb") as content:
            content.seek(start)
            found = content.read(max(0, MAX_BYTES - start))
    except OSError:
        return [], start
    whole = found[: found.rfind(b"\n") + 1]
    return [row for text in whole.splitlines() if (row := _row(text))], start + len(whole)


def _row(text: bytes) -> tuple[int, list[float | None]] | None:
    try:
        told = json.loads(text)
        step, values = told["step"], told["values"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = isinstance(values, list) and all(v is None or type(v) in (int, float) for v in values)
    return (step, values) if type(step) is int and step >= 0 and numbers else None


def remove(paths: Iterable[Path]) -> None:
    """Remove files, and their folder where it is then empty; what is gone is no error."""
    paths = list(paths)
    for gone in (*paths, *dict.fromkeys(file.parent for file in paths)):
        with contextlib.suppress(OSError):  # a folder with other files in it stays
            gone.rmdir() if gone.name == LIVE else gone.unlink()


def sweep(folder: Path) -> None:
    """Remove what a killed run left; only for who holds the folder's lock."""
    remove([*files(folder).values(), folder / LIVE / "no file"])
