"""What the drawings of claims share: lines, moments, ends of axes, values by seed."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from primacy.analysis.picks import Plan
from primacy.analysis.readings import Claim, Reading
from primacy.analysis.resolve import SelectionError
from primacy.analysis.runs import Runs
from primacy.analysis.sides import sides
from primacy.records.study import Contrast
from primacy.report.page import figures, learning_curves, sketches
from primacy.report.page.sketches import Dot, Line

SECOND = (5, 4)
"""The dash of the second definition."""
SAID = {"own": "each at its own time", "learned": "just learned", "end": "at the end"}
"""The moments in a few words."""
WIDTH, HEIGHT = 330, 180


@dataclasses.dataclass
class Drawing:
    """What is drawn so far."""

    lines: list[Line] = dataclasses.field(default_factory=list)
    areas: list[Line] = dataclasses.field(default_factory=list)
    seeds: list[Line] = dataclasses.field(default_factory=list)
    dots: list[Dot] = dataclasses.field(default_factory=list)
    key: list[tuple[str, int]] = dataclasses.field(default_factory=list)

    def named(self, name: str) -> str:
        """The next color, under this name in the key."""
        color, _ = figures.look(len(self.key))
        self.key.append((name, figures.PALETTE.index(color) + 1))
        return color

    def reach(self, *more: float) -> tuple[float, float]:
        """The ends of the vertical axis: all that is drawn, and these."""
        drawn = [y for line in (*self.lines, *self.areas, *self.seeds) for _, y in line.points]
        known = [y for y in (*drawn, *(d.y for d in self.dots), *more) if np.isfinite(y)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        pad = 0.05 * ((high - low) or 1.0)
        return low - pad, high + pad


def last(claim: Claim) -> Reading:
    """The reading at the latest moment by the claim's own measure."""
    own = claim.first.contrast.measure
    return [r for r in claim.readings if r.measure == own][-1]


def axis_title(runs: Runs, claim: Claim, plan: Plan) -> str:
    """What the vertical axis is."""
    card = runs.cards[claim.first.contrast.measure]
    base = plan.of[0][0].base
    name = card.name.replace("_", " ")
    told = f"{name} ({card.unit})" if card.unit and card.unit != name else name
    if base is not None:
        other = base.feature or base.layer or base.target
        told += f": {plan.of[0][0].feature or 'it'} less {other}"
    return told


def dashes(runs: Runs, claim: Claim) -> str:
    """What solid and dashed lines are; empty where there is one definition."""
    measures = list(dict.fromkeys(r.measure for r in claim.readings))
    own = claim.first.contrast.measure
    if len(measures) < 2:
        return ""
    (other,) = (m for m in measures if m != own)
    return f"Solid: {runs.cards[own].shown}; dashed: {runs.cards[other].shown}."


def finished(
    drawing: Drawing, what: str, across: str, caption: str, axis: sketches.Axis, **more: Any
) -> dict[str, Any] | None:
    if not any(line.points for line in drawing.lines):
        return None
    svg = sketches.plot(
        drawing.lines,
        drawing.areas,
        drawing.seeds,
        drawing.dots,
        axis=axis,
        label=f"{what} against {across}. {caption}",
        width=WIDTH,
        height=HEIGHT,
        **more,
    )
    return {
        "svg": Markup(svg),
        "key": drawing.key,
        "what": what,
        "across": across,
        "caption": caption,
    }


def values_of(runs: Runs, contrast: Contrast) -> list[Float[np.ndarray, " s"]] | None:
    """The value of each group in every seed, NaN where there is none; None: nothing is selected."""
    try:
        _, found = sides(runs, contrast)
    except SelectionError:
        return None
    return [np.where(side.reasons == "", side.values, np.nan) for side in found]


def medians(
    places: Sequence[float], values: Sequence[Float[np.ndarray, " _"]]
) -> list[tuple[float, float]]:
    known = [(x, v[np.isfinite(v)]) for x, v in zip(places, values, strict=True)]
    return [(x, float(np.median(v))) for x, v in known if v.size]


def band(
    places: Sequence[float], values: Sequence[Float[np.ndarray, " _"]]
) -> list[tuple[float, float]]:
    """The area between the ends of the seeds: all of them, or the middle 80 % of many."""
    known = [(x, v[np.isfinite(v)]) for x, v in zip(places, values, strict=True)]
    known = [(x, v) for x, v in known if v.size]
    few = {x: v.size < learning_curves.FEW for x, v in known}
    upper = [(x, float(np.quantile(v, 1.0 if few[x] else 0.9))) for x, v in known]
    lower = [(x, float(np.quantile(v, 0.0 if few[x] else 0.1))) for x, v in known]
    return [*upper, *reversed(lower)]
