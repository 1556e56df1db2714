"""Layers of a PyTorch module: found, read and replaced by hooks that live for one forward pass."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from primacy.networks.frameworks import layers as names
from primacy.networks.frameworks.layers import Passage
from primacy.networks.frameworks.network import LayerError, NetworkRefused, Taken, kind_of

CHANNELS_FIRST = ("Conv", "BatchNorm", "InstanceNorm", "GroupNorm", "MaxPool", "AvgPool")
"""Parts of the names of modules that read examples as channels x positions."""

Act = Callable[[torch.Tensor, bool], torch.Tensor | None]
"""Sees what a layer holds, and whether channels come first; what it returns replaces it."""


def survey(model: torch.nn.Module, run: Callable[[], Any], n: int) -> dict[str, Passage]:
    """Every place that an array passes, in the order of the forward pass.

    Args:
        model: the module.
        run: passes `n` examples.
        n: their number.
    """
    modules = [(name, module) for name, module in model.named_modules() if name]
    heavy = {name for name, module in modules if _has_matrix(module)}
    found: dict[str, Passage] = {}

    def note(name: str, value: Any, **kind: bool) -> None:
        value = value[0] if isinstance(value, tuple) and value else value
        fits = isinstance(value, torch.Tensor) and value.is_floating_point()
        if fits and value.ndim >= 2 and len(value) == n:
            held = names.digest(host(value))
            found[names.call_name(name, found)] = Passage(tuple(value.shape[1:]), held, **kind)

    with contextlib.ExitStack() as stack:
        for name, module in modules:
            inside = sum(1 for other in heavy if other.startswith(f"{name}."))
            block = inside >= 2 or type(module) is torch.nn.Identity

            def before(_: Any, given: Any, more: Any, name: str = name) -> None:
                value = given[0] if given else next(iter(more.values()), None)
                note(f"{name}.input", value, weights=name in heavy)

            def after(_: Any, given: Any, out: Any, name: str = name, block: bool = block) -> None:
                note(name, out, block=block)

            stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(after).remove)
        run()
    return found


@contextlib.contextmanager
def watching(
    model: torch.nn.Module, layers: Sequence[str], note: Callable[[str, torch.Tensor, bool], None]
) -> Iterator[None]:
    """Call `note(name, value, channels_first)` with what each layer holds.

    Raises:
        NetworkRefused: nothing passed one of them.
    """
    seen = set()

    def noting(name: str) -> Act:
        def act(value: torch.Tensor, first: bool) -> None:
            seen.add(name)
            note(name, value.detach(), first)

        return act

    with contextlib.ExitStack() as stack:
        for name in layers:
            stack.callback(hook(model, name, noting(name)).remove)
        yield
    if missing := [name for name in layers if name not in seen]:
        raise NetworkRefused(f"nothing passed {missing[0]} in a forward pass")


@contextlib.contextmanager
def replacing(
    model: torch.nn.Module, name: str, edit: Callable[[torch.Tensor, bool], torch.Tensor]
) -> Iterator[None]:
    """Replace what a layer holds.

    Raises:
        NetworkRefused: the layer was not passed.
    """
    passed: list[int] = []

    def replace(held: torch.Tensor, first: bool) -> torch.Tensor:
        passed.append(1)
        return edit(held, first)

    handle = hook(model, name, replace)
    try:
        yield
    finally:
        handle.remove()
    if not passed:
        raise NetworkRefused(f"{name} was not passed in a forward pass: nothing was replaced")


def hook(model: torch.nn.Module, name: str, act: Act) -> Any:
    """Let `act(value, channels_first)` see or replace what a layer holds at its call."""
    module, reads, wanted = _place(model, name)
    first, calls = _channels_first(module), [0]

    def once(value: Any) -> torch.Tensor | None:
        calls[0] += 1
        if calls[0] != wanted:
            return None
        if not isinstance(value, torch.Tensor):
            raise NetworkRefused(f"{name} holds {kind_of(value)}, not an array")
        return act(value, first)

    def before(_: Any, given: tuple, more: dict[str, Any]) -> Any:
        key = next(iter(more), None) if not given else None
        new = once(given[0] if given else more.get(key or ""))
        if new is None:
            return None
        return ((new, *given[1:]), more) if given else (given, {**more, key or "": new})

    def after(_: Any, given: tuple, out: Any) -> Any:
        new = once(out[0] if isinstance(out, tuple) and out else out)
        if new is None:
            return None
        return (new, *out[1:]) if isinstance(out, tuple) else new

    if reads:
        return module.register_forward_pre_hook(before, with_kwargs=True)
    return module.register_forward_hook(after)


def _place(model: torch.nn.Module, name: str) -> tuple[torch.nn.Module, bool, int]:
    """The module of a layer, whether the layer is what it reads, and at which call."""
    path, _, call = name.partition(":")
    modules = dict(model.named_modules())
    if path in modules:
        return modules[path], False, int(call or 1)
    path = path.removesuffix(".input")
    if path not in modules:
        raise LayerError(f"the network has no module {path!r} any more")
    return modules[path], True, int(call or 1)


def _has_matrix(module: torch.nn.Module) -> bool:
    """Whether it has a matrix or a kernel of its own."""
    return any(p.ndim >= 2 for p in module.parameters(recurse=False))


def _channels_first(module: torch.nn.Module) -> bool:
    return any(part in type(module).__name__ for part in CHANNELS_FIRST)


def _axes(held: torch.Tensor, first: bool) -> tuple[int, ...]:
    """The axes of positions: all but the example and the channels."""
    channels_first = first or held.ndim > 3
    return tuple(range(2, held.ndim)) if channels_first else tuple(range(1, held.ndim - 1))


def _at(held: torch.Tensor, taken: Taken, first: bool) -> tuple[Any, ...]:
    """The index of the last or the first position."""
    place = -1 if taken == "last" else 0
    axes = _axes(held, first)
    return tuple(place if axis in axes else slice(None) for axis in range(held.ndim))


def row(held: torch.Tensor, taken: Taken, first: bool) -> torch.Tensor:
    """What a layer holds as one row per example."""
    held = held.float()
    if taken == "flat" or held.ndim == 2:
        return held.flatten(1)
    return held.mean(_axes(held, first)) if taken == "mean" else held[_at(held, taken, first)]


def edited(held: torch.Tensor, rows: torch.Tensor, taken: Taken, first: bool) -> torch.Tensor:
    """What a layer holds when these are its rows; for a mean, every position moves alike."""
    if taken == "flat" or held.ndim == 2:
        return rows.reshape(held.shape).to(held.dtype)
    if taken in ("last", "first"):
        new = held.clone()
        new[_at(held, taken, first)] = rows.to(held.dtype)
        return new
    change = rows - row(held, taken, first)
    for axis in _axes(held, first):
        change = change.unsqueeze(axis)
    return (held.float() + change).to(held.dtype)


def host(x: torch.Tensor) -> np.ndarray:
    return x.detach().float().cpu().numpy().copy()
