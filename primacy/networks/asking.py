"""One evaluation of a foreign network: it is asked once, and every measure shares the answers.

Measures are JAX programs, whatever computes the network. The few that make inputs or layers of
their own call it from inside their program: a JAX network directly, another by a callback.
"""

import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from primacy.errors import counted
from primacy.measures.kinds import NOT_NUMBERS
from primacy.networks.declared import Declared
from primacy.networks.frameworks.network import Network, NetworkRefused, rows_of
from primacy.networks.probabilities import as_probabilities
from primacy.networks.user_arrays import numbered_from_one
from primacy.registry import Measure
from primacy.rng import streams
from primacy.training.answers import Answers, Facts, Seen, measured, wanted
from primacy.types import LossName, Target


class Question(NamedTuple):
    """What is the same at every evaluation of a run: it decides the compiled programs."""

    measures: tuple[Measure, ...]
    facts: Facts
    loss: LossName
    layers: tuple[str, ...]
    outputs: int
    shape: tuple[int, ...] | None
    """Of one example; None where an example is no single array of numbers."""


def question(
    declared: Declared,
    network: Network,
    measures: tuple[Measure, ...],
    outputs: int,
    named: Sequence[str] = (),
) -> Question:
    """What a network is asked; measures that it cannot have are left out.

    Raises:
        NetworkRefused: one of them was asked for by name.
    """
    shape = declared.shape if declared.numeric else None
    cannot = set(network.cannot)
    cannot |= set() if shape is not None else NOT_NUMBERS
    own = tuple(m for m in measures if declared.loss in m.losses and cannot.isdisjoint(m.asks))
    for measure in measures:
        if measure.name in named and measure not in own:
            lacks = ", ".join(sorted(cannot & set(measure.asks))) or f"not {declared.loss}"
            raise NetworkRefused(f"{measure.name} has no value here: it needs {lacks}")
    layers = tuple(layer.name for layer in network.layers)
    return Question(own, facts(declared), declared.loss, layers, outputs, shape)


def facts(declared: Declared) -> Facts:
    """What measures have to know of the data."""
    features, targets = declared.features, declared.targets
    return Facts(
        own_targets=tuple(-1 if f.target is None else f.target for f in features),
        heads=tuple(target.width for target in targets),
        codes=tuple(len(f.levels) if len(f.levels) > 2 else 1 for f in features),
        features=tuple(f.name for f in features),
    )


def resolved(declared: Declared, outputs: int) -> Declared:
    """The data as the network's outputs mean them: two classes are one logit, or one for each.

    Raises:
        NetworkRefused: the network has another number of outputs.
    """
    targets: tuple[Target, ...] = declared.targets
    wide = sum(target.width for target in targets)
    pairs = [target for target in targets if target.width == 2]
    narrow = wide - len(pairs)
    if pairs and outputs == narrow:
        plain = tuple(
            dataclasses.replace(t, kind="binary", classes=()) if t in pairs else t for t in targets
        )
        loss = "sigmoid_cross_entropy" if len(pairs) == len(targets) else declared.loss
        return dataclasses.replace(declared, targets=plain, loss=loss)
    if outputs != wide:
        told = ", ".join(f"{t.name} {t.width}" for t in targets)
        also = f" or {narrow}" if pairs else ""
        hints = [
            numbered_from_one(target.name, declared.answers[:, i])
            for i, target in enumerate(targets)
            if target.classes == tuple(map(str, range(target.width)))
        ]
        raise NetworkRefused(
            f"the network has {counted(outputs, 'output')}; the targets need {wide}{also} "
            f"({told}){''.join(hints)}"
        )
    return declared


