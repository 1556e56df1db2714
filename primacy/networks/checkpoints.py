"""Checkpoints in files: which there are, of which seed and step, and what is in them.

Nothing in a file is executed: safetensors and npz are plain arrays, and PyTorch's own format is
opened with `weights_only=True`, by name of the person who runs it and with a warning.
"""

import dataclasses
import functools
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from primacy.errors import shown
from primacy.records.files import StoreError
from primacy.records.store import MANIFEST

SAFETENSORS, NPZ = (".safetensors",), (".npz",)
PYTORCH = (".pt", ".pth", ".bin", ".ckpt")
ENDINGS = (*SAFETENSORS, *NPZ, *PYTORCH)

UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, OverflowError),
    *(SafetensorError, zipfile.BadZipFile, zlib.error),
)
"""What the readers raise on a file that is damaged, or that claims more than memory holds."""

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights beside other things."""


@dataclasses.dataclass(frozen=True, order=True)
class Checkpoint:
    """One file."""

    seed: int
    step: int
    path: Path


def found(pattern: str) -> list[Checkpoint]:
    """The checkpoints of a folder or a pattern, by seed and step.

    Args:
        pattern: a folder (the last number in a file's path is the step; one after "seed" the
            seed), or a path with `{step}` and maybe `{seed}` and `*` in it.

    Raises:
        StoreError: there are none, two are of the same step, or seeds differ in their steps.
    """
    root = Path(re.split(r"[{*]", pattern, maxsplit=1)[0])
    if root.is_dir() and root == Path(pattern):
        numbers_of = _by_numbers
    elif "{step}" in pattern:
        numbers_of = functools.partial(_by_pattern, re.compile(_regular(pattern)))
        root = root if root.is_dir() else root.parent
    else:
        raise StoreError(
            f"{shown(pattern)} is no folder of checkpoints; a pattern needs {{step}}, such as "
            "runs/seed-{seed}/step-{step}.safetensors"
        )
    every: list[Checkpoint] = []
    for path in sorted(root.rglob("*")):
        numbers = numbers_of(path.as_posix()) if path.suffix in ENDINGS else None
        ours = (path.parent.parent / MANIFEST).exists()  # a part of a run folder
        if numbers and path.is_file() and not ours:
            every.append(Checkpoint(*numbers, path))
    if not every:
        raise StoreError(
            f"no checkpoint matches {shown(pattern)} (files that end in {', '.join(ENDINGS)}, "
            "with the step in their name, behind the seed if that is there too)"
        )
    _check(every)
    return sorted(every)


def _by_numbers(path: str) -> tuple[int, int] | None:
    """Seed and step of a path: the number after the word seed, and the last one behind that."""
    stem = path.rpartition(".")[0]
    seed = re.match(r".*seed[-_=/ ]?(\d+)", stem, re.I | re.S)
    # No digit of a seed is a step: "seed-10" names none.
    step = re.fullmatch(r".*?(\d+)(?:\.0*)?\D*", stem[seed.end() if seed else 0 :], re.S)
    return step and (int(seed[1]) if seed else 0, int(step[1]))


def _by_pattern(pattern: re.Pattern[str], path: str) -> tuple[int, int] | None:
    """Seed and step of a path, from their places in a pattern."""
    found = pattern.fullmatch(path)
    return found and (int(found.groupdict().get("seed") or 0), int(found["step"]))


def _regular(pattern: str) -> str:
    places = {"{seed}": r"(?P<seed>\d+)", "{step}": r"(?P<step>\d+)", "*": r"[^/]*"}
    pieces = re.split(r"(\{seed\}|\{step\}|\*)", Path(pattern).as_posix())
    return "".join(places.get(piece) or re.escape(piece) for piece in pieces)


def _check(every: list[Checkpoint]) -> None:
    steps: dict[int, list[int]] = {}
    for one in every:
        own = steps.setdefault(one.seed, [])
        if one.step in own:
            raise StoreError(f"two checkpoints of seed {one.seed} are of step {one.step}")
        own.append(one.step)
    if len({tuple(sorted(own)) for own in steps.values()}) > 1:
        told = "; ".join(
            f"seed {seed}: {len(own)} from {min(own)} to {max(own)}"
            for seed, own in sorted(steps.items())[:4]
        )
        raise StoreError(f"the seeds have checkpoints at different steps ({told})")


def arrays(path: Path) -> dict[str, Any]:
    """The arrays of a checkpoint by name: NumPy's, or PyTorch tensors of PyTorch's own format.

    Raises:
        StoreError: it is more than a dictionary of arrays, or cannot be read.
    """
    if path.suffix in PYTORCH:
        return _of_pytorch(path)
    try:
        if path.suffix in SAFETENSORS:
            return load_file(path)
        # Opened here: NumPy leaves a file open that is no zip file.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            found = {name: held[name] for name in held.files}
        if not all(isinstance(value, np.ndarray) for value in found.values()):
            raise ValueError("an entry of it is no array")
        return found
    except UNREADABLE as error:
        told = shown((str(error).splitlines() or [type(error).__name__])[0][:200])
        raise StoreError(f"{path.name} cannot be read: {told}") from None


def _of_pytorch(path: Path) -> dict[str, Any]:
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - what torch raises here has no public name
        first = (str(error).splitlines() or [""])[0]
        raise StoreError(
            f"{path.name} holds more than weights and is not opened: {first}. Save "
            "model.state_dict() alone, best as safetensors"
        ) from None
    for key in NESTED:
        if isinstance(held, Mapping) and isinstance(held.get(key), Mapping):
            held = held[key]
    if not isinstance(held, Mapping) or not all(
        isinstance(value, torch.Tensor) for value in held.values()
    ):
        raise StoreError(f"{path.name} holds no dictionary of arrays")
    return dict(held)
