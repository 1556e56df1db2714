"""What a study will be recorded as, before anything runs: Study -> StudyRecord."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from typing import Any

import jax
import numpy as np

from primacy import record
from primacy.registry import Measure, canonical, measures
from primacy.study import Condition, Study
from primacy.types import Feature, Target

NOT_USED = 0.01
"""A feature group that costs the final network less than this share of its score is not used."""

VERSIONS = ("primacy", "jax", "jaxlib", "optax", "numpy", "polars", "scipy")


def describe(study: Study) -> record.StudyRecord:
    """Everything about a study that is known without running it."""
    chosen = measured(study)
    conditions = tuple(
        _condition(name, condition, study.factors.get(name, {}))
        for name, condition in study.conditions.items()
    )
    return record.StudyRecord(
        name=study.name,
        question=study.question,
        study_hash=_hash(study, [c.key for c in conditions], [m.name for m in chosen]),
        seeds=tuple(range(study.seeds)),
        seed_axes=study.seed_axes,
        conditions=conditions,
        measures=tuple(_card(measure) for measure in chosen),
        hypotheses=study.hypotheses,
        versions={name: importlib.metadata.version(name) for name in VERSIONS}
        | {"python": platform.python_version()},
    )


def measured(study: Study) -> tuple[Measure, ...]:
    """The study's measures in the registry's order; all where it names none."""
    offered = measures.load()
    for name in study.measures:
        offered[name]  # an unknown name raises, with the likely one
    losses = {condition.task.loss for condition in study.conditions.values()}
    needed = {
        criterion.measure
        for condition in study.conditions.values()
        for feature in condition.task.declared
        if (criterion := _feature(feature, condition.task.targets).criterion)
    }  # without which no time-to-learn could be told
    return tuple(
        measure
        for name, measure in sorted(offered.items())
        if (not study.measures or name in {*study.measures, *needed})
        and any(loss in losses for loss in measure.losses)
    )


def sites(features: tuple[Feature, ...], d: int) -> tuple[list[str], np.ndarray]:
    """Names and columns (`[p, d]`, true where a column belongs) of features, then null columns."""
    named = [(f.name, f.columns) for f in features]
    named += [(null_name(f), f.null_columns) for f in features if f.null_columns]
    columns = np.zeros((len(named), d), bool)
    for row, (_, own) in zip(columns, named, strict=True):
        row[list(own)] = True
    return [name for name, _ in named], columns


def null_name(feature: Feature) -> str:
    """The pseudo-feature under which a feature's matched null columns are stored."""
    return f"{feature.name} null"


def _condition(
    name: str, condition: Condition, factors: dict[str, record.Level]
) -> record.ConditionRecord:
    task, training = condition.task, condition.training
    targets = tuple(
        record.TargetRecord(
            name=t.name,
            kind=t.kind,
            chance=t.chance,
            ceiling=t.ceiling,
            ceiling_known=t.ceiling_known,
        )  # fmt: skip
        for t in task.targets
    )
    features = [_feature(f, task.targets) for f in task.declared]
    features += [
        record.FeatureRecord(
            name=null_name(f),
            columns=f.null_columns,
            target=None,
            predictivity=None,
            complexity=None,
            criterion=None,
            reason="null columns",
            null_of=f.name,
        )  # fmt: skip
        for f in task.declared
        if f.null_columns
    ]
    shapes = condition.model.init(np.random.default_rng(0), len(task.input_names), len(targets))
    return record.ConditionRecord(
        key=condition.key,
        name=name,
        factors=factors,
        spec=canonical(condition),
        features=tuple(features),
        targets=targets,
        inputs=tuple(task.input_names),
        layers=tuple(condition.model.layer_names),
        steps=condition.evaluations,
        steps_per_epoch=condition.steps_per_epoch,
        theta=training.theta,
        confirm=training.confirm,
        stop=training.stop,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(shapes)),
    )


def _feature(feature: Feature, targets: tuple[Target, ...]) -> record.FeatureRecord:
    target = None if feature.target is None else targets[feature.target]
    if target is None:
        # Relative to the lane's own end. Not plain `reliance`, which is a share of whatever the
        # outputs vary: an untrained network already relies on its inputs, by .05 to .4.
        score = "accuracy" if targets[0].kind == "binary" else "r_squared"
        criterion = record.Criterion(
            measure=f"reliance_{score}", chance=0.0, ceiling=None, floor=NOT_USED
        )
    else:
        criterion = record.Criterion(
            measure="accuracy" if target.kind == "binary" else "r_squared",
            chance=target.chance,
            ceiling=target.ceiling,
        )
    return record.FeatureRecord(
        name=feature.name,
        columns=feature.columns,
        target=target and target.name,
        predictivity=feature.predictivity,
        complexity=feature.complexity,
        criterion=criterion,
        facts=dict(feature.facts),
    )


def _card(measure: Measure) -> record.MeasureRecord:
    own = {field.name for field in dataclasses.fields(record.MeasureRecord)}
    card: dict[str, Any] = {name: getattr(measure, name) for name in own}
    return record.MeasureRecord(**card)


def _hash(study: Study, conditions: list[str], chosen: list[str]) -> str:
    fixed = {
        "name": study.name,
        "question": study.question,
        "conditions": sorted(conditions),
        "measures": chosen,
        "hypotheses": canonical(study.hypotheses),
        "seed_axes": study.seed_axes,
    }
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()
