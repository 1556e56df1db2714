"""Lanes of equal structure, trained as one block: side by side in one compiled program.

A lane is a condition and a seed: one run. A block holds `width` lanes, a number that the
structure alone decides, so that a lane's bytes never depend on what else was asked for; a last
block that is not full is padded with copies, which are never stored.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import polars as pl
from jaxtyping import Array, Float

from primacy.analysis.runs import own_target
from primacy.models.dense import size
from primacy.records import curves
from primacy.records.study import ConditionRecord, ControlKind
from primacy.registry import Measure, measures
from primacy.rng import streams
from primacy.study.describe import sites
from primacy.study.spec import Condition, SeedAxis
from primacy.training import control_data
from primacy.training.batches import drawn, pages, shared, stack, stream_steps
from primacy.training.evaluate import DIVERGED
from primacy.training.programs import Programs
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


class Lane(NamedTuple):
    """One run: a condition, how it is recorded, and a seed."""

    condition: Condition
    record: ConditionRecord
    seed: int


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


@dataclasses.dataclass(frozen=True)
class Watch:
    """How a block in progress is seen and stopped from outside."""

    advanced: Callable[[int], None]
    """Called with the number of seed-steps just trained."""
    stopped: Callable[[], bool]
    """Asked between chunks; true drops the block."""


def width(condition: Condition, exact_solo: bool = False) -> int:
    """Lanes a block: as many as fill a core and its memory, a power of two, by structure alone.

    Args:
        condition: whose structure decides.
        exact_solo: one, whatever the structure (`Study.exact_solo`).
    """
    if exact_solo:
        return 1
    model, (d, t), batch = condition.model, condition.size, condition.training.batch_size
    parameters, work = size(model.shapes(d, t)), model.cost(d, t) * batch
    held = condition.examples["test"] * (d + sum(model.layer_sizes))
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
    padded = [*lanes, *[lanes[-1]] * (programs.width - len(lanes))]
    first = lanes[0].condition
    task, d = first.task, len(first.task.input_names)

    def generators(axis: SeedAxis) -> list[Streams]:
        seeds = [lane.seed if axis in axes else 0 for lane in padded]
        own = {seed: streams(seed, axis) for seed in seeds}
        return [own[seed] for seed in seeds]

    put = lambda tree: jax.device_put(tree, programs.device)  # noqa: E731
    # What is drawn is never written to again, so the device may read it where it lies.
    lend = lambda tree: jax.device_put(tree, programs.device, may_alias=True)  # noqa: E731
    conditions = put(stack([lane.condition for lane in padded]))
    data = generators("data")
    chance = {lane.seed: streams(lane.seed, "control") for lane in padded}
    controls: list[tuple[ControlKind | None, Streams]] = [
        (lane.record.control, chance[lane.seed]) for lane in lanes
    ]
    sets = {}
    for split, n in programs.examples.items():
        own = drawn(data, lambda rng, split=split, n=n: task.draw(split, rng, n))
        each = [
            control_data.of_set(control, split, draws, rng)
            for (control, rng), draws in zip(controls, own, strict=False)
        ]
        sets[split] = control_data.mapped(lend, control_data.stacked(each, len(padded), stack))
    params = put(stack(
        started(lane.condition, rng("init"), draw)
        for lane, rng, draw in zip(padded, generators("init"), data, strict=True)
    ))  # fmt: skip
    state = params, programs.start(params)
    site_names, columns = sites(task.declared, d)
    columns = put(columns)
    seeds = {lane.seed: streams(lane.seed, "evaluation") for lane in padded}
    looks = [seeds[lane.seed] for lane in padded]

    def donors(look: int) -> tuple[Any, Any]:
        """Of the test examples, and of the training examples where a measure asks for them."""
        asked: dict[str, tuple] = {"test": ("donors", look)}
        if programs.exchanges_in_training:
            asked["train"] = ("donors", "train", look)
        drawn = {
            split: lend(shared(looks, lambda rng, split=split, names=names: (
                rng(*names).permutation(programs.examples[split]).astype(np.int32)
            )))
            for split, names in asked.items()
        }  # fmt: skip
        return drawn["test"], drawn.get("train")

    def page() -> tuple:
        length, order, fresh = next(book)
        if fresh is None:
            return length, lend(order), sets["train"]
        return length, lend(order), control_data.mapped(lend, fresh)

    book = pages(first, generators("order"), data, controls)
    length, order, draws = page()
    exchanged = donors(0)
    programs.prepare(
        (conditions, state, draws, order, np.int32(0), np.int32(0)),
        (conditions, params, sets, columns, *exchanged),
    )
    ends = [Ending(lane) for lane in lanes]
    seen: list[dict[str, np.ndarray]] = []
    weights: dict[str, np.ndarray] = {}
    at = done = 0
    for look, step in enumerate(lanes[0].record.steps):
        while done < step:
            if watch.stopped():
                raise Interrupted
            if at == length:
                at, (length, order, draws) = 0, page()
            count = min(step - done, length - at)
            state = programs.advance(conditions, state, draws, order, at, at + count)
            at, done = at + count, done + count
            watch.advanced(
                count * sum(end.running for end in ends if end.lane.record.control is None)
            )
        values = programs.evaluate(conditions, state[0], sets, columns, *exchanged)
        if step != lanes[0].record.steps[-1]:
            # Drawn while the device is still at it.
            exchanged = donors(look + 1)
            if at == length:
                at, (length, order, draws) = 0, page()
        seen.append(jax.device_get(values))
        over = [i for i, end in enumerate(ends) if end.running and end.look(step, seen[-1], i)]
        final = jax.device_get(state[0]) if over else None
        for i in over:
            weights |= named_weights(lanes[i], jax.tree.map(lambda a, i=i: a[i], final))
        if not any(end.running for end in ends):
            break
    names = Names(task.declared, [x.name for x in task.targets], site_names, lanes[0].record.layers)
    return Trained(
        table(lanes, ends, seen, programs.measures, names),
        pl.DataFrame(
            [(e.lane.record.key, e.lane.seed, e.ended, e.step) for e in ends],
            schema=dict(curves.LANES), orient="row",
        ),
        weights,
    )  # fmt: skip


def started(condition: Condition, rng: np.random.Generator, data: Streams) -> Any:
    """A network's first parameters; a model that must see inputs first gets the fit examples."""
    task, model = condition.task, condition.model
    params = model.init(rng, len(task.input_names), len(task.targets))
    if getattr(model, "encoding", "none") == "standardize":
        draws = task.draw("fit", data, condition.examples["fit"])
        fitted = getattr(model, "fitted")  # noqa: B009 - not every model has it
        params = fitted(params, np.asarray(built_inputs(task, draws)))
    return params


