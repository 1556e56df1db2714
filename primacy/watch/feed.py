"""What has happened in a run folder since somebody last asked, as JSON values."""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from primacy.records import formats, live
from primacy.records.files import StoreError
from primacy.records.files import read as read_file
from primacy.records.members import FACTOR
from primacy.records.store import STATUS, Store
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import charts, figures, ranks
from primacy.report.page.figures import visible

MAX_NETWORKS = 400
"""Networks in training that are shown; those of the first conditions."""


@dataclasses.dataclass(frozen=True)
class Status:
    """How far a run is, by its own account."""

    state: str
    """`waiting` (no such folder yet), `running` or `complete`."""
    done: int
    total: int
    quiet: int
    """Seconds since anything in the folder changed."""

    @property
    def version(self) -> str:
        """Changes when the page would."""
        return f"{self.state}-{self.done}"


class Feed:
    """One reader of a run folder; each call gives what is new since the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record: StudyRecord | None = None
        self._places: dict[tuple[str, str], tuple[int, ConditionRecord]] = {}
        self._read: dict[Path, int] = {}
        self._shown: dict[Path, tuple[int, int]] = {}

    def events(self) -> Iterator[tuple[str, Any]]:
        """Names and contents of events: `study` once, `live` where there is news, `status`."""
        if self._record is None and (record := _record(self.folder)) is not None:
            self._record = record
            self._places = {
                (str(c.factors.get(FACTOR, "")) if record.members else "", c.key): (i, c)
                for i, c in enumerate(record.conditions)
            }
            yield "study", self._study(record)
        if self._record is not None and (news := self._live()):
            yield "live", news
        yield "status", dataclasses.asdict(now := status(self.folder)) | {"version": now.version}

    def _study(self, record: StudyRecord) -> dict[str, Any]:
        """What the drawings need: of each condition its name, features, range and steps."""
        palette = figures.colors(record)
        return {
            "name": visible(record.name),
            "conditions": [_condition(c, palette) for c in record.conditions],
        }

    def _live(self) -> dict[str, Any]:
        """New evaluations as [condition, seed, step, values], and networks that are gone."""
        assert self._record is not None
        rows, there = [], set()
        for member in self._record.members or ("",):
            for (key, seed), file in live.files(self.folder / member).items():
                place = self._places.get((member, key))
                if place is None or len(there) >= MAX_NETWORKS:
                    continue
                there.add(file)
                self._shown[file] = (place[0], seed)
                found, self._read[file] = live.read(file, self._read.get(file, 0))
                width = len(live.watched(place[1]))
                rows += [[place[0], seed, s, v] for s, v in found if len(v) == width]
        gone = [file for file in self._shown if file not in there]
        ended = [list(self._shown.pop(file)) for file in gone]
        for file in gone:
            self._read.pop(file, None)
        return {"rows": rows, "gone": ended} if rows or ended else {}


def _record(folder: Path) -> StudyRecord | None:
    try:
        return Store(folder).record()
    except (StoreError, OSError):
        return None


def _condition(c: ConditionRecord, palette: Mapping[str, Any]) -> dict[str, Any]:
    watched = live.watched(c)
    levels = [ranks.level(c, f.name) for f in watched]
    known = [
        x
        for f in watched
        if f.criterion is not None
        for x in (f.criterion.chance, f.criterion.ceiling)
        if x is not None
    ]
    return {
        "name": visible(c.name),
        "axis": charts.called(charts.measured(c), ranks.split(c)),
        "features": [
            {
                "name": visible(f.name),
                "hue": figures.PALETTE.index(palette[f.name][0]) + 1,
                "dash": list(palette[f.name][1]),
                "level": level,
            }
            for f, level in zip(watched, levels, strict=True)
        ],
        "range": [min(known), max(known)] if known else None,
        "first": next((s for s in c.steps if s > 0), 1),
        "last": c.budget,
    }


def status(folder: Path) -> Status:
    """How far a run is; what cannot be read says nothing."""
    try:
        told = formats.json_value(read_file(folder / STATUS, formats.MAX_JSON_BYTES))
    except (OSError, ValueError):
        told = {}
    told = told if isinstance(told, dict) else {}
    record = _record(folder) if not told else None
    total = len(record.seeds) * len(record.conditions) if record else 0
    state = "running" if told or record else "waiting"
    if told.get("state") == "complete":
        state, told = "complete", {**told, "done": told.get("lanes")}
    return Status(
        state, _whole(told.get("done")), _whole(told.get("lanes")) or total, _quiet(folder)
    )


def _whole(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0


def _quiet(folder: Path) -> int:
    """Seconds since a live file, or the status, was last written."""
    times = []
    for place in (folder, *(p.parent for p in folder.glob(f"*/{live.LIVE}"))):
        for file in (place / STATUS, *live.files(place).values()):
            try:
                times.append(file.lstat().st_mtime)
            except OSError:
                continue
    return max(0, round(time.time() - max(times))) if times else 0


def event(name: str, content: Any) -> bytes:
    """An event as the stream holds it: JSON has no line break of its own."""
    return f"event: {name}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()
