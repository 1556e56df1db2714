"""Claims drawn over something else than training: levels, positions, networks."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from primacy.analysis.picks import Plan
from primacy.analysis.readings import Claim, Moment
from primacy.analysis.runs import Runs
from primacy.report.page import evidence, sketches
from primacy.report.page.claims.drawing import (
    SAID,
    SECOND,
    Drawing,
    axis_title,
    band,
    dashes,
    finished,
    last,
    medians,
    values_of,
)
from primacy.report.page.sketches import Dot, Line
from primacy.report.page.wording import number


def over_levels(runs: Runs, claim: Claim, plan: Plan) -> dict[str, Any] | None:
    """A line for each moment, and for each definition its dash; medians over seeds."""
    drawing, colors = Drawing(), {}
    own = claim.first.contrast.measure
    for reading in claim.readings:
        values = values_of(runs, reading.contrast)
        if values is None:
            continue
        moment = reading.moment
        if moment not in colors:
            colors[moment] = drawing.named(SAID.get(moment, "as stated"))
        color, first = colors[moment], reading.measure == own
        points = medians(plan.levels, values)
        drawing.lines.append(Line(color, points, () if first else SECOND))
        if first:
            drawing.areas.append(Line(color, band(plan.levels, values)))
            drawing.dots += [Dot(color, x, y, full=moment == "end") for x, y in points]
    factor = str(claim.first.contrast.over)
    caption = dashes(runs, claim)
    return finished(
        drawing,
        axis_title(runs, claim, plan),
        factor,
        caption,
        sketches.even(plan.levels),
        y=drawing.reach(0.0),
        levels=[0.0],
    )


def places(runs: Runs, plan: Plan) -> list[str]:
    """The features of one kind among which two are compared, in their order; empty: no such."""
    if plan.minus is None or len(plan.of[0]) != 1 or len(plan.minus) != 1:
        return []
    a, b = plan.of[0][0], plan.minus[0]
    roots = {_root(p.feature) for p in (a, b)}
    if a.condition != b.condition or a.base is not None or len(roots) != 1 or a.feature is None:
        return []
    features = runs.record.condition(a.condition).features
    return [f.name for f in features if f.null_of is None and _root(f.name) in roots]


def _root(feature: str | None) -> str:
    return re.sub(r" #\d+$", "", feature or "")


def over_places(
    runs: Runs, claim: Claim, plan: Plan, features: Sequence[str]
) -> dict[str, Any] | None:
    """Each feature's value by its position: untrained, just learned, and at the end."""
    drawing, own = Drawing(), claim.first.contrast.measure
    positions = [float(i) for i in range(1, len(features) + 1)]
    asked: list[tuple[str, Moment | None, dict[str, Any]]] = [("untrained", None, {"at": 0})]
    for reading in claim.readings:
        if reading.measure == own and reading.moment in SAID:
            at = reading.contrast.of.get("at", reading.contrast.at)
            asked.append((SAID[reading.moment], reading.moment, {"at": at}))
    for name, moment, at in asked:
        values: list[np.ndarray] = []
        for feature in features:
            of = {**last(claim).contrast.of, "feature": feature, **at}
            alone = dataclasses.replace(claim.first.contrast, of=of, minus=None, at="end")
            values += values_of(runs, dataclasses.replace(alone, scale="difference")) or []
        if len(values) != len(features):
            continue
        color = drawing.named(name)
        points = medians(positions, values)
        drawing.lines.append(Line(color, points, (2, 3) if moment is None else ()))
        drawing.dots += [Dot(color, x, y, full=moment == "end") for x, y in points]
        drawing.areas.append(Line(color, band(positions, values)))
    layer = plan.of[0][0].layer
    caption = (
        f"{_root(features[0])}, the first to the last as declared"
        f"{f', in {layer}' if layer else ''}."
    )
    return finished(
        drawing,
        axis_title(runs, claim, plan),
        "position of the feature",
        caption,
        sketches.even(positions),
        y=drawing.reach(0.0),
        levels=[0.0],
    )


def over_networks(runs: Runs, claim: Claim, plan: Plan) -> dict[str, Any] | None:
    """The share of the networks at or below each value, a line for each side."""
    drawing = Drawing()
    values = values_of(runs, last(claim).contrast) or []
    groups = [*plan.of, *([plan.minus] if plan.minus else [])]
    names = evidence.names(groups, plan, None)
    known = [v[np.isfinite(v)] for v in values]
    if not any(v.size for v in known):
        return None
    low, high = min(v.min() for v in known if v.size), max(v.max() for v in known if v.size)
    h = claim.first
    low, high = (min(low, h.threshold), max(high, h.threshold)) if h.threshold else (low, high)
    pad = 0.08 * ((high - low) or 1.0)
    low, high = float(low - pad), float(high + pad)
    for i, (name, own) in enumerate(zip(names, known, strict=True)):
        # Steps often lie on each other.
        line = Line(drawing.named(name), list(_steps(own, low, high)), SECOND if i else ())
        drawing.lines.append(line)
    caption = "Share of the networks whose value at the end is this or smaller"
    marks = [] if h.threshold is None else [h.threshold]
    caption += f"; dashed: the threshold, {number(h.threshold)}." if marks else "."
    what = axis_title(runs, claim, plan)
    return finished(
        drawing,
        "share of the networks",
        what,
        caption,
        sketches.linear(low, high),
        y=(0.0, 1.0),
        marks=marks,
    )


def _steps(
    values: Float[np.ndarray, " s"], low: float, high: float
) -> Iterator[tuple[float, float]]:
    yield low, 0.0
    for i, value in enumerate(np.sort(values).tolist()):
        yield value, i / len(values)
        yield value, (i + 1) / len(values)
    yield high, 1.0
