"""Checkpoints that are damaged or hostile are one line. Oracle: no exception but StoreError."""

import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from primacy.networks import checkpoints
from primacy.records.files import StoreError
from tests.support.hostile_files import BAD_TENSORS

SMALL = ("unknown type", "no numbers", "nothing")
"""Other arrays than a run folder has; a network may have them."""


def array_of(shape, blanks=0):
    """A file of NumPy's that claims a shape and holds one number."""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}{' ' * blanks}"
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(head)) + head.encode() + bytes(4)


@pytest.mark.parametrize("what", [name for name in BAD_TENSORS if name not in SMALL])
def test_safetensors_that_are_none(tmp_path, what):
    path = tmp_path / "step-1.safetensors"
    path.write_bytes(BAD_TENSORS[what])
    with pytest.raises(StoreError, match=r"^step-1\.safetensors cannot be read: [^\n]+$"):
        checkpoints.arrays(path)


@pytest.mark.parametrize(
    "content", [array_of((10**12,)), array_of((1,), blanks=200_000), array_of((-1,)), b"", b"PK"]
)
def test_arrays_of_an_npz_that_are_none(tmp_path, content):
    """Terabytes claimed, a header of 200 kB, and what is no array."""
    path = tmp_path / "step-1.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(StoreError, match=r"^step-1\.npz cannot be read: [^\n]+$"):
        checkpoints.arrays(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"[" * 1000, b"\x80\x04K\x01."])
@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_files_that_are_something_else(tmp_path, content, ending):
    path = tmp_path / f"step-1{ending}"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read"):
        checkpoints.arrays(path)


def test_objects_of_python_are_not_made(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    np.savez(tmp_path / "step-1.npz", a=np.array([Evil()], dtype=object))
    with pytest.raises(StoreError, match="Object arrays cannot be loaded"):
        checkpoints.arrays(tmp_path / "step-1.npz")
    assert not (tmp_path / "made").exists()


def test_names_of_pickles_are_no_checkpoints(tmp_path):
    for name in ("step-1.pkl", "step-1.pickle", "step-1.joblib"):
        (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(StoreError, match="no checkpoint matches"):
        checkpoints.found(str(tmp_path))


def test_whole_files_are_read(tmp_path):
    held = {"a": np.arange(3, dtype=np.float32)}
    (tmp_path / "step-1.safetensors").write_bytes(save(held))
    np.savez(tmp_path / "step-1.npz", **held)
    for name in ("step-1.safetensors", "step-1.npz"):
        found = checkpoints.arrays(tmp_path / name)
        assert list(found) == ["a"] and (found["a"] == held["a"]).all()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["seed-1/step-10", "seed-1/step-20"], [(1, 10), (1, 20)]),
        (["seed2_epoch_3", "seed12_epoch_3"], [(2, 3), (12, 3)]),
        (["epoch=1-step=100", "epoch=2-step=200"], [(0, 100), (0, 200)]),
        (["step-1000.0", "step-2000.0"], [(0, 1000), (0, 2000)]),
    ],
)
def test_seed_and_step_of_a_name(tmp_path, names, found):
    for name in names:
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [(one.seed, one.step) for one in checkpoints.found(str(tmp_path))] == found


@pytest.mark.parametrize("name", ["seed-{}", "seed{}_final", "seed={}"])
def test_no_digit_of_a_seed_is_a_step(tmp_path, name):
    """The last weights of networks 10 and 11 are not steps 0 and 1 of network 1."""
    for seed in (10, 11):
        (tmp_path / f"{name.format(seed)}.npz").touch()
    with pytest.raises(StoreError, match="no checkpoint matches"):
        checkpoints.found(str(tmp_path))
