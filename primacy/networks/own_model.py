"""A model that is the user's own code, trained by primacy: PyTorch, flax or equinox.

A study file has `kind = "own"` and no more: whose code that is says the person who runs it, by
`--model my.py:make`. The kind is registered only then. The network is trained by the engine's own
programs, with the same examples, order, optimizer and evaluations as a built-in model.
"""

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic_core import core_schema

from primacy.errors import counted
from primacy.networks.frameworks.adapters import adapted, is_torch
from primacy.networks.frameworks.network import LayerError, NetworkRefused, one_line
from primacy.networks.probabilities import whatever_its_parameters
from primacy.registry import RAISED, models, spec
from primacy.types import Forward, Shape

CODE: dict[str, Callable[..., Any]] = {}
"""The functions that make networks, by the name that study files call them."""

MEETING_ROWS = 16

PROBABILITIES = (
    "whatever its weights are, the outputs lie between 0 and 1, as probabilities do; of classes, "
    "and of 0 and 1, primacy reads logits: leave out the last Sigmoid or Softmax"
)

STATE = "use primacy.track in your own training loop"


class Settings(tuple[tuple[str, Any], ...]):
    """Named settings, in order: made from a mapping, and hashable unlike one."""

    def __new__(cls, given: Mapping[str, Any] | Any = ()) -> "Settings":
        """Of `{"width": 32}`."""
        return super().__new__(cls, tuple(dict(given).items()))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        written = handler.generate_schema(dict[str, int | float | str | bool])
        return core_schema.no_info_after_validator_function(cls, written)


def give(name: str, make: Callable[..., Any]) -> None:
    """Let the studies of this process use a function that makes networks."""
    CODE[name] = make
    models["own"] = Own
    _met.cache_clear()
    _warn.cache_clear()


@spec
class Own:
    """A network that a function of yours makes: `make(inputs, outputs, seed, **settings)`.

    It gets those of these arguments that it names. `inputs` is the number of inputs, or the shape
    of one example that is more than a row; `outputs` their number, logits where they are of classes
    or of 0 and 1. Networks that keep more than parameters (batch statistics) or draw random
    numbers (dropout) are refused.
    """

    name: str = "own"
    """Which of the functions given with --model."""
    settings: Settings = dataclasses.field(default_factory=Settings)
    """Passed to it by name."""
    inputs: tuple[int, ...] = ()
    """The shape of one example; filled in."""
    outputs: int = 0
    """Filled in."""
    structure: str = ""
    """SHA-256 of framework, shapes of parameters and layers; filled in."""

    kind = "own"

    def bound(self, shape: Shape, outputs: int) -> "Own":
        """The same for a task: what its networks read and answer.

        Raises:
            NetworkRefused: no code was given for it, or the network cannot be trained here.
        """
        own = dataclasses.replace(self, inputs=shape, outputs=outputs, structure="")
        network = own.met()
        if whatever_its_parameters(network, _few(own)):
            _warn(f"{place(CODE[self.name])}: {PROBABILITIES}")
        told = json.dumps(network.structure(), sort_keys=True)
        return dataclasses.replace(own, structure=hashlib.sha256(told.encode()).hexdigest())

    def met(self) -> Any:
        """A network of this structure, with its layers found."""
        return _met(dataclasses.replace(self, structure=""))

    @property
    def one_by_one(self) -> bool:
        """Whether networks train one at a time: calls of PyTorch would wait for each other."""
        return bool(self.outputs) and not getattr(self.met(), "traced", False)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that everything passes, in the order of the forward pass.

        Empty while it is not known what the network reads and answers.
        """
        return tuple(layer.name for layer in self.met().layers) if self.outputs else ()

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Numbers of each layer's row."""
        return tuple(self.met().row_sizes.values()) if self.outputs else ()

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters, by name."""
        held = self.met().flat()
        return {name: jax.ShapeDtypeStruct(np.shape(v), np.float32) for name, v in held.items()}

    def cost(self, shape: Shape, outputs: int) -> int:
        """One for each parameter, which is too few where weights are used at many places."""
        return self.met().count()

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """First parameters; the function gets a seed drawn from the generator."""
        network = made(self, int(rng.integers(2**31)))
        return {name: np.array(value, np.float32) for name, value in network.flat().items()}

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and every layer."""
        outputs, layers = self.met().applied(params, inputs)
        return Forward(outputs, layers)

    def onward(self, params: PyTree, layer: str, reps: Float[Array, "n h"]) -> Float[Array, "n o"]:
        """The outputs when a layer's rows are `reps`; everything passes it, so inputs are zeros."""
        anything = jnp.zeros((reps.shape[0], *self.inputs), jnp.float32)
        return self.met().applied_onward(params, layer, anything, reps)


