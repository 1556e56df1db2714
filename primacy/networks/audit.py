"""Checkpoints after the fact: each is measured as if it were met in training."""

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from primacy.networks import checkpoints
from primacy.networks.checkpoints import NPZ, PYTORCH, Checkpoint
from primacy.networks.declared import Declared, rows_only
from primacy.networks.frameworks.adapters import is_torch
from primacy.networks.frameworks.network import kind_of, one_line
from primacy.networks.frameworks.representations import StoredRepresentations
from primacy.networks.tracker import Tracker
from primacy.records.files import StoreError
from primacy.registry import RAISED
from primacy.result import Result

WARNING = (
    "checkpoints in PyTorch's own format are opened as weights only (weights_only=True), and still "
    "by a reader of pickles; safetensors is safer for files from others"
)


def audit(
    load: Callable[..., Any] | None,
    data: Declared,
    pattern: str,
    *,
    out: str | Path,
    condition: str = "checkpoints",
    layers: Sequence[str] = (),
    **how: Any,
) -> Result:
    """Measure every checkpoint; each seed becomes a run of the folder.

    Args:
        load: makes the network: `load()` returns an untrained PyTorch module that fits the
            weights, `load(arrays)` gets a checkpoint's arrays by name and returns a network of any
            framework. None: the files are npz of representations, `{layer: [n, ...]}` for all
            declared examples in their order (and maybe `outputs`).
        data: what it is measured on.
        pattern: a folder of checkpoints, or a path with `{step}` and maybe `{seed}`.
        out: the run folder.
        condition: what these networks are called.
        layers: as of `track`.
        **how: what `track` takes besides.

    Raises:
        StoreError: there are no checkpoints, or one does not fit.
    """
    every = checkpoints.found(pattern)
    if load is None and (other := [c.path.name for c in every if c.path.suffix not in NPZ]):
        raise StoreError(f"{other[0]} holds weights: name the function that makes the network")
    if load is not None and any(c.path.suffix in PYTORCH for c in every):
        print(f"primacy: {WARNING}", file=sys.stderr)
    told = {"layers": list(layers) or None, "condition": condition, **how}
    result = None
    for seed in dict.fromkeys(c.seed for c in every):
        own = [c for c in every if c.seed == seed]
        used = data if load is not None else rows_only(data)
        steps = [c.step for c in own]
        tracker = Tracker(used, out=out, seed=seed, evaluations=steps, **told)
        for checkpoint in own:
            if tracker.due(checkpoint.step):
                tracker.evaluate(_network(load, data, checkpoint), checkpoint.step)
        if tracker.refused:
            raise StoreError(f"seed {seed}: {tracker.refused}")
        result = tracker.finish() or result
    if result is None:
        raise StoreError(f"nothing was measured of {pattern}")
    return result


def _network(load: Callable[..., Any] | None, data: Declared, checkpoint: Checkpoint) -> Any:
    held = checkpoints.arrays(checkpoint.path)
    if load is None:
        width = sum(target.width for target in data.targets)
        return StoredRepresentations({k: np.asarray(v) for k, v in held.items()}, width)
    name = checkpoint.path.name
    try:
        if _takes_arrays(load):
            return load(held)
        model = load()
    except RAISED as error:
        raise StoreError(f"{name}: {load.__name__} raised {one_line(error)}") from error
    if not is_torch(model):
        raise StoreError(
            f"{load.__name__}() gave {kind_of(model)}; for other frameworks than PyTorch "
            f"write {load.__name__}(arrays), which gets the checkpoint's arrays by name"
        )
    return _filled(model, held, name)


def _takes_arrays(load: Callable[..., Any]) -> bool:
    """Whether it has an argument that must be given."""
    given = inspect.signature(load).parameters.values()
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in given
    )


def _filled(model: Any, held: dict[str, Any], name: str) -> Any:
    """A PyTorch module with these weights, all of them and no other."""
    tensors = {
        key: _tensor(value) if isinstance(value, np.ndarray) else value
        for key, value in held.items()
    }
    misfit = f"{name} does not fit the network"
    try:
        told = model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise StoreError(f"{misfit}: {str(error).splitlines()[-1].strip()}") from None
    if told.missing_keys or told.unexpected_keys:
        lacks = ", ".join(told.missing_keys[:3]) or "nothing"
        more = ", ".join(told.unexpected_keys[:3]) or "nothing"
        raise StoreError(f"{misfit}: it lacks {lacks} and has {more} besides")
    return model


def _tensor(array: np.ndarray) -> Any:
    """A tensor of an array; half precision of 16 bits is no type of NumPy's own."""
    import torch

    plain = array.astype(np.float32) if array.dtype.kind not in "fiub" else array
    return torch.from_numpy(np.array(plain))
