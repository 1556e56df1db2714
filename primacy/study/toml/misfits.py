"""What does not fit in a condition: settings that contradict each other, the task or the data."""

import itertools
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
    """Batches or evaluations that there cannot be, or that say nothing."""
    training = condition.training
    size = None if training.examples == "stream" else condition.examples["train"]
    if training.confirm > training.evaluations:
        text = f"more than the {training.evaluations} evaluations"
        yield Mistake(("training", "confirm"), text)
    # A convolutional model also has the places of an image to take its statistics over.
    alone = training.batch_size == 1 and getattr(condition.model, "kind", None) == "mlp"
    if alone and getattr(condition.model, "normalization", "none") == "batch":
        yield Mistake(
            ("training", "batch_size"),
            "batch normalization leaves nothing of one example, which is its own mean: use 2 or "
            "more, or another normalization",
        )
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


def idle_settings(table: Table, model: Any) -> Iterator[tuple[Path, str | None]]:
    """Settings that are written and may do nothing: why they do, or None where they do something.

    Args:
        table: of a condition, as written.
        model: made of it; None: it cannot be.
    """
    training = table.get("training", {})
    optimizer = training.get("optimizer", "adam")
    for key, owner in (("momentum", "sgd"), ("weight_decay", "adamw")):
        if key in training:
            why = f'does nothing with optimizer = "{optimizer}"; only {owner} has it'
            yield ("training", key), None if optimizer == owner else why
    written = table.get("model", {})
    encoding = getattr(model, "encoding", None)
    if "frequencies" in written and encoding is not None:
        why = f'does nothing with encoding = "{encoding}"; only positional has it'
        yield ("model", "frequencies"), None if encoding == "positional" else why
    if "residual" in written and getattr(model, "kind", None) == "mlp":
        skips = any(a == b for a, b in itertools.pairwise(model.layer_sizes))
        why = "does nothing: no hidden layer is as wide as the one before it"
        yield ("model", "residual"), None if skips else why
