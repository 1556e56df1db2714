"""Where a contrast's values are: one pick a condition, and the plan that holds them all."""

import dataclasses

from primacy.analysis.learning_times import EVENTS, TIME_TO_LEARN


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pick:
    """One value a seed: where in one condition's curves it stands."""

    condition: str
    split: str
    layer: str | None
    feature: str | None
    target: str | None
    at: str | int
    """`end`, `mean`, `learned` or a step. Of an event: `end`, or the step by which it came."""
    clock: tuple[str | None, str | None] | None
    """Feature and target whose time-to-learn is meant by `learned`, or whose event it is."""
    base: "Pick | None" = None
    """What it is relative to, in the same network: its value is the difference. None: to 0."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A contrast, resolved. Picks that stand together are averaged within each seed."""

    measure: str
    unit: str
    of: tuple[tuple[Pick, ...], ...]
    """One group of picks, or with `over` one a level."""
    minus: tuple[Pick, ...] | None
    levels: tuple[float, ...]
    """Of the factor in `over`, in rising order; else empty."""

    @property
    def picks(self) -> tuple[Pick, ...]:
        """All of both sides, with what they are relative to."""
        sides = (*(p for group in self.of for p in group), *(self.minus or ()))
        return (*sides, *(p.base for p in sides if p.base is not None))

    @property
    def is_event(self) -> bool:
        """Whether it is about a moment itself: time-to-learn or to pick up."""
        return self.measure in EVENTS

    @property
    def event(self) -> str:
        """The event that the clocks of its picks tell."""
        return self.measure if self.is_event else TIME_TO_LEARN
