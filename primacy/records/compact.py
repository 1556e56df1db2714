"""`primacy compact`: the many small parts of a run as a few large ones, with the same rows.

A block is a part, so a long run has thousands of them, and a reader opens each. Compacted parts are
sorted by condition and seed, in row groups whose statistics say which networks they have. New files
first, then the manifest, which names in the same write what they replace, then the old files: after
a crash at any moment the same networks are stored, and the same command ends with the same bytes.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from safetensors.numpy import save

from primacy.records import curves, formats
from primacy.records.files import TEMPORARY, Damaged, seal, write
from primacy.records.manifest import LaneKey, lane_keys, part_name
from primacy.records.parts import MAX_AT_ONCE, of_lanes
from primacy.records.store import Store
from primacy.records.study import StudyRecord
from primacy.records.tables import parquet_metadata, sha256

MAX_ROWS = 1 << 24
"""Of a compacted part: about 64 MB of learning curves, at a bit under 4 bytes a row."""
MAX_WEIGHTS = 1 << 27
"""Bytes of weights of a compacted part."""
ROW_GROUP = 1 << 18
"""Rows of a row group."""
MAX_OPEN = 8
"""Old parts whose content is kept while new ones are written."""

Size = tuple[int, int]
"""Rows of a network, and bytes of its weights."""


def compact(store: Store, told: Callable[[int, int], None] = lambda done, of: None) -> int:
    """Rewrite the parts of a run folder; returns how many parts it then has.

    Args:
        store: the run folder, locked.
        told: called as networks are written, with how many there are.

    Raises:
        StoreError: a part is damaged; nothing was changed.
    """
    parts = store.whole()
    if not parts:
        return 0
    record = store.record()
    sizes = {n: _sizes(store, n, part, record) for n, part in parts.items()}
    new: dict[str, Any] = {}
    total = sum(len(part["lanes"]) for part in parts.values())
    for group in _groups(parts, sizes):
        name = part_name(group)
        own = {n: part for n, part in parts.items() if not lane_keys(part).isdisjoint(group)}
        if name in parts:  # compacted before, or the block of a whole group
            new[name] = parts[name]
        else:
            new[name] = _written(store, name, group, own, record, sizes)
        told(sum(len(part["lanes"]) for part in new.values()), total)
    store.replace(new)
    return len(new)


def _sizes(
    store: Store, name: str, part: Mapping[str, Any], record: StudyRecord
) -> dict[LaneKey, Size]:
    """What each network of a part takes, counted: it does not depend on how parts are cut."""
    rows = dict.fromkeys(lane_keys(part), 0)
    for table in store.parts.tables(name, part, record):
        for key, seed, n in table.group_by("condition", "seed").len().iter_rows():
            rows[key, seed] += n
    weights = dict.fromkeys(rows, 0)
    for path, array in store.parts.tensors(name, part).items():
        weights[_lane(path)] += array.nbytes
    return {lane: (rows[lane], weights[lane]) for lane in rows}


def _lane(path: str) -> LaneKey:
    """Whose weights these are."""
    key, seed, *_ = path.split("/")
    return key, int(seed)


def _groups(
    parts: Mapping[str, Any], sizes: Mapping[str, Mapping[LaneKey, Size]]
) -> Iterator[list[LaneKey]]:
    """Networks of the same origin in order, cut where a part would be too large."""
    origins: dict[str, dict[LaneKey, Size]] = {}
    for name, part in parts.items():
        origin = {k: v for k, v in part.items() if k not in ("curves", "checkpoints", "lanes")}
        origins.setdefault(json.dumps(origin, sort_keys=True), {}).update(sizes[name])
    for _, own in sorted(origins.items()):
        group: list[LaneKey] = []
        rows = weights = 0
        for lane in sorted(own):
            more_rows, more_weights = own[lane]
            if group and (rows + more_rows > MAX_ROWS or weights + more_weights > MAX_WEIGHTS):
                yield group
                group, rows, weights = [], 0, 0
            group.append(lane)
            rows, weights = rows + more_rows, weights + more_weights
        yield group


def _written(
    store: Store,
    name: str,
    group: Sequence[LaneKey],
    sources: Mapping[str, Any],
    record: StudyRecord,
    sizes: Mapping[str, Mapping[LaneKey, Size]],
) -> dict[str, Any]:
    """Write a part of these networks; returns what the manifest says of it."""
    wanted = set(group)
    ends = {
        (lane["condition"], lane["seed"]): lane
        for part in sources.values()
        for lane in part["lanes"]
    }
    arrays = {}
    for n, part in sources.items():
        held = store.parts.tensors(n, part)
        arrays |= {path: array for path, array in held.items() if _lane(path) in wanted}
    weights = save(dict(sorted(arrays.items())))
    write(store.parts.path(name, "checkpoints"), weights)
    of = {lane: own[lane][0] for own in sizes.values() for lane in own if lane in wanted}
    read: dict[str, bytes] = {}
    pieces = [
        _piece(store, f"{name}.{i}", some, sources, record, read)
        for i, some in enumerate(_bounded(group, of))
    ]
    target = store.parts.path(name, "curves")
    temporary = target.with_name(f"{target.name}{TEMPORARY}")
    # Copied in order; no number is computed on the way.
    pl.scan_parquet(pieces).sink_parquet(
        temporary,
        compression="zstd",
        statistics=True,
        row_group_size=ROW_GROUP,
        maintain_order=True,
        metadata=parquet_metadata("curves"),
    )
    seal(temporary, target)
    for piece in pieces:
        piece.unlink()
    origin = {
        k: v
        for k, v in next(iter(sources.values())).items()
        if k not in ("curves", "checkpoints", "lanes")
    }
    made = {
        "curves": sha256(target.read_bytes()),
        "checkpoints": sha256(weights),
        "lanes": [ends[lane] for lane in group],
        **origin,
    }
    _checked(store, name, made, record, of)
    return made


def _bounded(group: Sequence[LaneKey], rows: Mapping[LaneKey, int]) -> Iterator[list[LaneKey]]:
    """Networks in order, a few at a time."""
    own, held = [], 0
    for lane in group:
        if own and held + rows[lane] > MAX_AT_ONCE:
            yield own
            own, held = [], 0
        own.append(lane)
        held += rows[lane]
    yield own


def _piece(
    store: Store,
    name: str,
    lanes: Sequence[LaneKey],
    sources: Mapping[str, Any],
    record: StudyRecord,
    read: dict[str, bytes],
) -> Path:
    """The sorted rows of some networks in a file of their own; `read` has what was read before."""
    keys = pl.DataFrame(lanes, {c: curves.SCHEMA[c] for c in ("condition", "seed")}, orient="row")
    found = []
    for n, part in sources.items():
        if not lane_keys(part).isdisjoint(lanes):
            if n not in read:
                while len(read) >= MAX_OPEN:
                    read.pop(next(iter(read)))
                read[n], _ = store.parts.opened(n, part, record)
            # Checked when its networks were counted; row groups of others are passed over.
            own = formats.rows(read[n], curves.SCHEMA, of_lanes(lanes))
            found.append(own.join(keys, on=keys.columns, how="semi", maintain_order="left"))
    path = store.folder / "curves" / f"{name}{TEMPORARY}"
    rows = pl.concat(found).sort("condition", "seed", "step", maintain_order=True)
    rows.write_parquet(path, compression="lz4")
    return path


def _checked(
    store: Store,
    name: str,
    part: Mapping[str, Any],
    record: StudyRecord,
    rows: Mapping[LaneKey, int],
) -> None:
    """Read a new part again: as many rows and weights of each network as there were before.

    Raises:
        Damaged: something else was written than was read.
    """
    if {lane: n for lane, (n, _) in _sizes(store, name, part, record).items()} != dict(rows):
        raise Damaged(f"{name} was written and read back differently; nothing was replaced")
