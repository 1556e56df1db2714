"""What a network of any framework must answer to be measured, and what is refused."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

Taken = Literal["flat", "mean", "last", "first"]
"""How a layer becomes one row per example: all its numbers, their mean over positions, or those of
the last or the first position."""

DRAWS = (
    "two evaluations of the same batch differ: the network draws random numbers in evaluation "
    "mode, and what is measured would be noise"
)
"""Why a network is refused."""


class NetworkRefused(ValueError):
    """A network that cannot be measured; one line that says why and the cure."""


class LayerError(ValueError):
    """A layer was asked for that the network does not have."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """A place in a network whose numbers are measured."""

    name: str
    """`blocks.0.mlp`: what that module gives; `fc1.input`: what it reads; `tied:2`: at its second
    call in one forward pass."""
    shape: tuple[int, ...]
    """Of what it holds for one example."""
    taken: Taken
    cut: bool
    """Whether everything that reaches the outputs passes it. Only then can the network go on from
    an edited layer; else the measures that edit it have no value."""


@runtime_checkable
class Network(Protocol):
    """A network that can be measured. One class per framework; arrays are NumPy's.

    `inputs` is an array or, for networks that read several, a mapping of arrays; the leading axis
    is the example.
    """

    layers: tuple[Layer, ...]
    cannot: frozenset[str]
    """Answers that it cannot give, by the argument name under which measures ask for them."""

    def renew(self, model: Any) -> None:
        """The same network, later in its training."""
        ...

    def evaluating(self) -> contextlib.AbstractContextManager[None]:
        """A context in which the network is asked; leaves it as it was.

        Raises:
            NetworkRefused: it changed its own parameters.
        """
        ...

    def meet(self, inputs: Any) -> None:
        """Find the layers, once, on a few examples.

        Raises:
            NetworkRefused: the network cannot be measured.
            LayerError: a layer that was asked for is not there.
        """
        ...

    def answers(
        self, inputs: Any, layers: bool
    ) -> tuple[Float[np.ndarray, "n o"], dict[str, Float[np.ndarray, "n _"]]]:
        """Outputs and, if asked for, one row per example of each layer."""
        ...

    def slopes(self, inputs: Any, outputs: int) -> Float[np.ndarray, "o n d"]:
        """d output / d input of every example; inputs flattened."""
        ...

    def pulled(
        self, inputs: Float[np.ndarray, "n ..."], weights: Float[np.ndarray, "n o"]
    ) -> Float[np.ndarray, "n d"]:
        """The gradient of sum(outputs * weights) along the inputs."""
        ...

    def onward(
        self, layer: str, inputs: Any, rows: Float[np.ndarray, "n h"]
    ) -> Float[np.ndarray, "n o"]:
        """The outputs when a layer's rows are replaced."""
        ...

    def structure(self) -> dict[str, Any]:
        """What decides a run and is not a weight: framework, module, shapes, layers (JSON)."""
        ...

    def count(self) -> int:
        """Numbers that training changes."""
        ...

    def weights(self) -> dict[str, np.ndarray]:
        """Parameters by name; levels are separated by `/`."""
        ...

    def versions(self) -> dict[str, str]:
        """Of its framework."""
        ...

    def device(self) -> str:
        """Where its parameters are."""
        ...


def rows_of(inputs: Any) -> int:
    """The number of examples."""
    return len(next(iter(inputs.values()))) if isinstance(inputs, Mapping) else len(inputs)


def picked(inputs: Any, index: Any) -> Any:
    """Some of the examples."""
    if isinstance(inputs, Mapping):
        return {name: array[index] for name, array in inputs.items()}
    return inputs[index]


def kind_of(value: Any) -> str:
    """What somebody's code gave, in a sentence: `an int`, `a dict`, `None`."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"


def one_line(error: BaseException) -> str:
    """An error of somebody's code: its type and the first line of its text."""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text[:300]}"
