"""A user's file looked at before anything is trained on it: what will mislead, and the cure."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.tasks.arraykinds import all_different
from primacy.tasks.arrayleaks import FOLDS, LEAK, predicts, suspicious
from primacy.tasks.arraysplits import labels_of
from primacy.tasks.datafile import Table

MAX_LEVELS = 50
"""Different values beyond which a column of text or whole numbers is no class."""
COPY = 0.999
"""Absolute correlation from which two columns count as copies."""
CORRELATED = 0.9
MAX_CORRELATED = 2_000
"""Columns beyond which correlations are not computed: they grow with the square."""
OFFSET = 20.0
"""Standard deviations from 0 from which the mean of a column slows its learning."""
MIN_REPEATED = 0.01
"""Share of rows that repeat another's inputs, beyond chance, from which it matters."""
SCALES_APART = 100.0
"""Largest over smallest standard deviation from which learning times differ by it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """One column and what it predicts alone."""

    name: str
    kind: str
    """`0/1`, `number`, `classes` (text or few whole numbers) or `text`."""
    levels: int
    """Different values."""
    missing: int
    mean: float | None
    sd: float | None
    alone: tuple[float, float, float] | None
    """Score of the best guess from this column alone on rows left out, and its 95 % interval:
    accuracy, or R^2 of a number. Null for the target, for text, and without a target."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that would mislead, and what to do about it."""

    what: str
    cure: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """What a file holds, as far as it matters for a study."""

    rows: int
    target: str | None
    classes: dict[str, int]
    """Rows of each class of the target; empty where it is a number."""
    chance: float | None
    """Score of the best constant guess: the share of the largest class, or R^2 = 0."""
    condition_number: float | None
    """Of the covariance of the columns of numbers as they are: how many times longer plain gradient
    descent takes along the slowest direction than along the fastest. Null: fewer than two."""
    condition_number_standardized: float | None
    """The same with every column standardized: what is left is correlation."""
    correlated: tuple[tuple[str, str, float], ...]
    """Pairs of columns with an absolute correlation above `CORRELATED`, strongest first."""
    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]


def audit(table: Table, target: str | None = None) -> Audit:
    """Look at a file: scales, missing values, copies, leaks, and what each column predicts alone.

    Args:
        table: the file.
        target: the column to predict. Without one nothing is said about prediction.

    Raises:
        ValueError: there is no such column, or it has missing values or a single value.
    """
    names = list(table.frame.columns)
    if target is not None and target not in names:
        raise ValueError(f"no column {target!r}")
    values = {name: _values(table, name) for name in names}
    wanted, classes = _target(table, target, values) if target else (None, {})
    inputs = [name for name in names if name != target]
    columns = tuple(
        _column(table, name, values[name], wanted, bool(classes), target) for name in names
    )
    numbers = [c.name for c in columns if c.name in inputs and c.kind in ("0/1", "number") and c.sd]
    matrix = _filled(np.stack([values[n] for n in numbers], 1)) if numbers else np.zeros((0, 0))
    pairs = _correlated(matrix, numbers)
    found = Audit(
        rows=table.frame.height,
        target=target,
        classes=classes,
        chance=max(classes.values()) / table.frame.height if classes else (0.0 if target else None),
        condition_number=_condition_number(matrix),
        condition_number_standardized=_condition_number(_standardized(matrix)),
        correlated=pairs,
        columns=columns,
        findings=(),
    )
    return dataclasses.replace(found, findings=tuple(_findings(found, table, inputs)))


def _values(table: Table, name: str) -> Float[np.ndarray, " n"]:
    """A column as numbers, NaN where missing; text as the index of its value."""
    try:
        return table.numbers(name, missing=True).astype(np.float64)
    except ValueError:
        labels = np.asarray(labels_of(table, name))
        _, index = np.unique(labels, return_inverse=True)
        return np.where(table.frame[name].is_null().to_numpy(), np.nan, index.astype(np.float64))


