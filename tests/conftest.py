"""Every test runs with run-time shape checks (pyproject) and JAX's strict rank promotion.

Compiled programs are kept between tests and sessions, as they are for users. What the user of this
machine calibrated is not seen. Nothing depends on chance or on the order in which the two processes
get their files: hypothesis tries the same examples every time (`make reliability` tries new ones),
and the global random numbers begin anew with every test.
"""

import os
import random
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROGRAMS = Path(__file__).parent.parent / ".pytest_cache" / "programs"
PROGRAMS.mkdir(parents=True, exist_ok=True)
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(PROGRAMS))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Two processes test on two cores. And the gradient of a 1x1 convolution was seen to wait for ever
# for a second thread of oneDNN (PyTorch 2.13, AVX2).
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["XDG_DATA_HOME"] = str(PROGRAMS.parent / "no-data")

UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **UNTIMED)
settings.register_profile("new", **UNTIMED)
settings.load_profile("same")


def _seed():
    """The global generators, as if this process had drawn nothing yet."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="module", autouse=True)
def _seed_of_one_file():
    _seed()


@pytest.fixture(autouse=True)
def _seed_of_one_test():
    _seed()


@pytest.fixture(scope="module", autouse=True)
def _programs_of_one_file():
    """What a file compiled is let go after it: kept for all files, it came to 5 GB a worker."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="module", autouse=True)
def _own_code_of_one_file():
    """The files of Python that a test file named are no part of what the next one runs."""
    yield
    if "primacy.registry" in sys.modules:
        sys.modules["primacy.registry"].PLUGINS.clear()
