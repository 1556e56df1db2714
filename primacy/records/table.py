"""THE table of run folders: the one way in which judging, the page and the exports read curves.

Each file is read once, and no row of it is used before its hash was found to fit. Rows are put into
arrays part by part (`traces.Traces`), so that a run is never in memory as a table.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from primacy.records import curves, formats
from primacy.records.files import Damaged
from primacy.records.manifest import lane_keys
from primacy.records.parts import Foreign, Opened
from primacy.records.store import Store
from primacy.records.study import StudyRecord
from primacy.records.traces import Traces

TOGETHER, FILES = 1 << 18, 256
"""Rows, and files, that are read at once: a file by itself costs milliseconds, however small."""


def fill(traces: Traces, store: Store, parts: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Read all curves of a run folder.

    Args:
        traces: what they are added to.
        store: the run folder.
        parts: its manifest.
        names: display names of conditions, by key; rows of others are checked, and left out.

    Raises:
        StoreError: a file of a part is damaged, or holds what the study's record does not know.
    """
    if not parts:
        return
    record = store.record()
    bad: list[str] = []
    try:
        for few in _batches(store, parts, record, bad):
            for table in _tables(store, parts, few, record):
                traces.add(table, names)
    except Foreign:
        store.refuse(bad)
        raise
    store.refuse(bad)


def _batches(
    store: Store, parts: Mapping[str, Any], record: StudyRecord, bad: list[str]
) -> Iterator[dict[str, Opened]]:
    """Tables whose hashes fit, some small ones or a large one at a time; damage goes to `bad`."""
    few: dict[str, Opened] = {}
    for name, part in sorted(parts.items()):
        bad += store.parts.damage(name, part, "checkpoints")
        try:
            few[name] = store.parts.opened(name, part, record)
        except Foreign:
            raise
        except Damaged as error:
            bad.append(str(error))
            continue
        if len(few) == FILES or sum(rows for _, rows in few.values()) > TOGETHER:
            yield few
            few = {}
    yield few


def _tables(
    store: Store, parts: Mapping[str, Any], few: Mapping[str, Opened], record: StudyRecord
) -> Iterator[pl.DataFrame]:
    """The rows of some parts, checked: of many small ones at once, of a large one bit by bit."""
    if len(few) > 1:
        lanes = {key for name in few for key in lane_keys(parts[name])}
        try:
            found = formats.rows([content for content, _ in few.values()], curves.SCHEMA)
            curves.check(found)
            curves.check_known(found, lanes, record)
        except ValueError:
            pass  # one of them is to blame: each by itself, then
        else:
            yield found
            return
    for name, opened in few.items():
        yield from store.parts.tables(name, parts[name], record, opened)


def scan(store: Store, names: Mapping[str, str]) -> pl.LazyFrame:
    """The files of a run folder as a lazy table, conditions by display name, in no promised order.

    The hashes of the files are not checked: `primacy verify` does that. Compute no float in the
    lazy plan itself: its order of summation is not fixed, and so neither are the last bits.
    Collect, sort, then reduce.
    """
    paths = [store.parts.path(name, "curves") for name in sorted(store.manifest())]
    condition = pl.col("condition")
    if not paths:
        return curves.frame([]).lazy()
    return (
        pl.scan_parquet(paths)
        .filter(condition.is_in(list(names)))
        .with_columns(condition.replace_strict(names, return_dtype=pl.String))
    )
