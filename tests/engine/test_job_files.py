"""The job files of examples/cluster, read as the programs that get them read them.

Oracle: the command line itself for every `primacy` line, YAML and the shell for the form. None of
them was run on a real cluster; docs/cluster.md says so.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from primacy.cli.app import app

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"


def commands(text):
    """The words of each `primacy` line, also in a comment, with variables filled in."""
    filled = re.sub(r"\$(SLURM_ARRAY_TASK_ID|JOB_COMPLETION_INDEX)", "0", text)
    found = re.findall(r"\bprimacy ((?:work|run) .+)$", filled, re.M)
    return [shlex.split(line) for line in found]


@pytest.mark.parametrize("name", ["slurm-array.sh", "kubernetes-job.yaml"])
def test_shares_and_the_run_that_adopts_them_are_commands_about_one_study(name):
    words = commands((FOLDER / name).read_text())
    assert sorted(line[0] for line in words) == ["run", "work"]
    given = []
    for line in words:
        _, bound, _ = app.parse_args(line, exit_on_error=False, print_error=False)
        own = bound.arguments
        given.append((own["study"], own["seeds"], own["out"]))
    assert given[0] == given[1]


def test_the_array_has_as_many_tasks_as_shares():
    text = (FOLDER / "slurm-array.sh").read_text()
    (last,) = re.findall(r"^#SBATCH --array=0-(\d+)$", text, re.M)
    assert f'--shard "$SLURM_ARRAY_TASK_ID/{int(last) + 1}"' in text
    subprocess.run(["bash", "-n", FOLDER / "slurm-array.sh"], check=True)


def test_the_indexed_job_has_as_many_completions_as_shares():
    job = yaml.safe_load((FOLDER / "kubernetes-job.yaml").read_text())
    spec = job["spec"]
    assert (job["kind"], spec["completionMode"]) == ("Job", "Indexed")
    (container,) = spec["template"]["spec"]["containers"]
    (line,) = container["args"]
    assert f'--shard "$JOB_COMPLETION_INDEX/{spec["completions"]}"' in line
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}


def test_the_operators_cluster_is_encrypted_and_has_a_thread_a_worker():
    cluster = yaml.safe_load((FOLDER / "dask-cluster.yaml").read_text())
    assert cluster["kind"] == "DaskCluster"
    for role in ("worker", "scheduler"):
        spec = cluster["spec"][role]["spec"]
        (container,) = spec["containers"]
        words, env = container["args"], {e["name"]: e["value"] for e in container["env"]}
        assert words[:2] == ["dask", role]
        assert words[words.index("--protocol") + 1] == "tls"
        assert env["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
        assert env[f"DASK_DISTRIBUTED__COMM__TLS__{role.upper()}__KEY"].startswith("/tls/")
        assert [m["name"] for m in container["volumeMounts"]] == [
            v["name"] for v in spec["volumes"]
        ]
    words = cluster["spec"]["worker"]["spec"]["containers"][0]["args"]
    assert words[words.index("--nthreads") + 1] == "1"


def test_the_settings_for_tls_are_settings_that_dask_has():
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    told = yaml.safe_load((FOLDER / "dask-tls.yaml").read_text())

    def leaves(tree, at=()):
        for key, value in tree.items():
            yield from leaves(value, (*at, key)) if isinstance(value, dict) else [(*at, key)]

    for path in leaves(told):
        assert dask.config.get(".".join(path), "absent") != "absent", path


GOLDEN = Path(__file__).parents[1] / "golden" / "slurm-worker.sh"


def test_a_worker_of_the_slurm_queue_is_the_job_that_is_kept(tmp_path):
    """Oracle: what dask-jobqueue renders; paths and addresses of this machine are left out."""
    security = pytest.importorskip("distributed").Security.temporary()
    (tmp_path / "key.pem").write_text(security.tls_scheduler_key)
    (tmp_path / "cert.pem").write_text(security.tls_scheduler_cert)
    settings = (FOLDER / "dask-tls.yaml").read_text().replace("/home/me/primacy", str(tmp_path))
    (tmp_path / "tls.yaml").write_text(settings)
    done = subprocess.run(
        [sys.executable, FOLDER / "slurm_workers.py", "--print"],
        cwd=tmp_path,
        env={**os.environ, "DASK_CONFIG": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    text = done.stdout.replace(sys.executable, "PYTHON")
    text = re.sub(r"tls://[0-9.]+:[0-9]+", "tls://HOST:PORT", text)
    assert text.split() == GOLDEN.read_text().split()
