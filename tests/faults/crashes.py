"""What a disk may hold after a power cut: every state that operations not yet synced allow.

The operations on a folder are recorded. A file's content is safe once the file was synced, a name
(made, moved or removed) once its folder was. Until then each is on disk or not, whatever order they
were done in, and content may be there by half. That is more than any real file system does.
"""

import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

State = dict[str, bytes]
"""Content of files by path in the folder."""


class Recorder:
    """Operations on a folder, and what a crash between two of them can leave."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self._volatile: dict[int, bytes] = {}
        """Content by file, as a reader sees it now."""
        self._safe: dict[int, bytes] = {}
        """Content by file, as of its last sync."""
        self._names: dict[str, int] = {}
        self._safe_names: dict[str, int] = {}
        self._pending: list[tuple[str, dict[str, int | None]]] = []
        """Folder, and what each name in it becomes: a file, or nothing."""
        self._descriptors: dict[int, str] = {}
        self._numbers = itertools.count()
        self.states: dict[str, State] = {}
        """Every state, by the operation that it is first possible after."""
        self._seen: set[int] = set()
        self._real = {n: getattr(os, n) for n in ("replace", "rename", "unlink", "fsync", "open")}
        self._io_open = io.open
        for path in Path(folder).rglob("*"):
            if path.is_file():
                number = next(self._numbers)
                self._names[self._key(path)] = number
                self._volatile[number] = self._safe[number] = path.read_bytes()
        self._safe_names = dict(self._names)

    def __enter__(self) -> "Recorder":
        os.replace = os.rename = self._moved
        os.unlink, os.fsync, os.open, io.open = (
            self._unlinked,
            self._fsync,
            self._os_open,
            self._open,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        io.open = self._io_open

    def _key(self, path: Any) -> str:
        return os.path.relpath(os.fspath(path), self.folder)

    def _inside(self, path: Any) -> bool:
        if isinstance(path, int) or Path(path).name == ".lock":  # it holds no result
            return False
        return os.fspath(path).startswith(self.folder)

    def _name(self, changes: dict[str, int | None]) -> None:
        for name, number in changes.items():
            if number is None:
                self._names.pop(name, None)
            else:
                self._names[name] = number
        self._pending.append((str(Path(next(iter(changes))).parent), changes))

    def _moved(self, old: Any, new: Any) -> None:
        self._real["replace"](old, new)
        if self._inside(new):
            self._name({self._key(new): self._names[self._key(old)], self._key(old): None})
            self._crash(f"move to {self._key(new)}")

    def _unlinked(self, path: Any, *rest: Any, **named: Any) -> None:
        self._real["unlink"](path, *rest, **named)
        if self._inside(path):
            self._name({self._key(path): None})
            self._crash(f"unlink {self._key(path)}")

    def _os_open(self, path: Any, *rest: Any, **named: Any) -> int:
        found = self._real["open"](path, *rest, **named)
        if self._inside(path):
            self._descriptors[found] = self._key(path)
        return found

    def _fsync(self, descriptor: int) -> None:
        key = self._descriptors.get(descriptor)
        if key is None:
            return
        if (number := self._names.get(key)) is not None:
            self._safe[number] = self._volatile[number]
            return
        for place, changes in self._pending:
            if place == key:
                _apply(self._safe_names, changes)
        self._pending = [one for one in self._pending if one[0] != key]

    def _open(self, path: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if not self._inside(path) or not set(mode) & set("wa+"):
            return self._io_open(path, mode, *rest, **named)
        key = self._key(path)
        there = key in self._names
        if "b" in mode:
            rest, named = (), {"buffering": 0}
        file = self._io_open(path, mode, *rest, **named)
        if not there or "w" in mode:
            number = next(self._numbers)
            self._volatile[number], self._safe[number] = b"", b""
            self._name({key: number})
        self._descriptors[file.fileno()] = key
        return _File(self, file, key)

    def written(self, key: str) -> None:
        """A file was written to."""
        self._volatile[self._names[key]] = (Path(self.folder) / key).read_bytes()
        self._crash(f"write {key}")

    def _crash(self, after: str) -> None:
        """Note every state in which a crash now may leave the folder."""
        for state in self._possible():
            told = hash(tuple(sorted(state.items())))
            if told not in self._seen:
                self._seen.add(told)
                self.states[f"{len(self.states)}, after {after}"] = state

    def _possible(self) -> Iterator[State]:
        changes = [own for _, own in self._pending]
        for kept in itertools.product((False, True), repeat=len(changes)):
            names = dict(self._safe_names)
            for own, there in zip(changes, kept, strict=True):
                if there:
                    _apply(names, own)
            numbers = sorted(set(names.values()))
            for contents in itertools.product(*(self._contents(n) for n in numbers)):
                held = dict(zip(numbers, contents, strict=True))
                yield {name: held[number] for name, number in names.items()}

    def _contents(self, number: int) -> list[bytes]:
        """What is on disk of a file: as of its last sync, as it is now, or something between."""
        safe, now = self._safe[number], self._volatile[number]
        if safe == now:
            return [now]
        if not now.startswith(safe):
            return [safe, now]
        half = (len(safe) + len(now)) // 2
        return [safe, now, now[:half], now[:half] + bytes(len(now) - half)]


def _apply(names: dict[str, int], changes: dict[str, int | None]) -> None:
    for name, number in changes.items():
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number


class _File:
    """An open file of which writes are noted."""

    def __init__(self, recorder: Recorder, file: Any, key: str) -> None:
        self._recorder, self._file, self._key = recorder, file, key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: Any) -> int:
        found = self._file.write(content)
        self._file.flush()
        self._recorder.written(self._key)
        return found

    def truncate(self, size: int) -> int:
        found = self._file.truncate(size)
        self._recorder.written(self._key)
        return found
