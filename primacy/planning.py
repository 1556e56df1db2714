"""What a run would do: lanes that are missing in a folder, packed into blocks; what is refused."""

import dataclasses
from collections.abc import Iterator, Mapping, Set
from typing import Any

import jax

from primacy import controls, machine
from primacy.cohort import Lane, width
from primacy.describe import describe
from primacy.draws import PAGE_STEPS, stream_steps
from primacy.record import StudyRecord
from primacy.store import CONTROLS, LOCK_JSON, LaneKey, Store, StoreError
from primacy.study import Study

LIBRARY_BYTES = 480e6
"""Of imports and the page; like the next two measured by benchmarks/peaks.py."""

COMPILE_BYTES = 50e6
"""Of compiling, for each hidden layer."""

PROGRAM_BYTES = 20e6
"""Of the programs of a structure, once compiled."""


@dataclasses.dataclass(frozen=True)
class Block:
    """Lanes that are trained together, and how many the compiled program holds."""

    lanes: tuple[Lane, ...]
    width: int
    riders: tuple[Lane, ...] = ()
    """Control lanes in places that would be padding."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run would do."""

    record: StudyRecord
    blocks: tuple[Block, ...]
    stored: int
    """Lanes that are on disk already."""
    taken: Mapping[str, frozenset[LaneKey]] = dataclasses.field(default_factory=dict)
    """Lanes that another member of the same study of studies trains, by that member's name."""
    members: tuple["Plan", ...] = ()
    """Of a study of studies; its own `blocks` are theirs together."""
    controls: StudyRecord | None = None
    """How the controls will be recorded, in a folder of their own; null: there are none."""
    control_blocks: tuple[Block, ...] = ()
    """Blocks of nothing but control lanes."""

    @property
    def parts(self) -> tuple["Plan", ...]:
        """The plan of each member; of a study that includes none, the plan itself."""
        return self.members or (self,)

    @property
    def lanes(self) -> int:
        """Lanes to train."""
        return sum(len(block.lanes) for block in self.blocks)

    @property
    def seed_steps(self) -> int:
        """Training steps to take, summed over lanes."""
        return sum(lane.record.budget for block in self.blocks for lane in block.lanes)

    @property
    def programs(self) -> int:
        """Structures to compile; one serves all members."""
        return len({
            program(part, block)
            for part in self.parts
            for block in (*part.blocks, *part.control_blocks)
        })  # fmt: skip

    @property
    def shared(self) -> int:
        """Lanes that are in several members and trained in one."""
        return sum(len(lanes) for part in self.parts for lanes in part.taken.values())

    @property
    def multiplications(self) -> float:
        """Floating-point operations of training and evaluation, roughly."""
        return sum(
            controls.work(lane.condition, lane.record)
            for block in (*self.blocks, *self.control_blocks)
            for lane in (*block.lanes, *block.riders)
        )

    @property
    def control_lanes(self) -> int:
        """Control networks to train."""
        riders = sum(len(block.riders) for block in self.blocks)
        return riders + sum(len(block.lanes) for block in self.control_blocks)

    @property
    def memory(self) -> float:
        """Bytes at the peak, within a third: libraries, programs, and what blocks in progress hold.

        A peak with all programs in the cache is smaller, one with none is larger.
        """
        blocks = (*self.blocks, *self.control_blocks)
        held = sorted((_held_by(block) for block in blocks), reverse=True)
        layers = max((len(b.lanes[0].record.layers) for b in blocks), default=0)
        kept = LIBRARY_BYTES + layers * COMPILE_BYTES + self.programs * PROGRAM_BYTES
        return kept + sum(held[: machine.cores()])

    @property
    def disk(self) -> float:
        """Bytes of the part files, roughly."""
        return 0.0 + sum(  # a float, too, where nothing is to be trained
            4.0 * lane.record.parameters + 60.0 * len(lane.record.steps) * len(self.record.measures)
            for block in self.blocks
            for lane in block.lanes
        )


def _held_by(block: Block) -> float:
    """Bytes that a block holds while it is trained and measured, on the host and on the device."""
    c, condition = block.lanes[0].record, block.lanes[0].condition
    training, inputs = condition.training, len(c.inputs)
    # Weights, the optimizer's two memories, the gradient, each once more where it is passed on.
    numbers = 8.0 * c.parameters
    # Inputs and activations of every example, and what the measures make of the test examples.
    rows = sum(condition.examples.values()) + 4 * condition.examples["test"]
    numbers += rows * (inputs + sum(getattr(condition.model, "widths", ())))
    # A page is drawn in double precision, passed on, and the next one is drawn beside it.
    if training.examples == "stream":
        numbers += 4 * stream_steps(training.batch_size) * training.batch_size * inputs
    else:
        numbers += 2 * PAGE_STEPS * training.batch_size
    return 4.0 * block.width * numbers


