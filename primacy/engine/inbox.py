"""Blocks that other processes trained into `RUN/inbox/`, until a run adopts them.

Each is one file, a receipt with its own checksum, which appears under its name when it is whole. So
a share that was killed, or half a copy, leaves nothing that counts; and the same block twice is the
same file.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from primacy.engine import wire
from primacy.engine.jobs import Job
from primacy.engine.plan import Plan
from primacy.engine.reconcile import measures_of
from primacy.records import curves
from primacy.records.files import Damaged, read, write
from primacy.records.manifest import LaneKey, part_name
from primacy.records.store import INBOX
from primacy.records.study import StudyRecord
from primacy.training.block import Trained

ENDING = ".block"


@dataclasses.dataclass(frozen=True, eq=False)
class Boxed:
    """A receipt that a run can adopt."""

    path: Path
    member: str
    width: int
    origin: Mapping[str, Any]
    """Where it was computed: versions and device."""

    def trained(self, record: StudyRecord, controls: StudyRecord | None) -> Trained:
        """What it holds, with rows that the study can have.

        Raises:
            Damaged: it holds others.
        """
        found = wire.result(read(self.path))
        lanes = set(found.lanes.select("condition", "seed").iter_rows())
        known = (*record.conditions, *(controls.conditions if controls else ()))
        both = dataclasses.replace(record, conditions=known)
        try:
            curves.check(found.curves)
            curves.check_known(found.curves, lanes, both)
        except ValueError as error:
            raise Damaged(f"{INBOX}/{self.path.name}: {error}") from None
        return found


def put(folder: Path, job: Job, trained: Trained, record: StudyRecord) -> Path:
    """Leave a trained block for a run to adopt.

    Args:
        folder: the run folder.
        job: what was trained.
        trained: what it left.
        record: of the study that the block belongs to, here and now.
    """
    facts = {
        "member": job.member,
        "width": job.block.width,
        "measures": measures_of(record),
        "seed_axes": record.seed_axes,
        "versions": record.versions,
        "device": record.device,
    }
    place = _place(folder, job)
    place.parent.mkdir(parents=True, exist_ok=True)
    # A run sweeps what a dead writer left half-written, but not where there is a lock of its own.
    (place.parent / ".lock").touch()
    write(place, wire.receipt(trained, facts))
    return place


def holds(folder: Path, job: Job) -> bool:
    """Whether the block is there already, and whole."""
    try:
        wire.facts_of(read(_place(folder, job)))
    except (FileNotFoundError, NotADirectoryError, Damaged):
        return False
    return True


def adoptable(
    folder: Path, todo: Plan, allow_mixed: bool = False
) -> tuple[list[Boxed], list[Path], list[str]]:
    """What of an inbox a run can take: receipts of networks that are missing.

    Args:
        folder: the run folder.
        todo: what is missing.
        allow_mixed: take those of other library versions, too.

    Returns:
        Receipts in the order of the plan's blocks; files whose networks are stored already; and
        why others stay where they are, a sentence each.
    """
    files = sorted(p for p in (folder / INBOX).glob(f"*{ENDING}") if not p.is_symlink())
    if not files:
        return [], [], []
    parts = {part.record.name: part for part in todo.parts}
    places = {name: _places(part) for name, part in parts.items()}
    found: list[tuple[tuple[int, int], Boxed]] = []
    done, staying = [], []
    order = {name: i for i, name in enumerate(parts)}
    claimed: set[tuple[str, LaneKey]] = set()
    for path in files:
        try:
            facts = wire.facts_of(read(path))
            lanes = [(str(key), int(seed)) for key, seed, *_ in facts["lanes"]]
            own = {k: facts[k] for k in ("member", "width", "measures", "seed_axes", "versions")}
        except (Damaged, KeyError, TypeError, ValueError) as error:
            staying.append(f"{INBOX}/{path.name}: {error}")
            continue
        part = parts.get(own["member"])
        if part is None or (why := _unfit(part, own, allow_mixed)):
            other = part and why
            staying.append(f"{INBOX}/{path.name}: {other or 'of another study'}")
            continue
        at = places[own["member"]]
        names = {(own["member"], lane) for lane in lanes}
        if all(lane in at for lane in lanes) and not names & claimed:
            claimed |= names
            origin = {"versions": own["versions"], "device": str(facts.get("device", ""))}
            boxed = Boxed(path, own["member"], own["width"], origin)
            found.append(((order[own["member"]], min(at[lane] for lane in lanes)), boxed))
        elif _known(part, lanes):
            done.append(path)
        else:
            staying.append(f"{INBOX}/{path.name}: of networks that this study does not have")
    return [boxed for _, boxed in sorted(found, key=lambda pair: pair[0])], done, staying


def _place(folder: Path, job: Job) -> Path:
    lanes = (*job.block.lanes, *job.block.riders)
    name = part_name((lane.record.key, lane.seed) for lane in lanes)
    # Two members may train one network, if they measure something else.
    member = hashlib.sha256(job.member.encode()).hexdigest()[:8]
    return folder / INBOX / f"{name}-{member}{ENDING}"


def _places(part: Plan) -> dict[LaneKey, int]:
    """Missing networks, controls included, and the block of each by number."""
    blocks = (*part.blocks, *part.control_blocks)
    return {
        (lane.record.key, lane.seed): i
        for i, block in enumerate(blocks)
        for lane in (*block.lanes, *block.riders)
    }


def _known(part: Plan, lanes: Sequence[LaneKey]) -> bool:
    keys = {c.key for c in part.record.conditions}
    keys |= {c.key for c in part.controls.conditions} if part.controls else set()
    return all(key in keys for key, _ in lanes)


def _unfit(part: Plan, own: Mapping[str, Any], allow_mixed: bool) -> str | None:
    """Why a receipt is not of this study, as it is run here."""
    record = part.record
    if tuple(own["measures"]) != measures_of(record):
        return "it has other measures"
    if tuple(own["seed_axes"]) != record.seed_axes:
        return "its seeds vary something else"
    if allow_mixed:
        return None
    if own["width"] not in record.block_widths.values():
        return f"its networks were trained {own['width']} side by side (--allow-mixed takes it)"
    different = [
        f"{name} {own['versions'].get(name)} instead of {version}"
        for name, version in record.versions.items()
        if own["versions"].get(name) != version
    ]
    return f"{', '.join(different)} (--allow-mixed takes it)" if different else None
