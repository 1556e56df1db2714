"""What a study will be recorded as, before anything runs: Study -> StudyRecord."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
from typing import Any

import numpy as np

from primacy.models.dense import size
from primacy.records import study as record
from primacy.records.members import joined
from primacy.registry import PLUGINS, Measure, canonical, measures
from primacy.study.spec import Condition, Study
from primacy.types import Feature, Target, Task

NOT_USED = 0.01
"""A feature group that costs the final network less than this share of its score is not used."""
RELIED_ON = 0.05
"""Of the score: what a group must cost in training to count as relied on, where a shortcut is
declared."""

WATCHED = "it is measured only: no output is trained on it"

VERSIONS = ("primacy", "jax", "jaxlib", "optax", "numpy", "polars", "scipy")
SETTINGS = ("XLA_FLAGS", "JAX_ENABLE_X64", "NPROC")
"""Environment variables that change numbers; recorded where they are set."""


def describe(study: Study) -> record.StudyRecord:
    """Everything about a study that is known without running it."""
    members = [describe(member) for member in study.members]
    chosen = () if members else measured(study)
    conditions = tuple(
        dataclasses.replace(described(condition), name=name, factors=study.factors.get(name, {}))
        for name, condition in study.conditions.items()
    )
    whole = record.StudyRecord(
        name=study.name,
        question=study.question,
        study_hash=_hash(
            study,
            [c.key for c in conditions],
            [m.name for m in chosen],
            [member.study_hash for member in members],
        ),
        seeds=_numbers(study.seeds, study.seed_offset),
        seed_axes=study.seed_axes,
        conditions=conditions,
        measures=tuple(card(measure) for measure in chosen),
        hypotheses=study.hypotheses,
        controls=study.controls,
        versions=versions(),
    )
    return joined(whole, members) if members else whole


@functools.lru_cache(maxsize=1)
def _numbers(count: int, first: int) -> tuple[int, ...]:
    # A million of them are 36 MB, which the members of a study share.
    return tuple(range(first, first + count))


def versions() -> dict[str, str]:
    """Python and the libraries that decide numbers, each with its version; plugins by SHA-256.

    Also the settings of JAX and its compiler that the environment has.
    """
    found = {name: _version(name) for name in VERSIONS} | {"python": platform.python_version()}
    found |= {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    return found | {f"plugin {name}": sha256 for name, sha256 in sorted(PLUGINS.items())}


@functools.cache
def _version(name: str) -> str:
    return importlib.metadata.version(name)


def measured(study: Study) -> tuple[Measure, ...]:
    """The study's measures in the registry's order; where it lists none, those of every study."""
    offered = measures.load()
    for name in study.measures:
        offered[name]  # an unknown name raises, with the likely one
    losses = {condition.task.loss for condition in study.conditions.values()}
    needed: set[str] = set()  # without which no time-to-learn or to pick up could be told
    for condition in study.conditions.values():
        own = described(condition).features
        needed |= {f.criterion.measure for f in own if f.criterion is not None}
        if any(f.criterion is not None and f.criterion.ceiling is None for f in own):
            # Whether the task was learned at all decides what reliance on own data means.
            needed |= {"accuracy", "r_squared"}
            # Of several columns there is no one value whose share of a layer could be told.
            if not study.measures or "variance_explained" in study.measures:
                wide = any(len(f.columns) > 1 for f in own)
                needed |= {"variance_explained_group"} if wide else set()
        if _by_slopes(condition.task.declared):
            needed |= {"input_gradient_signed", "r_squared"}
    # A claim about a measure names it as well as the list does.
    claimed = () if study.measures else [h.contrast.measure for h in study.hypotheses]
    wanted = {*study.measures, *needed, *claimed}
    trained = _in_training(study)
    return tuple(
        dataclasses.replace(measure, splits=(*measure.splits, "train"))
        if name in trained and "train" not in measure.splits and not measure.by_layer
        else measure
        for name, measure in sorted(offered.items())
        if (name in wanted or (measure.by_default and not study.measures))
        and any(loss in losses for loss in measure.losses)
    )


def _in_training(study: Study) -> set[str]:
    """Names of the measures that a criterion or a hypothesis wants of the training examples."""
    criteria = [f.criterion for c in study.conditions.values() for f in features(c.task)]
    found = {c.measure for c in criteria if c is not None and c.split == "train"}
    for contrast in (h.contrast for h in study.hypotheses):
        sides = (contrast.of, contrast.minus or {})
        found |= {contrast.measure for side in sides if side.get("split") == "train"}
    return found


def sites(features: tuple[Feature, ...], d: int) -> tuple[list[str], np.ndarray]:
    """Names and columns (`[p, d]`, true where a column belongs) of features, then null columns."""
    named = [(f.name, f.columns) for f in features]
    named += [(null_name(f.name), f.null_columns) for f in features if f.null_columns]
    columns = np.zeros((len(named), d), bool)
    for row, (_, own) in zip(columns, named, strict=True):
        row[list(own)] = True
    return [name for name, _ in named], columns


def null_name(feature: str) -> str:
    """The pseudo-feature under which a feature's matched null columns are stored."""
    return f"{feature} null"


def described(condition: Condition) -> record.ConditionRecord:
    """How a condition will be recorded, but for its name and factors, which a study gives it.

    Worked out once and kept with the condition, as a cached property is: reading a study, joining
    members, choosing measures and planning all need it.
    """
    found = vars(condition).get(_KEPT)
    if found is None:
        found = vars(condition)[_KEPT] = _recorded(condition)
    return found


_KEPT = "described"


