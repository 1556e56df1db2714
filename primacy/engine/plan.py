"""What a run would do: lanes that are missing in a folder, packed into blocks; what is refused.

It touches no disk: what a folder holds is given to it as a value (`held.read`).
"""

import dataclasses
from collections.abc import Iterable, Mapping

import jax
import numpy as np

from primacy.engine import controls, machine
from primacy.engine.packing import Batch, Block, Described, Lanes, grouped, missing
from primacy.engine.reconcile import measures_of, reconcile
from primacy.records.held import Held
from primacy.records.store import StoreError
from primacy.records.study import StudyRecord
from primacy.study.describe import describe
from primacy.study.spec import Study
from primacy.training.batches import PAGE_STEPS, stream_steps
from primacy.training.block import width

LIBRARY_BYTES = 480e6
"""Of imports and the page; like the next two measured by benchmarks/peaks.py."""

COMPILE_BYTES = 50e6
"""Of compiling, for each hidden layer."""

PROGRAM_BYTES = 20e6
"""Of the programs of a structure, once compiled."""

MEMORY_SHARE = 0.8
"""Of the machine's memory, that a run may need."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run would do."""

    record: StudyRecord
    batches: tuple[Batch, ...]
    """Lanes to train, those of equal structure together."""
    stored: int
    """Lanes that are on disk already."""
    taken: Mapping[str, Lanes] = dataclasses.field(default_factory=dict)
    """Lanes that another member of the same study of studies trains, by that member's name."""
    members: tuple["Plan", ...] = ()
    """Of a study of studies; its own `batches` are theirs together."""
    controls: StudyRecord | None = None
    """How the controls will be recorded, in a folder of their own; null: there are none."""
    control_batches: tuple[Batch, ...] = ()
    """Nothing but control lanes."""

    @property
    def parts(self) -> tuple["Plan", ...]:
        """The plan of each member; of a study that includes none, the plan itself."""
        return self.members or (self,)

    @property
    def every_batch(self) -> tuple[Batch, ...]:
        """Those of controls, too."""
        return (*self.batches, *self.control_batches)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block of the study's own lanes, made for who walks them."""
        return tuple(block for batch in self.batches for block in batch)

    @property
    def control_blocks(self) -> tuple[Block, ...]:
        """Every block of nothing but control lanes."""
        return tuple(block for batch in self.control_batches for block in batch)

    @property
    def lanes(self) -> int:
        """Lanes to train."""
        return sum(len(batch.lanes) for batch in self.batches)

    @property
    def seed_steps(self) -> int:
        """Training steps to take, summed over lanes."""
        return sum(n * c.budget for batch in self.batches for _, c, n in batch.lanes.counts)

    @property
    def programs(self) -> int:
        """Structures to compile; one serves all members."""
        return len({program(part, batch) for part in self.parts for batch in part.every_batch})

    @property
    def shared(self) -> int:
        """Lanes that are in several members and trained in one."""
        return sum(len(lanes) for part in self.parts for lanes in part.taken.values())

    @property
    def multiplications(self) -> float:
        """Floating-point operations of training and evaluation, roughly."""
        return sum(
            n * controls.work(condition, c)
            for batch in self.every_batch
            for condition, c, n in batch.counts
        )

    @property
    def control_lanes(self) -> int:
        """Control networks to train."""
        riders = sum(len(batch.riders) for batch in self.batches)
        return riders + sum(len(batch.lanes) for batch in self.control_batches)

    @property
    def memory(self) -> float:
        """Bytes at the peak, within a third: libraries, programs, and what blocks in progress hold.

        A peak with all programs in the cache is smaller, one with none is larger.
        """
        at_once = machine.cores()
        held = [
            own
            for batch in self.every_batch
            for own in [_held_by(batch)] * min(len(batch), at_once)
        ]
        layers = max((len(b.lanes[0].record.layers) for b in self.every_batch), default=0)
        kept = LIBRARY_BYTES + layers * COMPILE_BYTES + self.programs * PROGRAM_BYTES
        return kept + sum(sorted(held, reverse=True)[:at_once])

    @property
    def disk(self) -> float:
        """Bytes of the part files, roughly."""
        return 0.0 + sum(  # a float, too, where nothing is to be trained
            n * (4.0 * c.parameters + 60.0 * len(c.steps) * len(self.record.measures))
            for batch in self.batches
            for _, c, n in batch.lanes.counts
        )