def structure(lane: Lane) -> tuple:
    """What two lanes must share to train in one program."""
    return jax.tree.structure(lane.condition), lane.record.steps


def program(part: Plan, block: Block) -> tuple:
    """What two blocks must share to run in one program, whichever members they are of.

    Not the evaluations: a control that ends early is the same program.
    """
    return jax.tree.structure(block.lanes[0].condition), block.width, _measured(part.record)


def controls_of(store: Store) -> Store:
    """The folder of a run folder's controls."""
    return Store(store.folder / CONTROLS)


def _measured(record: StudyRecord) -> tuple[str, ...]:
    return tuple(card.name for card in record.measures)


def folders(study: Study, store: Store) -> tuple[Store, ...]:
    """Where the runs are: a folder for each member, or the one of the study itself."""
    if not study.members:
        return (store,)
    return tuple(Store(store.folder / member.name) for member in study.members)


def plan(study: Study, store: Store, *, allow_mixed: bool = False) -> Plan:
    """What is missing in a folder, packed into blocks.

    A lane that several members have is trained in the first and taken over by the others, if they
    measure the same.

    Raises:
        StoreError: the folder holds something that this study would change.
    """
    record, old = _described(study), _held(store)
    places = folders(study, store)
    if old:
        held = [store, *(Store(store.folder / name) for name in old.members)]
        record = reconcile(old, record, any(place.stored() for place in held), allow_mixed)
    if not study.members:
        own = _packed(study, record, store.stored() if old else set(), {})
        return _controlled(study, own, controls_of(store))
    parts: list[Plan] = []
    owners: dict[tuple, str] = {}
    for member, place in zip(study.members, places, strict=True):
        own, before = _described(member), _held(place)
        stored = place.stored() if before else set()
        if before:
            try:
                own = reconcile(before, own, bool(stored), allow_mixed)
            except StoreError as error:
                raise StoreError(f"{member.name}: {error}") from None
        packed = _packed(member, own, stored, owners)
        parts.append(_controlled(member, packed, controls_of(place), owners))
        for c in own.conditions:
            owners.setdefault((c.key, _measured(own)), member.name)
    widths = {k: w for part in parts for k, w in part.record.block_widths.items()}
    return Plan(
        dataclasses.replace(record, block_widths=widths),
        tuple(block for part in parts for block in part.blocks),
        sum(part.stored for part in parts),
        members=tuple(parts),
        control_blocks=tuple(block for part in parts for block in part.control_blocks),
    )


def _described(study: Study) -> StudyRecord:
    """How a study will be recorded, with the width of the blocks of its own conditions."""
    record = describe(study)
    if study.members:
        return record
    widths = {
        c.key: width(study.conditions[c.name], c.parameters, study.exact_solo)
        for c in record.conditions
    }
    return dataclasses.replace(record, block_widths=widths)


def _held(store: Store) -> StudyRecord | None:
    return store.record() if (store.folder / LOCK_JSON).exists() else None


def _packed(
    study: Study, record: StudyRecord, stored: Set[LaneKey], owners: Mapping[tuple, str]
) -> Plan:
    """The plan of one folder.

    Args:
        study: of this folder.
        record: how it will be recorded.
        stored: lanes that it holds.
        owners: by key and measures of a condition, the member that trains it already.
    """
    kept = {c.name: c for c in record.conditions}
    groups: dict[Any, list[Lane]] = {}
    taken: dict[str, set[LaneKey]] = {}
    for seed in record.seeds:
        for name, condition in study.conditions.items():
            key = kept[name].key
            owner = owners.get((key, _measured(record)))
            if (key, seed) in stored:
                continue
            if owner is not None:
                taken.setdefault(owner, set()).add((key, seed))
            else:
                lane = Lane(condition, kept[name], seed)
                groups.setdefault(structure(lane), []).append(lane)
    blocks = []
    for lanes in groups.values():
        step = record.block_widths[lanes[0].record.key]
        blocks += [
            Block(tuple(lanes[i : i + step]), step) for i in range(0, len(lanes), step)
        ]  # fmt: skip
    wanted = {(c.key, seed) for c in record.conditions for seed in record.seeds}
    shared = {owner: frozenset(lanes) for owner, lanes in taken.items()}
    return Plan(record, tuple(blocks), len(stored & wanted), shared)


