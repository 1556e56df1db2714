"""What a contrast selects: its columns resolved against a study, every default filled in.

Only the record is looked at, so that `primacy check` finds the same mistakes before the runs that
an estimate would find after them.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import numpy as np

from primacy.analysis.learning_times import (
    EVENTS,
    TIME_TO_ABANDON,
    TIME_TO_LEARN,
    TIME_TO_PICK_UP,
    event_criterion,
)
from primacy.analysis.levels import as_toml, same_level
from primacy.analysis.picks import Pick, Plan
from primacy.analysis.runs import by_feature, cards, own_target
from primacy.errors import closest
from primacy.records.study import ConditionRecord, Contrast, StudyRecord

COLUMNS = ("condition", "split", "layer", "feature", "target", "at")
RELATIVE = ("feature", "layer", "target", "at")
"""What `relative_to` may name: the rest is the same on both sides of a gap."""


def without_layers(kind: str) -> str:
    """What is wrong with a measure of a layer where the model, of this kind, has none."""
    of_it = f'kind = "{kind}"' if kind else "the model"
    return f"is of a hidden layer, and {of_it} has none: choose a measure of the outputs"


class SelectionError(ValueError):
    """A contrast that selects nothing, or not one thing; `problems` says all that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def resolve(record: StudyRecord, contrast: Contrast, measured: Iterable[str] | None = None) -> Plan:
    """Fill in a contrast's defaults.

    Args:
        record: the study.
        contrast: of one of its hypotheses, or any other.
        measured: names of the measures there are curves of; None: those of the record.

    Raises:
        SelectionError: with every problem found, each as `place = value: what is wrong`.
    """
    return _Resolver(record, contrast, measured).plan()


