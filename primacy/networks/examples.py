"""The examples on which a stored network was trained and measured, so that anyone can recompute."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from primacy.networks.stored import model_of, task_of
from primacy.records.store import StoreError
from primacy.records.study import ConditionRecord
from primacy.result import Result
from primacy.rng import streams
from primacy.study.spec import Condition, Training
from primacy.study.toml.mistakes import checked
from primacy.types import Task

SPLITS = ("train", "fit", "test")


def examples(
    result: Result, condition: str, seed: int, split: str = "test", *, task: Task | None = None
) -> pl.DataFrame:
    """The examples that a stored network was trained on, or measured on.

    They are drawn again from the seed, and are the same to the last bit. Columns: each input under
    its name, `feature: NAME` (the feature's value; null for a group of several columns),
    `target: NAME`, and of test examples `donor`: the row from which parts were taken where a
    measure interchanged them at the network's last evaluation.

    Args:
        result: the run.
        condition: display name.
        seed: which network.
        split: `train`, `fit` (on which measures fit) or `test` (on which they are scored).
        task: the task, where its examples come from a file (`evaluation.read_task`); None: the
            run folder says it.

    Raises:
        ValueError: no such split or condition, or fresh examples at every step and split `train`.
        StoreError: that network is not stored, or its examples come from a file.
    """
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}: there are {', '.join(SPLITS)}")
    record = result.record.condition(condition)
    ends = result.lanes.filter(
        (pl.col("condition").cast(pl.String) == condition) & (pl.col("seed") == seed)
    )
    if ends.is_empty():
        raise StoreError(f"{result.folder} holds no network of condition {condition}, seed {seed}")
    own = task or task_of(record)
    counts = _counts(record, own)
    if split not in counts:
        raise ValueError(
            f"the networks of {condition} saw fresh examples at every step; only fit and test "
            "examples are fixed"
        )
    rng = streams(seed if "data" in result.record.seed_axes else 0, "data")
    draws = own.draw(split, rng, counts[split])
    batch = own.build(jax.tree.map(jnp.asarray, draws))
    inputs = np.asarray(batch.inputs).reshape(counts[split], -1)
    columns = {name: inputs[:, i] for i, name in enumerate(own.input_names)}
    features, targets = np.asarray(batch.features), np.asarray(batch.targets)
    for i, feature in enumerate(own.declared):
        columns[f"feature: {feature.name}"] = features[:, i]
    for i, target in enumerate(own.targets):
        columns[f"target: {target.name}"] = targets[:, i]
    if split == "test":
        last = record.steps.index(ends["end_step"][0])
        donors = streams(seed, "evaluation")("donors", last).permutation(counts["test"])
        columns["donor"] = donors.astype(np.int32)
    return pl.DataFrame(columns).with_columns(pl.selectors.starts_with("feature: ").fill_nan(None))


def _counts(record: ConditionRecord, task: Task) -> dict[str, int]:
    """How many examples each split has, as in training."""
    fields = {k: v for k, v in record.spec["training"].items() if k != "kind"}
    training, mistakes = checked(Training, fields, ("training",))
    if training is None:
        raise StoreError(f"{record.name}: {mistakes[0].path[-1]}: {mistakes[0].message}")
    return dict(Condition(task=task, model=model_of(record), training=training).examples)
