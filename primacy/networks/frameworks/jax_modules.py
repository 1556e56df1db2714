"""A JAX network (flax nnx or linen, equinox, or any function) as one that can be measured."""

import contextlib
import importlib.metadata
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from primacy.networks.frameworks import layers as names
from primacy.networks.frameworks.jax_names import Edit, walked
from primacy.networks.frameworks.jax_parts import parted
from primacy.networks.frameworks.layers import Passage
from primacy.networks.frameworks.network import (
    DRAWS,
    Layer,
    NetworkRefused,
    Taken,
    kind_of,
    rows_of,
)

PACKAGES = {"nnx": "flax", "linen": "flax", "equinox": "equinox"}


class JaxNetwork:
    """A network of JAX arrays.

    Args:
        model: an nnx or equinox module, `(module, variables)` for linen, or any tree of arrays.
        layers: as of `TorchNetwork`; names are of what modules read (`fc1.input`), and those that
            the network's own code gives by `checkpoint_name`.
        forward: `forward(model, inputs)` for a whole batch, where the model is not called so.
        outputs: which part of the result are the outputs.
    """

    traced = True
    cannot: frozenset[str] = frozenset()

    def __init__(
        self,
        model: Any,
        layers: Sequence[str] | Mapping[str, Taken] | str | None = None,
        forward: Callable[[Any, Any], Any] | None = None,
        outputs: Callable[[Any], Any] | None = None,
    ) -> None:
        self._forward, self._outputs = forward, outputs
        self._asked = names.asked(layers)
        self._programs: dict[Any, Callable] = {}
        self.layers: tuple[Layer, ...] = ()
        self.width, self.row_sizes = 0, dict[str, int]()
        """Numbers of the outputs and of each layer's row, once the layers are found."""
        self._parts = parted(model, forward)

    @property
    def arrays(self) -> Any:
        """What programs take as their first argument."""
        return self._parts.arrays

    @property
    def framework(self) -> str:
        """nnx, linen, equinox or function."""
        return self._parts.framework

    def renew(self, model: Any) -> None:
        """The same network, later in its training."""
        parts = parted(model, self._forward)
        if parts.key != self._parts.key:
            self._programs = {}
        self._parts = parts

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Random states of NumPy and Python are put back; arrays cannot change, modules are copies.

        All that runs the network's own code traces it, so it never sees a user's NumPy arrays.
        """
        drawn = random.getstate(), np.random.get_state()
        try:
            yield
        finally:
            random.setstate(drawn[0])
            np.random.set_state(drawn[1])

    def meet(self, inputs: Any) -> None:
        """Find the layers on a few examples; refuse a network that cannot be measured."""
        x, order = _arrays(inputs), []

        def met(arrays: Any, x: Any) -> tuple[Any, dict[str, Any]]:
            out, seen = self._with(arrays, x)
            order[:] = seen  # in the order of the pass; what leaves a program is sorted by name
            return out, seen

        out, seen = jax.jit(met)(self.arrays, x)
        # Traced anew: what is drawn while a program is traced is a constant of that program.
        again = jax.jit(lambda arrays, x: self.outputs_of(arrays, x))(self.arrays, x)
        if not _alike(np.asarray(again), np.asarray(out)):
            raise NetworkRefused(DRAWS)
        held = {name: np.asarray(seen[name], np.float32) for name in order}
        passages = {
            name: Passage(value.shape[1:], names.digest(value), weights=True)
            for name, value in held.items()
            if value.ndim >= 2 and len(value) == rows_of(x)
        }
        taken: dict[str, Taken]
        if self._asked is not None:
            taken = names.chosen(self._asked, passages)
        else:
            ends = [names.digest(np.asarray(leaf)) for leaf in (*jax.tree.leaves(x), out)]
            taken = names.candidates(passages, ends)
        cuts = {name: self._cuts(x, name, held[name], np.asarray(out)) for name in taken}
        if self._asked is None:
            kept = names.thinned([name for name in taken if cuts[name]])
            taken = {name: how for name, how in taken.items() if name in kept}
        self.layers = tuple(
            Layer(name, passages[name].shape, how, cuts[name]) for name, how in taken.items()
        )
        self.width = out.shape[1]
        self.row_sizes = {x.name: _row(held[x.name], x.taken).shape[1] for x in self.layers}

    def answers(
        self, inputs: Any, layers: bool
    ) -> tuple[Float[np.ndarray, "n o"], dict[str, Float[np.ndarray, "n _"]]]:
        """Outputs and, if asked for, one row per example of each layer."""
        if not layers:
            return np.asarray(
                self.program("outputs", self.outputs_of)(self.arrays, _arrays(inputs))
            ), {}

        def both(arrays: Any, x: Any) -> tuple[Any, dict[str, Any]]:
            out, seen = self._with(arrays, x)
            return out, {own.name: _row(seen[own.name], own.taken) for own in self.layers}

        out, held = self.program("layers", both)(self.arrays, _arrays(inputs))
        return np.asarray(out), {own.name: np.asarray(held[own.name]) for own in self.layers}

    def slopes(self, inputs: Any, outputs: int) -> Float[np.ndarray, "o n d"]:
        """d output / d input of every example."""

        def every(arrays: Any, x: Any) -> Any:
            out, pull = jax.vjp(lambda x: self.outputs_of(arrays, x), x)
            ones = jnp.broadcast_to(jnp.eye(outputs)[:, None], (outputs, *out.shape))
            return jax.lax.map(lambda weights: pull(weights)[0].reshape(len(x), -1), ones)

        return np.asarray(self.program("slopes", every)(self.arrays, _arrays(inputs)))

    def pulled(
        self, inputs: Float[np.ndarray, "n ..."], weights: Float[np.ndarray, "n o"]
    ) -> Float[np.ndarray, "n d"]:
        """The gradient of sum(outputs * weights) along the inputs."""

        def pull(arrays: Any, x: Any, weights: Any) -> Any:
            return jax.vjp(lambda x: self.outputs_of(arrays, x), x)[1](weights)[0]

        found = self.program("pulled", pull)(self.arrays, *map(jnp.asarray, (inputs, weights)))
        return np.asarray(found).reshape(len(inputs), -1)

    def onward(
        self, layer: str, inputs: Any, rows: Float[np.ndarray, "n h"]
    ) -> Float[np.ndarray, "n o"]:
        """The outputs when a layer's rows are replaced; NaN for a layer that is no cut."""
        return np.asarray(self.onward_of(self.arrays, layer, _arrays(inputs), jnp.asarray(rows)))

    # The same where it is traced: no callback is needed

    def outputs_of(self, arrays: Any, x: Any) -> jax.Array:
        """Outputs of a batch; traced."""
        out = self._parts.run(arrays, x)
        out = self._outputs(out) if self._outputs is not None else getattr(out, "logits", out)
        return checked(out, len(jax.tree.leaves(x)[0]))

    def onward_of(self, arrays: Any, layer: str, x: Any, rows: Any) -> jax.Array:
        """Outputs when a layer's rows are replaced; traced."""
        (own,) = [candidate for candidate in self.layers if candidate.name == layer]
        edit = {layer: lambda held: _edited(held, rows, own.taken)}
        out = self._with(arrays, x, edit)[0]
        return out if own.cut else jnp.full_like(out, jnp.nan)

    # As a function of its parameters, which a study trains

    def beside(self) -> str:
        """What it keeps beside parameters: batch statistics or random keys; empty: nothing."""
        rest = self._parts.rest
        return "batch statistics or random keys" if jax.tree.leaves(rest) else ""

    def flat(self) -> dict[str, Any]:
        """All arrays by name."""
        paths, _ = jax.tree_util.tree_flatten_with_path(self.arrays)
        return {jax.tree_util.keystr(p, simple=True, separator="."): v for p, v in paths}

    def applied(self, params: Mapping[str, Any], inputs: Any) -> tuple[jax.Array, dict[str, Any]]:
        """Outputs and layers with other parameters; traced."""
        out, seen = self._with(self._unflat(params), inputs)
        return out, {own.name: _row(seen[own.name], own.taken) for own in self.layers}

    def applied_onward(
        self, params: Mapping[str, Any], layer: str, inputs: Any, rows: Any
    ) -> jax.Array:
        """Outputs when a layer's rows are replaced, with other parameters; traced."""
        return self.onward_of(self._unflat(params), layer, inputs, rows)

    def _unflat(self, params: Mapping[str, Any]) -> Any:
        tree = jax.tree.structure(self.arrays)
        return jax.tree.unflatten(tree, [params[name] for name in self.flat()])

    def run_with(self, about: Any, function: Callable, inputs: Any, given: Any) -> Any:
        """The result of `function(network, about, arrays, inputs, given)` as one program."""
        program = self.program(
            ("with", about), lambda arrays, x, given: function(self, about, arrays, x, given)
        )
        return program(self.arrays, inputs, given)

    def program(self, key: Any, function: Callable) -> Callable:
        """A compiled function, kept as long as the structure of the network is the same."""
        if key not in self._programs:
            self._programs[key] = jax.jit(function)
        return self._programs[key]

    def structure(self) -> dict[str, Any]:
        """Framework, module, shapes of parameters, and how each layer is taken."""
        return {
            "framework": self.framework,
            "module": self._parts.module,
            "parameters": {name: list(np.shape(v)) for name, v in self._named(".").items()},
            "modules": len({name.rpartition(".")[0] for name in self._named(".")}),
            "layers": {x.name: {"shape": list(x.shape), "taken": x.taken} for x in self.layers},
        }

    def versions(self) -> dict[str, str]:
        """Of its library."""
        package = PACKAGES.get(self.framework)
        return {package: importlib.metadata.version(package)} if package else {}

    def device(self) -> str:
        """Kind of the device that JAX computes on."""
        return jax.local_devices()[0].platform

    def count(self) -> int:
        """Numbers that gradients change."""
        return sum(int(np.size(v)) for v in self._named(".").values())

    def weights(self) -> dict[str, np.ndarray]:
        """The arrays that gradients change, by name."""
        return {name: np.asarray(v) for name, v in self._named("/").items()}

    def _named(self, separator: str) -> dict[str, Any]:
        flat, _ = jax.tree_util.tree_flatten_with_path(self._parts.learned)
        return {
            jax.tree_util.keystr(path, simple=True, separator=separator): leaf
            for path, leaf in flat
        }

    def _with(self, arrays: Any, x: Any, edit: Edit | None = None) -> tuple[Any, dict[str, Any]]:
        """Outputs and everything that has a name."""
        closed = jax.make_jaxpr(self.outputs_of)(arrays, x)
        seen: dict[str, Any] = {}
        leaves = jax.tree.leaves((arrays, x))
        (out,) = walked(closed.jaxpr, closed.consts, leaves, edit or {}, seen)
        return out, seen

    def _cuts(self, x: Any, name: str, held: np.ndarray, out: np.ndarray) -> bool:
        """Whether everything passes a layer: with it kept, other inputs change no output."""

        def kept(arrays: Any, x: Any) -> Any:
            turned = jax.tree.map(lambda v: jnp.roll(v, 1, 0), x)
            same = {name: lambda own: jnp.asarray(held, own.dtype)}
            return self._with(arrays, turned, same)[0]

        return _alike(np.asarray(jax.jit(kept)(self.arrays, x)), out)


