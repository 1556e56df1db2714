"""Dask workers from a Slurm queue, for `primacy run STUDY --engine scheduler.json`.

Needs dask-jobqueue. Keep it running on the login node while the run goes on; with `--print` it
only prints the job that each worker is.
"""

import json
import sys
import threading
from pathlib import Path

from dask_jobqueue import SLURMCluster

WORKERS = 32


def cluster() -> SLURMCluster:
    """One process per core, as `--engine dask` has them; encrypted as ~/.config/dask says."""
    return SLURMCluster(
        job_name="primacy",
        cores=1,
        processes=1,
        memory="4GB",
        walltime="04:00:00",
        protocol="tls://",
        log_directory="logs",
        scheduler_options={"protocol": "tls://", "dashboard_address": None},
    )


if __name__ == "__main__":
    started = cluster()
    if "--print" in sys.argv:
        print(started.job_script())
    else:
        started.scale(jobs=WORKERS)
        Path("scheduler.json").write_text(json.dumps({"address": started.scheduler_address}))
        threading.Event().wait()
