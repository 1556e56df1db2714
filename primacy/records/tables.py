"""Tables as Parquet bytes, and the table of a study's conditions."""

import hashlib
import io

import polars as pl

from primacy.records.study import FORMAT, StudyRecord


def to_parquet(table: pl.DataFrame, meaning: str) -> bytes:
    """A table as Parquet bytes, the same for the same table."""
    file = io.BytesIO()
    table.write_parquet(
        file, compression="zstd", statistics=False, metadata=parquet_metadata(meaning)
    )
    return file.getvalue()


def parquet_metadata(meaning: str) -> dict[str, str]:
    """What every Parquet file of a run folder says about itself."""
    return {"primacy.format": str(FORMAT), "primacy.table": meaning}


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


def conditions(study: StudyRecord) -> pl.DataFrame:
    """Each condition's key, display name and factors (a column each, null where it has none).

    `label` is the name in its [[condition]], of which a grid may have made several.
    """
    columns = {"condition": "label"}  # the key is called `condition` in every table on disk
    factors = sorted({columns.get(name, name) for c in study.conditions for name in c.factors})
    rows = [
        {"condition": c.key, "name": c.name, **dict.fromkeys(factors)}
        | {columns.get(name, name): level for name, level in c.factors.items()}
        for c in study.conditions
    ]
    mixed = [f for f in factors if len({type(r[f]) for r in rows if r[f] is not None}) > 1]
    for row in rows:
        for factor in mixed:  # a column has one type: 1 and "all" become texts
            row[factor] = None if row[factor] is None else str(row[factor])
    return pl.DataFrame(rows, infer_schema_length=None)
