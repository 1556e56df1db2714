"""A PyTorch module as a function of its parameters that JAX can differentiate, by callbacks.

So a study trains it by the engine's own programs: PyTorch computes outputs and gradients, and all
else (examples, order, optimizer, evaluations) is as for a built-in model.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from primacy.networks.frameworks.network import NetworkRefused, Taken
from primacy.networks.frameworks.pytorch import TorchNetwork
from primacy.networks.frameworks.pytorch_guard import plain
from primacy.networks.frameworks.pytorch_layers import edited, host, replacing, row, watching

STATEFUL = ("Dropout", "BatchNorm", "InstanceNorm")
"""Parts of the names of modules that are otherwise in training than in evaluation."""


class TorchFunction(TorchNetwork):
    """A module in evaluation mode, whose parameters are arguments.

    Raises:
        NetworkRefused: it has modules that are otherwise in training, or buffers.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(model)
        for name, module in self.model.named_modules():
            kind = type(module).__name__
            off = getattr(module, "p", 1) == 0 or getattr(module, "track_running_stats", 1) is False
            if any(part in kind for part in STATEFUL) and not off:
                raise NetworkRefused(
                    f"{name} ({kind}) draws random numbers or keeps statistics in training; use "
                    "primacy.track in your own training loop"
                )
        self.model.eval()
        self.width, self.row_sizes = 0, dict[str, int]()
        # A module's parameters are exchanged while it is called, so by one thread at a time.
        self._turn = threading.Lock()

    def meet(self, inputs: Any) -> None:
        """Find the layers, and how many numbers they and the outputs have."""
        super().meet(inputs)
        outputs, held = self.answers(inputs, True)
        self.width, self.row_sizes = outputs.shape[1], {k: v.shape[1] for k, v in held.items()}

    def flat(self) -> dict[str, np.ndarray]:
        """Parameters by name."""
        return {name: host(p) for name, p in self.model.named_parameters()}

    def applied(self, params: Mapping[str, Any], inputs: Any) -> tuple[jax.Array, dict[str, Any]]:
        """Outputs and layers; traced."""
        names = [layer.name for layer in self.layers]
        outputs, *rows = self._function()(dict(params), inputs)
        return outputs, dict(zip(names, rows, strict=True))

    def applied_onward(
        self, params: Mapping[str, Any], layer: str, inputs: Any, rows: Any
    ) -> jax.Array:
        """Outputs when a layer's rows are replaced; traced, and not differentiated."""
        (own,) = [x for x in self.layers if x.name == layer]

        def call(params: Any, inputs: Any, rows: Any) -> np.ndarray:
            new = torch.from_numpy(np.array(rows, np.float32))
            with self._turn, plain(self.model, gradients=False):
                edit = replacing(
                    self.model, layer, lambda held, first: edited(held, new, own.taken, first)
                )
                with edit:
                    return host(self._passed(_tensors(params), inputs))

        shape = jax.ShapeDtypeStruct((inputs.shape[0], self.width), jnp.float32)
        return jax.pure_callback(call, shape, dict(params), inputs, rows, vmap_method="sequential")

    def _passed(self, params: dict[str, torch.Tensor], inputs: Any) -> torch.Tensor:
        x = inputs if isinstance(inputs, torch.Tensor) else torch.from_numpy(np.array(inputs))
        out = torch.func.functional_call(self.model, params, (x,))
        return out[:, None] if out.ndim == 1 else out

    def _function(self) -> Callable[[Any, Any], Any]:
        """`(params, inputs) -> (outputs, *rows)`, with a derivative of the outputs."""
        sizes = (self.width, *self.row_sizes.values())

        def forward(params: Any, inputs: Any) -> Any:
            n = inputs.shape[0]
            shapes = [jax.ShapeDtypeStruct((n, size), jnp.float32) for size in sizes]
            return tuple(
                jax.pure_callback(self._answered, shapes, params, inputs, vmap_method="sequential")
            )

        function = jax.custom_vjp(forward)

        def back(kept: Any, weights: Any) -> Any:
            like = jax.tree.map(lambda v: jax.ShapeDtypeStruct(v.shape, jnp.float32), kept)
            return jax.pure_callback(
                self._slopes_of, like, *kept, weights[0], vmap_method="sequential"
            )

        function.defvjp(lambda p, x: (forward(p, x), (p, x)), back)
        return function

    def _answered(self, params: Any, inputs: Any) -> list[np.ndarray]:
        held: dict[str, np.ndarray] = {}
        taken: dict[str, Taken] = {layer.name: layer.taken for layer in self.layers}

        def note(name: str, value: torch.Tensor, first: bool) -> None:
            held[name] = host(row(value, taken[name], first))

        with (
            self._turn,
            plain(self.model, gradients=False),
            watching(self.model, list(taken), note),
        ):
            out = host(self._passed(_tensors(params), inputs))
        return [out, *(held[name] for name in taken)]

    def _slopes_of(self, params: Any, inputs: Any, weights: Any) -> Any:
        tensors = {name: value.requires_grad_(True) for name, value in _tensors(params).items()}
        x = torch.from_numpy(np.array(inputs)).requires_grad_(True)
        along = torch.from_numpy(np.array(weights))
        with self._turn, plain(self.model, gradients=True):
            out = self._passed(tensors, x)
            found = torch.autograd.grad(out, [*tensors.values(), x], along, materialize_grads=True)
        slopes = [host(slope) for slope in found]
        return dict(zip(tensors, slopes[:-1], strict=True)), slopes[-1]


def _tensors(params: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(value, np.float32)) for name, value in params.items()}
