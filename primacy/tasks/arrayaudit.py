"""A user's file looked at before anything is trained on it: what will mislead, and the cure."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.errors import closest
from primacy.tasks.arraycolumns import (
    Wrong,
    all_different,
    distinct,
    finite,
    identifies,
    named,
    numeric,
    wrong,
)
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
        ValueError: there is no such column, or it has missing values, cells that are no numbers, or
            a single value.
    """
    wanted, classes = check_target(table, target) if target is not None else (None, {})
    table, unnamed = named(table)
    names = list(table.frame.columns)
    bad = {name: found for name in names if (found := wrong(table, name))}
    values = {name: _values(table, name) for name in names}
    inputs = [name for name in names if name != target]
    columns = tuple(
        _column(
            table, name, values[name], bad.get(name), None if name == target else wanted, classes
        )
        for name in names
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
    findings = (*leaks(found), *_classes(found), *_wrong(bad, unnamed))
    return dataclasses.replace(
        found, findings=(*findings, *_findings(found, table, inputs, unnamed))
    )


def _values(table: Table, name: str) -> Float[np.ndarray, " n"]:
    """A column as numbers, NaN where there is none; text as the index of its value."""
    if numeric(table, name):
        return finite(table, name)
    _, index = np.unique(np.asarray(labels_of(table, name)), return_inverse=True)
    return np.where(table.frame[name].is_null().to_numpy(), np.nan, index.astype(np.float64))


def check_target(table: Table, name: str) -> tuple[Float[np.ndarray, " n"], dict[str, int]]:
    """The values of a column to predict, and the rows of each class where it is one of few.

    Raises:
        ValueError: as `audit` does.
    """
    if name not in table.frame.columns:
        near, some = closest(name, table.frame.columns), ", ".join(table.frame.columns[:20])
        raise ValueError(f"no column {name!r}.{near} There are: {some}")
    if bad := wrong(table, name):
        raise ValueError(f"target {name!r}: {bad.what}; {bad.cure_of_target}")
    own = _values(table, name)
    if (gaps := np.flatnonzero(np.isnan(own))).size:
        count = "1 missing value" if gaps.size == 1 else f"{gaps.size:,} missing values"
        rows = "this row" if gaps.size == 1 else "these rows"
        raise ValueError(f"target {name!r} has {count} (first: row {gaps[0] + 1}): remove {rows}")
    levels, counts = np.unique(own, return_counts=True)
    if len(levels) < 2:
        raise ValueError(f"target {name!r} has a single value: there is nothing to predict")
    text = not numeric(table, name)
    whole = text or bool((own == own.round()).all())
    if not whole or len(levels) > MAX_LEVELS:
        if text:
            raise ValueError(f"target {name!r} is text with {len(levels):,} different values")
        return own, {}
    shown = np.unique(np.asarray(labels_of(table, name))) if text else [f"{v:g}" for v in levels]
    return own, dict(zip(map(str, shown), map(int, counts), strict=True))


def _column(
    table: Table,
    name: str,
    values: np.ndarray,
    bad: Wrong | None,
    target: np.ndarray | None,
    classes: dict[str, int],
) -> Column:
    known = values[np.isfinite(values)]
    levels = len(np.unique(known))
    text = not numeric(table, name)
    kind = "text" if text and levels > MAX_LEVELS else "classes" if text else "number"
    if not text and set(np.unique(known)) <= {0.0, 1.0}:
        kind = "0/1"
    alone = None
    if target is not None and kind != "text" and levels > 1:
        alone = predicts(values, target, bool(classes))
    return Column(
        name=name,
        kind=kind,
        levels=levels,
        missing=len(values) - len(known) - (bad.cells if bad else 0),
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


def _wrong(bad: dict[str, Wrong], unnamed: dict[str, str]) -> Iterator[Finding]:
    """Columns to be corrected in the file."""
    for name, found in bad.items():
        yield Finding(f"{name}: {found.what}", found.cure)
    for name, cure in unnamed.items():
        yield Finding(name, f"{cure}, or leave it out")


def _findings(
    found: Audit, table: Table, inputs: list[str], unnamed: dict[str, str]
) -> Iterator[Finding]:
    """What would mislead in the rows and the columns, the worst first."""
    rows = distinct(table)
    # A column of numbers with a bad cell is read as text, and its fractions are all different.
    whole = [c for c in inputs if wrong(table, c) is None]
    ids = [c for c in whole if all_different(rows, c) or identifies(rows, c)]
    own = {c.name: c for c in found.columns if c.name in inputs}
    yield from repeats(table, [c for c in inputs if c not in ids])
    if found.rows < 100:
        yield Finding(f"{found.rows} rows: a fifth of them test", "expect wide intervals")
    if gaps := [c for c in own.values() if c.missing]:
        count = sum(c.missing for c in gaps)
        yield Finding(
            f"{'1 missing value' if count == 1 else f'{count:,} missing values'} in "
            f"{listed(c.name for c in gaps)}",
            'impute = "median" (or "mean"), or remove the rows',
        )
    if still := [c.name for c in own.values() if c.levels <= 1]:
        yield Finding(
            f"never changes: {listed(still)}", "leave it out; nothing can be learned of it"
        )
    if text := [c.name for c in own.values() if c.kind == "text"]:
        yield Finding(
            f"text with more than {MAX_LEVELS} different values: {listed(text)}",
            "leave it out, or use it in split_by if it names what rows belong to",
        )
    for name in (c for c in ids if c not in unnamed):
        yield Finding(
            f"{name}: {own[name].levels:,} different values in {found.rows:,} rows",
            "an identifier? Then leave it out",
        )
    yield from _scales([c for c in own.values() if c.name not in ids])
    yield from _alike(found, ids)


def _alike(found: Audit, ids: list[str]) -> Iterator[Finding]:
    """Columns that go together; two identifiers do, and are left out anyway."""
    pairs = [(a, b, r) for a, b, r in found.correlated if a not in ids or b not in ids]
    if copies := [f"{a} and {b}" for a, b, r in pairs if abs(r) >= COPY]:
        yield Finding(
            f"as good as copies: {listed(copies)}",
            "put them into one feature: apart, each hides that the other is used",
        )
    if near := [f"{a} and {b} ({r:.2f})" for a, b, r in pairs if abs(r) < COPY]:
        yield Finding(
            f"strongly correlated: {listed(near)}",
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
            f"fewer than {2 * FOLDS} rows of class {listed(rare)}", "merge them, or leave them out"
        )


def repeats(table: Table, inputs: Sequence[str]) -> Iterator[Finding]:
    """Rows that occur more than once: in training and in test, they are memorized."""
    frame, rows = table.frame.select(inputs), table.frame.height
    again = rows - frame.n_unique() if inputs else 0
    # Columns of few values repeat without any copying: as often as when each is permuted.
    permuted = frame.select(pl.col(c).shuffle(seed=i) for i, c in enumerate(inputs))
    by_chance = rows - permuted.n_unique() if inputs else 0
    if again - by_chance > MIN_REPEATED * rows:
        yield Finding(
            f"{again:,} of {rows:,} rows repeat the inputs of another row",
            "remove them, or keep them on one side with split_by",
        )


def _scales(columns: list[Column]) -> Iterator[Finding]:
    numbers = [c for c in columns if c.sd]
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


def listed(names: Any, most: int = 5) -> str:
    """The first of some names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
