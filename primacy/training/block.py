"""Lanes of equal structure, trained as one block: side by side in one compiled program.

A lane is a condition and a seed: one run. A block holds `width` lanes, a number that the
structure alone decides, so that a lane's bytes never depend on what else was asked for; a last
block that is not full is padded with copies, which are never stored.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import polars as pl
from jaxtyping import Array, Float

from primacy.models.dense import size
from primacy.records import curves
from primacy.records.study import ControlKind
from primacy.rng import streams
from primacy.study.describe import sites
from primacy.study.spec import Condition, SeedAxis
from primacy.training import control_data
from primacy.training.batches import drawn, keys, pages, shared, stack, stream_steps
from primacy.training.lane import Ending, Lane, Phases, generators
from primacy.training.programs import Programs
from primacy.training.rows import Names, named_weights, table
from primacy.types import Draws, Streams

BLOCK_WORK = 2**19
"""Multiply-adds of one step that fill a core; smaller networks train side by side."""

BLOCK_NUMBERS = 2**23
"""Inputs and activations of the test examples, or inputs of a page of fresh ones, that a block may
hold at once (32 MB)."""

MAX_WIDTH = 128
"""Lanes a block at most: beyond, a step costs as much more as there are lanes."""

BLOCK_PARAMETERS = 2**13
"""Parameters of all lanes together beyond which more lanes a block gain nothing."""

COMMON_WIDTH = 32
"""Lanes a block where parameters alone would allow fewer: as many as a study usually has seeds.
A wider block would be mostly padding, which costs as much as lanes that were asked for."""


Control = tuple[ControlKind | None, Streams]
"""How a lane is a control, if it is one, and the generator of what it draws as one."""


class Trained(NamedTuple):
    """What a block leaves: rows of curves, how each lane ended, its final weights by name."""

    curves: pl.DataFrame
    lanes: pl.DataFrame
    weights: dict[str, np.ndarray]

    def only(self, keys: Sequence[str]) -> "Trained":
        """The lanes of these conditions."""
        listed = pl.col("condition").is_in(list(keys))
        held = {name: w for name, w in self.weights.items() if name.split("/")[0] in keys}
        return Trained(self.curves.filter(listed), self.lanes.filter(listed), held)

    def without(self, keys: Sequence[str]) -> "Trained":
        """The lanes of all other conditions."""
        return self.only([key for key in self.lanes["condition"].unique() if key not in keys])


class Interrupted(Exception):
    """Somebody asked to stop; the block in progress is dropped."""


def _unseen(step: int, values: dict[str, np.ndarray], running: list[bool]) -> None:
    """Nobody watches."""


@dataclasses.dataclass(frozen=True)
class Watch:
    """How a block in progress is seen and stopped from outside."""

    advanced: Callable[[int], None]
    """Called with the number of seed-steps just trained."""
    stopped: Callable[[], bool]
    """Asked between chunks; true drops the block."""
    evaluated: Callable[[int, dict[str, np.ndarray], list[bool]], None] = _unseen
    """Called with each evaluation: the step, its values on the host, and which lanes had not ended
    before."""


def width(condition: Condition, exact_solo: bool = False) -> int:
    """Lanes a block: as many as fill a core and its memory, a power of two, by structure alone.

    Args:
        condition: whose structure decides.
        exact_solo: one, whatever the structure (`Study.exact_solo`).
    """
    if exact_solo or getattr(condition.model, "one_by_one", False):
        return 1
    model, batch = condition.model, condition.training.batch_size
    shape, outputs = condition.size
    parameters, work = size(model.shapes(shape, outputs)), model.cost(shape, outputs) * batch
    d = math.prod(shape)
    held = condition.examples["test"] * (d + condition.hidden)
    if condition.training.examples == "stream":
        held = max(held, stream_steps(batch) * batch * d)
    alike = max(COMMON_WIDTH, BLOCK_PARAMETERS / max(1, parameters))
    fit = min(BLOCK_WORK / max(1, work), BLOCK_NUMBERS / held, alike, MAX_WIDTH)
    return 2 ** int(np.log2(max(1, fit)))


def train_block(
    programs: Programs, lanes: Sequence[Lane], axes: Sequence[SeedAxis], watch: Watch
) -> Trained:
    """Train and measure the lanes of one block.

    Raises:
        Interrupted: `watch.stopped()` said so; nothing is kept.
    """
    work = _Work(programs, lanes, axes)
    ends = [Ending(lane) for lane in lanes]
    seen: list[dict[str, np.ndarray]] = []
    weights: dict[str, np.ndarray] = {}
    steps = lanes[0].record.steps
    for look, step in enumerate(steps):
        while work.done < step:
            if watch.stopped():
                raise Interrupted
            count = work.advance(step)
            watch.advanced(
                count * sum(end.running for end in ends if end.lane.record.control is None)
            )
        values = work.evaluate()
        if step != steps[-1]:
            work.draw_ahead(look + 1)  # while the device is still at it
        seen.append(jax.device_get(values))
        watch.evaluated(step, seen[-1], [end.running for end in ends])
        over = [i for i, end in enumerate(ends) if end.running and end.look(step, seen[-1], i)]
        final = jax.device_get(work.state[0]) if over else None
        for i in over:
            weights |= named_weights(lanes[i], jax.tree.map(lambda a, i=i: a[i], final))
        if not any(end.running for end in ends):
            break
    return Trained(
        table(lanes, ends, seen, programs.measures, work.names),
        pl.DataFrame(
            [(e.lane.record.key, e.lane.seed, e.ended, e.step) for e in ends],
            schema=dict(curves.LANES),
            orient="row",
        ),
        weights,
    )


class _Work:
    """The lanes of a block on the device, padded to its width, and how far they are."""

    def __init__(self, programs: Programs, lanes: Sequence[Lane], axes: Sequence[SeedAxis]) -> None:
        self.programs, self.done = programs, 0
        first = lanes[0].condition
        padded = [*lanes, *[lanes[-1]] * (programs.width - len(lanes))]
        self._conditions = self._put(stack([lane.condition for lane in padded]))
        data = generators(padded, "data", axes)
        chance = {lane.seed: streams(lane.seed, "control") for lane in padded}
        controls: list[Control] = [(lane.record.control, chance[lane.seed]) for lane in lanes]
        self._sets = self._drawn_sets(first.task, data, controls)
        inits = generators(padded, "init", axes)
        params = self._put(
            stack(
                started(lane.condition, rng("init"), draw)
                for lane, rng, draw in zip(padded, inits, data, strict=True)
            )
        )
        self.state = params, programs.start(params)
        site_names, columns = sites(first.task.declared, len(first.task.input_names))
        self._columns = self._put(columns)
        targets = [x.name for x in first.task.targets]
        self.names = Names(first.task.declared, targets, site_names, lanes[0].record.layers)
        seeds = {lane.seed: streams(lane.seed, "evaluation") for lane in padded}
        self._evaluations = [seeds[lane.seed] for lane in padded]
        orders = generators(padded, "order", axes)
        self._book = pages(first, orders, data, controls)
        self._chance = orders if getattr(first.model, "draws_in_training", False) else None
        self._phases = Phases(first)
        self._page = -1
        self._turn_page()
        self._exchanged = self._donors(0)
        start = np.int32(0)
        programs.prepare(
            (
                self._conditions,
                self.state,
                self._draws,
                self._order,
                start,
                start,
                self._key,
                self._phases.counted(0),
            ),
            (self._conditions, params, self._sets, self._columns, *self._exchanged),
        )

    def advance(self, step: int) -> int:
        """Train towards a step, to the end of the page at most; the number of steps taken."""
        if self._at == self._length:
            self._turn_page()
        if self._phases.begins_anew(self.done):
            self.state = self.state[0], self.programs.start(self.state[0])
        to = self._phases.end(self.done, step)
        at, count = self._at, min(to - self.done, self._length - self._at)
        self.state = self.programs.advance(
            self._conditions,
            self.state,
            self._draws,
            self._order,
            at,
            at + count,
            self._key,
            self._phases.counted(self.done),
        )
        self._at, self.done = at + count, self.done + count
        return count

    def evaluate(self) -> Any:
        """Every measure of every lane, as it is now; the device may still be at it."""
        return self.programs.evaluate(
            self._conditions, self.state[0], self._sets, self._columns, *self._exchanged
        )

    def draw_ahead(self, look: int) -> None:
        """Draw what the next evaluation needs, and the next page where this one is used up."""
        self._exchanged = self._donors(look)
        if self._at == self._length:
            self._turn_page()

    def _put(self, tree: Any) -> Any:
        return jax.device_put(tree, self.programs.device)

    def _lend(self, tree: Any) -> Any:
        # What is drawn is never written to again, so the device may read it where it lies.
        return jax.device_put(tree, self.programs.device, may_alias=True)

    def _drawn_sets(
        self, task: Any, data: Sequence[Streams], controls: Sequence[Control]
    ) -> dict[str, Any]:
        """The sources of each fixed set of examples, by split."""
        sets = {}
        for split, n in self.programs.examples.items():
            own = drawn(data, lambda rng, split=split, n=n: task.draw(split, rng, n))
            each = [
                control_data.of_set(control, split, draws, rng)
                for (control, rng), draws in zip(controls, own, strict=False)
            ]
            stacked = control_data.stacked(each, self.programs.width, stack)
            sets[split] = control_data.mapped(self._lend, stacked)
        return sets

    def _donors(self, look: int) -> tuple[Any, Any]:
        """Of the test examples, and of the training examples where a measure asks for them."""
        asked: dict[str, tuple] = {"test": ("donors", look)}
        if self.programs.exchanges_in_training:
            asked["train"] = ("donors", "train", look)
        found = {}
        for split, names in asked.items():
            n = self.programs.examples[split]

            def order(rng: Streams, names: tuple = names, n: int = n) -> np.ndarray:
                return rng(*names).permutation(n).astype(np.int32)

            found[split] = self._lend(shared(self._evaluations, order))
        return found["test"], found.get("train")

    def _turn_page(self) -> None:
        length, order, fresh = next(self._book)
        self._at, self._length, self._order = 0, length, self._lend(order)
        self._page += 1
        self._key = keys(self._chance, self._page) if self._chance is not None else None
        if fresh is None:
            self._draws = self._sets["train"]
        else:
            self._draws = control_data.mapped(self._lend, fresh)


def started(condition: Condition, rng: np.random.Generator, data: Streams) -> Any:
    """A network's first parameters; a model that must see inputs first gets the fit examples."""
    task, model = condition.task, condition.model
    params = model.init(rng, *condition.size)
    if getattr(model, "encoding", "none") == "standardize":
        draws = task.draw("fit", data, condition.examples["fit"])
        fitted = getattr(model, "fitted")  # noqa: B009 - not every model has it
        params = fitted(params, np.asarray(built_inputs(task, draws)))
    return params


@jax.jit
def built_inputs(task: Any, draws: Draws) -> Float[Array, "n *shape"]:
    """The inputs of examples."""
    return task.build(draws).inputs
