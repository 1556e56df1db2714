"""Stored networks on a new data set: every measure of `primacy evaluate`."""

import copy
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from primacy.errors import StudyError, refuse
from primacy.networks.stored import model_of, params_of, task_of
from primacy.records import curves
from primacy.records.store import LaneKey, StoreError
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.registry import Measure, measures, tasks
from primacy.report.export import one_condition
from primacy.result import Result
from primacy.rng import streams
from primacy.study import file as studyfile
from primacy.study.describe import describe, sites
from primacy.study.spec import Condition, Study, Training
from primacy.study.toml import lines as tomllines
from primacy.study.toml import sources
from primacy.study.toml.document import override, parsed, unusable
from primacy.study.toml.mistakes import Mistake, checked, not_among, placed, unknown_key
from primacy.study.toml.overrides import holds_list
from primacy.training.answers import facts_of
from primacy.training.batches import stack
from primacy.training.evaluate import evaluate_condition
from primacy.training.lane import Ending, Lane
from primacy.training.rows import Names, table
from primacy.types import Task, input_shape


def evaluate(
    result: Result,
    *,
    task: str | None = None,
    overrides: Sequence[str] = (),
    condition: str | None = None,
    seed: int | None = None,
    names: Sequence[str] = (),
) -> pl.DataFrame:
    """Measures of stored networks on the examples of another task, held out from training.

    The rows of THE table (`curves.SCHEMA`), with the stored conditions' keys and each network's
    last step; split is always test. Fitted measures use fit examples of the new task. Examples are
    drawn by the seed of each network from the same streams as in training: on its own task a
    network meets the very test examples it met then, and tasks that differ only in numbers share
    their draws. As many examples as in the run; of data of limited size, all that there are.

    Null: what the measure says of null; all values of a network that had diverged.

    Args:
        result: the run.
        task: a study file (or the name of a built-in study) whose [task] is meant; None: each
            condition's own.
        overrides: changes of that task, such as `task.scale=2`.
        condition: only this one, by display name; None: all.
        seed: only this network of each condition; None: all.
        names: of measures; none: those of the run.

    Raises:
        ValueError: there is no such measure; names the likely one.
        StudyError: the task cannot be read; it lists all that is wrong.
        StoreError: a network is not stored or does not fit the task.
    """
    record = result.record
    registered = measures.load()
    # A measure that the run had and that is registered here no more has no value.
    wanted_names = names or [m.name for m in record.measures if m.name in registered]
    asked = tuple(registered[name] for name in wanted_names)
    chosen = record.conditions if condition is None else (one_condition(record, condition),)
    once = {c.key: c for c in reversed(chosen)}  # members of a study of studies may share one
    lanes = result.lanes if seed is None else result.lanes.filter(pl.col("seed") == seed)
    given = None if task is None else read_task(task, overrides)
    wanted = {(key, s) for key in once for s in lanes["seed"].unique()}
    held = _weights(result, wanted)
    parts = []
    for own in reversed(once.values()):
        new = own_task(own, overrides) if given is None else given
        rows = lanes.filter(pl.col("condition").cast(pl.String) == own.name)
        weights = {s: held[own.key, s] for s in rows["seed"]}
        fresh = _Examples(new, given is not None, "data" in record.seed_axes)
        parts.append(_evaluated(own, fresh, rows, weights, asked))
    found = pl.concat(parts) if parts else curves.frame([])
    if found.is_empty():
        what = "no network" if seed is None else f"no network of seed {seed}"
        raise StoreError(f"{result.folder} holds {what}")
    curves.check(found)
    return found


def spread(rows: pl.DataFrame, record: StudyRecord) -> pl.DataFrame:
    """Median, 10 % and 90 % of each measured number over the networks that have it.

    `n` networks were evaluated; `null` of them have no such number, and are not in the quantiles.
    `condition` is the display name.
    """
    names = {c.key: c.name for c in reversed(record.conditions)}
    by = ["condition", "measure", "layer", "feature", "target"]
    value = pl.col("value").cast(pl.Float64)
    return (
        rows.group_by(by, maintain_order=True)
        .agg(
            median=value.median(),
            p10=value.quantile(0.1, "linear"),
            p90=value.quantile(0.9, "linear"),
            n=pl.len(),
            null=value.null_count(),
        )
        .with_columns(pl.col("condition").replace_strict(names, return_dtype=pl.String))
    )