@jax.jit
def built_inputs(task: Any, draws: Draws) -> Float[Array, "n d"]:
    """The inputs of examples."""
    return task.build(draws).inputs


class Ending:
    """Whether and how a lane has ended, told after each evaluation."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.running, self.ended, self.step = lane, True, "", 0
        record = lane.record
        targets = [t.name for t in record.targets]
        offered, self._criteria = measures.load(), []
        for site, f in enumerate(record.features):
            if f.criterion is None or f.criterion.ceiling is None:
                continue
            measure, chance, way = f.criterion.measure, f.criterion.chance, record.theta
            # Where the value of this feature stands in what an evaluation gives.
            own = targets.index(own_target(record, f.name) or "")
            position = {"feature": site, "site": site, "target": own}
            index = tuple(position[axis] for axis in offered[measure].axes)
            level = chance + way * (f.criterion.ceiling - chance)
            # A ceiling below chance is reached from above.
            sign = -1 if f.criterion.ceiling < chance else 1
            self._criteria.append((f"{measure}/test", index, sign, level))
        self._held = np.zeros(len(self._criteria), int)
        self._confirmed = np.zeros(len(self._criteria), bool)

    def look(self, step: int, seen: dict[str, np.ndarray], i: int) -> bool:
        """Take in lane `i`'s evaluation at `step`; true if the lane ends with it."""
        self.step, record = step, self.lane.record
        at_end = step == record.steps[-1]
        if not seen["finite"][i] or (at_end and seen["loss_ratio"][i] > DIVERGED):
            self.ended = "diverged"
        elif record.stop == "learned" and self._criteria and self._learned(seen, i):
            self.ended = "learned"
        elif at_end:
            self.ended = "budget"
        self.running = not self.ended
        return not self.running

    def _learned(self, seen: dict[str, np.ndarray], i: int) -> bool:
        there = np.array([
            sign * seen[name][i][index] >= np.float32(sign * level)
            for name, index, sign, level in self._criteria
        ])  # fmt: skip
        self._held = np.where(there, self._held + 1, 0)
        self._confirmed |= self._held >= self.lane.record.confirm
        return bool(self._confirmed.all())


def named_weights(lane: Lane, params: Any) -> dict[str, np.ndarray]:
    """A lane's parameters under `<condition key>/<seed>/<path>`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(params)
    prefix = f"{lane.record.key}/{lane.seed}"
    return {
        f"{prefix}/{jax.tree_util.keystr(path, simple=True, separator='/')}": np.asarray(leaf)
        for path, leaf in flat
    }


class Names(NamedTuple):
    """What stands at every position of an axis."""

    features: tuple
    targets: list[str]
    sites: list[str]
    layers: tuple[str, ...]


def table(
    lanes: Sequence[Lane],
    ends: Sequence[Ending],
    seen: Sequence[dict[str, np.ndarray]],
    measures: Iterable[Measure],
    names: Names,
) -> pl.DataFrame:
    """The rows of a block: each lane's evaluations up to its end."""
    own = [[f.name for f in names.features if f.target == t] for t in range(len(names.targets))]
    axes = {
        "feature": {"feature": [f.name for f in names.features]},
        "site": {"feature": names.sites},
        "target": {
            "target": names.targets,
            # The feature stands beside its target only where it is the only one.
            "feature": [mine[0] if len(mine) == 1 else None for mine in own],
        },
    }
    lane_axis = {
        "condition": [lane.record.key for lane in lanes],
        "seed": [lane.seed for lane in lanes],
    }
    step_axis = {"step": lanes[0].record.steps[: len(seen)]}
    parts = []
    for measure in measures:
        inner = [axes[axis] for axis in measure.axes]
        if len(measure.axes) > 1:  # every feature with every target, not with its own
            inner = [axes[measure.axes[0]], {"target": names.targets}]
        if measure.by_layer:
            inner = [{"layer": list(names.layers)}, *inner]
        for split in measure.splits:
            if f"{measure.name}/{split}" not in seen[0]:
                continue
            values = np.stack([s[f"{measure.name}/{split}"][: len(lanes)] for s in seen], axis=1)
            outer = [lane_axis, step_axis]
            same = {"measure": measure.name, "split": split}
            parts.append(curves.from_array(values, [*outer, *inner], **same))
            if measure.name == "loss":  # and its mean over targets, which is what is trained on
                parts.append(curves.from_array(values.mean(axis=-1), outer, **same))
    last = pl.DataFrame({**lane_axis, "last": [end.step for end in ends]})
    return (
        pl.concat(parts)
        .join(last, on=["condition", "seed"])
        .filter(pl.col("step") <= pl.col("last"))
        .select(list(curves.SCHEMA))
        .sort("condition", "seed", "step", maintain_order=True)
    )
