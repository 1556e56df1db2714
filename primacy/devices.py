"""The device that blocks train on, and how many workers share it."""

import os
import threading
from pathlib import Path
from typing import Any

import jax

Device = Any
"""A `jax.Device`, which type checkers take for a variable."""

SINGLE_THREADED = "--xla_cpu_multi_thread_eigen=false"

_starting = threading.Lock()


def workers() -> list[Device]:
    """The device of each worker: the same one for all, a worker a core.

    A CPU device computes for several threads at once, so its programs are compiled once for all
    workers. Within a computation, matrix products are asked to stay on one thread, because two
    trainings side by side gain what threads inside one do not; measured, jax 0.10.2 does not heed
    the flag (`primacy doctor` shows how many cores a product keeps busy), which costs about a tenth
    of the CPU time. JAX must not have started yet; where it has (a notebook that computed before),
    it goes on as it was started.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with _starting:  # two studies may begin at once, in threads of one program
        flags = os.environ.get("XLA_FLAGS", "")
        if "xla_cpu_multi_thread_eigen" not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} {SINGLE_THREADED}".strip()
        keep_programs()
        device = jax.local_devices()[0]  # starts JAX, which reads the flags now
        os.environ["XLA_FLAGS"] = flags
        if not flags:
            del os.environ["XLA_FLAGS"]
    return [device] * (cores or 1)


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
