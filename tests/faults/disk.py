"""A disk that fails, or a process that dies, at the n-th operation on a folder.

Every way in which Python reaches the folder is counted: open, stat, list, read, write, fsync,
rename, unlink, mkdir. A fault is an error of the system at one operation, or at all operations of
a kind from there on. A death is an exception that nothing catches, after which no operation
reaches the folder any more; the write at which it comes leaves half of its bytes.
"""

import io
import os
from pathlib import Path
from typing import Any

OPERATIONS = ("stat", "lstat", "listdir", "scandir", "mkdir", "rename", "replace", "unlink", "open")


class Killed(BaseException):
    """The process is gone: no `except` of the package sees it as an error."""


class Disk:
    """Operations on a folder, counted from 1; `with Disk(folder, at=7, error=errno.EIO):`."""

    def __init__(
        self, folder: Path, at: int = 0, *, error: int | None = None, lasting: bool = False
    ) -> None:
        self.folder, self.at, self.error, self.lasting = str(folder), at, error, lasting
        self.count = 0
        self.hit: tuple[str, str] | None = None
        """Which operation failed, on which file."""
        self._dead = False
        self._descriptors: dict[int, str] = {}
        self._real = {name: getattr(os, name) for name in (*OPERATIONS, "fsync")}
        self._io_open = io.open

    def __enter__(self) -> "Disk":
        for name in OPERATIONS:
            setattr(os, name, self._shim(name))
        os.fsync, io.open = self._fsync, self._open
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        io.open = self._io_open

    def point(self, kind: str, path: Any) -> None:
        """Count an operation on the folder, and fail where it is time."""
        if not str(path).startswith(self.folder):
            return
        if self._dead:
            raise Killed
        self.count += 1
        again = self.lasting and self.hit is not None and self.hit[0] == kind
        if self.count != self.at and not again:
            return
        self.hit = self.hit or (kind, Path(path).name)
        if self.error is None:
            self._dead = True
            raise Killed
        raise OSError(self.error, os.strerror(self.error), str(path))

    def _shim(self, name: str) -> Any:
        def shim(path: Any = ".", *rest: Any, **named: Any) -> Any:
            self.point(name, path if isinstance(path, str) else os.fspath(path))
            found = self._real[name](path, *rest, **named)
            if name == "open":
                self._descriptors[found] = os.fspath(path)
            return found

        return shim

    def _fsync(self, descriptor: int) -> None:
        # Counted and not done: what is at stake is the order of operations, and it is slow.
        self.point("fsync", self._descriptors.get(descriptor, ""))

    def _open(self, path: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if isinstance(path, int) or not os.fspath(path).startswith(self.folder):
            return self._io_open(path, mode, *rest, **named)
        self.point("open", path)
        if "b" in mode:
            rest, named = (), {"buffering": 0}
        file = self._io_open(path, mode, *rest, **named)
        self._descriptors[file.fileno()] = os.fspath(path)
        return _File(self, file, os.fspath(path))


class _File:
    """An open file of which reads and writes are counted."""

    def __init__(self, disk: Disk, file: Any, path: str) -> None:
        self._disk, self._file, self._path = disk, file, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, *size: int) -> Any:
        self._disk.point("read", self._path)
        return self._file.read(*size)

    def write(self, content: Any) -> int:
        try:
            self._disk.point("write", self._path)
        except (OSError, Killed):
            self._file.write(content[: len(content) // 2])
            raise
        return self._file.write(content)