def read_task(name_or_path: str, overrides: Sequence[str] = ()) -> Task:
    """The [task] of a study file; the rest of the file is not looked at.

    Raises:
        StudyError: it cannot be read; it lists all that is wrong.
    """
    path = Path(name_or_path)
    if not name_or_path.endswith(".toml"):
        return _task(parsed(studyfile.text(name_or_path), name_or_path), overrides, name_or_path)
    try:
        if not path.is_file():
            refuse(name_or_path, "no such file")
        if path.stat().st_size > sources.LARGEST:
            refuse(name_or_path, f"larger than {sources.LARGEST:,} bytes: not a study file")
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        refuse(name_or_path, "not UTF-8 text")
    except OSError as error:
        refuse(name_or_path, f"cannot be read: {error.strerror or error}")
    document = parsed(text, name_or_path)
    return _task(document, overrides, name_or_path, tomllines.locate(text), path.parent)


def own_task(record: ConditionRecord, overrides: Sequence[str] = ()) -> Task:
    """A condition's own task, with changes.

    Raises:
        StudyError: a change cannot be made.
        StoreError: the task cannot be rebuilt.
    """
    task = task_of(record)
    if not overrides:
        return task
    return _task({"task": copy.deepcopy(record.spec["task"])}, overrides, record.name)


def _task(
    document: dict[str, Any],
    overrides: Sequence[str],
    file: str,
    lines: dict | None = None,
    folder: Path = Path(),
) -> Task:
    changed, mistakes = override(document, overrides, lambda path: holds_list(document, path))
    for path in changed:
        if path[0] != "task":
            mistakes.append(unknown_key(path, ["task"]))
    mistakes += unusable({"task": document.get("task", {})})
    table, kinds, task = document.get("task"), tasks.load(), None
    if not isinstance(table, dict):
        mistakes.append(Mistake(("task",), "missing: a table [task] is needed", shows=False))
    elif (kind := str(table.get("kind"))) not in kinds:
        mistakes.append(not_among(("task", "kind"), kind, sorted(kinds), "not a task"))
    else:
        fields = {key: value for key, value in table.items() if key != "kind"}
        task, wrong = checked(kinds[kind], fields, ("task",), {"folder": folder})
        mistakes += wrong
    if mistakes or task is None:
        told = placed(mistakes, file=file, document=document, lines=lines or {}, overridden=changed)
        raise StudyError(told)
    return task


def _weights(result: Result, wanted: set[LaneKey]) -> dict[LaneKey, dict[str, np.ndarray]]:
    """The weights of networks by condition key and seed, each file read once."""
    found: dict[LaneKey, dict[str, np.ndarray]] = {}
    for store in result.stores:
        for _, lanes, weights, _ in store.held(wanted - found.keys()):
            for key, seed in lanes.select("condition", "seed").rows():
                start = f"{key}/{seed}/"
                own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
                found[key, seed] = own
    return found


@dataclasses.dataclass(frozen=True)
class _Examples:
    """On which examples networks are evaluated."""

    task: Task
    other: bool
    """Whether the task is that of another file."""
    vary: bool
    """Whether the examples differ between seeds."""

    def drawn(self, condition: Condition, seed: int, look: int) -> tuple[dict, np.ndarray]:
        """Draws of fit and test examples, and the donors of interchanges, as training has them."""
        rng, counts = streams(seed if self.vary else 0, "data"), condition.examples
        sets = {split: self.task.draw(split, rng, counts[split]) for split in ("fit", "test")}
        order = streams(seed, "evaluation")("donors", look).permutation(counts["test"])
        return sets, order.astype(np.int32)


