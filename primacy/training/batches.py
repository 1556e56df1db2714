"""What the lanes of a block draw while they train: on the host, a page of steps at a time."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from primacy.records.study import ControlKind
from primacy.study.spec import Condition
from primacy.training import control_data
from primacy.types import Draws, Streams

PAGE_STEPS = 256
"""Training steps whose order or examples are drawn and passed in at a time, at least."""

PAGE_EXAMPLES = 1024
"""Fresh examples that are drawn at a time, at least."""


def stream_steps(batch_size: int) -> int:
    """Steps of a page of fresh examples."""
    return max(PAGE_STEPS, PAGE_EXAMPLES // batch_size)


def pages(
    condition: Condition,
    orders: Sequence[Streams],
    data: Sequence[Streams],
    controls: Sequence[tuple[ControlKind | None, Streams]],
) -> Iterator[tuple]:
    """Endless pages of training: `(steps, order [W, p, b] or None, sources or None)`.

    The same whatever chunks the training is cut into. Lanes that share a generator (conditions of
    one seed) share its draws. Arrays of a stream are `[W, p, b, ...]`.
    """
    if condition.steps_per_epoch is None:
        return fresh_examples(condition, data, controls)
    return orders_of_a_set(condition, orders)


def fresh_examples(
    condition: Condition,
    data: Sequence[Streams],
    controls: Sequence[tuple[ControlKind | None, Streams]],
) -> Iterator[tuple]:
    """The pages of a stream.

    Its generators go on from page to page: to start one takes longer than to draw a page from it.
    """
    batch = condition.training.batch_size
    steps = stream_steps(batch)
    ongoing = {rng: functools.cache(rng) for rng in dict.fromkeys(data)}
    shared_data = [ongoing[rng] for rng in data]
    # A lane each: where two share one, what a lane gets would depend on the other.
    apart = [functools.cache(rng) for _, rng in controls]

    def fresh(rng: Streams) -> Draws:
        return condition.task.draw("stream", rng, steps * batch)

    def paged(draws: Draws) -> Any:
        return jax.tree.map(lambda a: a.reshape(a.shape[0], steps, batch, *a.shape[2:]), draws)

    while True:
        shown = drawn(shared_data, fresh)
        each = [
            control_data.of_stream(control, draws, functools.partial(fresh, rng))
            for (control, _), rng, draws in zip(controls, apart, shown, strict=False)
        ]
        yield steps, None, control_data.mapped(paged, control_data.stacked(each, len(data), stack))


def orders_of_a_set(condition: Condition, orders: Sequence[Streams]) -> Iterator[tuple]:
    """The pages of a fixed set: its rows in another order each epoch, a generator each page."""
    batch, per_epoch = condition.training.batch_size, condition.steps_per_epoch
    assert per_epoch is not None, "a stream has no order"
    epochs = max(1, PAGE_STEPS // per_epoch)
    length = epochs * per_epoch
    rows = np.tile(np.arange(condition.examples["train"], dtype=np.int32), (epochs, 1))

    def shuffled(rng: Streams, page: int) -> np.ndarray:
        order = rng("order", page).permuted(rows, axis=1)
        return order[:, : per_epoch * batch].reshape(length, batch)

    for page in itertools.count():
        yield length, shared(orders, functools.partial(shuffled, page=page)), None


def keys(orders: Sequence[Streams], page: int) -> np.ndarray:
    """The key of each lane from which the steps of a page draw (dropout), `[W, 2]`.

    From a stream of its own, beside that of the page's order: the same whatever else is drawn.
    """
    return shared(orders, lambda rng: rng("dropout", page).integers(0, 2**32, 2, np.uint32))


def shared(generators: Sequence[Streams], draw: Callable[[Streams], Any]) -> Any:
    """What each generator draws, stacked."""
    return stack(drawn(generators, draw))


def drawn(generators: Sequence[Streams], draw: Callable[[Streams], Any]) -> list[Any]:
    """What each generator draws; one that several lanes share is asked once."""
    found = {rng: draw(rng) for rng in dict.fromkeys(generators)}
    return [found[rng] for rng in generators]


def stack(trees: Iterable[Any]) -> Any:
    """Trees of equal structure as one, with a leading axis of lanes."""
    lanes = list(trees)
    own = {id(tree): tree for tree in lanes}  # what several lanes share is stacked once
    found = jax.tree.map(lambda *leaves: np.stack([np.asarray(x) for x in leaves]), *own.values())
    if len(own) == len(lanes):
        return found
    at = {key: i for i, key in enumerate(own)}
    rows = [at[id(tree)] for tree in lanes]
    return jax.tree.map(lambda a: a[rows], found)
