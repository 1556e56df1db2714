"""Runs whose training raised before its end: they are kept until the same run replaces them."""

from primacy.records.manifest import LaneKey, lane_keys
from primacy.records.store import Store

CRASHED = "crashed"


def whole(store: Store, condition: str, seed: int) -> bool:
    """Whether a folder has this run, to its end: a script that is run again adds nothing."""
    return _found(store, condition, seed) not in (None, CRASHED)


def cut_short(store: Store, condition: str, seed: int) -> bool:
    """Whether a folder has this run as far as it came before its training raised."""
    return _found(store, condition, seed) == CRASHED


def _found(store: Store, condition: str, seed: int) -> str | None:
    """How the run of a folder ended; None: it is not there."""
    if not store.begun():
        return None
    keys = {c.key for c in store.record().conditions if c.name == condition}
    for name, part in store.manifest().items():
        for lane in part["lanes"]:
            if lane["condition"] in keys and lane["seed"] == seed and not store.damage(name, part):
                return lane["ended"]
    return None


def removed(store: Store, lane: LaneKey) -> None:
    """Take a run out of a folder whose lock is held; others of the same file stay."""
    parts = store.manifest()
    names = [name for name, part in parts.items() if lane in lane_keys(part)]
    others = {key for name in names for key in lane_keys(parts[name])} - {lane}
    kept = list(store.held(others)) if others else []
    store.replace({name: part for name, part in parts.items() if name not in names})
    for rows, lanes, weights, origin in kept:
        store.commit(rows, lanes, weights, origin)