def _evaluated(
    own: ConditionRecord,
    examples: _Examples,
    lanes: pl.DataFrame,
    weights: dict[int, dict[str, np.ndarray]],
    wanted: tuple[Measure, ...],
) -> pl.DataFrame:
    """The rows of one condition's networks."""
    task = examples.task
    _fits(own, task)
    training = _training(own, task, examples.other)
    condition = Condition(task=task, model=model_of(own), training=training)
    study = Study(name="evaluation", conditions={own.name: condition}, seeds=1)
    asked = tuple(m for m in wanted if task.loss in m.losses)
    new = dataclasses.replace(describe(study).conditions[0], key=own.key)
    site_names, columns = sites(task.declared, len(own.inputs))
    facts = facts_of(task)
    names = Names(task.declared, [t.name for t in task.targets], site_names, own.layers)
    parts = []
    for (end_step,), group in lanes.partition_by("end_step", as_dict=True).items():
        # Donors are keyed by the number of the look, so that of the run's last one is asked for.
        look = own.steps.index(end_step)
        at_end = dataclasses.replace(new, steps=(end_step,))
        ends, seen = [], []
        for seed in sorted(group["seed"]):
            ends.append(Ending(Lane(condition, at_end, seed)))
            ends[-1].step = end_step
            params = params_of(condition.model, own, weights[seed])
            sets, donors = examples.drawn(condition, seed, look)
            value = _measured(condition, asked, params, sets, columns, donors, facts)
            seen.append(jax.device_get(value))
        parts.append(table([e.lane for e in ends], ends, [stack(seen)], asked, names))
    return pl.concat(parts) if parts else curves.frame([])


def _training(own: ConditionRecord, task: Task, whole: bool) -> Training:
    """The condition's training, with numbers of fit and test examples that the task has."""
    fields = {k: v for k, v in own.spec["training"].items() if k != "kind"}
    training, mistakes = checked(Training, fields, ("training",))
    if training is None:
        raise StoreError(f"{own.name}: {mistakes[0].path[-1]}: {mistakes[0].message}")
    counts: dict[str, Any] = {}
    for name in ("fit_examples", "test_examples"):
        counts[name] = getattr(training, name)
        if task.sizes is not None and whole:
            counts[name] = "all"
        elif task.sizes is None and counts[name] == "all":
            counts[name] = getattr(Training, name)  # the default
    # Nothing is trained: with a stream there is no training set to score, either.
    return dataclasses.replace(
        training, examples="stream", epochs=None, steps=own.budget, phases=(), **counts
    )


def _fits(own: ConditionRecord, task: Task) -> None:
    """Refuse a task that these networks cannot be asked.

    Raises:
        StoreError: another number of inputs or targets, or other targets.
    """
    told = f"the networks of {own.name}"
    d, t = len(task.input_names), len(task.targets)
    if d != len(own.inputs):
        raise StoreError(f"{told} read {len(own.inputs)} inputs; the task has {d}")
    if (shape := input_shape(task)) != own.size[0]:
        raise StoreError(f"{told} read inputs of shape {own.size[0]}; those of the task: {shape}")
    if t != len(own.targets):
        raise StoreError(f"{told} have {len(own.targets)} outputs; the task has {t} targets")
    kinds = {x.kind for x in own.targets}, {x.kind for x in task.targets}
    if kinds[0] != kinds[1]:
        was, now = (" and ".join(sorted(k)) for k in kinds)
        raise StoreError(f"{told} were trained on {was} targets; those of the task are {now}")
    classes = [x.classes for x in own.targets], [x.classes for x in task.targets]
    if classes[0] != classes[1]:
        was, now = (", ".join(name for each in c for name in each) for c in classes)
        raise StoreError(f"{told} tell apart the classes {was}; those of the task are {now}")


@functools.partial(jax.jit, static_argnums=(1, 6))
def _measured(condition, measures, params, sets, columns, donors, facts) -> dict[str, Any]:
    return evaluate_condition(condition, measures, params, sets, columns, donors, facts)
