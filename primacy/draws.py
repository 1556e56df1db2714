"""What the lanes of a block draw while they train: on the host, a page of steps at a time."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from primacy import linkage
from primacy.record import ControlKind
from primacy.study import Condition
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
) -> Iterator:
    """Endless pages of training: `(steps, order [W, p, b] or None, sources or None)`.

    The same whatever chunks the training is cut into. Lanes that share a generator (conditions of
    one seed) share its draws. Arrays of a stream are `[W, p, b, ...]`.
    """
    training, per_epoch = condition.training, condition.steps_per_epoch
    batch, steps = training.batch_size, stream_steps(training.batch_size)
    # A stream's generators go on from page to page: to start one takes longer than to draw from it.
    ongoing = {rng: functools.cache(rng) for rng in dict.fromkeys(data)}
    apart = [functools.cache(rng) for _, rng in controls]  # a lane each: not whoever comes first

    def fresh(rng: Streams) -> Draws:
        return condition.task.draw("stream", rng, steps * batch)

    page = 0
    while True:
        if per_epoch is None:
            shown = drawn([ongoing[rng] for rng in data], fresh)
            each = [
                linkage.of_stream(control, draws, functools.partial(fresh, rng))
                for (control, _), rng, draws in zip(controls, apart, shown, strict=False)
            ]
            shape = functools.partial(
                jax.tree.map, lambda a: a.reshape(a.shape[0], steps, batch, *a.shape[2:])
            )
            yield steps, None, linkage.mapped(shape, linkage.stacked(each, len(data), stack))
        else:
            n, epochs = condition.examples["train"], max(1, PAGE_STEPS // per_epoch)
            index = np.tile(np.arange(n, dtype=np.int32), (epochs, 1))
            length = epochs * per_epoch
            order = shared(
                orders,
                lambda rng, page=page, index=index, length=length: (
                    rng("order", page)
                    .permuted(index, axis=1)[:, : per_epoch * batch]
                    .reshape(length, batch)
                ),
            )
            yield length, order, None
        page += 1


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
