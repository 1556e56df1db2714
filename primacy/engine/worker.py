"""What a process that trains for a run on another machine does: bytes in, bytes out.

It keeps nothing that a later block needs, but for what can be had again: compiled programs, and
files of examples, which are kept under their SHA-256.
"""

import hashlib
import json
import threading
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import jax

from primacy.engine.hardware import keep_programs
from primacy.engine.machine import product_threads
from primacy.engine.wire import Order, receipt, unpacked
from primacy.records.files import StoreError, write
from primacy.registry import PLUGINS, load_plugin
from primacy.study.describe import versions
from primacy.training.block import Watch, train_block
from primacy.training.programs import Programs

RESULT, NEEDS, REFUSED = b"R", b"N", b"V"
"""The first byte of an answer: a receipt, files that are missing, versions that differ (JSON)."""

_compiled: dict[Hashable, Programs] = {}
_turn = threading.Lock()


def facts() -> dict[str, Any]:
    """What this process is: versions, device, threads of a matrix product."""
    device = jax.local_devices()[0]
    return {
        "versions": versions(),
        "device": f"{device.platform} ({device.device_kind})",
        "threads": product_threads(),
    }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Libraries of a worker that are not those of the run; of Python only the minor version counts.

    Args:
        ours: versions of the run, by name.
        theirs: of the worker.
    """
    found = []
    for name, wanted in ours.items():
        if name.startswith("plugin "):
            continue
        has = theirs.get(name, "none")
        same = wanted.split(".")[:2] == has.split(".")[:2] if name == "python" else wanted == has
        if not same:
            found.append(f"{name} {has} instead of {wanted}")
    return found


def keep(name: str, content: bytes, digest: str, folder: Path) -> None:
    """Keep a file that blocks need.

    Args:
        name: of a file of examples its `wire.file_name`; of a plugin its own.
        content: of the file.
        digest: SHA-256 of the content.
        folder: of this process.

    Raises:
        StoreError: it is another file, or its name is none.
    """
    if hashlib.sha256(content).hexdigest() != digest or name in ("", ".", ".."):
        raise StoreError(f"{name}: not the file that was announced")
    if {"/", "\\", "\0"} & set(name):
        raise StoreError(f"{name!r} is no name of a file")
    write(_place(name, digest, folder), content)


def lacking(content: bytes, folder: Path) -> bytes | None:
    """What keeps this process from training a block; None: nothing.

    Args:
        content: of `wire.packed`.
        folder: where this process keeps files.

    Returns:
        `REFUSED` and the versions that differ, or `NEEDS` and the files that are not here.
    """
    told = json.loads(content)
    if wrong := differences(told["versions"], versions()):
        return REFUSED + json.dumps(wrong).encode()
    for name, digest in told["plugins"].items():
        if PLUGINS.get(name) not in (None, digest):
            return REFUSED + json.dumps([f"another {name}: restart the workers"]).encode()
    plugins = {digest: name for name, digest in told["plugins"].items()}
    if missing := absent({**told["files"], **plugins}, folder):
        return NEEDS + json.dumps(missing).encode()
    return None


def absent(names: Mapping[str, str], folder: Path) -> list[str]:
    """Of files by SHA-256, those that this process does not have."""
    return [digest for digest, name in names.items() if not _place(name, digest, folder).exists()]


def answer(content: bytes, folder: Path, watch: Watch) -> bytes:
    """Train a block of which nothing is `lacking`.

    Args:
        content: of `wire.packed`.
        folder: where this process keeps files.
        watch: told how far it is.

    Returns:
        `RESULT` and a receipt.

    Raises:
        StoreError: the block cannot be rebuilt here.
        Interrupted: `watch` said so.
    """
    told = json.loads(content)
    with _turn:
        for name, digest in told["plugins"].items():
            if name not in PLUGINS:
                load_plugin(_place(name, digest, folder))
        order = unpacked(content, folder)
        programs = _programs(order)
        before = programs.seconds
    trained = train_block(programs, order.lanes, order.axes, watch)
    spent = {"program": _name(order.program), "compile_seconds": programs.seconds - before}
    return RESULT + receipt(trained, spent)


def _place(name: str, digest: str, folder: Path) -> Path:
    """Files of examples are side by side; a plugin has a folder, because its name is its own."""
    return folder / name if name.startswith(digest) else folder / digest / name


def _name(program: Hashable) -> str:
    """The same for the same program in every process."""
    return hashlib.sha256(str(program).encode()).hexdigest()


def _programs(order: Order) -> Programs:
    if order.program not in _compiled:
        keep_programs()
        condition = order.lanes[0].condition
        device = jax.local_devices()[0]
        _compiled[order.program] = Programs(condition, order.measures, order.width, device)
    return _compiled[order.program]
