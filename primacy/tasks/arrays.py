"""A user's own data: a table whose columns are targets and named groups of inputs.

What the truth is, nobody knows here: no feature has a target of its own or a stated predictivity,
and what a network learns of a group is read off its reliance on it.
"""

import dataclasses
import functools
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from pydantic import AfterValidator, Field, TypeAdapter

from primacy.registry import spec, tasks
from primacy.tasks import datafile
from primacy.tasks.arrayfields import (
    SPLITS,
    Groups,
    check_ceiling,
    check_column,
    check_file,
    check_groups,
    check_sha256,
    check_split,
    check_target,
    check_targets,
    is_binary,
    labels_of,
    majority,
    opened,
)
from primacy.types import Batch, Draws, Feature, LossName, Streams, Target


def load(folder: str | Path, given: Mapping[str, Any]) -> "Arrays":
    """The task that a study file's `[task]` table describes (without `kind`).

    Whoever validates by `pydantic` does the same by passing `context={"folder": folder}`: the file
    is then found in that folder and nowhere else, read, and its SHA-256 filled in.

    Args:
        folder: where the study file lies.
        given: the table, as TOML gives it.

    Raises:
        pydantic.ValidationError: a `ValueError` with every mistake and its place.
    """
    context = {"folder": Path(folder)}
    return TypeAdapter(Arrays).validate_json(json.dumps(given), context=context)


