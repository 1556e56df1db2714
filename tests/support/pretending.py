"""Loaded by a Dask worker of a test: it makes results up, and does what `faults.json` plans.

By seed: `{"3": {"kill": 2}}` ends the process at the first two attempts, `{"raise": "text"}` raises
it, `{"seconds": 0.5}` takes that long. `{"versions": {"jax": "0.1"}}` claims other versions.
"""

import json
import os
import signal
import time
from pathlib import Path

from primacy.engine import worker
from primacy.study.describe import versions as real  # a preload is imported twice
from primacy.training.block import Interrupted
from tests.faults.study import NoPrograms, made_up

FOLDER = Path(os.environ["PRETENDED"])
SECONDS = 0.1


def pretended(programs, lanes, axes, watch):
    (lane,) = lanes
    plan = json.loads((FOLDER / "faults.json").read_text()).get(str(lane.seed), {})
    with (FOLDER / "attempts").open("a") as file:
        file.write(f"{lane.seed} {os.getpid()}\n")
    begun = [line.split()[0] for line in (FOLDER / "attempts").read_text().splitlines()]
    ends = time.monotonic() + plan.get("seconds", SECONDS)
    while time.monotonic() < ends:
        if watch.stopped():
            raise Interrupted
        time.sleep(0.02)
    watch.advanced(lane.record.budget)
    if begun.count(str(lane.seed)) <= plan.get("kill", 0):
        time.sleep(0.1)  # what it said is on its way
        os.kill(os.getpid(), signal.SIGKILL)
    if "raise" in plan:
        raise ArithmeticError(plan["raise"])
    return made_up(lane)


worker.train_block = pretended
worker.Programs = NoPrograms

planned = json.loads((FOLDER / "faults.json").read_text())
if "versions" in planned:
    worker.versions = lambda: {**real(), **planned["versions"]}
