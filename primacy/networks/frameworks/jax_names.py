"""Values of a JAX network by name: read, or replaced, in its jaxpr.

A layer is a value that the network's code names (`jax.ad_checkpoint.checkpoint_name`), or that is
named in a copy of it: what each module with a matrix of weights reads. The network itself is not
changed; names are found through `jit`, `vmap` and `grad`.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import Literal

from primacy.networks.frameworks.layers import call_name

CALLS = {
    "pjit": "jaxpr",
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
"""Operations that call a program, and where they hold it."""

Edit = Mapping[str, Callable[[Any], Any]]


def walked(
    jaxpr: Any, consts: Sequence[Any], given: Sequence[Any], edit: Edit, seen: dict[str, Any]
) -> list[Any]:
    """The results of a jaxpr; what has a name is noted in `seen`, or replaced first."""
    held: dict[Any, Any] = {}
    held.update(zip(jaxpr.constvars, consts, strict=True))
    held.update(zip(jaxpr.invars, given, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else held[variable]

    for step in jaxpr.eqns:
        values = [read(v) for v in step.invars]
        inner = CALLS.get(step.primitive.name)
        if step.primitive.name == "name":
            name = call_name(step.params["name"], seen)
            value = edit[name](values[0]) if name in edit else values[0]
            seen[name] = value
            found = [value]
        elif inner is not None and inner in step.params and _named(step.params[inner]):
            body = step.params[inner]
            own = (body.jaxpr, body.consts) if hasattr(body, "jaxpr") else (body, ())
            found = walked(*own, values, edit, seen)
        else:
            bound = step.primitive.get_bind_params(step.params)
            functions, params = bound if isinstance(bound, tuple) else ((), bound)
            found = step.primitive.bind(*functions, *values, **params)
            found = found if step.primitive.multiple_results else [found]
        held.update(zip(step.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _named(body: Any) -> bool:
    return _has_names(body.jaxpr if hasattr(body, "jaxpr") else body)


@functools.lru_cache(maxsize=1024)
def _has_names(jaxpr: Any) -> bool:
    """Whether a name is in a jaxpr, or in one that it calls."""
    for step in jaxpr.eqns:
        inner = CALLS.get(step.primitive.name)
        if step.primitive.name == "name":
            return True
        if inner is not None and inner in step.params and _named(step.params[inner]):
            return True
    return False


def name_nnx(module: Any) -> None:
    """Name what each module with a matrix of weights reads, in a copy that nobody else has."""
    from flax import nnx

    for path, own in nnx.iter_modules(module):
        held = [v for v in vars(own).values() if isinstance(v, nnx.Param)]
        heavy = any(jnp.ndim(v[...]) >= 2 for v in held)
        if not heavy or isinstance(own, nnx.Embed) or own is module:
            continue
        kind, name = type(own), ".".join(map(str, path)) + ".input"
        own.__class__ = type(kind.__name__, (kind,), {"__call__": _naming(kind.__call__, name)})


def _naming(call: Callable, name: str) -> Callable:
    def named(self: Any, x: Any, *rest: Any, **more: Any) -> Any:
        return call(self, checkpoint_name(x, name), *rest, **more)

    return named


def name_equinox(model: Any) -> Any:
    """A copy in which what each linear or convolutional module reads has a name."""
    import equinox as eqx

    class Named(eqx.Module):
        inner: Any
        name: str = eqx.field(static=True)

        def __call__(self, x: Any, *rest: Any, **more: Any) -> Any:
            return self.inner(checkpoint_name(x, self.name), *rest, **more)

        def __getattr__(self, key: str) -> Any:
            return getattr(object.__getattribute__(self, "inner"), key)

    heavy = (eqx.nn.Linear, eqx.nn.Conv, eqx.nn.ConvTranspose)

    def is_one(part: Any) -> bool:
        return isinstance(part, heavy)

    def rename(path: Any, part: Any) -> Any:
        text = jax.tree_util.keystr(path, simple=True, separator=".")
        return Named(part, f"{text}.input") if is_one(part) and path else part

    return jax.tree_util.tree_map_with_path(rename, model, is_leaf=is_one)


def naming_linen() -> contextlib.AbstractContextManager[Any]:
    """While this lasts, what each Dense and Conv of flax linen reads is traced with a name."""
    if "flax.linen" not in sys.modules:
        return contextlib.nullcontext()
    import flax.linen as nn

    heavy = (nn.Dense, nn.DenseGeneral, nn.Conv, nn.ConvTranspose, nn.ConvLocal)

    def name(call: Callable, given: tuple, more: dict, context: Any) -> Any:
        own = isinstance(context.module, heavy) and context.method_name == "__call__"
        if own and given and context.module.path:
            path = ".".join(context.module.path) + ".input"
            given = (checkpoint_name(given[0], path), *given[1:])
        return call(*given, **more)

    return nn.intercept_methods(name)