@tasks.add("arrays")
@spec
class Arrays:
    """Rows of a CSV, Parquet or npz file.

    Every row must hold a finite number in every named column; nothing is filled in or left out.
    A column that never changes is allowed as an input (the feature's facts say so): nothing can
    be learned from it.
    """

    file: Annotated[str, AfterValidator(check_file)] = dataclasses.field(metadata={"unkeyed": True})
    """In the study file's folder; then its full path. What decides a run is its content."""
    sha256: Annotated[str, AfterValidator(check_sha256), Field(validate_default=True)] = ""
    """Of the file's bytes; filled in when left out."""
    target: Annotated[
        tuple[Annotated[str, AfterValidator(check_target)], ...], AfterValidator(check_targets)
    ]
    """Columns to output: all 0/1 (sigmoid cross-entropy) or all numbers (squared error, in the
    units given)."""
    features: Annotated[Groups, AfterValidator(check_groups)]
    """Named groups of input columns; the inputs are these columns in this order. An npz array
    with two axes stands for all its columns."""
    split: Annotated[str, AfterValidator(check_split), Field(validate_default=True)] = "seed"
    """Seed: 60 % of the rows train, 20 % fit and 20 % test (rounded down; the rest trains), drawn
    anew for each seed. Or a column that holds train, fit and test."""
    standardize: bool = True
    """Each input minus its mean over its standard deviation, both of the rows that train. A
    column that is constant there becomes 0."""
    ceiling: Annotated[float | None, AfterValidator(check_ceiling)] = None
    """The best possible accuracy (0/1 targets) or R^2, where it is known."""

    def __post_init__(self) -> None:
        """Read the file and check what was written in Python as a study file is checked.

        Raises:
            ValueError: lists all that is wrong.
        """
        if isinstance(self.target, str):
            raise ValueError(f'target = "{self.target}": expected a list: ["{self.target}"]')
        if not isinstance(self.features, Groups):
            object.__setattr__(self, "features", Groups(self.features))
        if not self.sha256:
            object.__setattr__(self, "sha256", opened(Path(self.file)).sha256)
        info = types.SimpleNamespace(data=vars(self))
        checks: list[tuple[str, Any, Any]] = [
            *((f"target[{i}]", name, check_target) for i, name in enumerate(self.target)),
            *(
                (f"features.{group}[{i}]", name, check_column)
                for group, columns in self.features
                for i, name in enumerate(columns)
            ),
        ]
        # What is about several columns can be asked once each of them is sound.
        whole = [
            ("target", self.target, check_targets),
            ("features", self.features, check_groups),
            ("split", self.split, check_split),
            ("ceiling", self.ceiling, check_ceiling),
        ]
        if problems := _problems(checks, info) or _problems(whole, info):
            raise ValueError("\n".join(problems))

    @property
    def _table(self) -> datafile.Table:
        return datafile.table(Path(self.file), self.sha256)

    @property
    def loss(self) -> LossName:
        """By the kind of the targets."""
        binary = self.targets[0].kind == "binary"
        return "sigmoid_cross_entropy" if binary else "squared_error"

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The groups. Facts: `columns`, `constant_columns`, `target_correlations` (Pearson, over
        all rows, null for a constant column)."""
        features, start = [], 0
        for name, columns in self.features:
            own = self._table.spread(columns)
            features.append(
                Feature(
                    name=name,
                    columns=tuple(range(start, start + len(own))),
                    predictivity=None,
                    facts=_facts(self._table, own, self._table.spread(self.target)),
                )
            )
            start += len(own)
        return tuple(features)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The target columns; chance is the majority's share of all rows (0/1) or an R^2 of 0."""
        targets = []
        for name in self._table.spread(self.target):
            values = self._table.numbers(name)
            targets.append(
                Target(
                    name=name,
                    kind="binary" if is_binary(values) else "number",
                    chance=majority(values),
                    ceiling=1.0 if self.ceiling is None else self.ceiling,
                    ceiling_known=self.ceiling is not None,
                )
            )
        return tuple(targets)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns of all groups, in order."""
        columns = tuple(column for _, columns in self.features for column in columns)
        return self._table.spread(columns)

    @property
    def sizes(self) -> Mapping[str, int]:
        """Rows of each split."""
        if self.split == "seed":
            rows = self._table.frame.height
            return {"train": rows - 2 * (rows // 5), "fit": rows // 5, "test": rows // 5}
        values = labels_of(self._table, self.split)
        return {name: int((values == name).sum()) for name in SPLITS}

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The first n rows of a split, in the seed's order.

        Raises:
            ValueError: there is no such split, or it has fewer rows.
        """
        if split not in SPLITS:
            raise ValueError(f'no rows for "{split}": these data are limited to {self.sizes}')
        parts = self._parts(rng("split"))
        if n > parts[split].size:
            raise ValueError(f'{n} rows of "{split}" asked for; there are {parts[split].size}')
        rows = parts[split][:n]
        inputs = _matrix(self.sha256, self.file, self.input_names)
        chosen = inputs[rows]
        if self.standardize:
            train = inputs[parts["train"]]
            mean, sd = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
            # Rounding gives a constant column an SD of some 1e-8 of its size.
            still = np.ptp(train, 0) == 0
            chosen = np.where(still, 0, (chosen - mean) / np.where(still, 1, sd))
        targets = _matrix(self.sha256, self.file, self._table.spread(self.target))[rows]
        return {"inputs": chosen.astype(np.float32), "targets": targets}

    def _parts(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        order = generator.permutation(self._table.frame.height)
        if self.split == "seed":
            each = order.size // 5
            return {
                "test": order[:each],
                "fit": order[each : 2 * each],
                "train": order[2 * each :],
            }
        values = labels_of(self._table, self.split)[order]
        return {name: order[values == name] for name in SPLITS}

    def build(self, draws: Draws) -> Batch:
        """The rows; a feature of one column has its value, a group of several NaN."""
        inputs = jnp.asarray(draws["inputs"])
        features = [
            inputs[:, f.columns[0]] if len(f.columns) == 1 else jnp.full_like(inputs[:, 0], jnp.nan)
            for f in self.declared
        ]
        return Batch(
            inputs=inputs, features=jnp.stack(features, 1), targets=jnp.asarray(draws["targets"])
        )


def _problems(checks: list[tuple[str, Any, Any]], info: Any) -> list[str]:
    problems = []
    for name, value, check in checks:
        try:
            check(value, info)
        except ValueError as problem:
            shown = f' = "{value}"' if isinstance(value, str) else ""
            problems.append(f"{name}{shown}: {problem}")
    return problems


@functools.lru_cache(maxsize=16)
def _matrix(sha256: str, file: str, columns: tuple[str, ...]) -> Float[np.ndarray, "n d"]:
    table = datafile.table(Path(file), sha256)
    return np.stack([table.numbers(column) for column in columns], 1)


def _facts(
    table: datafile.Table, columns: tuple[str, ...], targets: tuple[str, ...]
) -> dict[str, Any]:
    values = {name: table.numbers(name).astype(np.float64) for name in (*columns, *targets)}
    constant = [name for name in columns if np.ptp(values[name]) == 0]
    return {
        "columns": list(columns),
        "constant_columns": constant,
        "target_correlations": {
            target: [
                None if name in constant else float(np.corrcoef(values[name], values[target])[0, 1])
                for name in columns
            ]
            for target in targets
        },
    }
