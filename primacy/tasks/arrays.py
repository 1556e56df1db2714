"""A user's own data: a table whose columns are targets and named groups of inputs.

What the truth is, nobody knows here: no feature has a target of its own or a stated predictivity,
and what a network learns of a group is read off its reliance on it.
"""

import dataclasses
import functools
import json
import types
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import core_schema

from primacy.registry import closest, spec, tasks
from primacy.tasks import datafile
from primacy.types import Batch, Draws, Feature, LossName, Streams, Target

SPLITS = ("train", "fit", "test")
FEWEST_ROWS = 10
"""For a split by seed: two rows to fit on and two to test on."""
LONGEST_NAME = 200


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


class Groups(tuple[tuple[str, tuple[str, ...]], ...]):
    """Named groups of columns, in order: made from a mapping, and hashable unlike one."""

    def __new__(cls, groups: Mapping[str, Iterable[str]] | Iterable = ()) -> "Groups":
        """Of `{"size": ["radius", "area"]}`."""
        pairs = ((name, tuple(columns)) for name, columns in dict(groups).items())
        return super().__new__(cls, pairs)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        column = Annotated[str, AfterValidator(_check_column)]
        written = handler.generate_schema(dict[str, tuple[column, ...]])
        return core_schema.no_info_after_validator_function(cls, written)


# ------------------------------------------------------------------------------- what is legal
# Each check gets the fields above its own in `info.data` (pydantic.ValidationInfo): where the
# file could not be read there is no `sha256`, and its columns are not looked up.


def _check_file(file: str, info: Any) -> str:
    folder = (info.context or {}).get("folder")
    if folder is None:
        raise ValueError("cannot be found without the folder of the study file (arrays.load)")
    path = datafile.locate(folder, file)
    _open(path)
    return str(path)


def _check_sha256(sha256: str, info: Any) -> str:
    if "file" not in info.data:
        return sha256
    found = _open(Path(info.data["file"])).sha256
    if sha256 not in ("", found):
        raise ValueError(f"the file's is {found}: it is another file, or has changed")
    return found


def _open(path: Path) -> datafile.Table:
    try:
        return datafile.read(path)
    except OSError as error:
        raise ValueError(f"cannot be opened: {error.strerror}") from None


def _table(info: Any) -> datafile.Table | None:
    sha256 = info.data.get("sha256")
    return datafile.table(Path(info.data["file"]), sha256) if sha256 else None


def _find(table: datafile.Table, name: str) -> tuple[str, ...]:
    if name not in table.columns:
        near = closest(name, table.columns)
        some = ", ".join(table.columns[:20]) + (", ..." if len(table.columns) > 20 else "")
        raise ValueError(f"no such column.{near or f' There are: {some}'}")
    return table.spread((name,))


def _check_column(name: str, info: Any) -> str:
    if table := _table(info):
        for column in _find(table, name):
            try:
                table.numbers(column)
            except ValueError as problem:
                where = f'"{column}": ' if column != name else ""
                raise ValueError(f"{where}{problem}") from None
    return name


def _check_target(name: str, info: Any) -> str:
    if table := _table(info):
        for column in _find(table, name):
            if table.text(column):
                values = table.frame[column].drop_nulls().unique(maintain_order=True).to_list()
                some = ", ".join(f'"{str(v)[:40]}"' for v in values[:3])
                raise ValueError(
                    f"holds text ({some}); expected 0/1 or numbers. Make one 0/1 column a class, "
                    f'in polars: frame.with_columns(new=(pl.col("{column}") == '
                    f'"{str(values[0])[:40] if values else ""}").cast(pl.Int8))'
                )
            values = table.numbers(column)
            if (values == values[0]).all():
                raise ValueError(
                    f"always {values[0]:g} in all {values.size} rows: there is nothing to learn"
                )
    return name


def _check_targets(names: tuple[str, ...], info: Any) -> tuple[str, ...]:
    if not names:
        raise ValueError("expected at least one column")
    if table := _table(info):
        columns = table.spread(names)
        if twice := sorted({c for c in columns if columns.count(c) > 1}):
            raise ValueError(f'"{twice[0]}" stands twice')
        kinds = {column: _binary(table.numbers(column)) for column in columns}
        if len(set(kinds.values())) > 1:
            yes, no = (next(c for c, k in kinds.items() if k is kind) for kind in (True, False))
            raise ValueError(f'all must be of one kind: "{yes}" is 0/1, "{no}" holds other numbers')
    return names


def _check_groups(groups: Groups, info: Any) -> Groups:
    if not groups:
        raise ValueError('expected groups of columns: { size = ["radius", "area"] }')
    normal: dict[str, str] = {}
    for name, columns in groups:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise ValueError(f'"{name[:20]}": a name has 1 to {LONGEST_NAME} characters')
        if (form := unicodedata.normalize("NFC", name)) in normal:
            raise ValueError(f'"{name}" and "{normal[form]}" look the same')
        normal[form] = name
        if not columns:
            raise ValueError(f'"{name}" has no columns')
    if table := _table(info):
        owner: dict[str, str] = dict.fromkeys(table.spread(info.data.get("target", ())), "target")
        for name, columns in groups:
            for column in table.spread(columns):
                if owner.get(column) == "target":
                    raise ValueError(
                        f'"{column}" in "{name}" is the target: the network would see the answer'
                    )
                if column in owner:
                    both = "twice in" if owner[column] == name else f'in "{owner[column]}" and'
                    raise ValueError(f'"{column}" stands {both} "{name}"; expected once')
                owner[column] = name
    return groups


