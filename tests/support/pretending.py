"""Loaded by a Dask worker of a test: it makes results up, and does what `faults.json` plans.

By seed: `{"3": {"kill": 2}}` ends the process at the first two attempts, `{"raise": "text"}` raises
it, `{"seconds": 0.5}` takes that long, `{"first": 0.5}` at the first attempt only.
`{"versions": {"jax": "0.1"}}` claims other versions.
"""

import json
import os
import signal
import time
from pathlib import Path

from distributed import get_worker

from primacy.engine import worker
from primacy.study.describe import versions as real  # a preload is imported twice
from primacy.training.block import Interrupted
from tests.faults.study import NoPrograms, made_up
from tests.support.waiting import until

FOLDER = Path(os.environ["PRETENDED"])
SECONDS = 0.1


def pretended(programs, lanes, axes, watch):
    (lane,) = lanes
    plan = json.loads((FOLDER / "faults.json").read_text()).get(str(lane.seed), {})
    with (FOLDER / "attempts").open("a") as file:
        file.write(f"{lane.seed} {os.getpid()}\n")
    begun = [line.split()[0] for line in (FOLDER / "attempts").read_text().splitlines()]
    attempt = begun.count(str(lane.seed))
    seconds = plan.get("seconds", SECONDS)
    ends = time.monotonic() + (plan.get("first", seconds) if attempt == 1 else seconds)
    while time.monotonic() < ends:
        if watch.stopped():
            raise Interrupted
        time.sleep(0.02)
    watch.advanced(lane.record.budget)
    if attempt <= plan.get("kill", 0):
        here = get_worker()
        # What it said is on its way, and the results that it had are with the driver.
        until(lambda: not here.data and not here.batched_stream.buffer)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    if "raise" in plan:
        raise ArithmeticError(plan["raise"])
    return made_up(lane)


worker.train_block = pretended
worker.Programs = NoPrograms

planned = json.loads((FOLDER / "faults.json").read_text())
if "versions" in planned:
    worker.versions = lambda: {**real(), **planned["versions"]}
