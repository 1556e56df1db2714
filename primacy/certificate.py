"""What a calibration found: checks against known answers, courses over formulas, and their file.

The file lies in the user's data folder and not in a run: it says how this machine, with these
versions, answers where the answer is known. Later reports cite it.
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One number that was measured where the answer is known."""

    quantity: str
    """What was measured, in words a reader of the table understands."""
    expected: float
    measured: float | None
    """Null where there was no number to be had; that never passes, nor does NaN."""
    tolerance: float
    """How far the measured number may be from the expected one."""
    relative: bool = False
    """The tolerance is a share of the expected number, not in its unit."""
    measures: tuple[str, ...] = ()
    """Registered measures whose number this is: `primacy explain` shows it with their cards."""
    reference: str = ""
    """Where the answer comes from; left empty, the case's own reference."""
    case: str = ""
    """The case it belongs to; the case puts it in."""

    @property
    def passed(self) -> bool:
        """Whether the measured number is within its tolerance of the expected one."""
        if self.measured is None or not math.isfinite(self.measured):
            return False
        allowed = self.tolerance * (abs(self.expected) if self.relative else 1.0)
        return abs(self.measured - self.expected) <= allowed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """A measured course, and the formula's at the same places: a line of a chart."""

    chart: str
    """Title of the chart; curves of one title are drawn together."""
    label: str
    """What sets this line apart, such as `s = 4`."""
    x: tuple[float, ...]
    measured: tuple[float, ...]
    formula: tuple[float, ...]
    x_label: str
    y_label: str
    case: str = ""
    """The case it belongs to; the case puts it in."""