def _held_by(batch: Batch) -> float:
    """Bytes that a block holds while it is trained and measured, on the host and on the device."""
    condition, c, _ = batch.lanes[0]
    training, inputs = condition.training, len(c.inputs)
    # Weights, the optimizer's two memories, the gradient, each once more where it is passed on.
    numbers = 8.0 * c.parameters
    # Inputs and activations of every example, and what the measures make of the test examples.
    rows = sum(condition.examples.values()) + 4 * condition.examples["test"]
    numbers += rows * (inputs + condition.hidden)
    # A page is drawn in double precision, passed on, and the next one is drawn beside it.
    if training.examples == "stream":
        numbers += 4 * stream_steps(training.batch_size) * training.batch_size * inputs
    else:
        numbers += 2 * PAGE_STEPS * training.batch_size
    return 4.0 * batch.width * numbers


def program(part: Plan, block: Block | Batch) -> tuple:
    """What two blocks must share to run in one program, whichever members they are of.

    Not the evaluations: a control that ends early is the same program.
    """
    return jax.tree.structure(block.lanes[0].condition), block.width, measures_of(part.record)


def plan(study: Study, held: Held | None = None, *, allow_mixed: bool = False) -> Plan:
    """What is missing in a folder, packed into blocks.

    A lane that several members have is trained in the first and taken over by the others, if they
    measure the same.

    Args:
        study: what is asked for.
        held: what its folder holds; left out: nothing.
        allow_mixed: go on with other library versions or widths of blocks.

    Raises:
        StoreError: the folder holds something that this study would change.
    """
    held = held or Held()
    record = _described(study)
    if held.record:
        inside = [held, *(held.members[name] for name in held.record.members)]
        has_runs = any(place.stored for place in inside)
        record = reconcile(held.record, record, has_runs, allow_mixed)
    if not study.members:
        return _controlled(study, _packed(study, record, held.begun, {}), held.controls, {})
    parts: list[Plan] = []
    owners: dict[tuple, str] = {}
    for member in study.members:
        own, place = _described(member), held.members.get(member.name, Held())
        if place.record:
            try:
                own = reconcile(place.record, own, bool(place.stored), allow_mixed)
            except StoreError as error:
                raise StoreError(f"{member.name}: {error}") from None
        packed = _packed(member, own, place.begun, owners)
        parts.append(_controlled(member, packed, place.controls, owners))
        for c in own.conditions:
            owners.setdefault((c.key, measures_of(own)), member.name)
    widths = {k: w for part in parts for k, w in part.record.block_widths.items()}
    return Plan(
        dataclasses.replace(record, block_widths=widths),
        tuple(batch for part in parts for batch in part.batches),
        sum(part.stored for part in parts),
        members=tuple(parts),
        control_batches=tuple(batch for part in parts for batch in part.control_batches),
    )


def share(todo: Plan, index: int, of: int) -> Plan:
    """The plan of every `of`-th block from number `index` on: what one of several processes trains.

    Args:
        todo: the whole.
        index: which share, from 0.
        of: how many shares there are; together they are the whole, each block once.
    """

    def own(part: Plan, start: int) -> tuple[Plan, int]:
        kinds, at = [], start
        for batches in (part.batches, part.control_batches):
            blocks = [block for batch in batches for block in batch]
            mine = [b for i, b in enumerate(blocks, at) if i % of == index]
            kinds.append(tuple(Batch(b.lanes, b.width, b.riders) for b in mine))
            at += len(blocks)
        return dataclasses.replace(part, batches=kinds[0], control_batches=kinds[1]), at

    if not todo.members:
        return own(todo, 0)[0]
    parts, at = [], 0
    for member in todo.members:
        part, at = own(member, at)
        parts.append(part)
    return dataclasses.replace(
        todo,
        members=tuple(parts),
        batches=tuple(batch for part in parts for batch in part.batches),
        control_batches=tuple(batch for part in parts for batch in part.control_batches),
    )


