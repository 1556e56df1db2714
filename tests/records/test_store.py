"""Nothing lost, nothing half-written: the run folder under failures."""

import errno
import json
import os
import resource
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from primacy.records import curves
from primacy.records.held import read as read_folder
from primacy.records.store import TEMPORARY, Damaged, Store, StoreError, part_name, write
from primacy.study.describe import describe
from tests.support import tiny

RECORD = describe(tiny.study())
KEY = RECORD.conditions[0].key


def block(seed: int):
    table = curves.frame([(KEY, seed, 0, "test", None, "linear", "linear", "accuracy", 0.5)])
    lanes = pl.DataFrame([(KEY, seed, "budget", 24)], schema=dict(curves.LANES), orient="row")
    weights = {f"{KEY}/{seed}/output/bias": np.full(2, seed, np.float32)}
    return table, lanes, weights, {"block_width": 1}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "run")
    with store.locked():
        store.begin(RECORD, "name = 'tiny'\n")
        store.commit(*block(0))
    return store


def test_what_is_committed_is_read_back(store):
    store.commit(*block(1))
    assert store.stored() == {(KEY, 0), (KEY, 1)}
    assert store.record() == RECORD
    assert store.curves()["seed"].to_list() == [0, 1]
    assert store.lanes().rows() == [(KEY, 0, "budget", 24), (KEY, 1, "budget", 24)]
    assert store.weights(KEY, 1)["output/bias"].tolist() == [1, 1]


def test_equal_blocks_make_equal_bytes(store, tmp_path):
    other = Store(tmp_path / "other")
    with other.locked():
        other.begin(RECORD, "name = 'tiny'\n")
        other.commit(*block(0))
    for path in sorted(store.folder.rglob("*")):
        if path.is_file() and path.name != ".lock":
            twin = other.folder / path.relative_to(store.folder)
            assert path.read_bytes() == twin.read_bytes()


FAILING = {
    "open": (Path, "open"),
    "fsync": (os, "fsync"),
    "rename": (Path, "replace"),
    "folder": (os, "open"),
    "read": (Path, "read_bytes"),
}


@pytest.mark.parametrize("what", FAILING)
def test_every_failing_call_leaves_the_old_state_or_the_new(store, monkeypatch, what):
    """As SQLite is tested: the n-th call fails, for every n until none does."""
    place, name = FAILING[what]
    real, failures = getattr(place, name), 0
    for n in range(1, 100):
        calls = 0

        def shim(*args, n=n, **kwargs):
            nonlocal calls
            calls += 1
            if calls == n:
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)

        before = store.stored()
        seed = 10 * n
        with monkeypatch.context() as patch:
            patch.setattr(place, name, shim)
            try:
                store.commit(*block(seed))
            except (OSError, StoreError):
                failures += 1
        after = store.stored()
        assert after in (before, before | {(KEY, seed)})
        assert store.curves().height == len(after)
        json.loads((store.folder / "manifest.json").read_text())
        if calls < n:
            break
    assert failures >= 1
    assert calls < n  # the last round ran through
    assert (KEY, seed) in store.stored()


def test_half_written_files_are_swept_and_nothing_else(store):
    (store.folder / "curves" / f"part-x.parquet.1{TEMPORARY}").write_bytes(b"half")
    (store.folder / "notes.txt").write_text("mine")
    with store.locked():
        pass
    assert not list(store.folder.rglob(f"*{TEMPORARY}"))
    assert (store.folder / "notes.txt").read_text() == "mine"


def test_a_second_writer_is_refused(store):
    refused = pytest.raises(StoreError, match=r"in use by another run \(pid \d+")
    with store.locked(), refused, Store(store.folder).locked():
        pass


def test_the_lock_of_a_process_that_is_gone_is_no_lock(store):
    path = store.folder / ".lock"
    path.write_text("pid 1 on another machine since 1999-12-31 23:59:59")
    with store.locked():
        assert path.read_text().startswith(f"pid {os.getpid()} on ")


