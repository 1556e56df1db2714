"""Two hosts whose link is cut under load and healed: every result is right.

Oracle: the bytes of a run in threads with the same made-up results. The hosts are two network
namespaces of this machine, where the kernel allows them.
"""

import os
import shutil
import subprocess
import sys
import time

import pytest

pytest.importorskip("distributed")

from primacy.engine.run import run
from tests.faults.study import Trainer, study
from tests.support.cluster import Cluster
from tests.support.folders import promised
from tests.support.waiting import until

SEEDS = 8
CUT_SECONDS = 4.0

DRIVER = f"""
import sys
import distributed
from primacy.engine.dask import Dask
from primacy.engine.run import run
from tests.faults.study import study
with distributed.Client(sys.argv[2], timeout=120) as client:
    client.wait_for_workers(2, timeout=600)
run(study({SEEDS}), sys.argv[1], engine=lambda n: Dask(n, address=sys.argv[2], insecure=True))
"""


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True)


@pytest.fixture
def hosts():
    """Two namespaces with a link: their names, and the end of the link in the first."""
    here, there = (f"primacy{os.getpid()}{end}" for end in "ab")
    link = f"p{os.getpid()}a"
    if shutil.which("ip") is None:
        pytest.skip("no program ip: it makes network namespaces")
    made = ip("netns", "add", here)
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    try:
        steps = [
            ("netns", "add", there),
            ("link", "add", link, "netns", here, "type", "veth", "peer", "far", "netns", there),
            *(("-n", ns, "link", "set", "lo", "up") for ns in (here, there)),
            ("-n", here, "addr", "add", "10.213.7.1/24", "dev", link),
            ("-n", there, "addr", "add", "10.213.7.2/24", "dev", "far"),
            ("-n", here, "link", "set", link, "up"),
            ("-n", there, "link", "set", "far", "up"),
        ]
        for step in steps:
            if (done := ip(*step)).returncode:
                pytest.skip(f"no link between namespaces here: {done.stderr.strip()}")
        yield here, there, link
    finally:
        ip("netns", "del", here)
        ip("netns", "del", there)


def test_a_link_that_is_cut_and_healed_changes_nothing(hosts, tmp_path, monkeypatch):
    here, there, link = hosts
    near, far = (("ip", "netns", "exec", ns) for ns in (here, there))
    with Cluster(tmp_path / "cluster", {str(s): {"seconds": 2.0} for s in range(SEEDS)}) as cluster:
        cluster.scheduler("tcp://10.213.7.1:0", inside=near)
        cluster.worker("--host", "10.213.7.1", inside=near)
        cluster.worker("--host", "10.213.7.2", inside=far)
        words = [*near, sys.executable, "-c", DRIVER, tmp_path / "run", cluster.address]
        driver = subprocess.Popen(words, env=cluster.env)
        until(lambda: len({process for _, process in cluster.attempts}) == 2)
        assert ip("-n", here, "link", "set", link, "down").returncode == 0
        time.sleep(CUT_SECONDS)
        assert ip("-n", here, "link", "set", link, "up").returncode == 0
        assert driver.wait(timeout=600) == 0
        assert set(cluster.seeds()) == set(range(SEEDS))
    Trainer(monkeypatch)
    run(study(SEEDS), tmp_path / "threads")
    assert promised(tmp_path / "run") == promised(tmp_path / "threads")