def _check_split(split: str, info: Any) -> str:
    table = _table(info)
    if table is None:
        return split
    if split == "seed":
        if table.frame.height < FEWEST_ROWS:
            raise ValueError(f"{table.frame.height} rows; expected at least {FEWEST_ROWS}")
        return split
    if _find(table, split) != (split,) or not table.text(split):
        raise ValueError(f'expected "seed", or a column that holds {", ".join(SPLITS)}')
    values = _labels(table, split)
    if (odd := np.flatnonzero(~np.isin(values, SPLITS))).size:
        value = str(values[odd[0]])
        near = closest(value, SPLITS) or f" Expected {', '.join(SPLITS)}"
        raise ValueError(f'"{value[:40]}" in row {odd[0] + 1}.{near}')
    for name in SPLITS:
        rows = values == name
        if rows.sum() < 2:
            raise ValueError(f'{rows.sum()} rows of "{name}"; expected at least 2')
        for target in table.spread(info.data.get("target", ())):
            if np.ptp(table.numbers(target)[rows]) == 0:
                raise ValueError(f'"{target}" is constant in the rows of "{name}"')
    return split


def _check_ceiling(ceiling: float | None, info: Any) -> float | None:
    if ceiling is None or not (table := _table(info)) or "target" not in info.data:
        return ceiling
    chance = max(_chance(table.numbers(name)) for name in table.spread(info.data["target"]))
    if not chance < ceiling <= 1:
        raise ValueError(f"expected above chance ({chance:.4g}) and at most 1")
    return ceiling


def _labels(table: datafile.Table, column: str) -> np.ndarray:
    return np.array(table.frame[column].cast(str).fill_null("").to_list(), dtype=str)


def _binary(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def _chance(values: np.ndarray) -> float:
    if not _binary(values):
        return 0.0
    rate = float(values.mean(dtype=np.float64))
    return max(rate, 1 - rate)


# ------------------------------------------------------------------------------------ the task


@tasks.add("arrays")
@spec
class Arrays:
    """Rows of a CSV, Parquet or npz file.

    Every row must hold a finite number in every named column; nothing is filled in or left out.
    A column that never changes is allowed as an input (the feature's facts say so): nothing can
    be learned from it.
    """

    file: Annotated[str, AfterValidator(_check_file)] = dataclasses.field(
        metadata={"unkeyed": True}
    )
    """In the study file's folder; then its full path. What decides a run is its content."""
    sha256: Annotated[str, AfterValidator(_check_sha256), Field(validate_default=True)] = ""
    """Of the file's bytes; filled in when left out."""
    target: Annotated[
        tuple[Annotated[str, AfterValidator(_check_target)], ...], AfterValidator(_check_targets)
    ]
    """Columns to output: all 0/1 (sigmoid cross-entropy) or all numbers (squared error, in the
    units given)."""
    features: Annotated[Groups, AfterValidator(_check_groups)]
    """Named groups of input columns; the inputs are these columns in this order. An npz array
    with two axes stands for all its columns."""
    split: Annotated[str, AfterValidator(_check_split), Field(validate_default=True)] = "seed"
    """Seed: 60 % of the rows train, 20 % fit and 20 % test (rounded down; the rest trains), drawn
    anew for each seed. Or a column that holds train, fit and test."""
    standardize: bool = True
    """Each input minus its mean over its standard deviation, both of the rows that train. A
    column that is constant there becomes 0."""
    ceiling: Annotated[float | None, AfterValidator(_check_ceiling)] = None
    """The best possible accuracy (0/1 targets) or R^2, where it is known."""

    def __post_init__(self) -> None:
        """Read the file and check what was written in Python as a study file is checked.

        Raises:
            ValueError: lists all that is wrong.
        """
        if not isinstance(self.features, Groups):
            object.__setattr__(self, "features", Groups(self.features))
        if not self.sha256:
            object.__setattr__(self, "sha256", _open(Path(self.file)).sha256)
        info = types.SimpleNamespace(data=vars(self))
        checks: list[tuple[str, Any, Any]] = [
            *((f"target[{i}]", name, _check_target) for i, name in enumerate(self.target)),
            *(
                (f"features.{group}[{i}]", name, _check_column)
                for group, columns in self.features
                for i, name in enumerate(columns)
            ),
        ]
        # What is about several columns can be asked once each of them is sound.
        whole = [
            ("target", self.target, _check_targets),
            ("features", self.features, _check_groups),
            ("split", self.split, _check_split),
            ("ceiling", self.ceiling, _check_ceiling),
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
                    kind="binary" if _binary(values) else "number",
                    chance=_chance(values),
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
        values = _labels(self._table, self.split)
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
        values = _labels(self._table, self.split)[order]
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
