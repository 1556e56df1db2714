"""The device that blocks train on, and how many workers share it."""

import os
from pathlib import Path

import jax

from primacy.training.programs import Device


def workers() -> list[Device]:
    """The device of each worker: the same one for all, a worker a core.

    A CPU device computes for several threads at once, so its programs are compiled once for all
    workers. Two workers keep two cores busy although each of their matrix products may use both:
    one process a core, with one thread each, was no faster (docs/design.md).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    keep_programs()
    return [jax.local_devices()[0]] * (cores or 1)


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder, for the next run of the same study."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(home) / "primacy" / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a read-only home: compile anew each time
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
