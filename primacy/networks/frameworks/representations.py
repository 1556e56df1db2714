"""Representations alone, as arrays of a file: what they represent can be measured, not its use."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from primacy.measures.kinds import ONLY_A_NETWORK
from primacy.networks.frameworks import layers as names
from primacy.networks.frameworks.layers import Passage
from primacy.networks.frameworks.network import Layer, NetworkRefused, Taken

OUTPUTS = "outputs"
"""The array of a file that holds the network's outputs, if there is one."""


class StoredRepresentations:
    """What the layers of some network held for every declared example: `{layer: [n, ...]}`.

    It answers by row number, so it goes with `declared.rows_only`.
    """

    framework = "arrays"

    def __init__(self, held: Mapping[str, np.ndarray], width: int) -> None:
        """What was held, and how many outputs the network had, which may not be among it."""
        self.held = {name: np.asarray(array, np.float32) for name, array in held.items()}
        self._width = width
        self._asked: dict[str, Taken | None] | None = None
        self.layers: tuple[Layer, ...] = ()

    def choosing(
        self, layers: Sequence[str] | Mapping[str, Taken] | str | None = None
    ) -> "StoredRepresentations":
        """The same with these layers alone."""
        self._asked = names.asked(layers)
        return self

    def renew(self, model: "StoredRepresentations") -> None:
        """The same layers, later in the training."""
        self.held = model.held

    @property
    def cannot(self) -> frozenset[str]:
        """What only a network can answer; without outputs also all that is about these."""
        return (
            ONLY_A_NETWORK if OUTPUTS in self.held else ONLY_A_NETWORK | {"outputs", "fit_outputs"}
        )

    def __len__(self) -> int:
        return len(next(iter(self.held.values())))

    def evaluating(self) -> contextlib.AbstractContextManager[None]:
        """There is nothing to put back."""
        return contextlib.nullcontext()

    def meet(self, inputs: Any) -> None:
        """Find the layers: all arrays of the file but the outputs."""
        rows = {len(array) for array in self.held.values()}
        if len(rows) != 1 or int(np.max(inputs)) >= min(rows):
            told = ", ".join(f"{name} {len(array)}" for name, array in self.held.items())
            raise NetworkRefused(f"each array needs one row per declared example; there are {told}")
        passages = {
            name: Passage(array.shape[1:], b"")
            for name, array in self.held.items()
            if name != OUTPUTS and array.ndim >= 2
        }
        taken: dict[str, Taken]
        if self._asked is not None:
            taken = names.chosen(self._asked, passages)
        else:
            kept = names.thinned(list(passages))
            taken = {name: own.taken for name, own in passages.items() if name in kept}
        self.layers = tuple(
            Layer(name, passages[name].shape, how, False) for name, how in taken.items()
        )

    def answers(
        self, inputs: Any, layers: bool
    ) -> tuple[Float[np.ndarray, "n o"], dict[str, Float[np.ndarray, "n _"]]]:
        """The rows of these examples."""
        index = np.asarray(inputs).reshape(-1)
        nothing = np.zeros((len(self), self._width), np.float32)
        out = self.held.get(OUTPUTS, nothing).reshape(len(self), -1)[index]
        wanted = self.layers if layers else ()
        return out, {x.name: _row(self.held[x.name][index], x.taken) for x in wanted}

    def slopes(self, inputs: Any, outputs: int) -> Float[np.ndarray, "o n d"]:
        """There are none."""
        raise NetworkRefused("representations alone have no slopes")

    def pulled(
        self, inputs: Float[np.ndarray, "n ..."], weights: Float[np.ndarray, "n o"]
    ) -> Float[np.ndarray, "n d"]:
        """There are none."""
        raise NetworkRefused("representations alone have no slopes")

    def onward(
        self, layer: str, inputs: Any, rows: Float[np.ndarray, "n h"]
    ) -> Float[np.ndarray, "n o"]:
        """Nothing goes on from an array."""
        raise NetworkRefused("representations alone do not go on from an edited layer")

    def structure(self) -> dict[str, Any]:
        """The layers, and that nothing else is known."""
        return {
            "framework": self.framework,
            "module": "representations alone",
            "parameters": {},
            "modules": len(self.held),
            "layers": {x.name: {"shape": list(x.shape), "taken": x.taken} for x in self.layers},
        }

    def versions(self) -> dict[str, str]:
        """Of NumPy alone, which every record has."""
        return {}

    def device(self) -> str:
        """Arrays of a file."""
        return "cpu"

    def count(self) -> int:
        """Not known."""
        return 0

    def weights(self) -> dict[str, np.ndarray]:
        """There are none."""
        return {}


def _row(held: np.ndarray, taken: Taken) -> np.ndarray:
    """One row per example; positions are the middle axes."""
    if taken == "flat" or held.ndim == 2:
        return held.reshape(len(held), -1)
    middle = tuple(range(1, held.ndim - 1))
    if taken == "mean":
        return held.mean(middle)
    return held[(slice(None), *(-1 if taken == "last" else 0 for _ in middle))]
