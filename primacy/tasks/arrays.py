"""A user's own data: a table whose columns are targets and named groups of inputs.

What the truth is, nobody knows here: no feature has a target of its own or a stated predictivity,
and what a network learns of a group is read off its reliance on it.
"""

import dataclasses
import json
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import AfterValidator, Field, TypeAdapter

from primacy.registry import spec, tasks
from primacy.tasks import arrayleaks, arraynulls, datafile
from primacy.tasks.arrayfields import (
    First,
    Groups,
    Levels,
    check_as_binary,
    check_as_class,
    check_ceiling,
    check_column,
    check_file,
    check_first,
    check_groups,
    check_inputs,
    check_sha256,
    check_shortcut,
    check_split,
    check_split_by,
    check_standardize_target,
    check_target,
    check_targets,
    opened,
    problems_of,
    taken,
)
from primacy.tasks.arraykinds import Kind, kinds, majority, values_of
from primacy.tasks.arraysplits import (
    SPLITS,
    expected_overlap,
    facts,
    filled,
    labels_of,
    matrix,
    overlap,
    parts,
    predictivity,
    sizes,
    standardized,
)
from primacy.types import Batch, Draws, Feature, LossName, Shape, Streams, Target


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


def _later(default: Any) -> Any:
    """A field that came later: at its default the hashes of earlier runs stay as they are."""
    return dataclasses.field(default=default, metadata={"optional": True})


