"""The judged claim: an estimate and a margin give a word."""

import dataclasses
from typing import Literal

Word = Literal["supported", "contradicted", "no effect", "inconclusive", "untestable"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """A hypothesis and what the runs say of it."""

    id: str
    claim: str
    answers: str | None
    control_for: str | None
    word: Word
    flags: tuple[str, ...]
    """Of `fragile`, `post hoc`, `exploratory`."""
    measure: str
    value: float | None
    """Mean paired difference, ratio of means, mean tau or share; null: nothing to compute."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval."""
    unit: str
    scale: str
    n: int
    """Seeds asked for."""
    pairs: int
    """Seeds that entered the estimate."""
    p: float | None
    p_holm: float | None
    margin: float
    expect: str
    flips: tuple[str, ...]
    """Each variant of the analysis under which the word would be another, and that word."""
    more_seeds: int | None
    """About how many more seeds would settle it; null unless inconclusive."""
    why: str
    """One sentence: the reason of this word, with k of n where lanes were left out."""
