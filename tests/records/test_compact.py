"""Compacted runs: the same rows and weights in fewer files, the same bytes however often."""

import contextlib
import errno
import itertools
import json
import shutil

import numpy as np
import polars as pl
import pytest

from primacy.records import compact, files, parts
from primacy.records.compact import compact as compacted
from primacy.records.parquet import facts
from primacy.records.store import Store, StoreError
from tests.cli.test_app import called
from tests.faults.disk import Disk, Killed
from tests.faults.test_faults import content
from tests.records.test_store import KEY, RECORD, block

SEEDS = 7


@pytest.fixture
def store(tmp_path):
    """Seven networks, a part each, committed in no order."""
    store = Store(tmp_path / "run")
    with store.locked():
        store.begin(RECORD, "name = 'tiny'\n")
        for seed in (3, 0, 6, 1, 5, 2, 4):
            store.commit(*block(seed))
    return store


@pytest.fixture
def small(monkeypatch):
    """Limits that seven networks of one row and 8 bytes each reach: parts of 3, 3 and 1."""
    monkeypatch.setattr(compact, "MAX_ROWS", 3)
    monkeypatch.setattr(compact, "MAX_AT_ONCE", 2)
    monkeypatch.setattr(parts, "MAX_AT_ONCE", 2)


def run_compact(store):
    with store.locked():
        return compacted(store)


def test_rows_and_weights_stay(store, small):
    before, lanes = store.curves(), store.lanes()
    assert run_compact(store) == 3
    assert store.curves().equals(before)
    assert store.lanes().equals(lanes)
    for seed in range(SEEDS):
        assert store.weights(KEY, seed)["output/bias"].tolist() == [seed, seed]
    assert len(list((store.folder / "curves").iterdir())) == 3
    assert [
        len(part["lanes"])
        for part in sorted(store.manifest().values(), key=lambda part: part["lanes"][0]["seed"])
    ] == [3, 3, 1]


def test_the_same_bytes_however_often_and_however_it_came_about(store, small, tmp_path):
    """Compacted at once, twice, or before and after it grew."""
    other = Store(tmp_path / "other")
    with other.locked():
        other.begin(RECORD, "name = 'tiny'\n")
        for seed in range(4):
            other.commit(*block(seed))
        compacted(other)
        for seed in range(4, SEEDS):
            other.commit(*block(seed))
    run_compact(other)
    run_compact(store)
    once = content(store.folder, whole=True)
    run_compact(store)
    assert content(store.folder, whole=True) == once
    assert content(other.folder, whole=True) == once


def test_parts_of_other_origin_are_not_mixed(store):
    with store.locked():
        table, lanes, weights, origin = block(SEEDS)
        store.commit(table, lanes, weights, {**origin, "versions": {"jax": "0"}})
    assert run_compact(store) == 2
    assert {len(part["lanes"]) for part in store.manifest().values()} == {1, SEEDS}


def test_a_compacted_part_tells_its_networks_by_row_group(store, small, monkeypatch):
    """Sorted, so that a reader of some networks need not read the others' rows."""
    monkeypatch.setattr(compact, "MAX_ROWS", 100)
    assert run_compact(store) == 1
    (path,) = (store.folder / "curves").iterdir()
    assert facts(path.read_bytes()).rows == SEEDS
    assert pl.read_parquet(path)["seed"].to_list() == list(range(SEEDS))


def test_what_is_done_to_a_damaged_run_is_nothing(store):
    (path, *_) = sorted((store.folder / "checkpoints").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    before = content(store.folder, whole=True)
    with store.locked(), pytest.raises(files.Damaged, match=path.name):
        compacted(store)
    assert content(store.folder, whole=True) == before


def test_every_operation_of_it_fails_or_dies(small, tmp_path):
    """The networks stay stored at every moment, and the same call ends with the same bytes."""
    store, wanted, trial = (Store(tmp_path / name) for name in ("run", "wanted", "trial"))
    with store.locked():
        store.begin(RECORD, "name = 'tiny'\n")
        for seed in (2, 1, 0):
            store.commit(*block(seed))
    shutil.copytree(store.folder, wanted.folder)
    run_compact(wanted)
    rows, bytes_ = wanted.curves(), content(wanted.folder, whole=True)
    seen = set()
    for n in itertools.count(1):
        shutil.rmtree(trial.folder, ignore_errors=True)
        shutil.copytree(store.folder, trial.folder)
        failing = contextlib.suppress(Killed, OSError, StoreError)
        with Disk(trial.folder, n, error=(None, errno.ENOSPC)[n % 2]) as disk, failing:
            run_compact(trial)
        if disk.hit is None:
            break
        state = repr(sorted(content(trial.folder, whole=True).items()))
        if state not in seen:
            seen.add(state)
            point = f"operation {n}, {disk.hit}"
            assert trial.stored() == {(KEY, seed) for seed in range(3)}, point
            assert trial.curves().equals(rows), point
            run_compact(trial)
            assert content(trial.folder, whole=True) == bytes_, point
    print(f"{n - 1} operations, {len(seen)} states")
    assert n > 50
    assert len(seen) > 8


def test_the_command(store, capsys):
    told = called(capsys, "compact", store.folder, "--json")
    assert (told[0], json.loads(told[1])) == (0, {"before": SEEDS, "after": 1})
    assert called(capsys, "compact", store.folder)[1] == "1 parts, as before\n"
    assert called(capsys, "verify", store.folder)[1] == "all 1 parts intact\n"
    assert np.isfinite(store.curves()["value"].to_numpy()).all()