def _recorded(condition: Condition) -> record.ConditionRecord:
    task, training = condition.task, condition.training
    own = features(task)
    own += [
        record.FeatureRecord(
            name=null_name(f.name),
            columns=f.null_columns,
            target=None,
            predictivity=None,
            complexity=None,
            criterion=None,
            reason="null columns",
            null_of=f.name,
        )
        for f in task.declared
        if f.null_columns
    ]
    shape, outputs = condition.size
    return record.ConditionRecord(
        key=condition.key,
        name="",
        factors={},
        spec=canonical(condition),
        features=tuple(own),
        targets=targets(task),
        inputs=tuple(task.input_names),
        layers=tuple(condition.model.layer_names),
        steps=condition.evaluations,
        steps_per_epoch=condition.steps_per_epoch,
        theta=training.theta,
        confirm=training.confirm,
        stop=training.stop,
        parameters=size(condition.model.shapes(shape, outputs)),
        input_shape=shape if len(shape) > 1 else (),
        facts=dict(getattr(task, "facts", {})),
    )


def targets(task: Task) -> tuple[record.TargetRecord, ...]:
    """What the network answers, as recorded."""
    return tuple(
        record.TargetRecord(
            name=t.name,
            kind=t.kind,
            chance=t.chance,
            ceiling=t.ceiling,
            ceiling_known=t.ceiling_known,
            classes=t.classes,
        )
        for t in task.targets
    )


def features(task: Task) -> list[record.FeatureRecord]:
    """A task's declared features, each with what it counts as learned by, or why it never does."""
    slopes = _by_slopes(task.declared)
    first = _first(task)
    return [_feature(f, task.targets, slopes, first) for f in task.declared]


def _first(task: Task) -> record.Criterion:
    """When a feature of own data, of which nobody knows the best use, counts as relied on.

    At what the task says (`first`); else relative to the run's own end. Not by plain `reliance`,
    which is a share of whatever the outputs vary: an untrained network already relies on its
    inputs, by .05 to .4. A shortcut costs no held-out score, so with one it is judged in training.
    """
    measure = f"reliance_{score_of(task.targets[0].kind)}"
    given = getattr(task, "first", None)
    if given is not None:
        measure = measure if given.measure.startswith("reliance_accuracy") else given.measure
        return record.Criterion(
            measure=measure, chance=0.0, ceiling=None, amount=given.amount, split=given.split
        )
    if getattr(task, "shortcut", ()):
        return record.Criterion(
            measure=measure, chance=0.0, ceiling=None, amount=RELIED_ON, split="train"
        )
    return record.Criterion(measure=measure, chance=0.0, ceiling=None, floor=NOT_USED)


def score_of(kind: str) -> str:
    """The measure of how well a target of that kind is met."""
    return "r_squared" if kind == "number" else "accuracy"


def _by_slopes(declared: tuple[Feature, ...]) -> bool:
    """Whether the task says what its features are worth to the best predictor (`Feature.best`)."""
    return any(f.best is not None or f.solo is not None or f.reason is not None for f in declared)


def _feature(
    feature: Feature, targets: tuple[Target, ...], slopes: bool, first: record.Criterion
) -> record.FeatureRecord:
    target = None if feature.target is None else targets[feature.target]
    reason = None
    if feature.watched:
        criterion, reason = None, WATCHED
    elif feature.judged_by is not None:
        criterion = record.Criterion(
            measure=feature.judged_by,
            chance=measures.load()[feature.judged_by].chance or 0.0,
            ceiling=feature.full,
        )
    elif _by_slopes((feature,)) or (slopes and target is None):
        criterion, reason = _slope(feature, targets)
    elif target is not None:
        criterion = record.Criterion(
            measure=score_of(target.kind),
            chance=target.chance,
            ceiling=target.ceiling,
        )
    else:
        criterion = first
    return record.FeatureRecord(
        name=feature.name,
        columns=feature.columns,
        target=target and target.name,
        predictivity=feature.predictivity,
        complexity=feature.complexity,
        criterion=criterion,
        best=feature.best,
        solo=feature.solo,
        reason=reason,
        levels=feature.levels,
        facts=dict(feature.facts),
    )


def _slope(
    feature: Feature, targets: tuple[Target, ...]
) -> tuple[record.Criterion | None, str | None]:
    """Learned: the output's slope along the feature is that of the best predictor."""
    why = None
    if len(feature.columns) != 1:
        why = f"{len(feature.columns)} columns have no one slope"
    elif len(targets) != 1:
        why = "the task has several targets, and a slope is of one"
    elif feature.best is None:
        why = "the data do not identify how much of it the best predictor uses"
    elif feature.best == 0:
        why = "the best predictor ignores it"
    if why is not None or feature.best is None:
        return None, feature.reason or why
    # A negative slope is a ceiling below chance, reached from above.
    return record.Criterion(measure="input_gradient_signed", chance=0.0, ceiling=feature.best), None


def card(measure: Measure) -> record.MeasureRecord:
    """A measure's card, as recorded."""
    own = {field.name for field in dataclasses.fields(record.MeasureRecord)} - {"in_training"}
    card: dict[str, Any] = {name: getattr(measure, name) for name in own}
    return record.MeasureRecord(**card, in_training=measure.splits == ("test", "train"))


def _hash(study: Study, conditions: list[str], chosen: list[str], members: list[str]) -> str:
    fixed = {
        "name": study.name,
        "question": study.question,
        "conditions": sorted(conditions),
        "measures": chosen,
        "hypotheses": canonical(study.hypotheses),
        "seed_axes": study.seed_axes,
    } | ({"members": members} if members else {})
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()