@tasks.add("arrays")
@spec
class Arrays:
    """Rows of a CSV, Parquet or npz file.

    Every row must hold a finite number in every named column, unless `impute` says what is filled
    in; no row is left out. A column that never changes is allowed as an input (the feature's facts
    say so): nothing can be learned from it.
    """

    file: Annotated[str, AfterValidator(check_file)] = dataclasses.field(metadata={"unkeyed": True})
    """In the study file's folder; then its full path. What decides a run is its content."""
    sha256: Annotated[str, AfterValidator(check_sha256), Field(validate_default=True)] = ""
    """Of the file's bytes; filled in when left out."""
    target_kind: Kind | None = _later(None)
    """What the targets are, where the file leaves it open: whole numbers of few different values
    may be classes or amounts. Left out: 0/1 columns are binary; text and the whole numbers 0, 1,
    2, ... without a gap are classes; others are numbers."""
    as_binary: Annotated[Levels | None, AfterValidator(check_as_binary)] = _later(None)
    """Columns of two levels that become 0/1, with the level that becomes 1: { sex = "male" }."""
    as_class: Annotated[tuple[str, ...], AfterValidator(check_as_class)] = _later(())
    """Columns of text or of few numbers that become a 0/1 input for each of their values. A group
    of one such column is a feature that is a class."""
    impute: Literal["mean", "median"] | None = _later(None)
    """What takes the place of a missing input: the column's mean or median over the rows that
    train. Left out: a missing value is a mistake."""
    target: Annotated[
        tuple[Annotated[str, AfterValidator(check_target)], ...], AfterValidator(check_targets)
    ]
    """Columns to output: 0/1 (sigmoid cross-entropy), classes (softmax cross-entropy), or numbers
    (squared error)."""
    split: Annotated[str, AfterValidator(check_split), Field(validate_default=True)] = "seed"
    """Seed: 60 % of the rows train, 20 % fit and 20 % test (rounded down; the rest trains), drawn
    anew for each seed. Or a column that holds train, fit and test."""
    split_by: Annotated[str | None, AfterValidator(check_split_by)] = _later(None)
    """A column that says which rows belong together (a patient's): all of them train, fit or test.
    Rows beyond a fifth that the last such group brings are left out."""
    inputs: Annotated[str | None, AfterValidator(check_inputs)] = _later(None)
    """An npz array that is read whole and in its own shape, such as images of rows x columns x
    channels. Features are then parts of it: "images[0..3, *]" is the top of images of 8 x 8. Left
    out: the inputs are the features' columns, in their order."""
    features: Annotated[Groups, AfterValidator(check_groups)]
    """Named groups of input columns; the inputs are these columns in this order. An npz array
    of two axes or more stands for all its columns, "a..b" for the columns from a to b, "pixel_*"
    for all that fit; ranges and patterns leave out targets and the columns that split."""
    standardize: bool = True
    """Each input minus its mean over its standard deviation, both of the rows that train. A
    column that is constant there becomes 0."""
    standardize_target: Annotated[
        bool | None, AfterValidator(check_standardize_target), Field(validate_default=True)
    ] = _later(None)
    """The same of each number target; left out: yes. Errors are then in standard deviations."""
    ceiling: Annotated[float | None, AfterValidator(check_ceiling)] = None
    """The best possible accuracy (0/1 targets) or R^2, where it is known."""
    shortcut: Annotated[tuple[str, ...], AfterValidator(check_shortcut)] = _later(())
    """Features suspected of predicting in training only: what they predict alone, in the rows that
    train and those that test, is computed, and "first" is judged in training."""
    first: Annotated[First | None, AfterValidator(check_first)] = _later(None)
    """When a feature counts as relied on: { amount = 0.05, split = "train" }. Left out: at theta
    of what interchanging it costs held-out rows at the run's own end; with a shortcut, as here."""

    null_columns: Annotated[bool, AfterValidator(arraynulls.check_null_columns)] = _later(False)
    """Beside each group a copy of its columns with the rows dealt out anew, drawn for each seed and
    split: it carries nothing, so it is the group's control. Twice as many inputs."""

    def __post_init__(self) -> None:
        """Read the file and check what was written in Python as a study file is checked.

        Raises:
            ValueError: lists all that is wrong.
        """
        if isinstance(self.target, str):
            raise ValueError(f'target = "{self.target}": expected a list: ["{self.target}"]')
        if not isinstance(self.features, Groups):
            object.__setattr__(self, "features", Groups(self.features))
        if self.as_binary is not None and not isinstance(self.as_binary, Levels):
            object.__setattr__(self, "as_binary", Levels(self.as_binary))
        if not self.sha256:
            object.__setattr__(self, "sha256", opened(Path(self.file)).sha256)
        info = types.SimpleNamespace(data=vars(self))
        checks: list[tuple[str, Any, Any]] = [
            ("as_binary", self.as_binary, check_as_binary),
            ("as_class", self.as_class, check_as_class),
            ("inputs", self.inputs, check_inputs),
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
            ("split_by", self.split_by, check_split_by),
            ("standardize_target", self.standardize_target, check_standardize_target),
            ("ceiling", self.ceiling, check_ceiling),
            ("shortcut", self.shortcut, check_shortcut),
            ("first", self.first, check_first),
            ("null_columns", self.null_columns, arraynulls.check_null_columns),
        ]
        if problems := problems_of(checks, info) or problems_of(whole, info):
            raise ValueError("\n".join(problems))
        told = check_standardize_target(self.standardize_target, info)
        object.__setattr__(self, "standardize_target", told)

    @classmethod
    def from_data(cls, data: Any, path: str | Path, **fields: Any) -> "Arrays":
        """The task of a table in memory, which is written to `path` and read from there.

        Args:
            data: a polars or pandas DataFrame (`path` ends in .parquet), or arrays by name, of
                one axis or of two (`path` ends in .npz).
            path: a new file, or one that holds the same.
            **fields: `target`, `features` and any other field of the task, as plain lists and
                mappings.

        Raises:
            ValueError: the file holds something else, or what was given is no such table.
        """
        content = datafile.written(data, Path(path).suffix.lower())
        if not Path(path).exists():
            Path(path).write_bytes(content)
        elif Path(path).read_bytes() != content:
            raise ValueError(f"{path} holds other data; give another path")
        for name, kind in (("features", Groups), ("as_binary", Levels)):
            if name in fields:
                fields[name] = kind(fields[name])
        for name in ("target", "shortcut", "as_class"):
            if name in fields:
                given = fields[name]
                fields[name] = (given,) if isinstance(given, str) else tuple(given)
        if isinstance(fields.get("first"), dict):
            fields["first"] = First(**fields["first"])
        return cls(file=str(path), **fields)

    @property
    def _table(self) -> datafile.Table:
        return datafile.table(Path(self.file), self.sha256).recoded(*self._recoding)

    @property
    def _recoding(self) -> tuple[tuple, tuple[str, ...]]:
        return self.as_binary or (), self.as_class

    def _columns(self, names: Iterable[str]) -> tuple[str, ...]:
        return self._table.spread(names, taken(vars(self), self._table))

    def _matrix(self, columns: tuple[str, ...], *, missing: bool) -> Float[np.ndarray, "n d"]:
        return matrix(self.sha256, self.file, self._recoding, columns, missing)

    def _kinds(self) -> dict[str, Kind]:
        """What each target column is."""
        found = kinds(self._table, self.target, self.target_kind)
        return dict(zip(self._columns(self.target), found, strict=True))

    def _targets(self) -> dict[str, Float[np.ndarray, " n"]]:
        """The values of each target column; of a class, the index of its level."""
        return {name: values_of(self._table, name, kind) for name, kind in self._kinds().items()}

    @property
    def loss(self) -> LossName:
        """By the kind of the targets."""
        found = set(self._kinds().values())
        if "class" in found:
            return "softmax_cross_entropy"
        return "sigmoid_cross_entropy" if "binary" in found else "squared_error"

    @property
    def _layout(self) -> tuple[tuple[str, tuple[int, ...], tuple[str, ...]], ...]:
        """Of each feature its name, the places of its columns in the inputs, and its levels."""
        places = {column: i for i, column in enumerate(self._own_names)}
        found = []
        for name, entries in self.features:
            own = tuple(places[column] for column in self._columns(entries))
            classes = len(entries) == 1 and entries[0] in self.as_class
            starts = len(entries[0]) + 1  # `sex=male`
            levels = [column[starts:] for column in self._columns(entries)] if classes else []
            found.append((name, own, tuple(levels)))
        return tuple(found)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The groups. Facts: `columns`, `constant_columns`, `target_correlations` (Pearson, over
        all rows, null for a constant column; of a class the correlation ratio), `missing_values`;
        of a shortcut what it alone predicts; else `arrayleaks.facts`."""
        features = []
        kinds, targets, names = self._kinds(), self._targets(), self._own_names
        y = {name: values.astype(np.float64) for name, values in targets.items()}
        classes = [name for name, kind in kinds.items() if kind == "class"]
        copies = arraynulls.places(self._layout, len(names)) if self.null_columns else ()
        for i, (name, places, levels) in enumerate(self._layout):
            own = tuple(names[i] for i in places)
            x = self._matrix(own, missing=self.impute is not None).astype(np.float64)
            known = facts(dict(zip(own, x.T, strict=True)) | y, own, tuple(y), classes)
            if name in self.shortcut:
                known["shortcut"] = {t: self._predicts(x, y[t], kinds[t]) for t in y}
            elif len(names) <= arrayleaks.MAX_COLUMNS:
                known |= arrayleaks.facts(x, y, kinds, levels)
            null = copies[i] if copies else ()
            stated = {"columns": places, "levels": levels, "facts": known, "null_columns": null}
            features.append(Feature(name=name, predictivity=None, **stated))
        return tuple(features)

    def _predicts(
        self, inputs: Float[np.ndarray, "n d"], target: Float[np.ndarray, " n"], kind: Kind
    ) -> dict[str, float]:
        """What columns alone predict of a target; with a split by seed, in all rows."""
        train = test = np.ones(len(inputs), bool)
        if self.split != "seed":
            train, test = (labels_of(self._table, self.split) == s for s in ("train", "test"))
        inputs, _ = filled(inputs, inputs[train], self.impute)
        return predictivity(inputs, target, train, test, kind)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of the rows: how many are copies of others where that may matter."""
        inputs = self._matrix(self._own_names, missing=self.impute is not None)
        by = [
            None if name in (None, "seed") else labels_of(self._table, str(name))
            for name in (self.split, self.split_by)
        ]
        if (shared := overlap(inputs, *by)) == 0:
            return {}
        return {
            "test_rows_in_training": shared,
            "expected_by_chance": expected_overlap(inputs, *by),
        }

    @property
    def targets(self) -> tuple[Target, ...]:
        """The target columns; chance is the majority's share of all rows (0/1 and classes) or an
        R^2 of 0."""
        values = self._targets()
        return tuple(
            Target(
                name=name,
                kind=kind,
                chance=majority(values[name], kind),
                classes=self._table.levels(name) if kind == "class" else (),
                ceiling=1.0 if self.ceiling is None else self.ceiling,
                ceiling_known=self.ceiling is not None,
            )
            for name, kind in self._kinds().items()
        )

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns of all groups, in order, then their copies; or of the array read whole."""
        own = self._own_names
        return (*own, *arraynulls.names(self._layout, own)) if self.null_columns else own

    @property
    def _own_names(self) -> tuple[str, ...]:
        if self.inputs is not None:
            return self._table.families[self.inputs]
        return self._columns(column for _, columns in self.features for column in columns)

    @property
    def input_shape(self) -> Shape:
        """The shape of one row of `inputs`; without it a vector of the features' columns."""
        if self.inputs is not None:
            return self._table.shapes[self.inputs]
        return (len(self.input_names),)

    @property
    def sizes(self) -> Mapping[str, int]:
        """Rows of each split."""
        return sizes(self._table, self.split, self.split_by)

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The first n rows of a split, in the seed's order.

        Raises:
            ValueError: there is no such split, or it has fewer rows.
        """
        if split not in SPLITS:
            raise ValueError(f'no rows for "{split}": these data are limited to {self.sizes}')
        own = parts(self._table, self.split, self.split_by, rng("split"))
        if n > own[split].size:
            raise ValueError(f'{n} rows of "{split}" asked for; there are {own[split].size}')
        rows, train = own[split][:n], own["train"]
        inputs = self._matrix(self._own_names, missing=self.impute is not None)
        chosen, trained = filled(inputs[rows], inputs[train], self.impute)
        targets = np.stack(list(self._targets().values()), 1)
        chosen = standardized(chosen, trained) if self.standardize else chosen
        if self.null_columns:
            chosen = arraynulls.dealt(chosen, self._layout, split, rng)
        return {
            "inputs": chosen,
            "targets": (
                standardized(targets[rows], targets[train])
                if self.standardize_target
                else targets[rows]
            ),
        }

    def build(self, draws: Draws) -> Batch:
        """The rows; a feature of one column has its value, a group of several NaN, and a class the
        index of its level."""
        inputs = jnp.asarray(draws["inputs"])

        def value(places: tuple[int, ...], levels: tuple[str, ...]) -> Float[Array, " n"]:
            if levels:  # standardized or not, the level's own column is the largest
                return inputs[:, np.array(places)].argmax(axis=1).astype(inputs.dtype)
            if len(places) == 1:
                return inputs[:, places[0]]
            return jnp.full_like(inputs[:, 0], jnp.nan)

        features = [value(places, levels) for _, places, levels in self._layout]
        shape = self.input_shape
        return Batch(
            inputs=inputs if len(shape) == 1 else inputs.reshape(-1, *shape),
            features=jnp.stack(features, 1),
            targets=jnp.asarray(draws["targets"]),
        )
