"""From an estimate to a word: which statement about the true value the pairs bear out.

Three statements are tested, whatever was expected: the true value lies above the margin, below it,
or inside it. What was expected only names them: supported, contradicted, no effect.
"""

from typing import Literal, NamedTuple

import numpy as np

from primacy.analysis.contrasts import Estimate, Pairs
from primacy.analysis.inference import SignFlip, clopper_pearson, equivalence, share_seeds_for
from primacy.analysis.learning_times import EVENTS
from primacy.records.study import Hypothesis

ALPHA = 0.05
SEEN = 0.8
"""Share of the pairs of two times that must be known on at least one side, before "equal" or "no
effect" can be said."""

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
    asked = h.margin > 0 and (h.expect == "equal" or equivalence(test, low, high) <= ALPHA)
    if asked and (reason := _blind(h, found)):
        return "untestable", reason
    if p.inside <= ALPHA:
        return "supported" if h.expect == "equal" else "no effect", ""
    return "inconclusive", ""


def _blind(h: Hypothesis, found: Estimate) -> str:
    """Why nothing can be found inside the margin; empty: it can."""
    times = found.times
    if times is None:
        return ""
    if times.censored > (1 - SEEN) * found.pairs:
        what = "neither was" if times.sides else "it was not"
        return (
            f"in {times.censored} of {found.pairs} pairs {what} "
            f"{EVENTS[h.contrast.measure]} within {found.tau:,} steps, and such pairs say nothing "
            f"of equality: it needs {100 * SEEN:g} % of pairs with a time that is known"
        )
    if times.apart > h.margin:
        by = f"a factor {1 + times.apart:.3g}" if found.scale == "ratio" else f"{times.apart:.3g}"
        margin = f"{1 + h.margin:.3g}" if found.scale == "ratio" else f"{h.margin:.3g} steps"
        return (
            f"the evaluations that hold these times are {by} apart, more than the margin of "
            f"{margin}: evaluate more often"
        )
    return ""


def _of_a_share(h: Hypothesis, found: Estimate) -> tuple[Word, str]:
    low, high = found.interval
    if high < h.margin:
        return "supported", ""
    if low > h.margin:
        return "contradicted", ""
    least = clopper_pearson(0, found.pairs).high
    if least < h.margin:
        return "inconclusive", ""
    needed = share_seeds_for(0, 1, h.margin)
    return "untestable", (
        f"{found.successes} of {found.pairs} {EVENTS[h.contrast.measure]} within {found.tau:,} "
        f"steps, and even 0 of {found.pairs} would leave up to {100 * least:.3g} % open, against a "
        f"margin of {100 * h.margin:.3g} %: at least {needed} are needed"
    )


def _inside(h: Hypothesis, found: Estimate) -> float:
    """p of "the true value is not inside the margin".

    A pair of times that are both censored at tau has a difference of 0, whatever the true one is,
    and one with a single censored time a difference that is too small. So times must also lie
    inside where one side is first made longer by the margin and then censored: under the null that
    the other takes so much longer, the two are alike.
    """
    if found.test is None or h.margin == 0:
        return 1.0
    low, high = bounds(h, found)
    p = equivalence(found.test, low, high)
    if found.times is None or found.times.sides is None or found.tau is None:
        return p
    a, b = found.times.sides
    longer = _stretched if found.scale == "ratio" else _shifted
    upper, lower = (high, 1 / low) if found.scale == "ratio" else (high, -low)
    ends = ((a, b, upper), (b, a, lower))
    return max(p, *(_later(*longer(x, y, by), found.tau) for x, y, by in ends))


def _stretched(x: np.ndarray, y: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """`y` so many times as long, or `x` shorter by it; nothing observed is made shorter."""
    return (x, y * factor) if factor >= 1 else (x / factor, y)


def _shifted(x: np.ndarray, y: np.ndarray, steps: float) -> tuple[np.ndarray, np.ndarray]:
    """The same in steps."""
    return (x, y + steps) if steps >= 0 else (x - steps, y)


def _later(x: np.ndarray, y: np.ndarray, tau: int) -> float:
    """One-sided p of "y, censored at tau, is no later than x is"."""
    difference = np.minimum(y, tau) - np.minimum(x, tau)
    return SignFlip(difference, np.ones(len(difference))).p_above(0.0)


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
    neither = ", nor the 90 % interval inside it" if h.margin > 0 else ""
    if left := _left_open(h, found):
        neither = f"; {narrow}, but {left}"
    text = {
        "supported": narrow if h.expect == "equal" else f"{interval} lies beyond {zone}",
        "contradicted": f"{interval} lies beyond {zone}"
        + ("" if h.expect == "equal" else ", on the other side"),
        "no effect": narrow,
        "inconclusive": f"{interval} does not lie to one side of {zone}{neither}",
    }[word]
    return _sentence(f"{text}, in {of}{_aside(found)}", left_out)


def _left_open(h: Hypothesis, found: Estimate) -> str:
    """What keeps a difference that lies inside the margin from counting as none; or nothing."""
    if h.margin == 0 or found.test is None or found.times is None or found.times.sides is None:
        return ""
    if equivalence(found.test, *bounds(h, found)) > ALPHA or _inside(h, found) <= ALPHA:
        return ""
    a, b = found.times.sides
    k = int(((a >= found.tau) | (b >= found.tau)).sum())
    return (
        f"within {found.tau:,} steps alone: {k} of {found.pairs} pairs have a time that is not "
        "known, and beyond the end the difference may be larger than the margin"
    )


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
    parts += [_only_a_bound(found.times, found)] if found.times and found.times.bound else []
    return "; " + "; ".join(parts) if parts else ""


def _only_a_bound(times: Pairs, found: Estimate) -> str:
    """Why the value is not the true one, and on which side of it that lies."""
    k, whose = max(times.open), "the first side" if times.bound == ">" else "the second side"
    whose = whose if times.sides else "it"
    value = f"{found.value:.3g}" if found.value is not None else "the value"
    return (
        f"within {found.tau:,} steps {whose} was not reached in {k} of {found.pairs}, so the true "
        f"value is {'above' if times.bound == '>' else 'below'} {value}"
    )


def _sentence(text: str, left_out: str) -> str:
    text = text[:1].upper() + text[1:]
    return f"{text.rstrip('.')}. Left out: {left_out}." if left_out else f"{text.rstrip('.')}."


def _range(interval: tuple[float, float]) -> str:
    ends = ["unbounded" if not np.isfinite(x) else f"{x:.3g}" for x in interval]
    return f"from {ends[0]} to {ends[1]}"
