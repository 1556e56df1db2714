"""A user's data file, read with care: CSV, Parquet or npz into a table of named columns.

What it holds is data, never code: no pickled object is ever loaded, and sizes are checked before
memory is taken.
"""

import csv
import hashlib
import io
import math
import stat
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import polars as pl

from primacy.tasks.datatable import Table

MOST_BYTES = 2**30
"""Of a file, and of an npz once unpacked."""
MOST_CELLS = 2**27
"""Rows times columns: 512 MiB as single-precision numbers."""
MAX_COLUMNS = 2**16
"""A column takes time of its own, however few rows it has."""

ENDINGS = (".csv", ".npz", ".parquet")

# What polars, csv, zipfile, zlib and NumPy raise of damaged files, ValueError apart (RuntimeError:
# an npz that claims to be encrypted or of a version to come).
_DAMAGE = (
    pl.exceptions.PolarsError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
)


_READ: dict[str, Table] = {}  # by SHA-256: many networks and conditions share one file


def locate(folder: Path, file: str) -> Path:
    """The absolute path of a file that a study file names: in its folder, and nowhere else.

    Raises:
        ValueError: it leads out of the folder, or over a link, or there is no such file.
    """
    for kind in (PurePosixPath(file), PureWindowsPath(file)):
        if kind.is_absolute() or kind.drive or kind.root or ".." in kind.parts:
            raise ValueError("must lie in the folder of the study file: no absolute path, no ..")
    if "\0" in file:
        raise ValueError("holds a NUL character")
    path = Path(folder).resolve()
    for part in PurePosixPath(file).parts:
        path = path / part
        if path.is_symlink():
            raise ValueError("is or lies behind a link; copy it into the folder of the study file")
    if not path.exists():
        raise ValueError("no such file in the folder of the study file")
    return path


def read(path: Path) -> Table:
    """The table in a file.

    Raises:
        ValueError: too large, of another format, or damaged.
        OSError: it cannot be opened.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"expected a file that ends in {', '.join(ENDINGS)}")
    facts = path.stat()
    # A pipe or a device would block or never end.
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError("not a file")
    if facts.st_size > MOST_BYTES:
        raise ValueError(f"{facts.st_size:,} bytes; at most {MOST_BYTES:,} are read")
    # Read once, so that what is hashed is what is used.
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 not in _READ:
        try:
            frame, families, *others = {".csv": _csv, ".npz": _npz, ".parquet": _parquet}[ending](
                content
            )
        except ValueError as error:
            raise ValueError(str(error).splitlines()[0]) from None
        except _DAMAGE as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ValueError(f"cannot be read as {ending[1:]}: {reason[0]}") from None
        if not frame.height:
            raise ValueError("holds no rows")
        _READ[sha256] = Table(sha256, frame, families, *others)
    return _READ[sha256]


def written(data: Any, ending: str) -> bytes:
    """A DataFrame as Parquet, or arrays by name as npz: the content of a file.

    Raises:
        ValueError: it is neither, or the file's name ends otherwise.
    """
    frame = hasattr(data, "columns") and hasattr(data, "shape")
    if not frame and not hasattr(data, "keys"):
        raise ValueError(
            f"expected a polars or pandas DataFrame or arrays by name, not {type(data).__name__}"
        )
    expected = ".parquet" if frame else ".npz"
    if ending != expected:
        raise ValueError(f"expected a path that ends in {expected}, not {ending or 'nothing'}")
    file = io.BytesIO()
    # Of pandas column by column, so that no Arrow is needed.
    names = [str(name) for name in (data.columns if frame else data)]
    if isinstance(data, pl.DataFrame):
        data.write_parquet(file)
    elif frame:
        pl.DataFrame({name: list(data[name]) for name in names}).write_parquet(file)
    else:
        arrays: dict[str, Any] = {name: np.asarray(data[name]) for name in names}
        np.savez(file, **arrays)
    return file.getvalue()


def table(path: Path, sha256: str) -> Table:
    """The table of a file that was read before; read anew in another process.

    Raises:
        ValueError: the file is no longer what it was.
    """
    if sha256 in _READ:
        return _READ[sha256]
    if (now := read(path)).sha256 != sha256:
        raise ValueError(f"{path.name} has changed: SHA-256 was {sha256}, is {now.sha256}")
    return now


def _csv(content: bytes) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    start = content[:MOST_CELLS].decode("utf-8", errors="replace")
    header = next(csv.reader(io.StringIO(start)), [])
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise ValueError("one column by commas: expected commas between columns, not ; or tabs")
    _limit(content.count(b"\n") + 1, len(header))
    _once(header)
    # Every row decides a column's type: a guess from the first 100 fails on the 101st.
    frame = pl.read_csv(content, infer_schema_length=None)
    # Numbers after a blank, and nan in small letters, are numbers too.
    as_numbers = {
        name: frame[name].str.strip_chars().cast(pl.Float64, strict=False)
        for name, kind in frame.schema.items()
        if kind == pl.String
    }
    return frame.with_columns(
        numbers.alias(name)
        for name, numbers in as_numbers.items()
        if numbers.null_count() == frame[name].null_count() < frame.height
    ), {}


def _parquet(content: bytes) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    # Some damage makes polars end the process that reads (one bit can claim a page of 2^61
    # bytes), so another process reads first. -P: it imports nothing from the current folder.
    trial = subprocess.run(
        [sys.executable, "-P", "-c", _TRIAL.format(most=MOST_CELLS, columns=MAX_COLUMNS)],
        input=content,
        capture_output=True,
        check=False,
    )
    if trial.returncode:
        said = trial.stdout.decode(errors="replace").strip()
        raise ValueError(said or "cannot be read as parquet: damaged")
    return pl.read_parquet(io.BytesIO(content)), {}


# Rows and columns are in the file's footer: checked before any column is unpacked.
_TRIAL = """
import io, sys
import polars as pl
content = io.BytesIO(sys.stdin.buffer.read())
try:
    lazy = pl.scan_parquet(content)
    columns, rows = len(lazy.collect_schema()), lazy.select(pl.len()).collect().item()
    if columns > {columns}:
        sys.exit(print(f"{{columns:,}} columns; at most {columns:,}") or 1)
    if rows * columns > {most}:
        sys.exit(print(f"{{rows:,}} rows x {{columns:,}} columns; at most {most:,} cells") or 1)
    lazy.collect()