def _alike(found: np.ndarray, out: np.ndarray) -> bool:
    """Whether outputs of two programs differ by rounding alone."""
    size = max(1.0, float(np.abs(np.nan_to_num(out)).max()))
    return bool(np.allclose(found, out, rtol=1e-4, atol=1e-5 * size, equal_nan=True))


def checked(result: Any, n: int) -> jax.Array:
    """Outputs as one row per example.

    Raises:
        NetworkRefused: they are something else.
    """
    if not isinstance(result, jax.Array):
        raise NetworkRefused(
            f"the network gives {kind_of(result)}; say which part are the outputs: "
            "outputs=lambda result: ..."
        )
    if jnp.iscomplexobj(result):
        raise NetworkRefused(
            "the network gives complex numbers; say which part are the outputs: "
            "outputs=lambda result: result.real"
        )
    if result.ndim == 1 and len(result) == n:
        result = result[:, None]
    if result.ndim != 2 or len(result) != n:
        raise NetworkRefused(
            f"the network gives shape {result.shape} for {n} examples; ({n}, outputs) was "
            "expected. For a function of one example: forward=lambda model, x: jax.vmap(model)(x)"
        )
    return result.astype(jnp.float32)


def _arrays(inputs: Any) -> Any:
    return jax.tree.map(jnp.asarray, dict(inputs) if isinstance(inputs, Mapping) else inputs)


def _positions(held: Any) -> tuple[int, ...]:
    """The axes of positions: in JAX channels are last."""
    return tuple(range(1, held.ndim - 1))


def _at(held: Any, taken: Taken) -> tuple[Any, ...]:
    place = -1 if taken == "last" else 0
    return (slice(None), *(place for _ in _positions(held)), slice(None))


def _row(held: Any, taken: Taken) -> Any:
    """What a layer holds as one row per example."""
    held = held.astype(jnp.float32)
    if taken == "flat" or held.ndim == 2:
        return held.reshape(len(held), -1)
    return held.mean(_positions(held)) if taken == "mean" else held[_at(held, taken)]


def _edited(held: Any, rows: Any, taken: Taken) -> Any:
    """What a layer holds when these are its rows; for a mean, every position moves alike."""
    if taken == "flat" or held.ndim == 2:
        return rows.reshape(held.shape).astype(held.dtype)
    if taken in ("last", "first"):
        return held.at[_at(held, taken)].set(rows.astype(held.dtype))
    change = (rows - _row(held, taken)).reshape(len(held), *[1] * (held.ndim - 2), -1)
    return (held + change).astype(held.dtype)
