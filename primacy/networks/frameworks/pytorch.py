"""A PyTorch module as a network that can be measured."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from primacy.networks.frameworks import layers as names
from primacy.networks.frameworks.network import (
    DRAWS,
    Layer,
    NetworkRefused,
    Taken,
    kind_of,
    picked,
    rows_of,
)
from primacy.networks.frameworks.pytorch_guard import plain, untouched, unwrapped
from primacy.networks.frameworks.pytorch_layers import (
    edited,
    host,
    replacing,
    row,
    survey,
    watching,
)

ROWS = 256
"""Examples that pass the network at once."""


class TorchNetwork:
    """A `torch.nn.Module`, asked in evaluation mode and left as it was.

    Args:
        model: the module; compiled ones and those in DistributedDataParallel are unwrapped.
        layers: names of layers or patterns (`layers.matching`), maybe each with how it is taken.
            None: what modules with weights read and what blocks give, at most eight.
        forward: `forward(model, inputs)` where `model(inputs)` (`model(**inputs)` for a mapping) is
            not how it is called.
        outputs: which part of the result are the outputs: `outputs=lambda r: r.logits`.
    """

    framework = "torch"
    cannot: frozenset[str] = frozenset()

    def __init__(
        self,
        model: torch.nn.Module,
        layers: Sequence[str] | Mapping[str, Taken] | str | None = None,
        forward: Callable[[Any, Any], Any] | None = None,
        outputs: Callable[[Any], Any] | None = None,
    ) -> None:
        self.model = unwrapped(model)
        self._forward = forward or _called
        self._outputs = outputs
        self._asked = names.asked(layers)
        self._inside = False
        self.layers: tuple[Layer, ...] = ()

    def renew(self, model: torch.nn.Module) -> None:
        """The same network, later in its training."""
        self.model = unwrapped(model)

    # What is asked

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Everything is as before when this ends; see `untouched`."""
        if self._inside:
            yield
            return
        self._inside = True
        try:
            with untouched(self.model):
                yield
        finally:
            self._inside = False

    def meet(self, inputs: Any) -> None:
        """Find the layers on a few examples; refuse a network that cannot be measured."""
        with self.evaluating():
            outputs = self._run(inputs)
            again = self._run(inputs)
            if not torch.equal(torch.nan_to_num(outputs), torch.nan_to_num(again)):
                raise NetworkRefused(DRAWS)
            passages = survey(self.model, lambda: self._run(inputs), rows_of(inputs))
            if self._asked is not None:
                taken = names.chosen(self._asked, passages)
            else:
                ends = [names.digest(host(v)) for v in _values(self._tensors(inputs))]
                taken = names.candidates(passages, [*ends, names.digest(host(outputs))])
            self.layers = tuple(
                Layer(name, passages[name].shape, how, False) for name, how in taken.items()
            )
            cuts = {name: self._cuts(inputs, name, outputs) for name in taken}
        if self._asked is None:
            kept = names.thinned([name for name in taken if cuts[name]])
            self.layers = tuple(x for x in self.layers if x.name in kept)
        self.layers = tuple(Layer(x.name, x.shape, x.taken, cuts[x.name]) for x in self.layers)

    def answers(
        self, inputs: Any, layers: bool
    ) -> tuple[Float[np.ndarray, "n o"], dict[str, Float[np.ndarray, "n _"]]]:
        """Outputs and, if asked for, one row per example of each layer."""
        wanted = {layer.name: layer for layer in self.layers} if layers else {}
        found: list[np.ndarray] = []
        held: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
        with self.evaluating():
            for part in _parts(inputs):
                seen: dict[str, np.ndarray] = {}

                def note(name: str, held: torch.Tensor, first: bool, seen: Any = seen) -> None:
                    # A row at once, so that no two layers are held whole at a time.
                    seen[name] = host(row(held, wanted[name].taken, first))

                with watching(self.model, list(wanted), note):
                    found.append(host(self._run(part)))
                for name in wanted:
                    held[name].append(seen[name])
        return np.concatenate(found), {name: np.concatenate(rows) for name, rows in held.items()}

    def slopes(self, inputs: Any, outputs: int) -> Float[np.ndarray, "o n d"]:
        """d output / d input of every example."""
        each = []
        with self.evaluating(), plain(self.model, gradients=True):
            for part in _parts(inputs):
                x = self._tensors(part).requires_grad_(True)
                out = self._run(x, gradients=True)
                slopes = [
                    torch.autograd.grad(
                        out[:, i].sum(), x, retain_graph=i + 1 < outputs, materialize_grads=True
                    )[0]
                    for i in range(outputs)
                ]
                each.append(np.stack([host(g).reshape(len(x), -1) for g in slopes]))
        return np.concatenate(each, axis=1)

    def pulled(
        self, inputs: Float[np.ndarray, "n ..."], weights: Float[np.ndarray, "n o"]
    ) -> Float[np.ndarray, "n d"]:
        """The gradient of sum(outputs * weights) along the inputs."""
        each = []
        with self.evaluating(), plain(self.model, gradients=True):
            for i in range(0, len(inputs), ROWS):
                x = self._tensors(inputs[i : i + ROWS]).requires_grad_(True)
                own = torch.from_numpy(np.array(weights[i : i + ROWS], np.float32)).to(x.device)
                out = self._run(x, gradients=True)
                (slope,) = torch.autograd.grad(out, x, own, materialize_grads=True)
                each.append(host(slope).reshape(len(x), -1))
        return np.concatenate(each)

    def onward(
        self, layer: str, inputs: Any, rows: Float[np.ndarray, "n h"]
    ) -> Float[np.ndarray, "n o"]:
        """The outputs when a layer's rows are replaced; NaN for a layer that is no cut."""
        (own,) = [x for x in self.layers if x.name == layer]
        found, at = [], 0
        with self.evaluating():
            for part in _parts(inputs):
                n = rows_of(part)
                new = torch.from_numpy(np.array(rows[at : at + n], np.float32))
                at += n

                def edit(held: torch.Tensor, first: bool, new: Any = new) -> torch.Tensor:
                    return edited(held, new.to(held.device), own.taken, first)

                with replacing(self.model, layer, edit):
                    found.append(host(self._run(part)))
        outputs = np.concatenate(found)
        return outputs if own.cut else np.full_like(outputs, np.nan)

    def structure(self) -> dict[str, Any]:
        """Framework, module, shapes of parameters, and how each layer is taken."""
        return {
            "framework": self.framework,
            "module": type(self.model).__name__,
            "parameters": {n: list(p.shape) for n, p in self.model.named_parameters()},
            "modules": sum(1 for _ in self.model.modules()),
            "layers": {x.name: {"shape": list(x.shape), "taken": x.taken} for x in self.layers},
        }

    def versions(self) -> dict[str, str]:
        """Of PyTorch."""
        return {"torch": str(torch.__version__)}

    def device(self) -> str:
        """Kinds of devices that hold parameters."""
        return ", ".join(sorted({p.device.type for p in self.model.parameters()})) or "cpu"

    def count(self) -> int:
        """Parameters that have gradients."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    def weights(self) -> dict[str, np.ndarray]:
        """Parameters by name; a shared one once, under its first name."""
        return {n.replace(".", "/"): host(p) for n, p in self.model.named_parameters()}

    # How

    def _tensors(self, inputs: Any) -> Any:
        """A copy as tensors where the network is: a network may write into its input."""
        if isinstance(inputs, Mapping):
            return {name: self._tensors(value) for name, value in inputs.items()}
        like = next(iter(self.model.parameters()), None)
        x = torch.from_numpy(np.array(inputs, copy=True))
        if like is None:
            return x
        both = x.is_floating_point() and like.is_floating_point()
        return x.to(like.device, like.dtype) if both else x.to(like.device)

    def _run(self, inputs: Any, gradients: bool = False) -> torch.Tensor:
        with plain(self.model, gradients):
            # A network may write into its input, and autograd refuses to write into a leaf.
            given = isinstance(inputs, torch.Tensor)
            x = inputs.clone() if given else self._tensors(inputs)
            result = self._forward(self.model, x)
            if self._outputs is not None:
                result = self._outputs(result)
            elif hasattr(result, "logits"):
                result = result.logits
            return checked(result, rows_of(x))

    def _cuts(self, inputs: Any, name: str, outputs: torch.Tensor) -> bool:
        """Whether everything passes a layer: with it kept, other inputs change no output."""
        held: list[torch.Tensor] = []
        with watching(self.model, [name], lambda _, value, first: held.append(value)):
            self._run(inputs)
        order = np.roll(np.arange(rows_of(inputs)), 1)
        turned = picked(inputs, order)
        with replacing(self.model, name, lambda value, first: held[0]):
            found = self._run(turned)
        size = max(1.0, float(torch.nan_to_num(outputs).abs().max()))
        return torch.allclose(found, outputs, rtol=1e-4, atol=1e-5 * size, equal_nan=True)


def checked(result: Any, n: int) -> torch.Tensor:
    """Outputs as one row per example.

    Raises:
        NetworkRefused: they are something else.
    """
    if not isinstance(result, torch.Tensor):
        what = kind_of(result)
        what += f" of {', '.join(map(str, result))}" if isinstance(result, Mapping) else ""
        raise NetworkRefused(
            f"the network gives {what}; say which part are the outputs: outputs=lambda result: ..."
        )
    if result.is_complex():
        raise NetworkRefused(
            "the network gives complex numbers; say which part are the outputs: "
            "outputs=lambda result: result.real"
        )
    if result.ndim == 1 and len(result) == n:
        result = result[:, None]
    if result.ndim != 2 or len(result) != n:
        raise NetworkRefused(
            f"the network gives shape {tuple(result.shape)} for {n} examples; ({n}, outputs) was "
            "expected"
        )
    return result.float()


def _called(model: Any, inputs: Any) -> Any:
    return model(**inputs) if isinstance(inputs, dict) else model(inputs)


def _parts(inputs: Any) -> Iterator[Any]:
    for i in range(0, rows_of(inputs), ROWS):
        own = slice(i, i + ROWS)
        if isinstance(inputs, Mapping):
            yield {name: value[own] for name, value in inputs.items()}
        else:
            yield inputs[own]


def _values(inputs: Any) -> list[Any]:
    return list(inputs.values()) if isinstance(inputs, dict) else [inputs]
