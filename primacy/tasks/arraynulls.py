"""Control columns of a user's own data: copies of each group whose rows are dealt out anew.

A copy has the values of its group, and their correlations among themselves, and carries nothing of
the target: what a network is found to rely on it is what the measure finds where nothing is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from primacy.types import Streams

ENDING = " permuted"
"""Of the names of control columns."""


def check_null_columns(wanted: bool, info: Any) -> bool:
    """Whether copies can be made: of columns, not of an array that is read in its own shape."""
    if wanted and info.data.get("inputs") is not None:
        raise ValueError("an array that is read whole has no room for copies: leave `inputs` out")
    return wanted


def names(layout: Sequence[tuple[str, tuple[int, ...], Any]], own: Sequence[str]) -> list[str]:
    """Names of the copies, group by group."""
    return [f"{own[i]}{ENDING}" for _, places, _ in layout for i in places]


def places(layout: Sequence[tuple[str, tuple[int, ...], Any]], first: int) -> list[tuple[int, ...]]:
    """Of each group the places of its copy, which begin at `first`."""
    found = []
    for _, own, _ in layout:
        found.append(tuple(range(first, first + len(own))))
        first += len(own)
    return found


def dealt(
    rows: Float[np.ndarray, "n d"],
    layout: Sequence[tuple[str, tuple[int, ...], Any]],
    split: str,
    rng: Streams,
) -> Float[np.ndarray, "n e"]:
    """The rows with the copies beside them: of each group in one order, of its own stream."""
    copies = [
        rows[rng(split, "null columns", name).permutation(len(rows))][:, list(own)]
        for name, own, _ in layout
    ]
    return np.concatenate([rows, *copies], axis=1)