class _Resolver:
    """One contrast on its way to a plan; collects problems on the way."""

    def __init__(
        self, record: StudyRecord, contrast: Contrast, measured: Iterable[str] | None
    ) -> None:
        self.record, self.contrast = record, contrast
        self.problems: list[str] = []
        self.open = False
        stored = {m.name for m in record.measures} if measured is None else set(measured)
        kept = tuple(m for m in record.measures if m.name in stored)
        self.cards = cards(dataclasses.replace(record, measures=kept))
        self.card = self.cards.get(contrast.measure)
        self.factors = list(dict.fromkeys(f for c in record.conditions for f in c.factors))

    def plan(self) -> Plan:
        c = self.contrast
        names = [*self.cards, *EVENTS]
        if c.measure not in names:
            self.wrong("measure", c.measure, "not measured", names)
            raise SelectionError(self.problems)
        self.check_shape()
        shaped = len(self.problems)
        self.check_factors()
        # Of a trend or an average that cannot be, the sides are still looked at: every condition.
        self.open = len(self.problems) > shaped
        levels: tuple[float, ...] = ()
        if c.over is None or self.open:
            of: tuple[tuple[Pick, ...], ...] = (self.side(c.of, "of"),)
        else:
            levels = self.levels(c.over)
            of = tuple(self.side({**c.of, c.over: level}, "of") for level in levels)
        minus = None if c.minus is None else self.side(c.minus, "minus")
        picks = [p for group in (*of, minus or ()) for p in group]
        if self.card is None and len({p.at for p in picks}) > 1:
            self.problems.append(
                f"at: {c.measure} is counted up to one step on all sides: write `at` beside `of`"
            )
        if self.problems:
            raise SelectionError(list(dict.fromkeys(self.problems)))
        unit = "steps" if self.card is None else self.card.unit
        return Plan(measure=c.measure, unit=unit, of=of, minus=minus, levels=levels)

    def wrong(self, place: str, value: Any, what: str, choices: Iterable[Any] = ()) -> None:
        """Note a problem, with the legal choices and the likely typo."""
        legal = [choice if isinstance(choice, str) else as_toml(choice) for choice in choices]
        written = as_toml(value)
        near = "" if written == value else closest(str(value), legal)  # a list is no typo
        text = f"{place} = {written}: {what}.{near}"
        self.problems.append(text + (f" There are: {', '.join(legal)}" if legal else ""))

    def check_shape(self) -> None:
        """What does not depend on any one side or factor."""
        c = self.contrast
        if c.relative_to is not None and self.card is None:
            self.wrong("relative_to", c.measure, "a time has no gap: use `minus`")
        for key in c.relative_to or {}:
            if key not in RELATIVE:
                self.wrong(f"relative_to.{key}", "", "is the same on both sides", RELATIVE)
        if c.over is not None and c.scale == "ratio":
            self.wrong("scale", "ratio", "a trend has no ratio: leave `scale` out")
        elif c.scale == "ratio" and c.minus is None:
            self.wrong("scale", "ratio", "a ratio needs `minus`, the side to divide by")

    def check_factors(self) -> None:
        """What is averaged, and over what a trend is."""
        c = self.contrast
        for factor in c.pool:
            if factor not in (*self.factors, "condition"):
                self.wrong("pool", factor, "not a factor", (*self.factors, "condition"))
        if c.over is None:
            return
        if c.over not in self.factors:
            self.wrong("over", c.over, "not a factor", self.factors)
            return
        if c.minus is not None:
            self.wrong("over", c.over, "a trend takes the place of `minus`: leave one out")
        if c.over in c.pool or c.over in c.of:
            self.wrong("over", c.over, "also fixed in `of` or pooled: a trend needs its levels")
        elif len(self.levels(c.over)) < 2:
            self.wrong("over", c.over, "a trend needs two levels or more, and numbers for levels")

    def levels(self, factor: str) -> tuple[float, ...]:
        """Its numbers among the conditions that `of` leaves, in rising order."""
        found = {
            c.factors[factor]
            for c in self.record.conditions
            if factor in c.factors
            and all(
                same_level(c.factors.get(k), v)
                for k, v in self.contrast.of.items()
                if k in self.factors
            )
        }
        if any(isinstance(level, bool) or not isinstance(level, int | float) for level in found):
            return ()
        return tuple(sorted(float(level) for level in found))

    def side(self, where: dict[str, Any], place: str) -> tuple[Pick, ...]:
        """The picks of `of` or `minus`; an empty tuple after a problem."""
        before = len(self.problems)
        legal = (*COLUMNS, *self.factors)
        for key in where:
            if key not in legal:
                self.wrong(f"{place}.{key}", where[key], f'no column is named "{key}"', ())
                self.problems[-1] += f"{closest(key, legal)} There are: {', '.join(legal)}"
        conditions = self.conditions(where, place)
        if len(self.problems) > before:
            return ()
        picks = [self.gap(c, where, place) for c in conditions]
        return tuple(p for p in picks if p is not None)

    def gap(self, c: ConditionRecord, where: dict[str, Any], place: str) -> Pick | None:
        """One condition's place, with what it is relative to."""
        found, asked = self.pick(c, where, place), self.contrast.relative_to
        if asked is None or found is None or self.card is None:
            return found
        given = {key: value for key, value in asked.items() if key in RELATIVE}
        here = {k: v for k, v in where.items() if k != "target" or "feature" not in given}
        base = self.pick(c, here | given, "relative_to")
        if base is not None and "at" not in given:  # the same moment, also where it is `learned`
            base = dataclasses.replace(base, at=found.at, clock=found.clock)
        return base and dataclasses.replace(found, base=base)

    def conditions(self, where: dict[str, Any], place: str) -> list[ConditionRecord]:
        """The conditions a side selects: one, or several that are pooled."""
        left = list(self.record.conditions)
        if "condition" in where:
            # A display name, or the name of a [[condition]] that a grid made several of.
            asked, all_of_them = where["condition"], left
            left = [c for c in left if asked in (c.name, c.factors.get("condition"))]
            if not left:
                names = [c.name for c in all_of_them]
                self.wrong(f"{place}.condition", asked, "not a condition", names)
                return []
        for factor in [k for k in where if k in self.factors and k != "condition"]:
            levels = list(dict.fromkeys(c.factors[factor] for c in left if factor in c.factors))
            left = [c for c in left if same_level(c.factors.get(factor), where[factor])]
            if not left:
                self.wrong(f"{place}.{factor}", where[factor], "no condition has it", levels)
                return []
        pooled = set(self.contrast.pool)
        open_factors = {
            f: list(dict.fromkeys(c.factors.get(f) for c in left))
            for f in self.factors
            if f not in pooled
        }
        open_factors = {f: levels for f, levels in open_factors.items() if len(levels) > 1}
        same = len({tuple(c.factors.get(f) for f in self.factors) for c in left}) < len(left)
        if "condition" not in pooled and not open_factors and same:
            open_factors = {"condition": [c.name for c in left]}
        if "condition" not in pooled and open_factors and not self.open:
            text = "; ".join(
                f"{f} is {', '.join('not set' if v is None else as_toml(v) for v in levels)}"
                for f, levels in open_factors.items()
            )
            self.problems.append(
                f"{place}: {len(left)} conditions fit: {text}. Name one here, or use `over` or "
                "`pool`"
            )
        return left

    def pick(self, c: ConditionRecord, where: dict[str, Any], place: str) -> Pick | None:
        """One condition's place; None after a problem."""
        before, card = len(self.problems), self.card
        event = card is None
        has = {
            "feature": event or by_feature(card) or "target" in card.axes,
            "target": event or "target" in card.axes,
            "layer": not event and card.by_layer,
            "split": not event,
        }
        for column, there in has.items():
            if column in where and not there:
                what = f"{self.contrast.measure} has no {column}"
                self.wrong(f"{place}.{column}", where[column], what)
        split = where.get("split", "test")
        if split not in ("train", "test"):
            self.wrong(f"{place}.split", split, "not a split", ("train", "test"))
        elif split == "train" and c.steps_per_epoch is None:
            self.wrong(f"{place}.split", split, "a stream has no training set", ("test",))
        elif split == "train" and card is not None and card.by_layer:
            self.wrong(f"{place}.split", split, "layers are measured on held-out examples only")
        layer = None
        if has["layer"]:
            layer = where.get("layer", c.layers[-1] if c.layers else None)
            if not c.layers:
                kind = c.spec.get("model", {}).get("kind", "")
                self.problems.append(f"{place}: {self.contrast.measure} {without_layers(kind)}")
            elif layer not in c.layers:
                self.wrong(f"{place}.layer", layer, "not a hidden layer", c.layers)
        feature = self.feature(c, where, place)
        if len(self.problems) > before:
            return None
        target = self.target(c, where, place, feature)
        at, clock = self.moment(c, where, place, feature, target)
        if len(self.problems) > before:
            return None
        return Pick(
            condition=c.name,
            split=split,
            layer=layer,
            feature=feature,
            target=target,
            at=at,
            clock=clock,
        )

    def feature(self, c: ConditionRecord, where: dict[str, Any], place: str) -> str | None:
        card = self.card
        name = where.get("feature")
        nulls_too = card is not None and "site" in card.axes
        names = [f.name for f in c.features if f.null_of is None or nulls_too]
        if name is not None and name not in names:
            self.wrong(f"{place}.feature", name, "not a feature", names)
        elif name is None and card is not None and by_feature(card):
            measure = self.contrast.measure
            self.problems.append(
                f"{place}: {measure} is of a feature: name one. There are: {', '.join(names)}"
            )
        elif name is not None and card is not None and not by_feature(card):
            found = next(f for f in c.features if f.name == name)
            if found.target is None:
                self.wrong(
                    f"{place}.feature",
                    name,
                    f"{card.name} is of a target, and this feature determines none",
                    [t.name for t in c.targets],
                )
        return name

    def target(
        self, c: ConditionRecord, where: dict[str, Any], place: str, feature: str | None
    ) -> str | None:
        card = self.card
        if card is not None and "target" not in card.axes:
            return None
        names = [t.name for t in c.targets]
        name = where.get("target")
        if name is None:
            name = own_target(c, feature)
            if name is None and not (card is None and feature is not None):
                self.problems.append(
                    f"{place}: {self.contrast.measure} is of a target: name one. "
                    f"There are: {', '.join(names)}"
                )
        elif name not in names:
            self.wrong(f"{place}.target", name, "not a target", names)
        return name

    def moment(
        self,
        c: ConditionRecord,
        where: dict[str, Any],
        place: str,
        feature: str | None,
        target: str | None,
    ) -> tuple[str | int, tuple[str | None, str | None] | None]:
        """`at` of this side, and whose time-to-learn it needs."""
        card, at = self.card, where.get("at", self.contrast.at)
        side, place = place, f"{place}.at" if "at" in where else "at"
        if card is None:
            at = self.deadline(c, at, place)
            return at, self.clock(c, side, feature, target, self.contrast.measure)
        if isinstance(at, dict):
            learned = at.get("learned")
            names = [f.name for f in c.features if f.null_of is None]
            if set(at) != {"learned"} or learned not in names:
                self.wrong(f"{place}.learned", learned, "not a feature", names)
                return "learned", None
            return "learned", self.clock(c, place, learned, None)
        if at == "learned":
            if feature is None and "target" not in card.axes:
                names = [f.name for f in c.features if f.null_of is None]
                what = f"{card.name} has no feature: say which, `{{ learned = ... }}`"
                self.wrong(place, at, what, names)
                return at, None
            return at, self.clock(c, place, feature, target)
        if _is_step(at):
            self.evaluation(c, at, place)
        elif at not in ("end", "mean"):
            choices = ("end", "mean", "learned", "a step")
            self.wrong(place, at, "not a moment of training", choices)
        return at, None

    def evaluation(self, c: ConditionRecord, at: int, place: str) -> bool:
        """Whether a step is one that is measured; a problem where not."""
        if at in c.steps:
            return True
        i = int(np.searchsorted(c.steps, at))
        near = [str(s) for s in c.steps[max(0, i - 1) : i + 1]]
        are = "is" if len(near) == 1 else "are"
        what = f"condition '{c.name}' has no evaluation at step {at}; the nearest {are} "
        self.wrong(place, at, what + " and ".join(near))
        return False

    def deadline(self, c: ConditionRecord, at: Any, place: str) -> str | int:
        """The step by which an event must have come; `end`: the last that can be confirmed."""
        if _is_step(at):
            after = len(c.steps) - 1 - int(np.searchsorted(c.steps, at))
            if self.evaluation(c, at, place) and after < c.confirm - 1:
                what = f"{after} evaluations of {c.name} follow, and confirming takes "
                what += f"{c.confirm - 1}: the last step that can be confirmed is {c.tau}"
                self.wrong(place, at, what)
            return at
        if at != "end":
            what = f"{self.contrast.measure} has no `at` but a step by which it came: it is a "
            self.wrong(place, at, what + "moment itself")
        return "end"

    def clock(
        self,
        c: ConditionRecord,
        place: str,
        feature: str | None,
        target: str | None,
        event: str = TIME_TO_LEARN,
    ) -> tuple[str | None, str | None]:
        """Whose time-to-learn (or to pick up), if it has one."""
        criterion = event_criterion(c, event, feature, target)
        whose, called = feature or target, event.replace("_", "-")
        if criterion is None:
            found = next((f for f in c.features if f.name == feature), None)
            why = "" if found is None or found.reason is None else f": {found.reason}"
            if event == TIME_TO_PICK_UP:
                why = ": no slope of it is known that is not 0"
            if event == TIME_TO_ABANDON:
                why = ": it has no columns that could be interchanged"
            names = [f.name for f in c.features if f.null_of is None]
            others = [name for name in names if event_criterion(c, event, name) is not None]
            self.wrong(place, whose, f"it has no {called}{why}", others)
        elif criterion.measure not in self.cards:
            self.wrong(place, whose, f"its criterion, {criterion.measure}, is not measured")
        return feature, target


def _is_step(at: Any) -> TypeGuard[int]:
    return isinstance(at, int) and not isinstance(at, bool)
