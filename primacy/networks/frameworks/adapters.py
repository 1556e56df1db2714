"""Which framework a network is of; its adapter is imported only then."""

import sys
from typing import Any, cast

from primacy.networks.frameworks.network import Network, NetworkRefused, kind_of
from primacy.networks.frameworks.representations import StoredRepresentations


def adapted(model: Any, **how: Any) -> Network:
    """A user's network as one that can be measured.

    Args:
        model: a PyTorch or Lightning module; a flax nnx or an equinox module; or anything else
            with `forward=`, such as the variables of a flax linen module.
        how: `layers`, `forward` and `outputs`; see `Tracker`.

    Raises:
        NetworkRefused: it is none of these.
    """
    if isinstance(model, StoredRepresentations):
        given = {name: value for name, value in how.items() if value is not None}
        if set(given) - {"layers"}:
            raise NetworkRefused("representations alone take layers=, and nothing else")
        return cast("Network", model.choosing(**given))
    if is_torch(model):
        from primacy.networks.frameworks.pytorch import TorchNetwork

        return TorchNetwork(model, **how)
    pair = isinstance(model, tuple) and len(model) == 2 and hasattr(model[0], "apply")
    if not callable(model) and not pair and how.get("forward") is None:
        raise NetworkRefused(
            f"{kind_of(model)} is no network that can be called; say how it is: "
            "forward=lambda model, inputs: ..."
        )
    from primacy.networks.frameworks.jax_modules import JaxNetwork

    return JaxNetwork(model, **how)


def is_torch(model: Any) -> bool:
    """Whether it is a module of PyTorch; imports nothing."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def is_first_process() -> bool:
    """Whether this is the process of rank 0, or the only one: of several, it alone measures."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    distributed = getattr(torch, "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return jax is None or jax.process_index() == 0
