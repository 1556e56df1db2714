"""When a network abandons a feature; oracle: curves written by hand, counted."""

import numpy as np
import pytest

from primacy.analysis.contrasts import check, share_learned
from primacy.analysis.learning_times import (
    ABANDONED,
    RELIED_ON,
    TIME_TO_ABANDON,
    time_to_abandon,
    times,
)
from primacy.calibration import hand_written
from primacy.records.study import Contrast

STEPS = np.arange(0, 100, 10)
U, N, M = 0.8, 0.02, 0.15
"""Relied on, not relied on, and between the two bounds."""


@pytest.mark.parametrize(
    ("curve", "time"),
    [
        # Relied on from the second evaluation, below the bound from the sixth to the end.
        ([N, U, U, U, M, N, N, N, N, N], 50),
        # Back once: only the second parting lasts.
        ([N, U, U, U, N, N, U, N, N, N], 70),
        # Back at the end, and for fewer evaluations than it takes to confirm.
        ([N, U, U, U, N, N, N, N, N, U], None),
        ([U, U, U, U, U, U, U, U, N, N], None),
        # Never below the bound; never relied on; a lucky moment is not relying.
        ([U, U, U, U, M, M, M, M, M, M], None),
        ([N] * 10, None),
        ([N, U, N, N, N, N, N, N, N, N], None),
        # Low before it was relied on is no abandoning.
        ([N, N, N, U, U, U, U, U, U, U], None),
    ],
)
def test_relied_on_and_then_below_the_bound_to_the_end(curve, time):
    found = time_to_abandon(np.array([curve], np.float32), STEPS, 3)
    assert bool(found.learned[0]) is (time is not None)
    assert found.time[0] == (70 if time is None else time)  # tau: the last that can be confirmed
    assert not found.forgotten[0]


def test_bounds_are_of_single_precision():
    """Exactly .25 relies and exactly .1 has not been abandoned, in float32 too."""
    at = np.array([[RELIED_ON] * 3 + [ABANDONED] * 7], np.float32)
    assert not time_to_abandon(at, STEPS, 3).learned[0]
    below = at.copy()
    below[0, 3:] = np.nextafter(np.float32(ABANDONED), np.float32(0))
    assert time_to_abandon(below, STEPS, 3).time[0] == 30


def test_a_network_that_stopped_early_is_judged_by_its_own_last_evaluations():
    curve = np.array([[U, U, U, N, N, N, np.nan, np.nan, np.nan, np.nan]], np.float32)
    found = time_to_abandon(curve, STEPS, 3, last=np.array([5]))
    assert found.learned[0] and found.time[0] == 30
    # With two evaluations below it is not confirmed, though the rows that are missing say nothing.
    assert not time_to_abandon(curve[:, 1:], STEPS[:-1], 3, last=np.array([3])).learned[0]
    assert not time_to_abandon(curve, STEPS, 3).learned[0]  # a gap within is not below


def test_the_event_of_a_study(monkeypatch):
    """Ten networks written by hand: reliance falls at evaluation 6 in all but two; never early."""
    monkeypatch.setattr(hand_written, "ACCURACY", "reliance")
    record, runs = hand_written._study(np.full(10, 0), np.full(10, 0), never=())
    traces = runs._traces.setdefault("reliance", runs._read("reliance"))
    for key in traces:
        traces[key] = np.where(np.arange(10) < 6, 0.9, 0.01) * np.ones((10, 1))
        traces[key][[8, 9]] = 0.9
        traces[key] = traces[key].astype(np.float32)
    found = times(runs, "default", "A", event=TIME_TO_ABANDON)
    assert found is not None
    assert found.time.tolist() == [60] * 8 + [70, 70]
    assert found.learned.tolist() == [True] * 8 + [False] * 2
    assert found.low.tolist() == [50] * 8 + [70, 70]
    half = times(runs, "default", "A", event=TIME_TO_ABANDON, budget=0.5)
    assert half is not None and not half.learned.any()
    contrast = Contrast(measure=TIME_TO_ABANDON, of={"feature": "A"})
    assert check(record, contrast) == []
    share = share_learned(runs, contrast)
    assert (share.successes, share.pairs, share.tau) == (8, 10, 70)
    # Asked by a step: who relies on it again at the end has not abandoned it by then either.
    for trace in traces.values():
        trace[0, 9] = 0.9
    runs.memo.clear()
    early = times(runs, "default", "A", event=TIME_TO_ABANDON, by=60)
    assert early is not None and early.tau == 60
    assert early.learned.tolist() == [False] + [True] * 7 + [False] * 2
    assert early.time.tolist() == [60] * 10
    unknown = Contrast(measure=TIME_TO_ABANDON, of={"feature": "C"})
    assert "not a feature" in check(record, unknown)[0]
