"""Files read and written whole: a read that fails is tried again, a write is all or nothing.

A file that cannot be read says nothing about what is in it. So a failed read is an `OSError`, and
only content that was read and is not what it should be is `Damaged`.
"""

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any

TEMPORARY = ".primacy-partial"
MAX_BYTES = 1 << 30
"""Of a file that is read; a larger one is refused unread."""

PAUSES = (0.05, 0.25)
"""Seconds before a failed read is tried once more, and once again."""
TRANSIENT = frozenset(
    {
        errno.EIO,
        errno.EACCES,
        errno.EPERM,
        errno.EAGAIN,
        errno.EINTR,
        errno.EBUSY,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    }
)
"""Errors that a network file system or a busy machine may give once and not again."""


class StoreError(ValueError):
    """A run folder that cannot be used as asked; the message says why and the cure."""


class InUse(StoreError):
    """Another process writes to the folder."""


class Damaged(StoreError):
    """Files of a run folder are not as they were written."""

    exit_code = 1


def read(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a plain file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it could not be read, three times in a row where that may pass.
        Damaged: it is a link, a folder or a device, or larger than `max_bytes`.
    """
    for pause in PAUSES:
        try:
            return _read(path, max_bytes)
        except OSError as error:
            if error.errno not in TRANSIENT:
                raise
        time.sleep(pause)
    return _read(path, max_bytes)


def _read(path: Path, max_bytes: int) -> bytes:
    facts = path.lstat()
    # A pipe or a device would block or never end.
    if not stat.S_ISREG(facts.st_mode):
        what = "a link" if stat.S_ISLNK(facts.st_mode) else "no plain file"
        raise Damaged(f"{path.name} is {what}; a run folder holds plain files only")
    if facts.st_size > max_bytes:
        raise Damaged(f"{path.name} is larger than {max_bytes:,} bytes; refused unread")
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the new one, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def seal(temporary: Path, path: Path) -> None:
    """Give a file that is written under a temporary name its own, once it is on disk."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


def move(path: Path, folder: Path) -> Path:
    """Move a file into a folder under its own name, or NAME.2 and so on; returns its new path.

    Nothing is ever overwritten, as long as no one else writes to the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free, number = folder / path.name, 2
    while os.path.lexists(free):
        free, number = folder / f"{path.stem}.{number}{path.suffix}", number + 1
    path.rename(free)
    sync(folder)
    sync(path.parent)
    return free


def sync(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(file: Any) -> bool:
    """Take an advisory lock that the system drops when the process ends, however it ends.

    Raises:
        StoreError: the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(
            f"{file.name} cannot be locked: {error.strerror}. Nothing would keep a second run out "
            "of this folder: give an --out on another file system"
        ) from None
    return True


def exists(path: Path) -> bool:
    """Whether something is at a path; unlike `os.path.lexists`, an error is not an answer."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
