"""Waiting for a fact, however long a busy machine takes for it."""

import time


def until(condition, seconds=600):
    """Until it is so; the limit only ends what hangs."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "this never came to be so"
        time.sleep(0.02)
    return found
