"""What one column alone predicts of a target: too much, and it was hardly known before it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from primacy.rng import streams
from primacy.tasks.arraykinds import Kind, majority

BINS = 16
"""Equally full bins by which one column alone predicts."""
FOLDS = 5
LEAK = 0.99
"""Of the way from chance to 1: what alone predicts so well was probably computed from it."""
SUSPECT = 0.9
"""The same for what may have been recorded after the outcome: worth the question."""
MAX_COLUMNS = 200
"""Columns of a task beyond which none is tried alone: no single pixel is a leak."""

MAX_ROWS = 5_000
"""Rows on which a task's columns are tried, about: every so many of more."""


def suspicious(score: float, chance: float) -> bool:
    """Whether what a column alone predicts is nearly all."""
    return score >= chance + SUSPECT * (1 - chance)


def facts(
    inputs: Float[np.ndarray, "n d"],
    targets: Mapping[str, Float[np.ndarray, " n"]],
    kinds: Mapping[str, Kind],
    levels: Sequence[str],
) -> dict[str, Any]:
    """`predicts_alone`: of each target that one of the columns predicts nearly all of, the score.

    The columns are those of one feature; with `levels` they are one column of classes. Empty where
    there is no such target.
    """
    columns = [inputs.argmax(axis=1).astype(np.float64)] if levels else list(inputs.T)
    every, found = max(1, len(inputs) // MAX_ROWS), {}
    for name, values in targets.items():
        kind, y = kinds[name], values[::every]
        guesses = (_crossed(column[::every], y, kind != "number") for column in columns)
        score = max(_score(guess, y, kind) for guess in guesses)
        if suspicious(score, majority(values, kind)):
            found[name] = round(score, 6)
    return {"predicts_alone": found} if found else {}


def _score(guess: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], kind: Kind) -> float:
    """Accuracy, or R^2 of a number."""
    if kind != "number":
        return float((guess == y).mean())
    return float(1 - ((y - guess) ** 2).sum() / max(y.var() * len(y), np.finfo(float).tiny))


def predicts(
    column: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"], classes: bool
) -> tuple[float, float, float]:
    """How well one column alone predicts a target, on rows left out, with a 95 % interval.

    The column is cut into `BINS` equally full bins (or its values, if fewer; missing is a bin); the
    guess for a row is the commonest class, or the mean, of the other folds' rows in its bin. So a
    relation of any shape is found that does not change within a bin.

    Returns:
        Accuracy with Wilson's interval; for a number R^2, with the interval of a bootstrap over
        rows. R^2 is 0 for a column that says nothing, a little less by chance.
    """
    guess, n = _crossed(column, target, classes), len(target)
    if classes:
        right = int((guess == target).sum())
        low, high = stats.binomtest(right, n).proportion_ci(method="wilson")
        return right / n, float(low), float(high)
    errors, spread = (target - guess) ** 2, (target - target.mean()) ** 2
    drawn = streams(0, "audit")("interval").integers(0, n, (200, n))
    each = 1 - errors[drawn].sum(1) / np.maximum(spread[drawn].sum(1), np.finfo(float).tiny)
    low, high = np.quantile(each, (0.025, 0.975))
    return float(1 - errors.sum() / spread.sum()), float(low), float(high)


def _crossed(
    column: Float[np.ndarray, " n"], target: Float[np.ndarray, " n"], classes: bool
) -> Float[np.ndarray, " n"]:
    """The guess for each row from the rows of the other folds."""
    bins = _bins(column)
    fold = streams(0, "audit")("rows").permutation(np.arange(len(target)) % FOLDS)
    guess = np.empty(len(target))
    for held in range(FOLDS):
        guess[fold == held] = _guessed(bins, target, fold != held, classes)[fold == held]
    return guess


def _bins(column: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The bin of each row; missing values have the last one."""
    known = column[np.isfinite(column)]
    levels = np.unique(known)
    if len(levels) > BINS:
        levels = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))[1:]
    found = np.searchsorted(levels, np.where(np.isfinite(column), column, 0.0))
    return np.where(np.isfinite(column), found, len(levels))


def _guessed(
    bins: Int[np.ndarray, " n"],
    target: Float[np.ndarray, " n"],
    train: Bool[np.ndarray, " n"],
    classes: bool,
) -> Float[np.ndarray, " n"]:
    """The best guess of each row's bin, from the rows that train."""
    size = int(bins.max()) + 1
    if not classes:
        counts = np.bincount(bins[train], minlength=size)
        sums = np.bincount(bins[train], target[train], minlength=size)
        mean = target[train].mean()
        return np.where(counts > 0, sums / np.maximum(counts, 1), mean)[bins]
    levels, index = np.unique(target, return_inverse=True)
    table = np.zeros((size, len(levels)))
    np.add.at(table, (bins[train], index[train]), 1)
    table += np.bincount(index[train], minlength=len(levels)) / len(target)  # decides empty bins
    return levels[table.argmax(axis=1)][bins]
