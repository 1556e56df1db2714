"""Rows of a user's table: how they are split, which occur twice, what a column alone predicts."""

import functools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from primacy.tasks import datafile
from primacy.tasks.arraykinds import Kind

SPLITS = ("train", "fit", "test")


def labels_of(table: datafile.Table, column: str) -> np.ndarray:
    """A column as text, null as the empty text."""
    return np.array(table.frame[column].cast(str).fill_null("").to_list(), dtype=str)


def sizes(table: datafile.Table, split: str, split_by: str | None) -> dict[str, int]:
    """Rows of each split, the same for every seed.

    Whole groups (`split_by`) fill up the test rows and then the fit rows until they are a fifth
    each, and what is beyond a fifth is left out. So fewer rows train than without groups, by up
    to twice the largest group.
    """
    if split == "seed":
        rows = table.frame.height
        each = rows // 5
        left_out = 0
        if split_by is not None:
            left_out = 2 * (
                int(np.unique(labels_of(table, split_by), return_counts=True)[1].max()) - 1
            )
        return {"train": rows - 2 * each - left_out, "fit": each, "test": each}
    values = labels_of(table, split)
    return {name: int((values == name).sum()) for name in SPLITS}


def parts(
    table: datafile.Table, split: str, split_by: str | None, generator: np.random.Generator
) -> dict[str, Int[np.ndarray, " rows"]]:
    """The rows of each split, in the order of one seed."""
    order = generator.permutation(table.frame.height)
    if split != "seed":
        values = labels_of(table, split)[order]
        return {name: order[values == name] for name in SPLITS}
    wanted = sizes(table, split, split_by)
    if split_by is None:
        each = wanted["test"]
        return {"test": order[:each], "fit": order[each : 2 * each], "train": order[2 * each :]}
    _, group = np.unique(labels_of(table, split_by), return_inverse=True)
    # Groups in the order of their first rows; a stable sort keeps rows of a group in random order.
    met = group[order]
    first = np.full(met.max() + 1, len(order))
    np.minimum.at(first, met, np.arange(len(order)))
    rank = np.argsort(np.argsort(first))[met]
    counts = np.bincount(rank)
    before = np.concatenate([[0], np.cumsum(counts)])
    # A group is of the test rows if these were fewer than wanted before it came.
    ends = int(np.searchsorted(before, wanted["test"]))
    later = before - before[ends]
    fit_ends = int(np.searchsorted(later, wanted["fit"]))
    own = {
        "test": rank < ends,
        "fit": (rank >= ends) & (rank < fit_ends),
        "train": rank >= fit_ends,
    }
    return {name: order[rows][: wanted[name]] for name, rows in own.items()}


def overlap(
    inputs: Float[np.ndarray, "n d"], split: np.ndarray | None, group: np.ndarray | None
) -> float:
    """Share of test rows whose inputs a training row has too.

    Args:
        inputs: of all rows.
        split: of each row, where a column holds it; None: by seed, the mean over seeds.
        group: of each row, where whole groups are split.
    """
    _, kind = np.unique(inputs, axis=0, return_inverse=True)
    kind = kind.ravel()
    if split is not None:
        test = kind[split == "test"]
        return float(np.mean(np.isin(test, kind[split == "train"])))
    # Of a row's copies outside its own group each trains with probability 3/5, roughly.
    copies = np.bincount(kind)[kind] - 1
    if group is not None:
        _, both = np.unique(np.stack([kind, group]), axis=1, return_inverse=True)
        both = both.ravel()
        copies = copies - (np.bincount(both)[both] - 1)
    return float(np.mean(1 - 0.4 ** copies.astype(float)))


def expected_overlap(
    inputs: Float[np.ndarray, "n d"], split: np.ndarray | None, group: np.ndarray | None
) -> float:
    """The same with every column permuted on its own: what few distinct values bring about."""
    generator = np.random.default_rng(0)
    return overlap(np.stack([generator.permutation(c) for c in inputs.T], 1), split, group)


