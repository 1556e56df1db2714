"""What Dask calls on a worker: plain functions of bytes and texts.

A worker finds them by name, so it must have primacy installed; none of their code travels.
"""

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from distributed import get_worker

from primacy.engine import worker
from primacy.training.block import Interrupted, Watch

BEAT_SECONDS = 0.5
"""Between two messages of a worker that has taken steps."""
QUIET_SECONDS = 5.0
"""Between two messages of a worker that has taken none: it is compiling."""
FAILED = b"E"
"""The first byte of an answer that says what the block's own code raised."""


def facts() -> str:
    """What a worker is, as JSON."""
    return json.dumps(worker.facts())


def absent(names: dict[str, str], dask_worker: Any = None) -> list[str]:
    """Of files by SHA-256, those that a worker does not have."""
    return worker.absent(names, _folder(dask_worker))  # given by Dask, by this very name


def keep(name: str, content: bytes, digest: str, dask_worker: Any = None) -> None:
    """Keep a file on a worker."""
    worker.keep(name, content, digest, _folder(dask_worker))


def train(content: bytes, topic: str, token: str) -> bytes:
    """Train a block on a worker.

    Args:
        content: the block.
        topic: under which the driver listens.
        token: of the block.
    """
    here = get_worker()
    if (lacking := worker.lacking(content, _folder(here))) is not None:
        return lacking[:1] + json.dumps([here.address, json.loads(lacking[1:])]).encode()
    key = here.get_current_task()
    attempt = {"block": token, "attempt": uuid.uuid4().hex, "worker": here.address}
    taken, ended = [0], threading.Event()

    def tell(what: str) -> None:
        here.log_event(topic, {**attempt, "what": what, "steps": taken[0]})

    def beat() -> None:
        told, at = 0, time.monotonic()
        while not ended.wait(BEAT_SECONDS):
            if taken[0] != told or time.monotonic() - at > QUIET_SECONDS:
                told, at = taken[0], time.monotonic()
                tell("steps")

    def advanced(seed_steps: int) -> None:
        taken[0] += seed_steps

    def dropped() -> bool:
        task = here.state.tasks.get(key)
        return task is None or task.state in ("cancelled", "released", "forgotten")

    tell("begun")
    beats = threading.Thread(target=beat, name="beat", daemon=True)
    beats.start()
    try:
        return worker.answer(content, _folder(here), Watch(advanced, dropped))
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - a task's own code raises what it likes
        return FAILED + f"{type(error).__name__}: {error}".encode()
    finally:
        ended.set()
        beats.join()


def _folder(here: Any) -> Path:
    return Path(here.local_directory) / "primacy"
