"""Which control networks a study trains beside its own: a rule that looks at the study alone.

A study says something only if the same instrument says nothing where there is nothing to see. So a
few networks are trained on targets of other examples, and a few are asked about a feature that
never changes. They are a study of their own, in the folder `controls` of the run folder, and no
contrast, summary or export ever sees them.
"""

import dataclasses
import hashlib
import math
from collections.abc import Collection, Sequence

import jax

from primacy.records.study import ConditionRecord, ControlKind, StudyRecord
from primacy.study.spec import Condition, Study
from primacy.training.block import width

MOST = 6
"""Networks of a kind in the default."""
SHARE = 0.2
"""Of the study's work, that the default may take: 6 of 30 networks, as long as what they control. A
shorter control ends before the study's networks have learned what is hard, and shows nothing."""
FEWEST = 16
"""Training examples below which a permutation leaves too many targets where they were."""


def planned(
    study: Study,
    record: StudyRecord,
    begun: StudyRecord | None,
    elsewhere: Collection[str] = (),
) -> StudyRecord | None:
    """The controls of a study that includes no others, as a study; null: it asked for none.

    `full`: every condition, every seed, to the end. `default`: the first condition of its own, at
    most 6 seeds, and no more than a fifth of the study's work. Where small networks train side by
    side and the last block has places left, controls take those and cost nothing. All are as long
    as what they control. A study of very few seeds pays for none: only the constant feature is
    left, which takes a single evaluation.

    Args:
        study: with its conditions.
        record: how it will be recorded.
        begun: the controls that its folder holds already: they stay.
        elsewhere: keys of conditions that another member of the same whole trains.
    """
    if study.controls == "none":
        return None
    full = study.controls == "full"
    own = [c for c in record.conditions if c.key not in elsewhere] or [*record.conditions]
    chosen = record.conditions if full else own[:1]
    constant = [_control(c, "constant feature", 1) for c in chosen]
    shuffled, seeds = [], 0
    if full:
        looks = {c.name: len(c.steps) for c in chosen if _permutes(study.conditions[c.name])}
        seeds = len(record.seeds)
    else:
        (first,) = chosen
        number, seeds = _affordable(study, record, own, _looks(begun, first))
        before = _seeds(begun, first)
        seeds = max(seeds, min(before, len(record.seeds)))
        permutes = _permutes(study.conditions[first.name])
        looks = {first.name: number} if permutes and seeds else {}
    shuffled = [_control(c, "shuffled labels", looks[c.name]) for c in chosen if c.name in looks]
    return dataclasses.replace(
        record,
        question=f"Controls of {record.name}: where nothing is to be seen, is nothing seen?",
        conditions=(*shuffled, *constant),
        seeds=record.seeds[: max(1, seeds) if shuffled else 1],
        hypotheses=(),
        post_hoc=(),
        controls="none",
        block_widths={},
    )


def work(condition: Condition, record: ConditionRecord) -> float:
    """Floating-point operations of one lane, training and evaluation, roughly."""
    examples = condition.examples
    passes = 6.0 * record.budget * condition.training.batch_size
    held_out = examples["fit"] + examples["test"] * (2 + 2 * len(record.features))
    passes += 2 * len(record.steps) * (examples.get("train", 0) + held_out)
    return passes * condition.model.cost(*condition.size)


def _control(c: ConditionRecord, kind: ControlKind, looks: int) -> ConditionRecord:
    """How a control of a condition is recorded; it ends with its `looks`-th evaluation."""
    steps = c.steps[:looks]
    text = f"{c.key} {kind} {steps[-1]}"
    return dataclasses.replace(
        c,
        key=hashlib.sha256(text.encode()).hexdigest()[:12],
        name=f"{kind}: {c.name}",
        spec={**c.spec, "control": kind},
        steps=steps,
        control=kind,
        control_of=c.key,
    )


def _permutes(condition: Condition) -> bool:
    """Whether its targets can be given to other examples."""
    return condition.examples.get("train", FEWEST) >= FEWEST


def _affordable(
    study: Study, record: StudyRecord, own: Sequence[ConditionRecord], begun: int | None
) -> tuple[int, int]:
    """How many evaluations long the shuffled-label lanes are, and for how many seeds.

    Args:
        study: with its conditions.
        record: how it will be recorded.
        own: the conditions that are trained here; the first is controlled.
        begun: how many evaluations long they are already; null: none are.
    """
    first = own[0]
    seeds, everything = len(record.seeds), len(first.steps)
    condition = study.conditions[first.name]
    side_by_side = width(condition, study.exact_solo)
    alike = jax.tree.structure(condition)
    group = sum(jax.tree.structure(study.conditions[c.name]) == alike for c in own)
    most = min(MOST, seeds)
    places = min(most, -seeds * group % side_by_side)

    def block(networks: int, looks: int) -> float:
        """Work of that many lanes in blocks of their own, padding included."""
        short = _control(first, "shuffled labels", looks)
        return math.ceil(networks / side_by_side) * side_by_side * work(condition, short)

    looks = everything if begun is None else begun
    share = SHARE * _total(study, record, seeds)
    paid = max((n for n in range(1, most + 1) if block(n, looks) <= share), default=0)
    return looks, max(paid, places) if looks == everything else paid


def _total(study: Study, record: StudyRecord, seeds: int) -> float:
    """The work of a whole study with so many seeds, padding included."""
    groups: dict = {}
    for c in record.conditions:
        condition = study.conditions[c.name]
        groups.setdefault(jax.tree.structure(condition), []).append((condition, c))
    total = 0.0
    for members in groups.values():
        condition, c = members[0]
        side_by_side = width(condition, study.exact_solo)
        blocks = math.ceil(len(members) * seeds / side_by_side)
        total += blocks * side_by_side * work(condition, c)
    return total


def _looks(begun: StudyRecord | None, first: ConditionRecord) -> int | None:
    """How many evaluations long the shuffled-label lanes of an earlier run are."""
    conditions = begun.conditions if begun else ()
    ours = [c for c in conditions if c.control_of == first.key and c.control == "shuffled labels"]
    return len(ours[0].steps) if ours else None


def _seeds(begun: StudyRecord | None, first: ConditionRecord) -> int:
    return len(begun.seeds) if begun and _looks(begun, first) else 0