def test_a_file_system_without_locks_is_refused(store, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(StoreError, match="cannot be locked: No locks available"), store.locked():
        pass


def test_a_limit_on_the_size_of_files_leaves_the_old_state(store):
    """A limit of the system's own, and no stand-in for one."""
    own = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, own[1]))
    try:
        with pytest.raises((OSError, StoreError), match="File too large"):
            store.commit(*block(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, own)
    assert store.stored() == {(KEY, 0)}
    store.commit(*block(1))
    assert store.stored() == {(KEY, 0), (KEY, 1)}
    assert store.curves()["seed"].to_list() == [0, 1]


def test_a_read_only_folder_is_refused_before_anything(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    refused = pytest.raises(StoreError, match="cannot be written to: Permission denied")
    with refused, Store(tmp_path / "x").locked():
        pass


@pytest.mark.parametrize("harm", ["truncated", "flipped", "missing", "link"])
@pytest.mark.parametrize("kind", ["curves/*.parquet", "checkpoints/*.safetensors"])
def test_a_damaged_part_is_named_and_trained_again(store, harm, kind):
    store.commit(*block(1))
    (path,) = store.folder.glob(kind.replace("*", part_name([(KEY, 1)])))
    content = path.read_bytes()
    if harm == "truncated":
        path.write_bytes(content[:-1])
    elif harm == "flipped":
        path.write_bytes(content[:30] + bytes([content[30] ^ 1]) + content[31:])
    else:
        path.unlink()
        if harm == "link":
            path.symlink_to("/dev/zero")
    assert store.stored() == {(KEY, 0)}
    with pytest.raises(Damaged, match=path.name):
        store.curves()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"parts": []}', b'{"parts": {"../../x": {"lanes": []}}}', b"\xff",
     b'{"parts": {"part-0": {"lanes": [{"condition": 1}]}}}', b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_manifest_is_an_error_with_a_cure(store, content):
    (store.folder / "manifest.json").write_bytes(content)
    with pytest.raises(Damaged, match=r"manifest\.json is damaged"):
        store.manifest()


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"format": 1}', b"\xff\x00"])
def test_a_damaged_record_is_an_error(store, content):
    (store.folder / "study.lock.json").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        store.record()


def test_a_newer_format_is_refused(store):
    path = store.folder / "study.lock.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "format": 99, "surprise": 1}))
    with pytest.raises(StoreError, match=r"format 99.*Update primacy"):
        store.record()


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path):
    with pytest.raises(StoreError, match="not a run folder"):
        Store(tmp_path).record()


def test_a_failing_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))
    with pytest.raises(OSError, match="I/O error"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_damaged_part_is_moved_aside_and_never_overwritten(store):
    (curve,) = (store.folder / "curves").iterdir()
    (weight,) = (store.folder / "checkpoints").iterdir()
    good = curve.read_bytes()
    for turn in (b"first", b"second"):
        curve.write_bytes(turn)
        (found,) = read_folder(store.folder).damaged.values()
        assert found == [f"curves/{curve.name}: changed since it was written"]
        store.set_aside(read_folder(store.folder).damaged)
        assert not curve.exists()
        assert not weight.exists()
        assert store.manifest() == {}
        store.commit(*block(0))
    assert curve.read_bytes() == good
    assert read_folder(store.folder).damaged == {}
    kept = {path.name: path.read_bytes() for path in (store.folder / "damaged").iterdir()}
    assert len(kept) == 4
    assert kept[curve.name] == b"first"
    assert kept[f"{curve.stem}.2.parquet"] == b"second"


def test_a_folder_without_its_manifest_or_record_is_no_empty_one(store):
    """It was trained anew, over what it held."""
    record, listed = store.folder / "study.lock.json", store.folder / "manifest.json"
    told = record.read_bytes()
    record.unlink()
    with pytest.raises(Damaged, match=r"holds runs, but study\.lock\.json is missing"):
        store.begun()
    record.write_bytes(told)
    listed.unlink()
    for use in (store.stored, store.curves, lambda: store.commit(*block(1))):
        with pytest.raises(Damaged, match=r"manifest\.json is missing"):
            use()


def test_a_pipe_is_not_waited_for(store):
    (path,) = (store.folder / "curves").iterdir()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Damaged, match="no plain file"):
        store.curves()


@pytest.mark.parametrize("change", [
    {"seed": "0"}, {"seed": -1}, {"seed": 2**70}, {"seed": None}, {"end_step": 1.5},
    {"ended": "well"}, {"condition": 7},
])  # fmt: skip
def test_a_manifest_with_odd_lanes_is_damaged(store, change):
    path = store.folder / "manifest.json"
    told = json.loads(path.read_text())
    (part,) = told["parts"].values()
    part["lanes"][0] |= change
    path.write_text(json.dumps(told))
    with pytest.raises(Damaged, match="has a lane without"):
        store.lanes()


@pytest.mark.parametrize("change", [
    {"members": ["../../other"]}, {"members": [".."]}, {"seeds": [2**70]}, {"seeds": [0, 0]},
    {"seeds": []}, {"conditions": [{"steps": []}]}, {"conditions": [{"steps": [0, 4, 4]}]},
    {"conditions": [{"steps": [-4, 0]}]}, {"conditions": [{"steps_per_epoch": 0}]},
])  # fmt: skip
def test_a_record_that_no_study_has_is_damaged(store, change):
    """A member's name is a folder: one that leads out of the run folder was followed."""
    path = store.folder / "study.lock.json"
    told = json.loads(path.read_text())
    for condition in change.pop("conditions", []):
        told["conditions"][0] |= condition
    path.write_text(json.dumps(told | change))
    with pytest.raises(Damaged, match=r"study\.lock\.json is damaged"):
        store.record()