def made(model: Own, seed: int) -> Any:
    """An untrained network of the user's function.

    Raises:
        NetworkRefused: there is none, it fails, or makes something that cannot be trained here.
    """
    if model.name not in CODE:
        raise NetworkRefused(
            f'no code was given for the model "{model.name}": --model {model.name}=FILE.py:FUNCTION'
        )
    function = CODE[model.name]
    shape = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    offered = {"inputs": shape, "outputs": model.outputs, "seed": seed}
    takes = inspect.signature(function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        offered = {name: value for name, value in offered.items() if name in takes}
    try:
        found = _called(function, offered | dict(model.settings), seed)
    except RAISED as error:
        raise NetworkRefused(f"{place(function)} raised {one_line(error)}") from error
    if found is None:
        raise NetworkRefused(f"{place(function)} returned None; it should return the network")
    if is_torch(found):
        from primacy.networks.frameworks.pytorch_function import TorchFunction

        return TorchFunction(found)
    if any("flax.linen" in kind.__module__ for kind in type(found).__mro__):
        with _calling(model, 1):
            anything = jnp.zeros((1, *model.inputs), jnp.float32)
            variables = found.init(jax.random.key(seed), anything)
        if beside := sorted(set(variables) - {"params"}):
            raise NetworkRefused(f"the network keeps {', '.join(beside)}; {STATE}")
        return adapted((found, dict(variables)))
    network: Any = adapted(found)
    if beside := network.beside():
        raise NetworkRefused(f"the network keeps {beside} beside its parameters; {STATE}")
    return network


def place(function: Callable[..., Any]) -> str:
    """What messages call it: `my.py:make`."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{Path(file).name}:{name}" if file else name


@contextlib.contextmanager
def _calling(model: Own, rows: int) -> Iterator[None]:
    """Turns what a network raises when it is called into one line.

    Raises:
        NetworkRefused: it raised; says what it was called with.
    """
    shape = model.inputs
    each = counted(shape[0], "input") if len(shape) == 1 else f"shape {shape}"
    function = place(CODE[model.name])
    try:
        yield
    except (NetworkRefused, LayerError):
        raise
    except Exception as error:  # a network of the user may raise anything
        raise NetworkRefused(
            f"{function}: calling it with {counted(rows, 'example')} of {each} raised "
            f"{one_line(error)}; {function.rpartition(':')[2]}(inputs, outputs) should size the "
            "first layer by its inputs"
        ) from error


def _called(function: Callable[..., Any], given: dict[str, Any], seed: int) -> Any:
    """The function's network; PyTorch draws its first weights from the seed."""
    torch = sys.modules.get("torch")
    if torch is None:
        return function(**given)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return function(**given)


def _few(model: Own) -> Float[np.ndarray, "n *shape"]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(MEETING_ROWS, *model.inputs)).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _warn(text: str) -> None:
    """A line on stderr, once: a grid has many conditions of one function."""
    print(f"primacy: {text}", file=sys.stderr)


@functools.lru_cache(maxsize=64)
def _met(model: Own) -> Any:
    network = made(model, 0)
    with _calling(model, MEETING_ROWS):
        network.meet(_few(model))
    if network.width != model.outputs:
        raise NetworkRefused(
            f"the network has {counted(network.width, 'output')}; the task needs {model.outputs}"
        )
    return network
