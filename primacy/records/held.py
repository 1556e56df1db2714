"""What a run folder holds, read once into a value that planning takes as it is."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from primacy.records.store import CONTROLS, Store
from primacy.records.study import StudyRecord


@dataclasses.dataclass(frozen=True, eq=False)
class Held:
    """A run folder's record, its stored lanes and its damage. Without arguments: no folder yet."""

    record: StudyRecord | None = None
    """Null: nothing was begun in it."""
    stored: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    """Seeds of the lanes whose files are whole, by condition key."""
    damaged: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    """What is wrong with the files of a part, by its name; parts that are whole are not here."""
    controls: "Held | None" = None
    members: Mapping[str, "Held"] = dataclasses.field(default_factory=dict)
    """The folders of its members, by name: of the study that is asked for, and of `record`."""

    @property
    def begun(self) -> Mapping[str, np.ndarray]:
        """The stored lanes, if the folder says whose they are."""
        return {} if self.record is None else self.stored


def read(folder: Path, members: Iterable[str] = ()) -> Held:
    """What a run folder holds; writes nothing.

    Args:
        folder: which need not exist.
        members: the names of the members of the study that is asked for.

    Raises:
        StoreError: it cannot be read as a run folder.
    """
    own = _with_controls(folder)
    before = () if own.record is None else own.record.members
    # Members have none themselves, whatever their files say.
    inside = {name: _with_controls(folder / name) for name in dict.fromkeys((*members, *before))}
    return dataclasses.replace(own, members=inside)


def controls_of(store: Store) -> Store:
    """The folder of a run folder's controls."""
    return Store(store.folder / CONTROLS)


def _with_controls(folder: Path) -> Held:
    own = _one(Store(folder))
    return dataclasses.replace(own, controls=_one(controls_of(Store(folder))))


def _one(store: Store) -> Held:
    if not store.begun():
        return Held()
    record = store.record()
    seeds: dict[str, list[int]] = {}
    damaged = {}
    for name, part in store.manifest().items():
        if problems := store.damage(name, part):
            damaged[name] = problems
            continue
        for lane in part["lanes"]:
            seeds.setdefault(lane["condition"], []).append(lane["seed"])
    return Held(record, {key: np.array(own) for key, own in seeds.items()}, damaged)
