"""What this machine is, and how fast it multiplies matrices: the yardstick of every timing."""

import os
import platform
import subprocess
import sys
from pathlib import Path

_PRODUCTS = """
import sys, time
import numpy as np
a = np.random.default_rng(0).random((1024, 1024), np.float32)
b, c = a.T.copy(), np.empty_like(a)
np.matmul(a, b, out=c)
print(flush=True)
seconds, count, took = float(sys.stdin.readline()), 0, 0.0
began = time.perf_counter()
while took < seconds:
    np.matmul(a, b, out=c)  # one at least: no machine is called infinitely slow
    count += 1
    took = time.perf_counter() - began
print(2 * 1024**3 * count / took / 1e9)
"""

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def gemm(processes: int, seconds: float = 0.5) -> float:
    """GFLOP/s of f32 matrix products, summed over single-threaded processes that run at once.

    NumPy's BLAS on 1024 x 1024 matrices: about the most that the cores can do. What else the
    machine is doing meanwhile makes it smaller.
    """
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _PRODUCTS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_ONE_THREAD},
        )
        for _ in range(processes)
    ]
    for child in started:
        assert child.stdout is not None
        child.stdout.readline()  # imported and warm: all begin together
    for child in started:
        assert child.stdin is not None
        child.stdin.write(f"{seconds}\n")
        child.stdin.flush()
    return sum(float(child.communicate()[0]) for child in started)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def product_threads() -> int:
    """Threads that share a matrix product, on which its last bits depend.

    As many as cores, or as the environment variable NPROC says, which XLA reads.
    """
    told = os.environ.get("NPROC", "")
    return int(told) if told.isdecimal() and int(told) else cores()


def memory() -> int:
    """Bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def processor() -> str:
    """The name of the CPU."""
    if (told := Path("/proc/cpuinfo")).exists():
        for line in told.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
