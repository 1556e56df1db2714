"""What does not fit in a condition: settings that contradict each other, the task or the data."""

from collections.abc import Iterator
from typing import Any

from primacy.study.describe import features
from primacy.study.spec import Condition, Training
from primacy.study.toml.grid import Table
from primacy.study.toml.lines import Path
from primacy.study.toml.mistakes import Mistake, not_among

SIZES = {"train": "examples", "fit": "fit_examples", "test": "test_examples"}
"""The key of `training` that says how many examples of each split."""


def misfits(task: Any, training: Training, written: Table) -> Iterator[Mistake]:
    """Settings of training that contradict each other or the task."""
    at = "training"
    for split, key in SIZES.items():
        n, has = getattr(training, key), task.sizes
        if n == "all" and has is None:
            yield Mistake((at, key), "this task makes as many as asked for: give a number")
        elif isinstance(n, int) and has is not None and n > has[split]:
            yield Mistake((at, key), f"more than the {has[split]} that the data have")
    if training.examples == "stream" and task.sizes is not None:
        why = 'the data are of limited size: write "all" or a number'
        yield Mistake((at, "examples"), why)
    if training.phases:
        yield from _phases(task, training)
    elif training.epochs is not None and training.steps is not None:
        yield Mistake((at, "steps"), "epochs is given too: leave out one of them")
    elif training.examples == "stream" and training.epochs is not None:
        yield Mistake((at, "epochs"), "a stream has no epochs: give steps")
    elif training.epochs is None and training.steps is None:
        choice = "steps" if training.examples == "stream" else "epochs, or steps"
        yield Mistake((at,), f"does not say how long: give {choice}")
    if training.unlinked != "none":
        yield from _unlinked(task, training)
    if training.confirm > training.evaluations and "confirm" in written:
        yield Mistake((at, "confirm"), f"more than the {training.evaluations} evaluations")
    if training.stop == "learned":
        criteria = [f.criterion for f in features(task) if f.criterion is not None]
        if any(criterion.ceiling is None for criterion in criteria):
            yield Mistake(
                (at, "stop"),
                "nobody knows when the features of these data are learned as well as they can be: "
                'write "budget"',
            )
        elif not criteria:
            yield Mistake(
                (at, "stop"), 'no feature of this task can count as learned: write "budget"'
            )


def _phases(task: Any, training: Training) -> Iterator[Mistake]:
    """What is wrong with the phases of training."""
    targets = [t.name for t in task.targets]
    for key in ("epochs", "steps"):
        if getattr(training, key) is not None:
            yield Mistake(("training", key), "the phases say how long: leave it out")
    for i, phase in enumerate(training.phases):
        path = ("training", "phases", i)
        if (phase.epochs is None) == (phase.steps is None):
            yield Mistake(path, "give exactly one of epochs and steps", shows=False)
        elif phase.epochs is not None and training.examples == "stream":
            yield Mistake((*path, "epochs"), "a stream has no epochs: give steps")
        for j, called in enumerate(phase.targets):
            if called not in targets:
                yield not_among((*path, "targets", j), called, targets, "not a target")


def _unlinked(task: Any, training: Training) -> Iterator[Mistake]:
    """What is wrong with the feature whose link is broken in training."""
    path, names = ("training", "unlinked"), [f.name for f in task.declared]
    if training.unlinked not in names:
        yield not_among(path, training.unlinked, [*names, "none"], "not a feature")
    elif training.batch_size == 1:
        yield Mistake(path, "an example has it from another one of its batch: batch_size = 1")


def impossible(condition: Condition) -> Iterator[Mistake]:
    """More batches or evaluations than there can be."""
    training = condition.training
    size = None if training.examples == "stream" else condition.examples["train"]
    if training.confirm > training.evaluations:
        text = f"more than the {training.evaluations} evaluations"
        yield Mistake(("training", "confirm"), text)
    if size is not None and training.batch_size > size:
        yield Mistake(
            ("training", "batch_size"), f"larger than the training set of {size} examples"
        )
    elif training.evaluations > condition.budget + 1:
        yield Mistake(
            ("training", "evaluations"),
            f"{condition.budget:,} steps allow at most {condition.budget + 1:,}",
        )
    elif training.also:
        try:
            condition.evaluations  # noqa: B018 (asked for its error)
        except ValueError as error:
            yield Mistake(("training", "also"), str(error))


def unused_settings(table: Table) -> Iterator[tuple[Path, str | None]]:
    """Settings that only one optimizer has: why they do nothing here, or None where they do."""
    training = table.get("training", {})
    optimizer = training.get("optimizer", "adam")
    for key, owner in (("momentum", "sgd"), ("weight_decay", "adamw")):
        if training.get(key):
            why = f'does nothing with optimizer = "{optimizer}"; only {owner} has it'
            yield ("training", key), None if optimizer == owner else why
