"""The runs of a study as arrays, and what its record says about reading them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from primacy.records import curves as table
from primacy.records.study import (
    ConditionRecord,
    Criterion,
    FeatureRecord,
    MeasureRecord,
    StudyRecord,
)
from primacy.records.traces import Traces

GROUP = "variance_explained_group"
"""What stands for `variance_explained` of a feature that is several columns."""
SLOPE = "input_gradient_signed"
"""The measure that says how a network's output moves with a feature of one column."""
RELIANCE = "reliance"
"""The measure that says how far an output depends on a feature's columns."""


class Runs:
    """The lanes of a study as arrays: a row a seed of the record, a column an evaluation."""

    def __init__(self, curves: table.Rows, lanes: pl.DataFrame, record: StudyRecord) -> None:
        if isinstance(curves, Traces) and list(curves.seeds) != list(record.seeds):
            raise ValueError("curves of other seeds than the record's")
        self.curves, self.record = curves, record
        self.seeds = np.array(record.seeds, dtype=np.int64)
        self.cards = cards(record)
        self._traces: dict[str, dict[tuple, Float[np.ndarray, "s e"]]] = {}
        self.memo: dict[tuple, Any] = {}
        """What was worked out from these runs before, by what was asked."""
        self._lanes = {
            name[0]: dict(
                zip(part["seed"], zip(part["ended"], part["end_step"], strict=True), strict=True)
            )
            for name, part in lanes.partition_by("condition", as_dict=True).items()
        }

    def steps(self, condition: str, budget: float = 1.0) -> Int[np.ndarray, " e"]:
        """The evaluations of a condition within a share of its budget."""
        steps = np.array(self.record.condition(condition).steps, dtype=np.int64)
        return steps[: max(1, np.searchsorted(steps, budget * steps[-1], side="right"))]

    def ended(self, condition: str) -> np.ndarray:
        """How each lane ended (`manifest.ENDS`); empty where it has not run."""
        lanes = self._lanes.get(condition, {})
        return np.array([lanes.get(s, ("", 0))[0] for s in self.record.seeds], dtype=np.str_)

    def end_step(self, condition: str) -> Int[np.ndarray, " s"]:
        """Each lane's last evaluation, in steps; -1 where it has not run."""
        lanes = self._lanes.get(condition, {})
        return np.array([lanes.get(s, ("", -1))[1] for s in self.record.seeds], dtype=np.int64)

    def last(self, condition: str, budget: float = 1.0) -> Int[np.ndarray, " s"]:
        """Position of each lane's last evaluation within a share of the budget; 0 if not run."""
        found = np.searchsorted(self.steps(condition, budget), self.end_step(condition), "right")
        return np.maximum(found - 1, 0)

    def trace(
        self,
        condition: str,
        measure: str,
        *,
        split: str = "test",
        layer: str | None = None,
        feature: str | None = None,
        target: str | None = None,
    ) -> Float[np.ndarray, "s e"] | None:
        """The curve of every seed; NaN where there is no row or no value. None: no such rows.

        Columns that the measure does not have are not looked at. Without a target, of a condition
        that has several: the mean over its targets.
        """
        if measure not in self._traces:
            self._traces[measure] = self._read(measure)
        card = self.cards[measure]
        targets = self.record.condition(condition).targets
        if target is None and "target" in card.axes and len(targets) > 1:
            each = [
                self.trace(
                    condition, measure, split=split, layer=layer, feature=feature, target=t.name
                )
                for t in targets
            ]
            found = [one for one in each if one is not None]
            return np.mean(found, axis=0) if len(found) == len(targets) else None
        key = (
            condition,
            split,
            layer if card.by_layer else None,
            feature if by_feature(card) else None,
            target if "target" in card.axes else None,
        )
        return self._traces[measure].get(key)

    def _read(self, measure: str) -> dict[tuple, Float[np.ndarray, "s e"]]:
        card = self.cards[measure]
        # A feature stands in the rows of its own target too; there the target says it all.
        asked = {
            "layer": card.by_layer,
            "feature": by_feature(card),
            "target": "target" in card.axes,
        }
        if isinstance(self.curves, Traces):
            ours = self.curves.derived if measure in table.DERIVED else self.curves.traces
            return ours(measure, asked)
        keys = ["condition", "split", *asked]
        rows = table.rows(self.curves, measure).with_columns(
            **{c: pl.lit(None, dtype=pl.String) for c, has in asked.items() if not has}
        )
        parts = rows.group_by(keys, maintain_order=True).agg("seed", "step", "value")
        # All parts' numbers, one part after the other.
        seed, step, value = (parts[c].explode().to_numpy() for c in ("seed", "step", "value"))
        ends = np.cumsum(parts["seed"].list.len().to_numpy())
        order = np.argsort(self.seeds)
        s = np.searchsorted(self.seeds, seed, sorter=order).clip(max=len(order) - 1)
        row, known = order[s], self.seeds[order[s]] == seed
        found, start = {}, 0
        for key, end in zip(parts.select(keys).iter_rows(), ends.tolist(), strict=True):
            own, start = slice(start, end), end
            steps = self.steps(str(key[0]))
            traces = np.full((len(self.seeds), len(steps)), np.nan, dtype=np.float32)
            e = np.searchsorted(steps, step[own]).clip(max=len(steps) - 1)
            fits = known[own] & (steps[e] == step[own])
            traces[row[own][fits], e[fits]] = value[own][fits]
            found[key] = traces
        return found


