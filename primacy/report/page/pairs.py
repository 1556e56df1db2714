"""What each contrast compares, seed by seed: the values behind a verdict."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from primacy.analysis.resolve import Pick, Plan, SelectionError
from primacy.analysis.runs import Runs
from primacy.analysis.sides import Side, first_reason, sides
from primacy.records.study import Hypothesis
from primacy.report.page import evidence

MOMENTS = {"mean": "the mean over training", "learned": "when learned"}


def pairs(runs: Runs) -> dict[str, dict[str, Any]]:
    """By hypothesis: `sides` (names), `values` (a row per seed), `out` (why a seed is left out).

    A value is null where the seed has none; of a time, one that was not reached within tau is tau
    and stands in `late`. A hypothesis whose contrast selects nothing has no entry.
    """
    found = {}
    for h in runs.record.hypotheses:
        try:
            plan, own = sides(runs, h.contrast)
        except SelectionError:
            continue
        found[h.id] = _pairs(h, plan, own)
    return found


def _pairs(h: Hypothesis, plan: Plan, own: Sequence[Side]) -> dict[str, Any]:
    groups = [*plan.of, *([plan.minus] if plan.minus else [])]
    out = first_reason([s.reasons for s in own])
    if h.expect == "never":  # counted as `contrasts.share_learned` counts
        out = np.where(own[0].diverged & ~own[0].learned, "diverged", out)
    columns = [s.values.tolist() for s in own]
    late = [(s.censored | s.diverged).tolist() if plan.is_event else [] for s in own]
    return {
        "sides": _names(groups, plan, h.contrast.over),
        "of": len(plan.of),
        "scale": "trend" if plan.levels else h.contrast.scale,
        "time": plan.is_event,
        "unit": plan.unit,
        "values": [[_rounded(v) for v in row] for row in zip(*columns, strict=True)],
        "late": [[i for i, x in enumerate(row) if x] for row in zip(*late, strict=True)],
        "out": [str(r) for r in out],
    }


def _rounded(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return value if value.is_integer() else float(f"{value:.5g}")


def _names(groups: Sequence[tuple[Pick, ...]], plan: Plan, over: str | None) -> list[str]:
    """What tells the sides apart, the moment too where they are of one curve."""
    names = evidence.names(groups, plan, over)
    if len(set(names)) == len(names):
        return names
    moments = [", ".join(dict.fromkeys(_moment(p) for p in group)) for group in groups]
    return [f"{name}, {moment}" for name, moment in zip(names, moments, strict=True)]


def _moment(pick: Pick) -> str:
    text = str(pick.at)
    if text.isdecimal():
        return f"step {int(text):,}"
    return MOMENTS.get(text, f"the {text}")
