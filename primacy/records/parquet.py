"""What a Parquet file would take in memory, read from its headers before anything is unpacked.

A bit that flips in a header can make a reader ask for 11 GB, or end the process. So the footer and
the header of every page are read here first (Thrift's compact protocol), and what they claim is
compared with the size of the file and with limits. No value is decoded.

Reference: https://parquet.apache.org/docs/file-format
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

MAGIC = b"PAR1"
MAX_UNPACKED = 1 << 30
"""Bytes of all pages of a file once unpacked."""
MAX_DEPTH = 12
"""Of structures inside structures; Parquet's own footer has six."""

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class HeaderError(ValueError):
    """The headers of a Parquet file contradict each other or the file."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the headers of a file claim, once they were found not to contradict each other."""

    rows: int
    columns: tuple[str, ...]


def facts(content: bytes) -> Facts:
    """Rows and columns of a flat table.

    Raises:
        HeaderError: not Parquet, damaged, nested, or larger than `MAX_UNPACKED` once unpacked.
    """
    if len(content) < 12 or content[:4] != MAGIC or content[-4:] != MAGIC:
        raise HeaderError("not a whole Parquet file")
    length = int.from_bytes(content[-8:-4], "little")
    if length > len(content) - 12:
        raise HeaderError("its footer claims to be longer than the file")
    footer = _Thrift(content, len(content) - 8 - length, len(content) - 8).struct()
    schema, rows = _list(footer, 2), _count(footer, 3)
    if not schema or any(_of(element, 5, int, 0) for element in schema[1:]):
        raise HeaderError("its columns are nested")
    columns = tuple(_of(element, 4, bytes, b"").decode(errors="replace") for element in schema[1:])
    unpacked = total = 0
    for group in _list(footer, 4):
        chunks, own = _list(group, 1), _count(group, 3)
        total += own
        if len(chunks) != len(columns):
            raise HeaderError("a row group does not have every column")
        for chunk in chunks:
            unpacked += _unpacked(content, _of(chunk, 3, dict, {}), own)
            if unpacked > MAX_UNPACKED:
                raise HeaderError(f"larger than {MAX_UNPACKED:,} bytes once unpacked")
    if total != rows:
        raise HeaderError(f"it claims {rows} rows, and its row groups {total}")
    return Facts(rows, columns)


def _unpacked(content: bytes, chunk: dict[int, Any], rows: int) -> int:
    """Bytes of a column's pages once unpacked, as the page headers claim."""
    at = start = _of(chunk, 11, int, 0) or _count(chunk, 9)
    end, values, unpacked = start + _count(chunk, 7), 0, 0
    if not 4 <= start <= end <= len(content) - 8 or _count(chunk, 5) != rows:
        raise HeaderError("a column lies outside the file, or has another number of rows")
    while at < end:
        reader = _Thrift(content, at, end)
        page = reader.struct()
        size, packed = _count(page, 2), _count(page, 3)
        at = reader.at + packed
        if at > end:
            raise HeaderError("a page is longer than its column")
        unpacked += size
        for field in (5, 8):  # data pages of the first and of the second form
            if field in page:
                values += _count(_of(page, field, dict, {}), 1)
        # A dictionary's entries take a byte each at least.
        if 7 in page and _count(_of(page, 7, dict, {}), 1) > size:
            raise HeaderError("a dictionary claims more entries than it has bytes")
    if values != rows:
        raise HeaderError(f"a column has {values} values for {rows} rows")
    return unpacked


def _of(struct: Any, field: int, kind: type, default: Any) -> Any:
    value = struct.get(field, default) if isinstance(struct, dict) else None
    if type(value) is not kind:  # a Boolean is no count
        raise HeaderError("a header holds something else than expected")
    return value


def _count(struct: Any, field: int) -> int:
    value = _of(struct, field, int, -1)
    if value < 0:
        raise HeaderError("a header lacks a number, or has a negative one")
    return value


def _list(struct: Any, field: int) -> list[Any]:
    return _of(struct, field, list, [])


class _Thrift:
    """A reader of Thrift's compact protocol that never leaves its part of the file."""

    def __init__(self, content: bytes, at: int, end: int) -> None:
        self._content, self.at, self._end = content, at, end

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by their number."""
        return dict(self._fields(depth))

    def _fields(self, depth: int) -> Iterator[tuple[int, Any]]:
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._signed()
            yield number, kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise HeaderError("its headers are nested too deeply")
        if kind in (BYTE, TRUE, FALSE):
            return self._byte()
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._unsigned())
        if kind in (LIST, SET):
            head = self._byte()
            size = self._unsigned() if head >> 4 == 15 else head >> 4
            self._room(size)  # every element takes a byte at least
            return [self._value(head & 15, depth + 1) for _ in range(size)]
        if kind == STRUCT:
            return self.struct(depth + 1)
        raise HeaderError("its headers hold something unknown")

    def _room(self, size: int) -> None:
        if size > self._end - self.at:
            raise HeaderError("a header claims more than the file holds")

    def _byte(self) -> int:
        self._room(1)
        self.at += 1
        return self._content[self.at - 1]

    def _bytes(self, size: int) -> bytes:
        self._room(size)
        self.at += size
        return self._content[self.at - size : self.at]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            if (shift := shift + 7) > 63:
                raise HeaderError("a number in its headers is too long")
        return value | byte << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
