"""From an estimate to a word: which statement about the true value the pairs bear out.

Three statements are tested, whatever was expected: the true value lies above the margin, below it,
or inside it. What was expected only names them: supported, contradicted, no effect.
"""

from typing import Literal, NamedTuple

import numpy as np

from primacy.contrasts import Estimate
from primacy.events import EVENTS
from primacy.inference import equivalence
from primacy.record import Hypothesis

ALPHA = 0.05

Word = Literal["supported", "contradicted", "no effect", "inconclusive", "untestable"]


class Chances(NamedTuple):
    """p of each statement's own null, two-sided where the statement has a side."""

    above: float
    below: float
    inside: float
    """The larger of two one-sided tests; 1 without a margin, inside which nothing can lie."""

    @property
    def least(self) -> float:
        """Of the statement that is nearest to being borne out."""
        return min(self)

    @property
    def either_side(self) -> float:
        """The same for Holm: at a margin a word can be wrong on either side of it.

        If the true value is the margin, `above` is at most a in a / 2 of all studies, and `inside`
        in a. Doubled, it is at most a in a / 2, too: this p is as small as a in at most a of all.
        """
        return min(1.0, self.above, self.below, 2 * self.inside)


def null(h: Hypothesis, found: Estimate) -> float:
    """What the value is compared with."""
    if h.threshold is not None:
        return h.threshold
    return 1.0 if found.scale == "ratio" else 0.0


def bounds(h: Hypothesis, found: Estimate) -> tuple[float, float]:
    """The margin as two values of the estimate."""
    middle = null(h, found)
    if found.scale == "ratio":
        return middle / (1 + h.margin), middle * (1 + h.margin)
    return middle - h.margin, middle + h.margin


def chances(h: Hypothesis, found: Estimate) -> Chances | None:
    """p of the three statements; null: nothing is tested, or it is a share (`never`)."""
    if found.test is None:
        return None
    low, high = bounds(h, found)
    return Chances(
        above=min(1.0, 2 * found.test.p_above(high)),
        below=min(1.0, 2 * found.test.p_below(low)),
        inside=_inside(h, found),
    )


def word_of(h: Hypothesis, found: Estimate) -> Word:
    """What the estimate says of the claim; by tests, not interval ends, so that ties are ties."""
    return judged(h, found)[0]


def judged(h: Hypothesis, found: Estimate) -> tuple[Word, str]:
    """The word, and where it is "untestable" the reason."""
    if found.problem is not None:
        return "untestable", found.problem
    if h.expect == "never":
        return _of_a_share(h, found)
    p, test = chances(h, found), found.test
    if p is None or test is None:
        return "untestable", "nothing can be compared"
    low, high = bounds(h, found)
    above = p.above <= ALPHA and test.estimate > high
    below = p.below <= ALPHA and test.estimate < low
    if above or below:
        expected = {"greater": above, "less": below}.get(h.expect, False)
        return "supported" if expected else "contradicted", ""
    if p.inside <= ALPHA:
        return "supported" if h.expect == "equal" else "no effect", ""
    return "inconclusive", ""


def _of_a_share(h: Hypothesis, found: Estimate) -> tuple[Word, str]:
    low, high = found.interval
    if high < h.margin:
        return "supported", ""
    return "contradicted" if low > h.margin else "inconclusive", ""


def _inside(h: Hypothesis, found: Estimate) -> float:
    """p of "the true value is not inside the margin"."""
    if found.test is None or h.margin == 0:
        return 1.0
    return equivalence(found.test, *bounds(h, found))


def why(h: Hypothesis, found: Estimate, word: Word, reason: str) -> str:
    """The reason of the word, in a sentence."""
    left_out = ", ".join(f"{k} {left}" for left, k in found.left_out.items())
    if word == "untestable":
        return _sentence(reason, left_out)
    of = f"{found.pairs} of {found.n} seeds"
    if found.scale == "share":
        low, high = (f"{100 * end:.3g} %" for end in found.interval)
        text = (
            f"{found.successes} of {found.pairs} {EVENTS[h.contrast.measure]} within "
            f"{found.tau:,} steps (95 % interval {low} to {high}), against a margin of "
            f"{100 * h.margin:.3g} %"
        )
        return _sentence(text, left_out)
    zone = _zone(h, found)
    interval = f"the 95 % interval {_range(found.interval)}"
    narrow = f"the 90 % interval {_range(found.narrow)} lies inside {zone}"
    text = {
        "supported": narrow if h.expect == "equal" else f"{interval} lies beyond {zone}",
        "contradicted": f"{interval} lies beyond {zone}"
        + ("" if h.expect == "equal" else ", on the other side"),
        "no effect": narrow,
        "inconclusive": f"{interval} does not lie to one side of {zone}"
        + (", nor the 90 % interval inside it" if h.margin > 0 else ""),
    }[word]
    return _sentence(f"{text}, in {of}{_aside(found)}", left_out)


def _zone(h: Hypothesis, found: Estimate) -> str:
    low, high = bounds(h, found)
    if h.margin > 0:
        around = "" if h.threshold is None else f" around {h.threshold:.3g}"
        return f"the margin{around} ({low:.3g} to {high:.3g})"
    if h.threshold is not None:
        return f"the threshold {h.threshold:.3g}"
    return "no difference" if found.scale != "ratio" else "a ratio of 1"


def _aside(found: Estimate) -> str:
    """What stands beside the estimate, in words."""
    beside, parts = found.beside, []
    if "of first" in beside:
        ties = f" ({beside['tied']:.0f} tied)" if beside["tied"] else ""
        parts.append(f"first in {beside['of first']:.0f} of {found.pairs}{ties}")
    parts += [f"{k} {beside[k]:.2g}" for k in ("log-rank p", "Page p") if k in beside]
    return "; " + "; ".join(parts) if parts else ""


def _sentence(text: str, left_out: str) -> str:
    text = text[:1].upper() + text[1:]
    return f"{text.rstrip('.')}. Left out: {left_out}." if left_out else f"{text.rstrip('.')}."


def _range(interval: tuple[float, float]) -> str:
    ends = ["unbounded" if not np.isfinite(x) else f"{x:.3g}" for x in interval]
    return f"from {ends[0]} to {ends[1]}"