def _target(
    table: Table, name: str, values: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, int]]:
    """The target, and the rows of each class where it is one of few."""
    own = values[name]
    if gaps := int(np.isnan(own).sum()):
        raise ValueError(f"target {name!r} has {gaps:,} missing values: remove these rows")
    levels, counts = np.unique(own, return_counts=True)
    if len(levels) < 2:
        raise ValueError(f"target {name!r} has a single value")
    whole = table.text(name) or bool((own == own.round()).all())
    if not whole or len(levels) > MAX_LEVELS:
        if table.text(name):
            raise ValueError(f"target {name!r} is text with {len(levels):,} different values")
        return own, {}
    text = np.unique(np.asarray(labels_of(table, name))) if table.text(name) else levels
    shown = [str(t) if table.text(name) else f"{t:g}" for t in text]
    return own, dict(zip(shown, map(int, counts), strict=True))


def _column(
    table: Table,
    name: str,
    values: np.ndarray,
    target: np.ndarray | None,
    classes: bool,
    target_name: str | None,
) -> Column:
    known = values[np.isfinite(values)]
    levels = len(np.unique(known))
    text = table.text(name)
    kind = "text" if text and levels > MAX_LEVELS else "classes" if text else "number"
    if not text and set(np.unique(known)) <= {0.0, 1.0}:
        kind = "0/1"
    alone = None
    if target is not None and name != target_name and kind != "text" and levels > 1:
        alone = predicts(values, target, classes)
    return Column(
        name=name,
        kind=kind,
        levels=levels,
        missing=len(values) - len(known),
        mean=None if text or not known.size else float(known.mean()),
        sd=None if text or not known.size else float(known.std()),
        alone=alone,
    )


