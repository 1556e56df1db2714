"""Whether a study fits the runs that a folder holds, and what of it was edited after them."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from primacy.records.store import StoreError
from primacy.records.study import StudyRecord
from primacy.registry import canonical
from primacy.study.describe import SETTINGS


def reconcile(
    old: StudyRecord, new: StudyRecord, has_runs: bool, allow_mixed: bool = False
) -> StudyRecord:
    """The new record of a folder that holds an old one, with edits after the runs marked.

    Raises:
        StoreError: stored runs would no longer be those of the study; lists every difference.
    """
    if not has_runs:
        return new
    problems = _problems(old, new)
    if not allow_mixed:
        problems += _mixed(old, new)
    if problems:
        raise StoreError(
            "this folder holds runs of another study:\n  "
            + "\n  ".join(problems)
            + "\nGive another --out, or --fork to start beside it."
        )
    known = {h.id: canonical(h) for h in old.hypotheses}  # who reported it before is no edit
    edited = {h.id for h in new.hypotheses if known.get(h.id) != canonical(h)}
    post_hoc = [h.id for h in new.hypotheses if h.id in edited or h.id in old.post_hoc]
    earlier = old.earlier_hashes
    if old.study_hash != new.study_hash:
        earlier = (*earlier, old.study_hash)
    return dataclasses.replace(
        new, post_hoc=tuple(post_hoc), earlier_hashes=earlier, versions=new.versions
    )


def _problems(old: StudyRecord, new: StudyRecord) -> list[str]:
    """Why stored runs are not those of the new record, whatever made them."""
    problems = []
    now = {c.name: c for c in new.conditions}
    for before in old.conditions:
        after = now.get(before.name)
        if after is None:
            problems.append(f"condition {before.name} is gone")
        elif after.key != before.key:
            found = differences(before.spec, after.spec)
            problems += [f"condition {before.name}: {line}" for line in found]
    for what, a, b in (
        ("measures", measures_of(old), measures_of(new)),
        ("seed_axes", list(old.seed_axes), list(new.seed_axes)),
    ):
        if a != b:
            problems.append(f"{what}: {', '.join(a)} -> {', '.join(b)}")
    if new.seeds[:1] != old.seeds[:1]:
        problems.append(
            f"seed_offset: {old.seeds[0]} -> {new.seeds[0]}; a replication is a run of its own"
        )
    if len(new.seeds) < len(old.seeds):
        problems.append(
            f"seeds: {len(old.seeds)} -> {len(new.seeds)}; nothing is thrown away "
            f"(`primacy judge RUN --seeds {len(new.seeds)}` shows the smaller set)"
        )
    return problems


def _mixed(old: StudyRecord, new: StudyRecord) -> list[str]:
    """What would make new runs differ from stored ones in the last digits."""
    problems = [
        f"{name}: {old.versions.get(name)} -> {new.versions.get(name)} "
        "(--allow-mixed goes on with both)"
        for name in dict.fromkeys((*new.versions, *SETTINGS))
        if old.versions.get(name) != new.versions.get(name)
    ]
    return problems + [
        f"networks side by side of {c.name}: {old.block_widths[c.key]} -> "
        f"{new.block_widths[c.key]} (--allow-mixed goes on with both)"
        for c in new.conditions
        if {c.key} <= old.block_widths.keys() & new.block_widths.keys()
        and old.block_widths[c.key] != new.block_widths[c.key]
    ]


def measures_of(record: StudyRecord) -> tuple[str, ...]:
    """What is measured: two runs that differ in it hold other rows."""
    return tuple(
        f"{card.name}, in training too" if card.in_training else card.name
        for card in record.measures
    )


def differences(a: Any, b: Any, at: str = "") -> Iterator[str]:
    """`dotted.key: old -> new` for every difference of two JSON values."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from differences(a.get(key), b.get(key), f"{at}.{key}" if at else key)
    elif a != b:
        yield f"{at}: {a} -> {b}"
