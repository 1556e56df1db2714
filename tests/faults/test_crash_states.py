"""A power cut during a commit: in every state it can leave, nothing committed is lost or made up.

`PRIMACY_CRASH=37` tries the 37th state alone.
"""

import os
import shutil

import pytest

from primacy.engine.run import run
from primacy.records import files
from primacy.records.store import Store
from tests.faults.crashes import Recorder
from tests.faults.study import Trainer, study
from tests.faults.test_faults import content, parts

CHOSEN = os.environ.get("PRIMACY_CRASH", "")


@pytest.fixture
def trainer(monkeypatch):
    monkeypatch.setattr(files, "PAUSES", (0.0, 0.0))
    return Trainer(monkeypatch)


def test_every_state_that_a_power_cut_can_leave(tmp_path, trainer):
    """One network is committed, a second is being committed when the power goes."""
    run(study(2), tmp_path / "undisturbed")
    wanted = content(tmp_path / "undisturbed")
    recorded, folder = tmp_path / "recorded", tmp_path / "run"
    run(study(1), recorded)
    with Recorder(recorded) as recorder:
        run(study(2), recorded)
    counts = {1: 0, 2: 0}
    for point, state in recorder.states.items():
        if CHOSEN and point.partition(",")[0] != CHOSEN:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        for name, held in state.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(held)
        now = parts(folder)
        assert now in ({0}, {0, 1}), f"{point}: holds {now}"
        store = Store(folder)
        bad = {n: store.damage(n, part) for n, part in store.manifest().items()}
        assert not any(bad.values()), f"{point}: {bad}"
        assert set(store.curves()["seed"]) == now, point
        counts[len(now)] += 1
        trainer.asked()
        run(study(2), folder)
        assert trainer.asked() == ([] if 1 in now else [1]), point
        found = content(folder)
        odd = {n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n)}
        assert not odd, f"{point}: other bytes: {odd}"
    print(f"{sum(counts.values())} states, {counts[1]} with the old networks, {counts[2]} with all")
    assert CHOSEN or min(counts.values()) > 10