def cards(record: StudyRecord) -> dict[str, MeasureRecord]:
    """The card of every measure that can be selected, derived ones included."""
    found = {m.name: m for m in record.measures}
    if {"variance_explained", "total_variance"} <= set(found):
        share, total = found["variance_explained"], found["total_variance"]
        change = dataclasses.replace
        alone = change(share, family="", label="", at_chance=None, section=None)
        found["variance_absolute"] = change(
            alone, name="variance_absolute", unit=total.unit, section="summary"
        )
        found["variance_explained_of_final"] = change(alone, name="variance_explained_of_final")
    return found


def variants(cards: Mapping[str, MeasureRecord], name: str) -> list[str]:
    """The other definitions of what a measure measures, its family's headline first."""
    own = cards.get(name)
    if own is None or not _is_definition(own):
        return []
    others = [
        card
        for card in cards.values()
        if card.name != name
        and card.family == own.family
        and _is_definition(card)
        and card.axes == own.axes
    ]
    return [card.name for card in sorted(others, key=in_family)]


def _is_definition(card: MeasureRecord) -> bool:
    return bool(card.family) and card.control_of is None and card.section != "summary"


def in_family(card: MeasureRecord) -> tuple[str, int, str]:
    """Sorts cards by family, and within it the headline first."""
    return card.family, card.family_order, card.name


def by_feature(card: MeasureRecord) -> bool:
    """Whether the measure has a value for every feature (`site`: for null columns too)."""
    return "feature" in card.axes or "site" in card.axes


def feature_record(condition: ConditionRecord, name: str) -> FeatureRecord:
    """The feature, or null columns, of that name."""
    return next(f for f in condition.features if f.name == name)


def own_target(condition: ConditionRecord, feature: str | None) -> str | None:
    """The target that a feature (or the one whose null columns these are) determines.

    Else the only target there is; None where there are several.
    """
    if feature is not None:
        found = feature_record(condition, feature)
        if found.target is None and found.null_of is not None:
            found = feature_record(condition, found.null_of)
        if found.target is not None:
            return found.target
    return condition.targets[0].name if len(condition.targets) == 1 else None


def criterion_of(
    condition: ConditionRecord, feature: str | None, target: str | None = None
) -> Criterion | None:
    """When a feature counts as learned; without a feature, when a target does."""
    if feature is not None:
        return feature_record(condition, feature).criterion
    name = target or own_target(condition, None)
    for found in condition.targets:
        if found.name == name:
            return Criterion(measure=found.score, chance=found.chance, ceiling=found.ceiling)
    return None


def reference_slope(condition: ConditionRecord, feature: str) -> float | None:
    """The slope that a feature is picked up towards: the larger of its two, in size.

    The two are its slopes in the best predictor from all features, and from this one alone. None:
    both are 0, none is stated, or the feature has no one column to take a slope along.
    """
    found = feature_record(condition, feature)
    known = [slope for slope in (found.best, found.solo) if slope is not None]
    largest = max(known, key=abs, default=0.0)
    return largest if largest and len(found.columns) == 1 else None


def is_group(feature: FeatureRecord) -> bool:
    """Whether a feature is several columns of own data, which have no one value."""
    criterion = feature.criterion
    return len(feature.columns) > 1 and criterion is not None and criterion.ceiling is None


def stand_in(runs: Runs, measure: str, feature: FeatureRecord) -> str:
    """The measure, or what takes its place for several columns of own data."""
    joint = measure == "variance_explained" and is_group(feature) and GROUP in runs.cards
    return GROUP if joint else measure


def costs(
    runs: Runs, condition: ConditionRecord, feature: FeatureRecord, last: Int[np.ndarray, " s"]
) -> dict[str, Float[np.ndarray, " s"]]:
    """Of own data: the score that interchanging a feature costs at the end, and the whole score.

    Held out and, where it was measured, in training. Empty where features have a ceiling.
    """
    criterion = feature.criterion
    if criterion is None or criterion.ceiling is not None:
        return {}
    score = condition.targets[0].score
    target = own_target(condition, None)
    asked = {
        "score_lost": (f"reliance_{score}", "test", feature.name),
        "score_lost_train": (f"reliance_{score}", "train", feature.name),
        "final_score_train": (score, "train", None),
    }
    found = {}
    for column, (measure, split, name) in asked.items():
        if measure in runs.cards:
            trace = runs.trace(condition.name, measure, split=split, feature=name, target=target)
            if trace is not None:
                found[column] = trace[np.arange(len(last)), last]
    return found
