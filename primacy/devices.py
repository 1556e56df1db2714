"""The devices that blocks train on: one single-threaded CPU device a core."""

import os
from pathlib import Path

import jax

SINGLE_THREADED = "--xla_cpu_multi_thread_eigen=false"


def devices() -> list[jax.Device]:
    """One device a core, each of which computes on one thread.

    Networks of this size gain nothing from threads within a matrix product, and all from two
    trainings side by side. JAX must not have started yet; where it has (a notebook that computed
    before), whatever it started with is used, which is slower.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    flags = os.environ.get("XLA_FLAGS", "")
    try:
        jax.config.update("jax_num_cpu_devices", cores or 1)
        if "xla_cpu_multi_thread_eigen" not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} {SINGLE_THREADED}".strip()
        keep_programs()
    except RuntimeError:
        pass  # already started: use what there is
    found = jax.local_devices()
    os.environ["XLA_FLAGS"] = flags
    if not flags:
        del os.environ["XLA_FLAGS"]
    return found


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder, for the next run of the same study."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(home) / "primacy" / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a read-only home: compile anew each time
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
