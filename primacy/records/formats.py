"""Content of files as values: JSON, tables and tensors, with limits before memory is taken.

Whatever is in a file, these end with a value of the expected form or with a `ValueError` of one
line. Who calls them names the file and the cure.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import load

from primacy.records import parquet

MAX_JSON_BYTES = 1 << 26
"""Of a JSON file; what is read of it takes up to twenty times as much memory."""
MAX_ROWS = 1 << 25
"""Of a table."""


def json_value(content: bytes) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: no JSON, nested too deeply, or larger than `MAX_JSON_BYTES`.
    """
    if len(content) > MAX_JSON_BYTES:
        raise ValueError(f"larger than {MAX_JSON_BYTES:,} bytes")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def format_of(content: bytes) -> int:
    """The format that a JSON object states; 0 where it states none."""
    try:
        found = json_value(content).get("format", 0)
    except (ValueError, AttributeError):
        return 0
    return found if isinstance(found, int) else 0


def facts(content: bytes, schema: Mapping[str, Any], max_rows: int) -> parquet.Facts:
    """What the headers of a Parquet file claim.

    Raises:
        ValueError: no Parquet, damaged, not of these columns, or of more rows.
    """
    found, max_rows = parquet.facts(content), min(max_rows, MAX_ROWS)
    if found.columns != tuple(schema):
        raise ValueError(f"not a table of the columns {', '.join(schema)}")
    if found.rows > max_rows:
        raise ValueError(f"{found.rows:,} rows; at most {max_rows:,} fit here")
    return found


def rows(
    content: bytes | Sequence[bytes], schema: Mapping[str, Any], where: pl.Expr | None = None
) -> pl.DataFrame:
    """Rows of Parquet files whose headers were checked (`facts`): all, or where this holds.

    Raises:
        ValueError: damaged, or not of these types.
    """
    files = [content] if isinstance(content, bytes) else content
    try:
        if where is None:
            found = pl.read_parquet([io.BytesIO(file) for file in files])
        else:
            found = pl.scan_parquet([io.BytesIO(file) for file in files]).filter(where).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(_first_line(error)) from None
    if dict(found.schema) != dict(schema):
        raise ValueError("not a table of the expected types")
    return found


def tensors(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by name (2 before 10): numbers, none of them empty.

    The library gives them in another order from process to process.

    Raises:
        ValueError: no safetensors, damaged, or something else than arrays of numbers.
    """
    try:
        found = load(content)
    except (SafetensorError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(_first_line(error)) from None
    for array in found.values():
        if array.dtype.kind not in "fiu" or not array.size:
            raise ValueError("an array of it is empty, or does not hold numbers")
    return {name: found[name] for name in sorted(found, key=_in_order)}


def _in_order(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
