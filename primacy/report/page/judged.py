"""The verdicts as rows of the page: effect, interval and reason, each written once."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from primacy.analysis.verdicts import Verdict
from primacy.records.study import StudyRecord
from primacy.report.page import questions, sketches
from primacy.report.page.wording import bounded, edited, number, ratio, ratio_range, signed

SYMBOLS = {
    "supported": "✔",
    "contradicted": "✘",
    "no effect": "=",
    "inconclusive": "?",
    "untestable": "–",
}


def groups(
    record: StudyRecord, verdicts: Sequence[Verdict], drawings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Verdicts by the question they answer, controls under what they control.

    Args:
        record: the study.
        verdicts: as the page prints them (`ranking.shown`).
        drawings: by hypothesis, the curves behind it (`evidence.drawings`).
    """
    return [
        {
            "title": q.title,
            "leaves_open": q.leaves_open,
            "counts": [f"{k} {word}" for word, k in q.counts],
            "rows": [
                _row(arm.verdict, drawings.get(arm.verdict.id)) | {"depth": min(arm.depth, 2)}
                for arm in q.arms
            ],
        }
        for q in questions.questions(record, verdicts)
    ]


def _row(v: Verdict, curves: Mapping[str, Any] | None) -> dict[str, Any]:
    effect, between = _effect(v), _between(v)
    is_ratio = v.scale == "ratio"
    unit = "" if is_ratio or v.value is None else v.unit
    null = v.margin if v.scale == "share" else _null(v)
    what = "no effect" if v.threshold is None else f"the threshold, {number(null)}"
    limit = f"limit at {number(null)}" if v.scale == "share" else f"dashed: {what}"
    label = f"{effect} {unit}".strip() + f", 95 % interval {between}; {limit}"
    label += f", margin {number(v.margin)}"
    return {
        "verdict": v,
        "symbol": SYMBOLS[v.word],
        "kind": v.word.replace(" ", "-"),
        "effect": effect,
        "unit": unit,
        "between": between,
        "why": reason(v),
        "expected": _expected(v),
        "curves": curves,
        "drawing": Markup(
            sketches.interval(
                v.value,
                v.low,
                v.high,
                null=null,
                ratio=is_ratio,
                band=_band(v) if v.margin > 0 else None,
                label=label if between else "no interval",
            )
        ),
    }


def _null(v: Verdict) -> float:
    """What the effect is compared with: the claim's threshold, else no effect."""
    if v.threshold is not None:
        return v.threshold
    return 1.0 if v.scale == "ratio" else 0.0


def _band(v: Verdict) -> tuple[float, float]:
    """The margin, in the unit of the effect."""
    if v.scale == "share":
        return 0.0, v.margin
    null = _null(v)
    if v.scale == "ratio":
        return null / (1 + v.margin), null * (1 + v.margin)
    return null - v.margin, null + v.margin


def _effect(v: Verdict) -> str:
    if v.value is None:
        return "–"
    if v.scale == "ratio":
        return ratio(v.value, times=questions.is_time(v), bound=v.bound)
    return number(v.value) if v.scale == "share" else bounded(signed(v.value), v.bound)


def _between(v: Verdict) -> str:
    """The interval; the words of a ratio's effect are not said twice."""
    if v.low is None or v.high is None:
        return ""
    if v.scale == "ratio":
        text = ratio_range(v.low, v.high, times=questions.is_time(v))
        way = _effect(v).rpartition(" ")[2]
        return text.removesuffix(f" {way}") if text.count("times") == 1 else text
    write = number if v.scale == "share" else signed
    return f"{write(v.low)} to {write(v.high)}"


def reason(v: Verdict) -> str:
    """The stored reason without the interval, which is beside it, and in the page's numbers."""
    text = re.sub(r"^The 95 % interval from \S+ to \S+ ", "The interval ", v.why)
    if v.scale == "ratio":
        factor = f"a factor of {number(1 + v.margin)} either way"
        text = re.sub(r"the margin \([^)]*\)", factor, text).replace(
            "a ratio of 1", "no difference"
        )

        def told(found: re.Match[str]) -> str:
            low, high = (float("inf") if x == "unbounded" else float(x) for x in found.groups())
            return f"interval, {ratio_range(low, high, times=questions.is_time(v))},"

        text = re.sub(r"interval from (\S+) to (\S+)", told, text)
    return edited(text)


def _expected(v: Verdict) -> str:
    if v.expect == "never":
        return f"at most {number(v.margin)} of the seeds"
    than = "" if v.threshold is None else number(v.threshold)
    if v.scale == "ratio":
        less, more = ("sooner", "later") if questions.is_time(v) else ("smaller", "larger")
        if v.expect == "equal":
            to = f" to a ratio of {than}" if than else ""
            return f"equal{to} within a factor of {number(1 + v.margin)}"
        if than:
            by = f" by a factor above {number(1 + v.margin)}" if v.margin else ""
            return f"a ratio {v.expect} than {than}{by}"
        by = f" by a factor above {number(1 + v.margin)}" if v.margin else ""
        return f"{less if v.expect == 'less' else more}{by}"
    if v.expect == "equal":
        return f"equal{f' to {than}' if than else ''} within {number(v.margin)}"
    by = f" by more than {number(v.margin)}" if v.margin else ""
    return f"{v.expect}{f' than {than}' if than else ''}{by}"
