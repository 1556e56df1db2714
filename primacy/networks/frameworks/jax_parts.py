"""A JAX network of any library as arrays and a function of them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from primacy.networks.frameworks.jax_names import name_equinox, name_nnx, naming_linen
from primacy.networks.frameworks.network import NetworkRefused, kind_of


class Parts(NamedTuple):
    """A network as arrays and a function of them."""

    arrays: Any
    framework: str
    key: Any
    """What decides the function; the compiled programs of another key are of no use."""
    run: Callable[[Any, Any], Any]
    """`run(arrays, inputs)`: its result, with names; traced."""
    learned: Any
    """The arrays that gradients change: no batch statistics, no random keys."""
    module: str
    rest: Any = None
    """The arrays of modules that are not learned."""


def parted(model: Any, forward: Callable | None) -> Parts:
    """A network as arrays and a function of them."""
    kinds = {kind.__module__.split(".")[0] for kind in type(model).__mro__}
    if "flax" in kinds and _is_nnx(model):
        return _nnx(model, forward)
    if "equinox" in kinds and forward is None:
        return _equinox(model)
    if isinstance(model, tuple) and len(model) == 2 and hasattr(model[0], "apply"):
        module, variables = model
        run = forward or (lambda given, x: given[0].apply(given[1], x))
        return _linen(module, variables, run)
    if forward is None:
        raise NetworkRefused(
            f"{kind_of(model)} cannot be called by itself; say how it is: "
            "forward=lambda model, inputs: ..., or give (module, variables) of flax linen"
        )
    return _function(model, forward)


def _is_nnx(model: Any) -> bool:
    from flax import nnx

    return isinstance(model, nnx.Module)


def _called(model: Any, x: Any) -> Any:
    return model(**x) if isinstance(x, dict) else model(x)


def _nnx(model: Any, forward: Callable | None) -> Parts:
    from flax import nnx

    graph, params, rest = nnx.split(model, nnx.Param, ...)

    def run(arrays: Any, x: Any) -> Any:
        copy = nnx.merge(graph, arrays[0], arrays[1])
        copy.eval()
        name_nnx(copy)
        return (forward or _called)(copy, x)

    learned = nnx.to_pure_dict(params)
    key = ("nnx", graph, forward)
    return Parts((params, rest), "nnx", key, run, learned, type(model).__name__, rest)


def _equinox(model: Any) -> Parts:
    import equinox as eqx

    arrays, static = eqx.partition(eqx.nn.inference_mode(model), eqx.is_inexact_array)

    def run(arrays: Any, x: Any) -> Any:
        whole = name_equinox(eqx.combine(arrays, static))
        return jax.vmap(lambda one: _called(whole, one))(x)

    key = ("equinox", jax.tree.structure(model))
    return Parts(arrays, "equinox", key, run, arrays, type(model).__name__)


def _linen(module: Any, variables: Any, forward: Callable) -> Parts:
    def run(arrays: Any, x: Any) -> Any:
        with naming_linen():
            return forward((module, arrays), x)

    held = dict(variables)
    learned = held.get("params", held)
    key = ("linen", module, forward, jax.tree.structure(held))
    return Parts(held, "linen", key, run, learned, type(module).__name__)


def _function(model: Any, forward: Callable) -> Parts:
    leaves, tree = jax.tree.flatten(model)
    are = [isinstance(leaf, (jax.Array, np.ndarray)) for leaf in leaves]
    static = [None if one else leaf for leaf, one in zip(leaves, are, strict=True)]

    def run(arrays: Any, x: Any) -> Any:
        own = iter(arrays)
        whole = [next(own) if one else s for s, one in zip(static, are, strict=True)]
        with naming_linen():
            return forward(jax.tree.unflatten(tree, whole), x)

    arrays = [leaf for leaf, one in zip(leaves, are, strict=True) if one]
    learned = model.get("params", model) if isinstance(model, Mapping) else arrays
    name = getattr(forward, "__name__", "function")
    return Parts(arrays, "function", ("function", tree, forward), run, learned, name)