def ask(
    network: Network, declared: Declared, about: Question, seed: int, look: int
) -> dict[str, np.ndarray]:
    """Every measure of a network as it is now, by `measure/test`.

    Three more entries: `finite` and `loss_ratio`, see `training.answers.measured`, and
    `as_probabilities`.

    Args:
        network: which has met its layers.
        declared: the data.
        about: what is asked.
        seed: of the run; decides with which examples features are interchanged.
        look: number of the evaluation.

    Raises:
        NetworkRefused: the network cannot be measured now.
    """
    donors = streams(seed, "evaluation")("donors", look).permutation(len(declared.test))
    with network.evaluating(), on_host():
        given = {
            "fit": _seen(network, declared, about, declared.fit),
            "test": _seen(network, declared, about, declared.test, donors),
            "columns": _columns(declared, about),
            "donors": donors.astype(np.int32),
        }
        alone, calling = _split(about)
        # What calls no network does not depend on the shape of what that reads.
        found = _without_calls(alone._replace(shape=None))(given)
        if calling.measures:
            more = _with_calls(network, declared, calling, given)
            found = {**more, **found}
        held = given["test"]
        found["as_probabilities"] = as_probabilities(held.outputs, held.targets, declared.targets)
        return {name: np.asarray(value) for name, value in found.items()}


@contextmanager
def on_host() -> Iterator[None]:
    """Measures run on the CPU: the accelerator is the training's."""
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield


def _split(about: Question) -> tuple[Question, Question]:
    """The measures of answers alone, and those that call the network themselves."""
    calls = tuple(m for m in about.measures if {"forward", "onward"} & set(m.asks))
    rest = tuple(m for m in about.measures if m not in calls)
    return about._replace(measures=rest), about._replace(measures=calls)


def _seen(
    network: Network,
    declared: Declared,
    about: Question,
    rows: np.ndarray,
    donors: np.ndarray | None = None,
) -> Seen:
    """What a network makes of some examples; of those with donors also when interchanged."""
    inputs = declared.rows(rows)
    by_layer = any(m.by_layer for m in about.measures)
    outputs, layers = network.answers(inputs, by_layer)
    if outputs.shape[1] != about.outputs:
        raise NetworkRefused(
            f"the network has {counted(outputs.shape[1], 'output')}, and had {about.outputs}"
        )
    wants = wanted(about.measures, "test") if donors is not None else frozenset()

    def swapped(rest: bool) -> np.ndarray:
        take = rows[donors]
        every = []
        for k in range(len(declared.features)):
            changed = declared.swapped(k, rows, take, rest)
            nothing = np.full_like(outputs, np.nan)
            every.append(nothing if changed is None else network.answers(changed, False)[0])
        return np.stack(every)

    flat = np.zeros((len(rows), 0), np.float32)
    answered: dict[str, Any] = {
        "inputs": flat if about.shape is None else inputs.reshape(len(rows), -1),
        "features": declared.values[rows],
        "targets": declared.answers[rows],
        "outputs": outputs,
        "layers": layers,
        "swapped": swapped(False) if "swapped" in wants else None,
        "swapped_rest": swapped(True) if "swapped_rest" in wants else None,
        "slopes": network.slopes(inputs, about.outputs) if "slopes" in wants else None,
    }
    return Seen(**answered)


def _columns(declared: Declared, about: Question) -> np.ndarray:
    """Of each feature; none of one that is interchanged by a function."""
    width = 0 if about.shape is None else int(np.prod(about.shape))
    found = np.zeros((len(declared.features), width), bool)
    for row, feature in zip(found, declared.features, strict=True):
        row[list(feature.columns)] = True
    return found


def _worked_out(about: Question, given: Any, forward: Any = None, onward: Any = None) -> Any:
    """The measures of a question, from answers; traced."""
    return measured(
        about.measures,
        Answers(given["fit"], given["test"], forward=forward, onward=onward or {}),
        columns=given["columns"],
        donors=given["donors"],
        loss=about.loss,
        facts=about.facts,
        layers=about.layers,
    )


@functools.lru_cache(maxsize=32)
def _without_calls(about: Question) -> Callable[[Any], Any]:
    return jax.jit(functools.partial(_worked_out, about))


def _with_calls(network: Any, declared: Declared, about: Question, given: Any) -> Any:
    """The measures that call the network, which is JAX or answers by callbacks."""
    inputs = declared.rows(declared.test)
    if getattr(network, "traced", False):
        return network.run_with(about, _native, jax.tree.map(jnp.asarray, inputs), given)
    program, line = _calling(about)
    line.network, line.inputs, line.error = network, inputs, None
    try:
        found = jax.block_until_ready(program(given))
        if line.error is not None:
            raise line.error
        return found
    finally:
        line.network = line.inputs = None


