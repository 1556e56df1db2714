"""THE table of run folders: the one way in which judging, the page and the exports read curves.

Each file is read once, and no row of it is used before its hash was found to fit. Rows are put into
arrays part by part (`traces.Traces`), so that a run is never in memory as a table.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from primacy.records import curves
from primacy.records.files import Damaged
from primacy.records.parts import Foreign
from primacy.records.store import Store
from primacy.records.traces import Traces


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
    for name, part in sorted(parts.items()):
        bad += store.parts.damage(name, part, "checkpoints")
        try:
            for table in store.parts.tables(name, part, record):
                traces.add(table, names)
        except Foreign:
            store.refuse(bad)
            raise
        except Damaged as error:
            bad.append(str(error))
    store.refuse(bad)


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