def _filled(matrix: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Missing values at their column's mean."""
    return np.where(np.isfinite(matrix), matrix, np.nanmean(matrix, axis=0))


def _standardized(matrix: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    return (matrix - matrix.mean(axis=0)) / matrix.std(axis=0) if matrix.size else matrix


def _condition_number(matrix: Float[np.ndarray, "n d"]) -> float | None:
    """The largest over the smallest eigenvalue of the covariance; infinite where one is 0."""
    if matrix.ndim < 2 or not 2 <= matrix.shape[1] <= MAX_CORRELATED:
        return None
    values = np.linalg.svd(matrix - matrix.mean(axis=0), compute_uv=False)
    tiny = values[0] * max(matrix.shape) * np.finfo(np.float64).eps
    if len(values) < matrix.shape[1] or values[-1] <= tiny:
        return float("inf")
    return float((values[0] / values[-1]) ** 2)


def _correlated(
    matrix: Float[np.ndarray, "n d"], names: list[str]
) -> tuple[tuple[str, str, float], ...]:
    if not 2 <= len(names) <= MAX_CORRELATED:
        return ()
    correlation = np.corrcoef(matrix, rowvar=False)
    a, b = np.nonzero(np.triu(np.abs(correlation) > CORRELATED, 1))
    order = np.argsort(-np.abs(correlation[a, b]), kind="stable")
    return tuple((names[a[i]], names[b[i]], float(correlation[a[i], b[i]])) for i in order)


def _findings(found: Audit, table: Table, inputs: list[str]) -> Iterator[Finding]:
    """What would mislead, the worst first."""
    yield from leaks(found)
    yield from _classes(found)
    yield from _rows(found, table, inputs)
    own = {c.name: c for c in found.columns if c.name in inputs}
    if gaps := [c for c in own.values() if c.missing]:
        yield Finding(
            f"{sum(c.missing for c in gaps):,} missing values in {_listed(c.name for c in gaps)}",
            'impute = "median" (or "mean"), or remove the rows',
        )
    if still := [c.name for c in own.values() if c.levels <= 1]:
        yield Finding(
            f"never changes: {_listed(still)}", "leave it out; nothing can be learned of it"
        )
    if text := [c.name for c in own.values() if c.kind == "text"]:
        yield Finding(
            f"text with more than {MAX_LEVELS} different values: {_listed(text)}",
            "leave it out, or use it in split_by if it names what rows belong to",
        )
    for name in (c for c in own if all_different(table, c)):
        yield Finding(
            f"{name}: {found.rows:,} different values in {found.rows:,} rows",
            "an identifier? Then leave it out",
        )
    yield from _scales(found, own)
    copies = [f"{a} and {b}" for a, b, r in found.correlated if abs(r) >= COPY]
    if copies:
        yield Finding(
            f"as good as copies: {_listed(copies)}",
            "put them into one feature: apart, each hides that the other is used",
        )
    near = [f"{a} and {b} ({r:.2f})" for a, b, r in found.correlated if abs(r) < COPY]
    if near:
        yield Finding(
            f"strongly correlated: {_listed(near)}",
            "put them into one feature, or read reliance on each as what it adds to the others",
        )


def leaks(found: Audit) -> Iterator[Finding]:
    """Columns that alone predict the target too well to be known before it."""
    if found.chance is None:
        return
    for column in found.columns:
        score = column.alone[0] if column.alone else -math.inf
        if score >= found.chance + LEAK * (1 - found.chance):
            yield Finding(
                f"{column.name} alone predicts {found.target} almost perfectly "
                f"({score:.3f}; chance {found.chance:.3f})",
                "was it computed from the target, or recorded after it? Then leave it out",
            )
        elif suspicious(score, found.chance):
            so_well = (
                f"in {100 * score:.1f} % of rows (chance {100 * found.chance:.1f} %)"
                if found.classes
                else f"with R^2 {score:.3f} (chance 0)"
            )
            yield Finding(
                f"{column.name} alone predicts {found.target} {so_well}",
                "is it known before the outcome? If not, leave it out",
            )


def _classes(found: Audit) -> Iterator[Finding]:
    if found.chance is not None and found.classes and found.chance > 0.9:
        yield Finding(
            f"{found.chance:.0%} of the rows are of one class",
            "judge auc or loss rather than accuracy, or draw the classes equally often",
        )
    rare = [name for name, count in found.classes.items() if count < 2 * FOLDS]
    if rare:
        yield Finding(
            f"fewer than {2 * FOLDS} rows of class {_listed(rare)}", "merge them, or leave them out"
        )


def _rows(found: Audit, table: Table, inputs: list[str]) -> Iterator[Finding]:
    """Rows that occur more than once: in training and in test, they are memorized."""
    frame = table.frame.select(inputs)
    again = found.rows - frame.n_unique() if inputs else 0
    # Columns of few values repeat without any copying: as often as when each is permuted.
    permuted = frame.select(pl.col(c).shuffle(seed=i) for i, c in enumerate(inputs))
    by_chance = found.rows - permuted.n_unique() if inputs else 0
    if again - by_chance > MIN_REPEATED * found.rows:
        yield Finding(
            f"{again:,} of {found.rows:,} rows repeat the inputs of another row",
            "remove them, or keep them on one side with split_by",
        )
    if found.rows < 100:
        yield Finding(f"{found.rows} rows: a fifth of them test", "expect wide intervals")


def _scales(found: Audit, own: dict[str, Column]) -> Iterator[Finding]:
    numbers = [c for c in own.values() if c.sd]
    if len(numbers) > 1:
        largest = max(numbers, key=lambda c: c.sd or 0.0)
        smallest = min(numbers, key=lambda c: c.sd or 0.0)
        ratio = (largest.sd or 0.0) / (smallest.sd or 1.0)
        if ratio > SCALES_APART:
            yield Finding(
                f"scales differ by a factor of {ratio:,.0f} ({largest.name} against "
                f"{smallest.name}): as they are, large inputs are learned sooner",
                "standardize = true, which is the default",
            )
    for column in numbers:
        far = abs(column.mean or 0.0) / (column.sd or 1.0)
        if far > OFFSET:
            yield Finding(
                f"{column.name} lies {far:.0f} standard deviations from 0",
                "standardize = true, which is the default; or a positional encoding of the model",
            )


def _listed(names: Any, most: int = 5) -> str:
    found = list(names)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
