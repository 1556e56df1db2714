"""Run folders of one study, from several machines, put together as one."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from primacy.records.files import StoreError, read
from primacy.records.store import CONTROLS, STUDY, Store
from primacy.records.study import StudyRecord


def merge(sources: Sequence[Path], out: Path, *, allow_mixed: bool = False) -> int:
    """Copy every network of some run folders into one; the number of networks that it then holds.

    A network that several of them hold is taken from the first. The sources stay as they are. The
    same call again adds only what is missing.

    Args:
        sources: run folders of one study, with seeds (or conditions) of their own.
        out: a new folder, or one that an earlier call made.
        allow_mixed: also if they were trained with different versions of a library.

    Raises:
        StoreError: they are not of one study, or one is damaged; lists all that does not fit.
    """
    stores = [Store(source) for source in sources]
    records = [store.record() for store in stores]
    if problems := [*_differences(sources, records, allow_mixed)]:
        raise StoreError("\n".join(problems))
    if out.resolve() in {source.resolve() for source in sources}:
        raise StoreError(f"{out} is one of the folders to merge: give a new --out")
    return _merged(stores, records, Store(out), allow_mixed)


def _differences(sources: Sequence[Path], records: Sequence[StudyRecord], allow_mixed: bool):
    first = records[0]
    for source, record in zip(sources[1:], records[1:], strict=True):
        if record.study_hash != first.study_hash:
            yield (
                f"{source} holds another study than {sources[0]}: its conditions, measures or "
                "claims differ. `primacy compare` shows how."
            )
        elif not allow_mixed:
            for name, version in first.versions.items():
                if record.versions.get(name) != version:
                    yield (
                        f"{source}: {name} {record.versions.get(name)}, and {version} in "
                        f"{sources[0]} (--allow-mixed merges them all the same)"
                    )


def _merged(
    stores: Sequence[Store], records: Sequence[StudyRecord], out: Store, allow_mixed: bool
) -> int:
    seeds = tuple(sorted({seed for record in records for seed in record.seeds}))
    whole = dataclasses.replace(records[0], seeds=seeds)
    with out.locked():
        if out.begun() and out.record().study_hash != whole.study_hash:
            raise StoreError(f"{out.folder} holds another study: give a new --out")
        out.begin(whole, read(stores[0].folder / STUDY).decode())
        _copied(stores, out)
        beside = [s for store in stores if (s := Store(store.folder / CONTROLS)).begun()]
        if beside:
            controls = Store(out.folder / CONTROLS)
            own = [store.record() for store in beside]
            union = tuple(sorted({seed for record in own for seed in record.seeds}))
            controls.begin(dataclasses.replace(own[0], seeds=union), "")
            _copied(beside, controls)
        done = len(out.stored())
    for member in whole.members:
        inside = [Store(store.folder / member) for store in stores]
        done += _merged(
            inside, [s.record() for s in inside], Store(out.folder / member), allow_mixed
        )
    wanted = len(whole.seeds) * len(whole.conditions)
    state = "complete" if done >= wanted else "running"
    out.status(state=state, lanes=wanted, done=done)
    return done


def _copied(stores: Sequence[Store], out: Store) -> None:
    for store in stores:
        missing = store.stored() - out.stored()
        for table, lanes, weights, origin in store.held(missing):
            out.commit(table, lanes, weights, origin)
