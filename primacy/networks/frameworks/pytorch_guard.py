"""A PyTorch module is asked in evaluation mode and left as it was, whatever happens meanwhile."""

import contextlib
import hashlib
import random
from collections.abc import Iterator

import numpy as np
import torch

from primacy.networks.frameworks.network import NetworkRefused

KEPT_BYTES = 256 << 20
"""Parameters up to this size are copied before a network is asked, to put them back."""

WRAPPERS = ("DistributedDataParallel", "DataParallel")
SHARDED = ("DTensor", "FlatParameter", "ShardedTensor")


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The module itself, out of `torch.compile` and DistributedDataParallel.

    Raises:
        NetworkRefused: its parameters are spread over several processes, or not made yet.
    """
    while True:
        if hasattr(model, "_orig_mod"):  # torch.compile
            model = model._orig_mod  # type: ignore[assignment]
        elif type(model).__name__ in WRAPPERS:
            model = model.module  # type: ignore[assignment]
        else:
            break
    names = {type(p).__name__ for p in model.parameters()}
    if names & set(SHARDED) or "FullyShardedDataParallel" in type(model).__name__:
        raise NetworkRefused(
            "the parameters are sharded over processes, so none of them can ask the whole "
            "network; save whole checkpoints and use `primacy audit`"
        )
    if "UninitializedParameter" in names:
        raise NetworkRefused(
            "the network has lazy modules whose parameters do not exist yet; pass it one batch "
            "before the first evaluation"
        )
    return model


@contextlib.contextmanager
def untouched(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards everything is as it was.

    Modes, buffers, gradients and the random states of PyTorch, NumPy and Python are put back. So
    are parameters, which no evaluation should change.

    Raises:
        NetworkRefused: a parameter or a gradient was changed.
    """
    modes = {module: module.training for module in model.modules()}
    buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    before = fingerprint(model)
    kept = _kept(model)
    gradients = {name: (p.grad, _version(p.grad)) for name, p in model.named_parameters()}
    fused = torch.backends.mha.get_fastpath_enabled()
    drawn = random.getstate(), np.random.get_state()
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=devices))
            # A compiled submodule would not see hooks that come after its compilation.
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            # The fused attention of evaluation mode passes by the modules inside it.
            torch.backends.mha.set_fastpath_enabled(False)
            model.eval()
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, mode in modes.items():
            module.training = mode
        _put_back_buffers(model, buffers)
        accumulated = _put_back_gradients(model, gradients)
        changed = fingerprint(model) != before
        if changed and kept is not None:
            with torch.no_grad():
                for name, p in model.named_parameters():
                    if name in kept:
                        p.copy_(kept[name])
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
        if changed:  # whatever else went wrong, this is what the user has to know
            put = "they were put back" if kept is not None else "THEY ARE CHANGED NOW"
            raise NetworkRefused(
                f"the network changes its own parameters when it is evaluated; {put}"
            )
        if accumulated:
            raise NetworkRefused(
                f"the network adds to the gradients of {accumulated[0]} when it is evaluated; "
                "the next step of training would use them"
            )


@contextlib.contextmanager
def plain(model: torch.nn.Module, gradients: bool) -> Iterator[None]:
    """Eager float arithmetic, whatever context the caller is in; PyTorch keeps it per thread."""
    kinds = {p.device.type for p in model.parameters()} or {"cpu"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad() if gradients else torch.no_grad())
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def fingerprint(model: torch.nn.Module) -> str:
    """What differs if a parameter was written to, also where its bytes are the same."""
    digest = hashlib.blake2b(digest_size=16)
    for name, parameter in model.named_parameters():
        held = parameter.detach()
        digest.update(f"{name} {tuple(held.shape)} {held.dtype} {_version(parameter)}".encode())
        if held.numel():
            content = held.contiguous().reshape(-1).view(torch.uint8)
            digest.update(content.cpu().numpy().tobytes())
    return digest.hexdigest()


def _version(tensor: torch.Tensor | None) -> int:
    """How often a tensor was written to; -1 where PyTorch does not count."""
    return -1 if tensor is None or tensor.is_inference() else tensor._version


def _kept(model: torch.nn.Module) -> dict[str, torch.Tensor] | None:
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    if size > KEPT_BYTES:
        return None
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def _put_back_buffers(model: torch.nn.Module, buffers: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            old = buffers.get(name)
            if old is None or old.shape != buffer.shape:
                continue
            if not torch.equal(torch.nan_to_num(buffer), torch.nan_to_num(old)):
                buffer.copy_(old)


def _put_back_gradients(
    model: torch.nn.Module, gradients: dict[str, tuple[torch.Tensor | None, int]]
) -> list[str]:
    """Names of parameters whose gradient was written to in place, which cannot be undone."""
    accumulated = []
    for name, p in model.named_parameters():
        old, version = gradients[name]
        if p.grad is not old:
            p.grad = old
        if old is not None and _version(old) != version:
            accumulated.append(name)
    return accumulated