@functools.lru_cache(maxsize=16)
def matrix(
    sha256: str, file: str, recoded: tuple, columns: tuple[str, ...], missing: bool
) -> Float[np.ndarray, "n d"]:
    """Columns of a file side by side; with `missing`, NaN where there is no value."""
    table = datafile.table(Path(file), sha256).recoded(*recoded)
    return np.stack([table.numbers(column, missing=missing) for column in columns], 1)


def filled(
    chosen: Float[np.ndarray, "n d"], train: Float[np.ndarray, "m d"], how: str | None
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Both with the mean or median of the training rows where there is no value."""
    if how is None:
        return chosen, train
    known = np.isfinite(train)
    # A column without a single value to train on is 0 everywhere.
    safe = np.where(known.any(0), train, 0)
    value = {"mean": np.nanmean, "median": np.nanmedian}[how](safe.astype(np.float64), axis=0)
    return tuple(  # type: ignore[return-value]
        np.where(np.isfinite(rows), rows, value).astype(np.float32) for rows in (chosen, train)
    )


def standardized(
    chosen: Float[np.ndarray, "n d"], train: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "n d"]:
    """Rows minus the mean over the standard deviation of the rows that train."""
    mean, sd = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    # Rounding gives a constant column an SD of some 1e-8 of its size.
    still = np.ptp(train, 0) == 0
    return np.where(still, 0, (chosen - mean) / np.where(still, 1, sd)).astype(np.float32)


def predictivity(
    inputs: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, " n"],
    train: Bool[np.ndarray, " n"],
    test: Bool[np.ndarray, " n"],
    kind: Kind,
) -> dict[str, float]:
    """How well a least-squares fit on these columns, from the training rows, predicts a target.

    Accuracy of a 0/1 target (the fit above or below 1/2) or a class (the largest of the fits on
    whether it is each), R^2 of a number; in the rows that train and in those that test.
    """
    x = np.concatenate([inputs, np.ones((len(inputs), 1))], 1).astype(np.float64)
    y = target.astype(np.float64)
    wanted = y[:, None] == np.unique(y)[None] if kind == "class" else y
    guess = x @ np.linalg.lstsq(x[train], wanted[train].astype(np.float64), rcond=None)[0]

    def score(rows: Bool[np.ndarray, " n"]) -> float:
        if kind == "class":
            return float(np.mean(np.unique(y)[guess[rows].argmax(axis=1)] == y[rows]))
        if kind == "binary":
            return float(np.mean((guess[rows] > 0.5) == (y[rows] > 0.5)))
        spread = np.mean((y[rows] - y[rows].mean()) ** 2)
        return float(1 - np.mean((y[rows] - guess[rows]) ** 2) / spread) if spread else 0.0

    return {"train": round(score(train), 6), "test": round(score(test), 6)}


def correlation_ratio(column: np.ndarray, classes: np.ndarray) -> float:
    """Root of the share of a column's variance that lies between classes, 0 to 1."""
    _, group = np.unique(classes, return_inverse=True)
    counts = np.bincount(group)
    means = np.bincount(group, column) / counts
    between = np.average((means - column.mean()) ** 2, weights=counts)
    return float(np.sqrt(between / column.var()))


def facts(
    values: dict[str, np.ndarray],
    columns: Sequence[str],
    targets: Sequence[str],
    classes: Collection[str] = (),
) -> dict[str, Any]:
    """Of a group: its columns, which never change, and their correlation with each target.

    Over the rows that have a value. With a target that is a class it is the correlation ratio, the
    root of the share of the column's variance that lies between the classes.
    """

    def correlation(name: str, target: str) -> float:
        known = np.isfinite(values[name])
        if target in classes:
            return correlation_ratio(values[name][known], values[target][known])
        return float(np.corrcoef(values[name][known], values[target][known])[0, 1])

    constant = [name for name in columns if np.nanmax(values[name]) == np.nanmin(values[name])]
    missing = {n: k for n in columns if (k := int(np.isnan(values[n]).sum()))}
    return {
        "columns": list(columns),
        "constant_columns": constant,
        "target_correlations": {
            target: [None if name in constant else correlation(name, target) for name in columns]
            for target in targets
        },
    } | ({"missing_values": missing} if missing else {})