def _described(study: Study) -> StudyRecord:
    """How a study will be recorded, with the width of the blocks of its own conditions."""
    record = describe(study)
    if study.members:
        return record
    widths = {c.key: width(study.conditions[c.name], study.exact_solo) for c in record.conditions}
    return dataclasses.replace(record, block_widths=widths)


def _packed(
    study: Study,
    record: StudyRecord,
    stored: Mapping[str, np.ndarray],
    owners: Mapping[tuple, str],
) -> Plan:
    """The plan of one folder.

    Args:
        study: of this folder.
        record: how it will be recorded.
        stored: seeds that it holds, by condition key.
        owners: by key and measures of a condition, the member that trains it already.
    """
    ours: list[Described] = []
    theirs: dict[str, list[Described]] = {}
    for c in record.conditions:
        owner = owners.get((c.key, measures_of(record)))
        place = ours if owner is None else theirs.setdefault(owner, [])
        place.append((study.conditions[c.name], c))
    lanes = [missing(alike, record.seeds, stored) for alike in grouped(ours)]
    taken = {owner: missing(own, record.seeds, stored) for owner, own in theirs.items()}
    wanted = len(record.conditions) * len(record.seeds)
    return Plan(
        record,
        _batches(lanes, record.block_widths),
        wanted - sum(map(len, (*lanes, *taken.values()))),
        {owner: own for owner, own in taken.items() if own},
    )


def _batches(lanes: Iterable[Lanes], widths: Mapping[str, int]) -> tuple[Batch, ...]:
    return tuple(Batch(own, widths[own.of[0][1].key]) for own in lanes if own)


def _controlled(study: Study, own: Plan, held: Held | None, owners: Mapping[tuple, str]) -> Plan:
    """The plan of one folder with its controls, in `held`; `owners` as in `_packed`."""
    held, names = held or Held(), measures_of(own.record)
    elsewhere = {c.key for c in own.record.conditions if (c.key, names) in owners}
    asked = controls.planned(study, own.record, held.record, elsewhere)
    if asked is None:
        return own
    widths = {c.key: own.record.block_widths[str(c.control_of)] for c in asked.conditions}
    by_key = {condition.key: condition for condition in study.conditions.values()}
    described = [(by_key[str(c.control_of)], c) for c in asked.conditions]
    places = {batch.structure: i for i, batch in enumerate(own.batches)}
    batches, alone = list(own.batches), []
    for alike in grouped(described):
        lanes = missing(alike, asked.seeds, held.begun, by_condition=True)
        batch = Batch(lanes, widths[alike[0][1].key])
        if lanes and (i := places.get(batch.structure)) is not None:
            free = batches[i].free
            batches[i] = dataclasses.replace(batches[i], riders=lanes[:free])
            lanes = lanes[free:]
        alone.append(lanes)
    return dataclasses.replace(
        own,
        batches=tuple(batches),
        controls=dataclasses.replace(asked, block_widths=widths),
        control_batches=_batches(alone, widths),
    )


def refusal(todo: Plan) -> str | None:
    """Why a run would not begin: its work does not fit the machine, with the numbers; or null."""
    has = machine.memory()
    if todo.memory <= MEMORY_SHARE * has:
        return None
    return (
        f"this needs about {todo.memory / 1e9:,.1f} GB of memory; the machine has "
        f"{has / 1e9:,.1f} GB. Use smaller networks or fewer examples."
    )
