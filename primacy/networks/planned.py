"""After which training steps a network is evaluated."""

from collections.abc import Sequence

import numpy as np


def schedule(steps: int, evaluations: int, spacing: str, confirm: int) -> tuple[int, ...]:
    """The steps after which a network is evaluated: 0 and the end among them.

    Args:
        steps: of the whole training.
        evaluations: how many, about.
        spacing: `log` (dense at the beginning) or `linear`.
        confirm: so many of them are in the last 2 %, to confirm what comes late.
    """
    if spacing == "linear" or steps < evaluations:
        found = np.linspace(0, steps, min(evaluations, steps + 1))
    else:
        early = np.geomspace(1, steps, max(2, evaluations - confirm - 1))
        found = np.concatenate([[0], early, np.linspace(0.98 * steps, steps, confirm)])
    return tuple(int(step) for step in np.unique(found.round().astype(int)))


def planned_steps(
    steps: int | None, evaluations: int | Sequence[int], spacing: str, confirm: int
) -> tuple[int, ...]:
    """The steps after which a run is evaluated: the very ones that were given, or a schedule."""
    if isinstance(evaluations, int):
        return () if steps is None else schedule(steps, evaluations, spacing, confirm)
    return tuple(sorted({int(step) for step in evaluations}))