except pl.exceptions.PolarsError as error:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    sys.exit(print("cannot be read as parquet:", reason[0]) or 1)
"""


def _npz(content: bytes) -> tuple[pl.DataFrame, dict, dict, dict]:
    """The columns, the families, what nothing can be asked of, and the shapes of families."""
    columns: dict[str, np.ndarray] = {}
    others: dict[str, str] = {}
    families: dict[str, tuple[str, ...]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    names: list[str] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        _limit(1, len(members))
        _once([member.filename for member in members])
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES:,} bytes when unpacked")
        # Every array is counted by its header before one of them is unpacked.
        headers = [_header(archive, member) for member in members]
        _limit(sum(math.prod(shape) for shape in headers), 1)
        _limit(1, sum(math.prod(shape[1:]) for shape in headers if len(shape) < 3))
        arrays = np.load(io.BytesIO(content), allow_pickle=False)
        for name in arrays.files:
            array = arrays[name]
            if array.dtype.kind == "U":
                _check_text(name, array)
            if array.ndim == 1:
                names.append(name)
                columns[name] = array
            elif array.ndim == 2:
                shapes[name] = array.shape[1:]
                families[name] = tuple(f"{name}[{i}]" for i in range(array.shape[1]))
                names += families[name]
                columns |= zip(families[name], array.T, strict=True)
            elif array.ndim > 2 and math.prod(array.shape[1:]) > MAX_COLUMNS:
                count = f"{math.prod(array.shape[1:]):,} numbers a row"
                others[name] = f'"{name}" has {count}; at most {MAX_COLUMNS:,}'
            elif array.ndim > 2:
                shapes[name] = array.shape[1:]
                inside = np.ndindex(array.shape[1:])
                families[name] = tuple(f"{name}[{','.join(map(str, at))}]" for at in inside)
                names += families[name]
                columns |= zip(families[name], array.reshape(len(array), -1).T, strict=True)
            else:
                others[name] = f'"{name}" has 0 axes; expected rows'
    # An array of more axes that does not fit the others may be of something else: nothing is wrong
    # before somebody asks for it.
    rows = Counter(len(c) for name, c in columns.items() if name not in _inside(families, shapes))
    for name in [n for n, shape in shapes.items() if len(shape) > 1 and rows]:
        if (length := len(columns[families[name][0]])) not in rows:
            others[name] = f'"{name}" has {length} rows, others have {rows.most_common(1)[0][0]}'
            del shapes[name]
            for column in families.pop(name):
                names.remove(column)
                del columns[column]
    if others and not columns:
        raise ValueError(next(iter(others.values())))
    _once(names)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        odd = min(lengths, key=lambda name: list(lengths.values()).count(lengths[name]))
        most = max(lengths.values(), key=list(lengths.values()).count)
        raise ValueError(f'"{odd}" has {lengths[odd]} rows, others have {most}')
    return pl.DataFrame(columns), families, others, shapes


def _inside(families: dict[str, tuple[str, ...]], shapes: dict[str, tuple[int, ...]]) -> set[str]:
    """The columns of arrays of more than two axes."""
    return {c for name, own in families.items() if len(shapes[name]) > 1 for c in own}


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, ...]:
    """The shape that an array's header claims, if the member is large enough for it."""
    # NumPy takes the memory that the header claims before it reads a byte.
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f'"{member.filename}" is of NumPy format {version}; expected 1 or 2')
        shape, _, dtype = readers[version](stream)
    name = member.filename.removesuffix(".npy")
    if dtype.hasobject:
        raise ValueError(f'"{name}" holds Python objects, which can be code; expected numbers')
    if dtype.names is not None:
        raise ValueError(f'"{name}" is a structured array; save one array a column')
    if (
        dtype.kind not in "biufUSMm"
        or not dtype.itemsize
        or (dtype.kind == "f" and dtype.itemsize > 8)
    ):
        raise ValueError(f'"{name}" holds {dtype}; expected numbers')
    if (
        any(type(n) is not int or n < 0 for n in shape)
        or math.prod(shape) * dtype.itemsize > member.file_size
    ):
        raise ValueError(f'"{name}" is damaged: its header claims shape {shape}')
    return shape


def _check_text(name: str, array: np.ndarray) -> None:
    codes = np.ascontiguousarray(array).view(np.uint32)
    if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise ValueError(f'"{name}" is damaged: it holds text that is none')


def _limit(rows: int, columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise ValueError(f"{columns:,} columns; at most {MAX_COLUMNS:,}")
    if rows * columns > MOST_CELLS:
        raise ValueError(f"{rows:,} rows x {columns:,} columns; at most {MOST_CELLS:,} cells")


def _once(names: list[str]) -> None:
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f'two columns are named "{twice[0]}"')
