"""A user's data file, read with care: CSV, Parquet or npz into a table of named columns.

What it holds is data, never code: no pickled object is ever loaded, and sizes are checked before
memory is taken. Reads no other file of the package.
"""

import csv
import dataclasses
import hashlib
import io
import math
import stat
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import polars as pl
from jaxtyping import Float

MOST_BYTES = 2**30
"""Of a file, and of an npz once unpacked."""
MOST_CELLS = 2**27
"""Rows times columns: 512 MiB as single-precision numbers."""

ENDINGS = (".csv", ".npz", ".parquet")

# What polars, zipfile, zlib and NumPy raise of damaged files, ValueError apart (RuntimeError: an
# npz that claims to be encrypted or of a version to come).
_DAMAGE = (pl.exceptions.PolarsError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


@dataclasses.dataclass(frozen=True)
class Table:
    """The named columns of a file."""

    sha256: str
    """Of the file's bytes."""
    frame: pl.DataFrame
    families: dict[str, tuple[str, ...]]
    """For an array of an npz with two axes, its name and those of its columns: `x`, `x[0]`, ..."""
    no_columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """Arrays of an npz of any other shape: why nothing can be asked of them."""
    _numbers: dict[str, np.ndarray] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def columns(self) -> list[str]:
        """The names that can be asked for."""
        return [*self.families, *self.frame.columns]

    def spread(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The names, with each family as its columns."""
        return tuple(column for name in names for column in self.families.get(name, (name,)))

    def text(self, name: str) -> bool:
        """Whether a column holds text."""
        return self.frame.schema[name] in (pl.String, pl.Categorical, pl.Enum)

    def numbers(self, name: str) -> Float[np.ndarray, "n"]:
        """A column as single-precision numbers; false and true are 0 and 1.

        Raises:
            ValueError: it holds something else; says what in which row (the first is row 1).
        """
        if name not in self._numbers:
            self._numbers[name] = _numbers(self.frame[name])
        return self._numbers[name]


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
        except _DAMAGE as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ValueError(f"cannot be read as {ending[1:]}: {reason[0]}") from None
        if not frame.height:
            raise ValueError("holds no rows")
        _READ[sha256] = Table(sha256, frame, families, *others)
    return _READ[sha256]


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
    _once(header)
    _limit(content.count(b"\n") + 1, len(header))
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
        [sys.executable, "-P", "-c", _TRIAL.format(most=MOST_CELLS)],
        input=content, capture_output=True, check=False,
    )  # fmt: skip
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
    if rows * columns > {most}:
        sys.exit(print(f"{{rows:,}} rows x {{columns:,}} columns; at most {most:,} cells") or 1)
    lazy.collect()
except pl.exceptions.PolarsError as error:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    sys.exit(print("cannot be read as parquet:", reason[0]) or 1)
"""


def _npz(content: bytes) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]], dict[str, str]]:
    columns: dict[str, np.ndarray] = {}
    others: dict[str, str] = {}
    families: dict[str, tuple[str, ...]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        _once([member.filename for member in members])
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES:,} bytes when unpacked")
        for member in members:
            _check_header(archive, member)
        arrays = np.load(io.BytesIO(content), allow_pickle=False)
        for name in arrays.files:
            array = arrays[name]
            if array.ndim == 1:
                columns[name] = array
            elif array.ndim == 2:
                families[name] = tuple(f"{name}[{i}]" for i in range(array.shape[1]))
                columns |= zip(families[name], array.T, strict=True)
            else:
                others[name] = f'"{name}" has {array.ndim} axes; expected rows, or rows x columns'
    if others and not columns:
        raise ValueError(next(iter(others.values())))
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        odd = min(lengths, key=lambda name: list(lengths.values()).count(lengths[name]))
        most = max(lengths.values(), key=list(lengths.values()).count)
        raise ValueError(f'"{odd}" has {lengths[odd]} rows, others have {most}')
    return pl.DataFrame(columns), families, others


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
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
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f'"{name}" is damaged: its header claims shape {shape}')
    _limit(math.prod(shape), 1)


def _limit(rows: int, columns: int) -> None:
    if rows * columns > MOST_CELLS:
        raise ValueError(f"{rows:,} rows x {columns:,} columns; at most {MOST_CELLS:,} cells")


def _once(names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f'two columns are named "{twice[0]}"')


def _numbers(series: pl.Series) -> np.ndarray:
    if series.dtype.is_nested() or series.dtype.is_temporal() or series.dtype == pl.Binary:
        raise ValueError(f"holds {str(series.dtype).lower()}; expected numbers")
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = series.cast(pl.String)
        # Most columns of text are numbers with a few strangers among them: name the first.
        strange = (text.is_not_null() & text.cast(pl.Float64, strict=False).is_null()).arg_true()
        row = int(strange[0]) if strange.len() else 0
        shown = (text[row] or "")[:40]
        raise ValueError(f'holds text ("{shown}" in row {row + 1}); expected numbers')
    if (missing := series.is_null().arg_true()).len():
        raise ValueError(f"nothing in row {missing[0] + 1}{_more(missing.len())}")
    exact = series.cast(pl.Float64).to_numpy()
    with np.errstate(over="ignore"):
        single = exact.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(single))
    if bad.size:
        value = exact[bad[0]]
        shown = "NaN" if np.isnan(value) else "Inf" if np.isinf(value) else f"{value:g}"
        why = ", too large for single precision" if np.isfinite(value) else ""
        raise ValueError(f"{shown} in row {bad[0] + 1}{why}{_more(bad.size)}")
    single.flags.writeable = False  # shared by all who ask
    return single


def _more(count: int) -> str:
    return f" and in {count - 1} more" if count > 1 else ""
