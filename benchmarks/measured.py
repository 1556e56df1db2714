"""A command as a process of its own: what it took, and the machine's speed beside it.

Whoever imports this must stay small: Linux counts the memory of the parent into a child's peak.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from primacy.engine import machine


class Measured(NamedTuple):
    """What a process took, its imports and compilation included."""

    wall: float
    """Seconds on the clock."""
    user: float
    """Seconds of CPU in user code, over all threads and children."""
    memory: float
    """Peak resident bytes of the largest process."""


def measured(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Measured:
    """Run a command to its end; its output goes to `log`.

    Python keeps compiled modules, as it does for users.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with log.open("wb") as told:
        began = time.perf_counter()
        child = subprocess.Popen(
            list(command), stdout=told, stderr=subprocess.STDOUT, env={**own, **environment}
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{log.read_text()[-3000:]}")
    return Measured(wall, usage.ru_utime, usage.ru_maxrss * 1024.0)


def calibration(seconds: float = 0.5) -> list[float]:
    """GFLOP/s of f32 matrix products: on one core, and on all cores at once."""
    return [machine.gemm(1, seconds), machine.gemm(machine.cores(), seconds)]
