"""`primacy doctor`: the facts are the machine's, the plan is the run's, the bits are measured."""

import json
import os

import numpy as np
import pytest

from primacy.cli import app, doctor
from primacy.engine import forecast, machine
from primacy.engine.plan import plan
from tests.support import tiny


def test_the_speed_of_matrix_products_is_a_rate():
    """Oracle: no core does less than one or more than 10,000 of the GFLOP/s that this counts."""
    assert 1 < machine.gemm(1, seconds=0.05) < 10_000


def test_the_plan_adds_up_to_the_runs(tmp_path):
    study = tiny.study(conditions={"a": tiny.condition(), "b": tiny.condition(batch_size=16)})
    whole = plan(study)
    rows = doctor.planned(study, gflops=10.0, at_once=2)["plan"]
    assert [row["conditions"][0] for row in rows] == ["a", "b"]
    assert sum(row["networks"] for row in rows) == whole.lanes == 14
    assert sum(row["controls"] for row in rows) == whole.control_lanes > 0
    assert sum(row["blocks"] for row in rows) == len((*whole.blocks, *whole.control_blocks))
    assert {row["width"] for row in rows} == {block.width for block in whole.blocks}
    assert all(0 < row["memory_bytes"] < whole.memory for row in rows)  # programs add up


def test_seconds_are_work_over_speed(tmp_path):
    """Oracle: the sum, written out."""
    study = tiny.study(controls="none")
    todo = plan(study)
    (slow,) = forecast.structures(todo, gflops=1e-3, at_once=1)
    (fast,) = forecast.structures(todo, gflops=1e30, at_once=1)
    (c,) = todo.record.conditions
    charges = len(todo.blocks) * c.budget * forecast.STEP_SECONDS
    charges += todo.lanes * len(c.steps) * forecast.LOOK_SECONDS
    assert fast["seconds"] == pytest.approx(charges)
    work = todo.multiplications / (1e6 * forecast.EFFICIENCY)
    assert slow["seconds"] == pytest.approx(work + charges)
    once = forecast.START_SECONDS + forecast.COMPILE_SECONDS
    assert forecast.seconds(todo, 1e-3, 1) == pytest.approx(work + charges + once)


def test_two_workers_share_structures_of_one_block(tmp_path):
    """Oracle: two structures of equal work on two workers take as long as one."""
    both = {"a": tiny.condition(), "b": tiny.condition(batch_size=16)}
    todo = plan(tiny.study(conditions=both, controls="none"))
    rows = forecast.structures(todo, gflops=1.0, at_once=2)
    cores = sum(row["core_seconds"] for row in rows)
    fixed = forecast.START_SECONDS + forecast.COMPILE_SECONDS
    assert forecast.seconds(todo, 1.0, 2) == pytest.approx(cores / 2 + fixed)


def test_the_largest_difference_of_two_arrays():
    nan = np.nan
    assert doctor.largest_difference(np.array([1.0, nan]), np.array([1.5, nan])) == 0.5
    assert np.isnan(doctor.largest_difference(np.array([nan]), np.array([0.0])))
    assert doctor.largest_difference(np.zeros(0), np.zeros(0)) == 0.0


def test_a_specimen_is_the_studys_first_network_cut_to_a_few_steps():
    study = tiny.study()
    (cut,) = doctor.specimen(study).conditions.values()
    assert cut.budget == doctor.STEPS
    assert (cut.task, cut.model) == (tiny.condition().task, tiny.condition().model)


def test_the_command_says_it_all(capsys, monkeypatch):
    monkeypatch.setattr(machine, "gemm", lambda processes, seconds=0.5: 50.0 * processes)
    with pytest.raises(SystemExit) as ended:
        app.main(["doctor", "--json"])
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert found["gemm_gflops"] == {"one_core": 50.0, "all_cores": 50.0 * machine.cores()}
    assert "plan" not in found
    rows = {row["what"]: row for row in found["determinism"]}
    same = [row["same"] for what, row in rows.items() if not what.startswith("width")]
    assert len(same) == 6
    assert all(same)  # whatever the machine: these are promised
    for row in rows.values():
        assert row["same"] == (row["largest"] == 0)
    doctor_said = doctor.told(found)
    assert doctor_said.renderables
