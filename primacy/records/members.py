"""A study of studies: the records of its members as one.

The whole reads like any other study. Its conditions are those of all members, called
`size/default`, with the member as one more factor, `study`; a member's hypotheses keep to its own
conditions by naming that factor.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from primacy.records.study import ConditionRecord, Hypothesis, StudyRecord

FACTOR = "study"
"""The factor by which `of` and `minus` name a member."""


def joined(whole: StudyRecord, members: Sequence[StudyRecord]) -> StudyRecord:
    """The record of a study of studies.

    Args:
        whole: what the including study says itself: its name, its own hypotheses, its seeds.
        members: in the order in which they are included.
    """
    cards = {card.name: card for member in members for card in member.measures}
    theirs = [prefixed(h, member) for member in members for h in member.hypotheses]
    return dataclasses.replace(
        whole,
        conditions=tuple(inside(c, member.name) for member in members for c in member.conditions),
        measures=tuple(cards[name] for name in sorted(cards)),
        hypotheses=(*whole.hypotheses, *theirs),
        block_widths={k: w for member in members for k, w in member.block_widths.items()},
        members=tuple(member.name for member in members),
    )


def inside(condition: ConditionRecord, member: str) -> ConditionRecord:
    """A member's condition as it is called in the whole."""
    return dataclasses.replace(
        condition, name=f"{member}/{condition.name}", factors={FACTOR: member} | condition.factors
    )


def prefixed(hypothesis: Hypothesis, member: StudyRecord) -> Hypothesis:
    """A member's hypothesis as it stands in the whole."""
    contrast = hypothesis.contrast
    control = hypothesis.control_for
    return dataclasses.replace(
        hypothesis,
        id=f"{member.name}/{hypothesis.id}",
        control_for=None if control is None else f"{member.name}/{control}",
        contrast=dataclasses.replace(
            contrast,
            of=_selection(contrast.of, member),
            minus=None if contrast.minus is None else _selection(contrast.minus, member),
        ),
    )


def _selection(where: dict[str, Any], member: StudyRecord) -> dict[str, Any]:
    asked = where.get("condition")
    # The name of a [[condition]] is a factor and stays; a display name has a new one here.
    labels = [c.factors.get("condition") for c in member.conditions]
    if asked is not None and asked not in labels:
        where = {**where, "condition": f"{member.name}/{asked}"}
    return {FACTOR: member.name} | where
