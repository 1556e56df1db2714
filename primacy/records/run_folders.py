"""Which run folders lie in a folder, and how far each is."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

from primacy.records.store import LOCK_JSON, VERDICTS, Store, StoreError


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunFolder:
    """A run folder at a glance."""

    folder: str
    study: str
    """Its name; empty where the record cannot be read."""
    question: str
    state: str
    """`complete`, `unfinished`, or `damaged` with `problem`."""
    networks: int
    """That are stored."""
    of: int
    """Networks of all conditions and seeds."""
    verdicts: dict[str, int]
    """How many hypotheses came to each verdict; empty before they are judged."""
    problem: str = ""


def found(folder: Path) -> list[RunFolder]:
    """The run folders in a folder (or the folder itself), by name; reads no curves.

    Raises:
        StoreError: there is no such folder.
    """
    if not folder.is_dir():
        raise StoreError(f"no folder {folder}. `primacy run STUDY` makes runs/STUDY")
    places = [folder] if (folder / LOCK_JSON).is_file() else sorted(folder.iterdir())
    return [_one(place) for place in places if (place / LOCK_JSON).is_file()]


def _one(place: Path) -> RunFolder:
    try:
        record = Store(place).record()
        members = [Store(place / name) for name in record.members] or [Store(place)]
        stored = sum(len(p["lanes"]) for m in members for p in m.manifest().values())
        verdicts = _verdicts(place)
    except (StoreError, KeyError, TypeError, ValueError) as error:
        return RunFolder(
            folder=str(place),
            study="",
            question="",
            state="damaged",
            networks=0,
            of=0,
            verdicts={},
            problem=str(error) or type(error).__name__,
        )
    of = len(record.seeds) * len(record.conditions)
    return RunFolder(
        folder=str(place),
        study=record.name,
        question=record.question,
        state="complete" if stored >= of else "unfinished",
        networks=stored,
        of=of,
        verdicts=verdicts,
    )


def _verdicts(place: Path) -> dict[str, int]:
    if not (place / VERDICTS).is_file():
        return {}
    content = json.loads((place / VERDICTS).read_bytes())
    return dict(Counter(verdict["word"] for verdict in content["verdicts"]))
