"""Several runs beside each other: the same contrasts of each, and their differences.

Where seeds and data pair, the difference of two runs is taken within each shared seed and tested
as every contrast of a study is (exact sign flips). Where they do not, it is the difference of two
means of independent networks, with Welch's interval. No hypothesis was fixed about differences
between runs, so nothing here is called supported or contradicted.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from primacy.analysis.compared import MISSING, Comparison, Difference, Found, Row, Side
from primacy.analysis.contrasts import FEWEST, Estimate, estimate
from primacy.analysis.inference import SignFlip, holm, kendall, welch
from primacy.analysis.learning_times import TIME_TO_LEARN, TIME_TO_PICK_UP, event_criterion
from primacy.analysis.matching import differences, matched, unpaired
from primacy.analysis.resolve import Plan, SelectionError, resolve
from primacy.analysis.runs import Runs, in_family, own_target
from primacy.records.study import ConditionRecord, Contrast, Hypothesis


def compare(sides: Sequence[Side]) -> Comparison:
    """Compare runs with the first of them.

    Every contrast that a hypothesis of any run states is asked of every run that can answer it;
    then, for conditions and features that runs share, times to learn and to pick up, and at the
    end of training the final score, variance explained and reliance.

    Raises:
        ValueError: fewer than two runs.
    """
    if len(sides) < 2:
        raise ValueError("a comparison takes two runs or more")
    records = [side.runs.record for side in sides]
    maps = [matched(records[0], record) for record in records[1:]]
    rows = [_contrast(sides, *asked) for asked in _asked(sides)]
    rows += [
        row
        for c in records[0].conditions
        for contrast, feature, what in _quantities(sides[0].runs, c)
        if (row := _quantity(sides, maps, c, contrast, feature, what)) is not None
    ]
    return Comparison(
        sides=tuple(sides),
        differs=tuple(differences(records)),
        rows=tuple(_adjusted(rows)),
        pairs=tuple(
            (c.name, *(m.get(c.name, MISSING) for m in maps)) for c in records[0].conditions
        ),
    )


def _asked(sides: Sequence[Side]) -> list[tuple[Hypothesis, tuple[str | None, ...]]]:
    """Each different contrast, and the id that it has in each run; null: stated in others only."""
    found: list[tuple[Hypothesis, list[str | None]]] = []
    for i, side in enumerate(sides):
        for h in side.runs.record.hypotheses:
            known = next((ids for own, ids in found if own.contrast == h.contrast), None)
            if known is None:
                known = list[str | None]([None] * len(sides))
                found.append((h, known))
            known[i] = known[i] or h.id
    return [(h, tuple(ids)) for h, ids in found]


def _contrast(sides: Sequence[Side], h: Hypothesis, ids: tuple[str | None, ...]) -> Row:
    """A contrast of hypotheses in every run."""
    answers, absent = _answers(sides, [h.contrast] * len(sides))
    words = [side.words.get(name or "") for side, name in zip(sides, ids, strict=True)]
    return _row(
        sides,
        answers,
        {
            "kind": "contrast",
            "id": h.id,
            "claim": h.claim,
            "contrast": h.contrast,
            "condition": None,
            "feature": None,
            "absent": absent,
        },
        words,
    )


class Answer(NamedTuple):
    """What a run says to a contrast."""

    contrast: Contrast
    plan: Plan
    estimate: Estimate

    @property
    def conditions(self) -> list[str]:
        """Of all its picks, in order."""
        return [pick.condition for pick in self.plan.picks]


def _answers(
    sides: Sequence[Side], contrasts: Sequence[Contrast | None]
) -> tuple[list[Answer | None], tuple[str, ...]]:
    """The answer of each run (null: it has none) and why there is none (empty: there is one)."""
    answers: list[Answer | None] = []
    absent = []
    for side, contrast in zip(sides, contrasts, strict=True):
        try:
            if contrast is None:
                raise SelectionError(["no such condition"])
            plan = resolve(side.runs.record, contrast)
            answers.append(Answer(contrast, plan, estimate(side.runs, contrast)))
            absent.append("")
        except SelectionError as error:
            answers.append(None)
            absent.append("; ".join(error.problems))
    return answers, tuple(absent)


def _quantities(runs: Runs, c: ConditionRecord) -> Iterator[tuple[Contrast, str | None, str]]:
    """What is compared of a condition beside the contrasts: a contrast, its feature, its name.

    Without a feature it is the final score of a target that no single feature determines.
    """
    owned = {f.target for f in c.features}
    for t in c.targets:
        if t.name not in owned and t.score in runs.cards:
            whose = "" if len(c.targets) == 1 else f" of {t.name}"
            of = {"condition": c.name, "target": t.name}
            yield Contrast(measure=t.score, of=of), None, f"final {_called(t.score)}{whose}"
    heads = [m for m in runs.record.measures if m.section == "table" and m.family_order == 0]
    measures = [m.name for m in sorted(heads, key=in_family)]
    measures += [m for m in ("reliance",) if m in runs.cards]
    for f in c.features:
        if f.null_of is not None:
            continue
        of = {"condition": c.name, "feature": f.name}
        for event in (TIME_TO_LEARN, TIME_TO_PICK_UP):
            if event_criterion(c, event, f.name) is not None:
                yield Contrast(measure=event, of=of), f.name, _called(event)
        for score in ("accuracy", "r_squared"):
            known = f.target is not None and score in runs.cards
            kinds = {t.name: t.kind for t in c.targets}
            fits = (kinds.get(f.target or "") == "number") == (score == "r_squared")
            if known and fits:
                yield Contrast(measure=score, of=of), f.name, f"final {_called(score)}"
        for name in measures:
            more = {} if own_target(c, f.name) or name != "reliance" else None
            if more is not None:
                yield Contrast(measure=name, of=of), f.name, _called(name)


def _called(measure: str) -> str:
    return measure.replace("_", " ")


def _quantity(
    sides: Sequence[Side],
    maps: Sequence[Mapping[str, str]],
    c: ConditionRecord,
    contrast: Contrast,
    feature: str | None,
    what: str,
) -> Row | None:
    """A quantity of a feature (None: of a target) in every run.

    Null: the first cannot answer it, or no other can.
    """
    names = [c.name, *(m.get(c.name) for m in maps)]
    own = [
        None
        if name is None
        else dataclasses.replace(contrast, of=contrast.of | {"condition": name})
        for name in names
    ]
    answers, absent = _answers(sides, own)
    if answers[0] is None or not any(answers[1:]):
        return None
    return _row(
        sides,
        answers,
        {
            "kind": "quantity",
            "id": contrast.measure,
            "claim": what,
            "contrast": contrast,
            "condition": c.name,
            "feature": feature,
            "absent": absent,
        },
        [None] * len(sides),
    )


def _row(
    sides: Sequence[Side],
    answers: Sequence[Answer | None],
    said: dict[str, Any],
    words: Sequence[str | None],
) -> Row:
    """Answers to one thing as a row, with the difference of each run from the first."""
    estimates = [a and a.estimate for a in answers]
    tau = min((e.tau for e in estimates if e is not None and e.tau is not None), default=None)
    # Times count up to the last step that could be confirmed in every run.
    alike = [a and _up_to(side, a, tau) for side, a in zip(sides, answers, strict=True)]
    values = [np.empty(0) if a is None else _by_seed(a.estimate, a.plan) for a in alike]
    found = []
    for i in range(1, len(sides)):
        a, b = alike[0], alike[i]
        if a is not None and b is not None:
            why = _why_unpaired(sides[0], sides[i], a.conditions, b.conditions)
            tell = functools.partial(_difference, sides[0], sides[i], a.estimate, b.estimate)
            found.append(tell(values[0], values[i], tau, why))
    units = [e.unit for e in estimates if e is not None]
    return Row(
        **said,
        unit=units[0] if units else "",
        found=tuple(
            None if e is None else _found(e, word) for e, word in zip(estimates, words, strict=True)
        ),
        differences=tuple(found),
        by_seed=tuple(
            {
                int(s): float(np.exp(x)) if is_ratio(e) else float(x)
                for s, x in zip(side.runs.seeds, own, strict=False)
                if np.isfinite(x)
            }
            for side, own, e in zip(sides, values, estimates, strict=True)
        ),
    )


def is_ratio(found: Estimate | None) -> bool:
    """Whether an estimate is a ratio."""
    return found is not None and found.scale == "ratio"


def _found(e: Estimate, word: str | None) -> Found:
    return Found(
        value=e.value,
        low=_finite(e.interval.low),
        high=_finite(e.interval.high),
        pairs=e.pairs,
        bound=e.times.bound if e.times else None,
        word=word,
        tau=e.tau,
        problem=e.problem,
    )


def _finite(x: float | None) -> float | None:
    return None if x is None or not np.isfinite(x) else float(x)


def _up_to(side: Side, answer: Answer, tau: int | None) -> Answer:
    """The same with events looked for up to `tau` alone, each before any mean is taken."""
    if tau is None or answer.estimate.tau in (None, tau):
        return answer
    cut = estimate(side.runs, answer.contrast, tau=tau, intervals=False)
    return answer._replace(estimate=cut)


def _by_seed(e: Estimate, plan: Plan) -> Float[np.ndarray, " s"]:
    """An estimate's value in each seed of its run; NaN where it did not enter.

    Of a ratio it is the logarithm; minus infinity or NaN where a side is not above 0.
    """
    columns = e.columns
    if e.scale == "trend":
        stacked = np.stack(columns, axis=1)
        whole = np.isfinite(stacked).all(axis=1)
        return np.where(whole, kendall(np.nan_to_num(stacked), np.array(plan.levels)), np.nan)
    if e.scale == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(columns[0] / columns[1])
    return columns[0] - columns[1] if plan.minus is not None else columns[0]


def _why_unpaired(first: Side, other: Side, own: list[str], theirs: list[str]) -> str | None:
    """Why seeds of two runs do not pair for these conditions; null: they do."""
    if len(own) != len(theirs):
        return "it is taken over other conditions"
    a, b = first.runs.record, other.runs.record
    if not set(a.seeds) & set(b.seeds):
        return "no shared seeds"
    for x, y in zip(own, theirs, strict=True):
        if why := unpaired(a, b, a.condition(x), b.condition(y)):
            return why
    return None


def _difference(
    first: Side,
    other: Side,
    a: Estimate,
    b: Estimate,
    x: Float[np.ndarray, " s"],
    y: Float[np.ndarray, " t"],
    tau: int | None,
    why: str | None,
) -> Difference:
    """Other minus first, from their values by seed."""
    if why is None:
        _, i, j = np.intersect1d(first.runs.seeds, other.runs.seeds, return_indices=True)
        d = y[j] - x[i]
        d = d[np.isfinite(d)]
        n, value = len(d), float(d.mean()) if len(d) else None
    else:
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
        d, n = None, min(len(x), len(y))
        value = float(y.mean() - x.mean()) if n else None
    low = high = p = test = None
    problem = "" if tau is None else _problem(a, b, tau)
    if problem:
        value = None
    elif not n:
        problem = "no value in both"
    elif n < FEWEST:
        what = "shared seeds have a value" if d is not None else "networks on one side"
        problem = f"only {n} {what}, and {FEWEST} are needed for an interval"
    elif d is not None:
        test = SignFlip(d, np.ones(n))
        (low, high), p = test.interval(0.95), test.p(0.0)
    else:
        (low, high), p = welch(x, y)
    if is_ratio(a):
        value, low, high = (None if v is None else float(np.exp(v)) for v in (value, low, high))
    note = "; ".join(t for t in (f"not paired: {why}" if why else "", problem or "") if t)
    return Difference(
        other=other.label,
        value=value,
        low=_finite(low),
        high=_finite(high),
        p=p,
        p_holm=None,
        paired=why is None,
        seeds=n,
        note=note,
        test=test,
    )


def _problem(a: Estimate, b: Estimate, tau: int) -> str:
    """Why the difference of two estimates of times says nothing, whatever the number of seeds.

    A time that was not reached by `tau` counts as `tau`: in most networks of both runs, and the
    difference would be one of budgets.
    """
    for e in (a, b):
        entered = np.stack(e.columns, axis=1)
        entered = entered[np.isfinite(entered).all(axis=1)]
        if (entered >= tau).any(axis=1).mean() <= 0.5 if len(entered) else True:
            return ""
    return f"not reached within {tau:,} steps in most networks of either run"


def _adjusted(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with Holm's p over all their differences."""
    p = np.array([d.p for row in rows for d in row.differences if d.p is not None], dtype=float)
    left = iter(holm(p).tolist())
    for row in rows:
        yield dataclasses.replace(
            row,
            differences=tuple(
                d if d.p is None else dataclasses.replace(d, p_holm=next(left))
                for d in row.differences
            ),
        )
