"""The command line in surroundings that are not a developer's own machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from primacy.engine import machine
from primacy.records.store import Store
from tests.records.test_store import RECORD, block

NAME = "a b\n\u00fc \u202e \U0001f600"
POOR = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
"""No HOME, no locale, no place for caches."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder whose name has blanks, a line break, a turn of direction and an emoji."""
    store = Store(tmp_path_factory.mktemp("odd") / NAME)
    with store.locked():
        store.begin(RECORD, "name = 'tiny'\n")
        store.commit(*block(0))
    return store.folder


def called(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "primacy", *map(str, words)],
        env=POOR | environment,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_names_reach_an_output_of_any_encoding(folder, encoding):
    """What it cannot encode is escaped as in JSON, so that JSON stays JSON."""
    done = called("runs", folder.parent, "--json", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    (told,) = json.loads(done.stdout.decode(encoding))
    assert Path(told["folder"]).name == NAME


def test_a_name_with_a_line_break_stays_in_its_line(folder):
    done = called("judge", folder / "nowhere")
    (line,) = done.stderr.decode().strip().splitlines()
    assert done.returncode == 2
    assert r"a b\u000a" in line and r"\u202e" in line


def test_one_core_is_one_core():
    """Oracle: the set of cores that the system gives this process."""
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(own)})
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, own)
