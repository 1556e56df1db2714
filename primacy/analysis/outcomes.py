"""What one control came to, and the word for it.

The replicate is one network. A study fails a control only where its networks are beyond chance by
more than chance explains: all controls of a study together give a false alarm in at most 1 of 100
sound studies.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import special

from primacy.analysis.verdicts import rounded
from primacy.records.study import ConditionRecord

FALSE_ALARMS = 0.01
"""Share of sound studies in which some control may fail: split evenly among the kinds, and within a
kind among its controls (Bonferroni)."""
FEWEST = 6
"""Networks below which values are shown and nothing is tested."""
MARGIN = 0.01
"""Beyond chance by so much is beyond it at all: scores are accuracies or shares of variance."""

Kind = Literal[
    "untrained",
    "shuffled labels",
    "random feature",
    "constant feature",
    "null columns",
    "claims",
    "task learned",
    "rows in both",
]
Word = Literal["passed", "failed", "shown"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """One control: what was expected, what was measured, and whether it is beyond chance."""

    control: Kind
    condition: str
    measure: str
    of: str | None
    """The target, or the claim; null: the mean over all of a network's."""
    expected: str
    chance: float | None
    """What the mean is compared with; null: no number at all is expected, or a claim's word."""
    n: int
    """Networks."""
    value: float | None
    """Their mean."""
    low: float | None
    high: float | None
    """Ends of the 95 % t interval of the mean; null for fewer than 6 networks."""
    values: tuple[float, ...]
    """Of each network, where there are fewer than 6."""
    p: float | None
    """That networks at chance (give or take 0.01) are so far beyond it; null: not tested."""
    word: Word
    """`shown`: too few networks for a test."""
    why: str


def judged(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes with their words: each tested one passed or failed.

    A share of the false alarms for each kind that is tested, and of that a share for each of its
    controls; the p-values of claims are Holm's already.
    """
    listed = list(outcomes)
    tested = [o for o in listed if o.p is not None]
    kinds = {o.control for o in tested}
    found = []
    for o in listed:
        if o.p is not None:
            beside = sum(other.control == o.control for other in tested)
            level = FALSE_ALARMS / len(kinds) / (1 if o.control == "claims" else beside)
            failed = o.p <= level
            why = (
                o.why
                or (
                    f"{'Beyond' if failed else 'Not beyond'} chance by more than {MARGIN:g} "
                    f"(p {o.p:.2g}, failed at {level:.2g}). {_power(o, level)}"
                ).rstrip()
            )
            o = dataclasses.replace(o, word="failed" if failed else "passed", why=why)
        found.append(o)
    return found


def _power(o: Outcome, level: float) -> str:
    """What this control would have seen: a mean that far beyond chance fails in 4 of 5 studies.

    Of a t test whose networks spread as these do; those that all score alike tell nothing.
    """
    if o.low is None or o.high is None or o.low == o.high:
        return ""
    spread = (o.high - o.low) / 2 / float(special.stdtrit(o.n - 1, 0.975))
    beyond = MARGIN + seen_from(o.n, level / (2 if o.control == "null columns" else 1)) * spread
    return f"Networks {beyond:.2g} beyond chance would have failed it in 4 of 5 studies."


def seen_from(n: int, level: float, power: float = 0.8) -> float:
    """The excess, in standard errors of the mean, that a one-sided t test of n finds so often."""
    limit = float(special.stdtrit(n - 1, 1 - level))
    return float(special.nctdtrinc(n - 1, 1 - power, limit))


def failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that failed."""
    return [o for o in outcomes if o.word == "failed"]


def compared(
    control: Kind,
    c: ConditionRecord,
    measure: str,
    of: str | None,
    expected: str,
    chance: float,
    values: Float[np.ndarray, " n"],
    *,
    both_sides: bool = False,
) -> Outcome:
    """An outcome of one number a network; p as for a mean beyond chance by more than `MARGIN`."""
    n, low, high, p = len(values), None, None, None
    mean = float(values.mean()) if n else None
    if n >= FEWEST and mean is not None:
        spread = float(values.std(ddof=1)) / np.sqrt(n)
        half = float(special.stdtrit(n - 1, 0.975)) * spread
        low, high = mean - half, mean + half
        p = _beyond(mean - chance, spread, n)
        if both_sides:
            p = min(1.0, 2 * min(p, _beyond(chance - mean, spread, n)))
    few = n < FEWEST
    return Outcome(
        control=control,
        condition=c.name,
        measure=measure,
        of=of,
        expected=expected,
        chance=chance,
        n=n,
        value=rounded(mean),
        low=rounded(low),
        high=rounded(high),
        values=tuple(float(f"{v:.6g}") for v in values) if few else (),
        p=None if few else rounded(p),
        word="shown",
        why=f"Only {n} network{'s' * (n != 1)}: shown, not tested." if few else "",
    )


def _beyond(difference: float, spread: float, n: int) -> float:
    """One-sided p of a t test that the mean is no more than `MARGIN` above chance."""
    above = difference - MARGIN
    if spread == 0:
        return 0.0 if above > 0 else 1.0
    return float(special.stdtr(n - 1, -above / spread))