def _controlled(
    study: Study, own: Plan, place: Store, owners: Mapping[tuple, str] | None = None
) -> Plan:
    """The plan of one folder with its controls, in `place`; `owners` as in `_packed`."""
    begun = _held(place)
    names = _measured(own.record)
    elsewhere = {c.key for c in own.record.conditions if (c.key, names) in (owners or {})}
    asked = controls.planned(study, own.record, begun, elsewhere)
    if asked is None:
        return own
    stored = place.stored() if begun else set()
    widths = {c.key: own.record.block_widths[str(c.control_of)] for c in asked.conditions}
    groups: dict[Any, list[Lane]] = {}
    for lane in controls.lanes(study, asked):
        if (lane.record.key, lane.seed) not in stored:
            groups.setdefault(structure(lane), []).append(lane)
    blocks, alone = list(own.blocks), []
    for alike, lanes in groups.items():
        for i, block in enumerate(blocks):
            free = block.width - len(block.lanes)
            if free and structure(block.lanes[0]) == alike:
                blocks[i] = dataclasses.replace(block, riders=tuple(lanes[:free]))
                lanes = lanes[free:]
        step = widths[groups[alike][0].record.key]
        alone += [Block(tuple(lanes[i : i + step]), step) for i in range(0, len(lanes), step)]
    return dataclasses.replace(
        own,
        blocks=tuple(blocks),
        controls=dataclasses.replace(asked, block_widths=widths),
        control_blocks=tuple(alone),
    )


def reconcile(
    old: StudyRecord, new: StudyRecord, has_runs: bool, allow_mixed: bool = False
) -> StudyRecord:
    """The new record of a folder that holds an old one, with edits after the runs marked.

    Raises:
        StoreError: stored runs would no longer be those of the study; lists every difference.
    """
    if not has_runs:
        return new
    problems = []
    now = {c.name: c for c in new.conditions}
    for before in old.conditions:
        after = now.get(before.name)
        if after is None:
            problems.append(f"condition {before.name} is gone")
        elif after.key != before.key:
            problems += [
                f"condition {before.name}: {line}"
                for line in differences(before.spec, after.spec)
            ]  # fmt: skip
    for what, a, b in (
        ("measures", [m.name for m in old.measures], [m.name for m in new.measures]),
        ("seed_axes", list(old.seed_axes), list(new.seed_axes)),
    ):
        if a != b:
            problems.append(f"{what}: {', '.join(a)} -> {', '.join(b)}")
    if len(new.seeds) < len(old.seeds):
        problems.append(
            f"seeds: {len(old.seeds)} -> {len(new.seeds)}; nothing is thrown away "
            f"(`primacy judge RUN --seeds {len(new.seeds)}` shows the smaller set)"
        )
    if not allow_mixed:
        problems += [
            f"{name}: {old.versions.get(name)} -> {version} (--allow-mixed goes on with both)"
            for name, version in new.versions.items()
            if old.versions.get(name) != version
        ]
        problems += [
            f"networks side by side of {c.name}: {old.block_widths[c.key]} -> "
            f"{new.block_widths[c.key]} (--allow-mixed goes on with both)"
            for c in new.conditions
            if {c.key} <= old.block_widths.keys() & new.block_widths.keys()
            and old.block_widths[c.key] != new.block_widths[c.key]
        ]
    if problems:
        raise StoreError(
            "this folder holds runs of another study:\n  "
            + "\n  ".join(problems)
            + "\nGive another --out, or --fork to start beside it."
        )
    known = {h.id: h for h in old.hypotheses}
    edited = {h.id for h in new.hypotheses if known.get(h.id) != h}
    post_hoc = [h.id for h in new.hypotheses if h.id in edited or h.id in old.post_hoc]
    earlier = old.earlier_hashes
    if old.study_hash != new.study_hash:
        earlier = (*earlier, old.study_hash)
    return dataclasses.replace(
        new, post_hoc=tuple(post_hoc), earlier_hashes=earlier, versions=new.versions
    )


def differences(a: Any, b: Any, at: str = "") -> Iterator[str]:
    """`dotted.key: old -> new` for every difference of two JSON values."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from differences(a.get(key), b.get(key), f"{at}.{key}" if at else key)
    elif a != b:
        yield f"{at}: {a} -> {b}"


def forked(study: Study, store: Store) -> Store:
    """The store itself if the study fits it, else the first free `NAME-2`, `NAME-3`, ..."""
    number, folder = 2, store.folder
    while True:
        try:
            plan(study, store)
        except StoreError:
            store = Store(folder.with_name(f"{folder.name}-{number}"))
            number += 1
        else:
            return store


def refuse_too_large(todo: Plan) -> None:
    """Refuse work that would not fit the machine.

    Raises:
        StoreError: with the numbers.
    """
    has = machine.memory()
    if todo.memory > 0.8 * has:
        raise StoreError(
            f"this needs about {todo.memory / 1e9:.1f} GB of memory; the machine has "
            f"{has / 1e9:.1f} GB. Use smaller networks or fewer examples."
        )