def _native(network: Any, about: Question, arrays: Any, inputs: Any, given: Any) -> Any:
    """The same in one program, for a network that is JAX itself; traced."""

    def forward(rows: jax.Array) -> jax.Array:
        return network.outputs_of(arrays, rows.reshape(-1, *(about.shape or ())))

    onward = {
        name: functools.partial(network.onward_of, arrays, name, inputs) for name in about.layers
    }
    return _worked_out(about, given, forward if about.shape is not None else None, onward)


class _Line:
    """Who answers a compiled program's calls: it is compiled once, while the network changes.

    XLA calls back from several threads at once, and what one call hangs on the network (a layer
    that is replaced) must not be met by another: they come one after another.
    """

    def __init__(self) -> None:
        self.network: Any = None
        self.inputs: Any = None
        self.error: BaseException | None = None
        self._one_at_a_time = threading.Lock()

    def called(self, answer: Callable[[], np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """An answer; an error waits until the program is through, which it must be."""
        try:
            with self._one_at_a_time:
                if self.error is None:
                    return np.asarray(answer(), np.float32).reshape(shape)
        except BaseException as error:  # noqa: BLE001 - raised when the program is through
            self.error = error
        return np.full(shape, np.nan, np.float32)


@functools.lru_cache(maxsize=32)
def _calling(about: Question) -> tuple[Callable[[Any], Any], _Line]:
    """A program whose calls of the network are callbacks, and the line on which they come."""
    line = _Line()
    forward = _forward(about, line) if about.shape is not None else None
    onward = {name: _onward(about, line, name) for name in about.layers}
    return jax.jit(lambda given: _worked_out(about, given, forward, onward)), line


def _called_back(line: _Line, call: Callable[[np.ndarray], np.ndarray], outputs: int) -> Any:
    """A function of rows that is computed outside the program."""

    def host(rows: Any) -> np.ndarray:
        rows = np.array(rows)
        return line.called(
            lambda: call(rows.reshape(-1, rows.shape[-1])), (*rows.shape[:-1], outputs)
        )

    def function(rows: jax.Array) -> jax.Array:
        shape = jax.ShapeDtypeStruct((*rows.shape[:-1], outputs), jnp.float32)
        return jax.pure_callback(host, shape, rows, vmap_method="expand_dims")

    return function


def _forward(about: Question, line: _Line) -> Any:
    """Outputs of flat rows, with a derivative."""
    shape = about.shape or ()
    plain = _called_back(
        line, lambda rows: line.network.answers(rows.reshape(-1, *shape), False)[0], about.outputs
    )
    forward = jax.custom_vjp(plain)

    def host(rows: Any, weights: Any) -> np.ndarray:
        rows, weights = np.array(rows), np.array(weights)
        rows = np.broadcast_to(rows, (*weights.shape[:-1], rows.shape[-1]))

        def pull() -> np.ndarray:
            examples = rows.reshape(-1, *shape)
            return line.network.pulled(examples, weights.reshape(-1, about.outputs))

        return line.called(pull, rows.shape)

    def back(rows: jax.Array, weights: jax.Array) -> tuple[jax.Array]:
        lead = jnp.broadcast_shapes(rows.shape[:-1], weights.shape[:-1])
        like = jax.ShapeDtypeStruct((*lead, rows.shape[-1]), jnp.float32)
        return (jax.pure_callback(host, like, rows, weights, vmap_method="broadcast_all"),)

    forward.defvjp(lambda rows: (plain(rows), rows), back)
    return forward


def _onward(about: Question, line: _Line, layer: str) -> Any:
    """Outputs when a layer's rows are replaced, of the test examples as often as there are rows."""

    def call(rows: np.ndarray) -> np.ndarray:
        n = rows_of(line.inputs)
        parts = [rows[i : i + n] for i in range(0, len(rows), n)]
        return np.concatenate([line.network.onward(layer, line.inputs, part) for part in parts])

    return _called_back(line, call, about.outputs)
