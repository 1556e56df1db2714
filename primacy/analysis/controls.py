"""What the controls of a study came to: where nothing is to be seen, is nothing seen?

*Untrained*: the study's own networks at step 0 score no better than a constant.
*Shuffled labels*: nor do networks trained on targets of other examples, on held-out ones.
*Random feature*: in those networks, a feature that no input carries is not represented.
*Constant feature*: a feature that never changes has no number at all. *Null columns*: inputs that
carry nothing are worth nothing to the study's own networks. And of own data: *Task learned*: the
networks beat the best constant on held-out examples, without which their reliance says nothing
about the data. *Rows in both*: test rows that also train are no more than chance brings about.

The replicate is one network. A study fails a control only where its networks are beyond chance by
more than chance explains: all controls of a study together give a false alarm in at most 1 of 100
sound studies.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Float
from scipy import special

from primacy.analysis.verdicts import judge, rounded
from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.records.traces import Traces, at_end, measures_of

FALSE_ALARMS = 0.01
"""Share of sound studies in which some control may fail: split evenly among the kinds, and within a
kind among its controls (Bonferroni)."""
FEWEST = 6
"""Networks below which values are shown and nothing is tested."""
MARGIN = 0.01
"""Beyond chance by so much is beyond it at all: scores are accuracies or shares of variance."""

MAX_SHARED = 0.02
"""Share of test rows that may also train, beyond what few different values bring about: so much
can move an accuracy by .01."""

COSTS = ("reliance_accuracy", "reliance_r_squared", "reliance_loss")
"""Measures of what a site is worth; the first that a study has is looked at."""

Kind = Literal[
    "untrained", "shuffled labels", "random feature", "constant feature", "null columns", "claims",
    "task learned", "rows in both",
]  # fmt: skip
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


def untrained(record: StudyRecord, curves: Rows) -> list[Outcome]:
    """The networks of a study before their first step, a control for each condition."""
    found, start = [], curves.filter(pl.col("step") == 0)
    for c in record.conditions:
        score, chance = _score(c), float(np.mean([t.chance for t in c.targets]))
        values = _by_network(start, c, score)
        told = f"at most {chance:.3g}, the best constant"
        found.append(compared("untrained", c, score, None, told, chance, values))
    return [o for o in found if o.n]


def null_columns(record: StudyRecord, curves: Rows, lanes: pl.DataFrame) -> list[Outcome]:
    """What inputs that carry nothing are worth to trained networks, for each condition.

    Interchanging them leaves the joint distribution of inputs and targets as it is, so the
    expectation is 0 in any network whatever, if its test examples are its own.
    """
    if "data" not in record.seed_axes:
        return []  # on shared test examples, what networks have in common does not average out
    measured = measures_of(curves)
    measure = next((m for m in COSTS if m in measured), None)
    if measure is None:
        return []
    found, ends = [], _last(curves, lanes)
    for c in record.conditions:
        sites = [f.name for f in c.features if f.null_of is not None]
        last = ends.filter(pl.col("feature").cast(pl.String).is_in(sites))
        values = _by_network(last, c, measure)
        told = "0: they carry nothing"
        found.append(compared("null columns", c, measure, None, told, 0.0, values, both_sides=True))
    return [o for o in found if o.n]


def trained(
    record: StudyRecord, curves: Rows, lanes: pl.DataFrame, names: dict[str, str]
) -> list[Outcome]:
    """The networks of the folder `controls`.

    Args:
        record: of the controls.
        curves: theirs.
        lanes: theirs.
        names: display names of the conditions they control, by key.
    """
    last, found = _last(curves, lanes), []
    features = [m.name for m in record.measures if m.axes == ("feature",)]
    for control in record.conditions:
        c = dataclasses.replace(control, name=names.get(str(control.control_of), control.name))
        own = last.filter(pl.col("condition").cast(pl.String) == control.name).with_columns(
            condition=pl.lit(c.name)
        )
        if control.control == "constant feature":
            found += [_constant(own, c, m) for m in features]
            continue
        score = _score(c)
        for target in c.targets:
            values = _by_network(own.filter(_is("target", target.name)), c, score)
            told = f"at most {target.chance:.3g}, the best constant"
            found.append(
                compared("shuffled labels", c, score, target.name, told, target.chance, values)
            )
        found += _random_feature(record, c, own)
    return [o for o in found if o.n]


def _random_feature(record: StudyRecord, c: ConditionRecord, own: pl.DataFrame) -> list[Outcome]:
    """The measures whose expectation is known for a feature that no input carries."""
    found = []
    for m in record.measures:
        if m.at_chance is None or "feature" not in m.axes:
            continue
        layer = _is("layer", c.layers[-1]) if m.by_layer and c.layers else pl.lit(True)
        values = _by_network(own.filter(layer), c, m.name)
        told = f"at most {m.at_chance:g}: no input carries it"
        found.append(compared("random feature", c, m.name, None, told, m.at_chance, values))
    return found


def learned(
    record: StudyRecord, curves: Rows, lanes: pl.DataFrame, others: Sequence[Outcome]
) -> list[Outcome]:
    """The positive control of own data: the trained networks beat a constant, and shuffled labels.

    Without a test: it fails where their mean is not above either by `MARGIN`. Of studies whose
    best predictor is known, a target that is not learned says so itself.

    Args:
        record: the study.
        curves: of its own networks.
        lanes: theirs.
        others: the outcomes so far; those of shuffled labels are compared with.
    """
    found, ends = [], _last(curves, lanes)
    for c in record.conditions:
        if not any(f.criterion is not None and f.criterion.ceiling is None for f in c.features):
            continue
        score, chance = _score(c), float(np.mean([t.chance for t in c.targets]))
        values = _by_network(ends, c, score)
        shuffled = [
            o.value
            for o in others
            if o.control == "shuffled labels" and o.condition == c.name and o.value is not None
        ]
        told, against = f"above {chance:.3g}, the best constant", chance
        if shuffled and (mean := float(np.mean(shuffled))) > chance:
            told, against = f"above {mean:.3g}, that of shuffled labels", mean
        o = compared("task learned", c, score, None, told, against, values)
        fails = o.value is not None and o.value <= against + MARGIN
        why = f"{'Not above' if fails else 'Above'} it by more than {MARGIN:g}; not tested."
        found.append(dataclasses.replace(o, p=None, word="failed" if fails else "passed", why=why))
    return [o for o in found if o.n]


def rows_in_both(record: StudyRecord) -> list[Outcome]:
    """Of own data, how many test rows also train, where any does."""
    found = []
    for c in record.conditions:
        if (shared := shared_rows(c)) is None:
            continue
        share, by_chance, too_many = shared
        found.append(Outcome(
            control="rows in both", condition=c.name, measure="share of test rows", of=None,
            expected=f"at most {by_chance + MAX_SHARED:.2g}, that of columns permuted apart and "
            f"{MAX_SHARED:g}", chance=by_chance, n=len(record.seeds), value=rounded(share),
            low=None, high=None, values=(), p=None, word="failed" if too_many else "passed",
            why="Rows with the same inputs as a row that trains.",
        ))  # fmt: skip
    return found


def shared_rows(c: ConditionRecord) -> tuple[float, float, bool] | None:
    """Share of test rows that also train, the same by chance, and whether it is too much more."""
    share = c.facts.get("test_rows_in_training")
    if not isinstance(share, float):
        return None
    by_chance = float(c.facts.get("expected_by_chance", 0.0))
    return share, by_chance, share > by_chance + MAX_SHARED


def claims(
    record: StudyRecord, controls: StudyRecord, curves: Rows, lanes: pl.DataFrame
) -> list[Outcome]:
    """The study's hypotheses, judged on shuffled-label networks of all its conditions.

    A claim of a difference must not be supported there. One of no difference may well be.

    Args:
        record: the study.
        controls: the record of its controls.
        curves: of the controls.
        lanes: of the controls.
    """
    shuffled = {
        c.control_of: c for c in controls.conditions if c.control == "shuffled labels"
    }  # fmt: skip
    if not record.hypotheses or any(c.key not in shuffled for c in record.conditions):
        return []
    names = {shuffled[c.key].name: c.name for c in record.conditions}
    own = tuple(
        dataclasses.replace(shuffled[c.key], name=c.name, factors=c.factors)
        for c in record.conditions
    )
    whole = dataclasses.replace(record, conditions=own, seeds=controls.seeds, post_hoc=())
    judged = judge(_renamed(curves, names), _renamed(lanes, names), whole)
    found = []
    for v in judged:
        difference = v.expect in ("less", "greater")
        found.append(Outcome(
            control="claims", condition="all conditions", measure=v.measure, of=v.id,
            expected="not supported" if difference else "any word", chance=None, n=v.pairs,
            value=v.value, low=v.low, high=v.high, values=(),
            p=v.p_holm if difference and v.word == "supported" else None, word="shown",
            why=f"Trained on shuffled labels: {v.word}. {v.why}",
        ))  # fmt: skip
    return found


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
    control: Kind, c: ConditionRecord, measure: str, of: str | None, expected: str, chance: float,
    values: Float[np.ndarray, " n"], *, both_sides: bool = False,
) -> Outcome:  # fmt: skip
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
        control=control, condition=c.name, measure=measure, of=of, expected=expected,
        chance=chance, n=n, value=rounded(mean), low=rounded(low), high=rounded(high),
        values=tuple(float(f"{v:.6g}") for v in values) if few else (),
        p=None if few else rounded(p), word="shown",
        why=f"Only {n} network{'s' * (n != 1)}: shown, not tested." if few else "",
    )  # fmt: skip


def _beyond(difference: float, spread: float, n: int) -> float:
    """One-sided p of a t test that the mean is no more than `MARGIN` above chance."""
    above = difference - MARGIN
    if spread == 0:
        return 0.0 if above > 0 else 1.0
    return float(special.stdtr(n - 1, -above / spread))


def _constant(rows: pl.DataFrame, c: ConditionRecord, measure: str) -> Outcome:
    """A measure of a feature that never changes: how many of its rows hold a number."""
    own = rows.filter(_is("measure", measure))
    numbers, n = own["value"].drop_nulls(), own["seed"].n_unique()
    failed = numbers.len() > 0
    return Outcome(
        control="constant feature", condition=c.name, measure=measure, of=None,
        expected="null: nothing varies", chance=None, n=n,
        value=rounded(float(numbers[0])) if failed else None, low=None, high=None,
        values=(), p=None, word="failed" if failed else "passed",
        why=f"{numbers.len()} of {own.height} values are a number, not null.",
    )  # fmt: skip


def _score(c: ConditionRecord) -> str:
    return c.targets[0].score


def _is(column: str, name: str) -> pl.Expr:
    return pl.col(column).cast(pl.String) == name


def _by_network(
    rows: pl.DataFrame, c: ConditionRecord, measure: str
) -> Float[np.ndarray, " n"]:  # fmt: skip
    """The mean of a measure's held-out rows in each network; one without a number is left out."""
    own = rows.lazy().filter(
        _is("condition", c.name), _is("measure", measure), _is("split", "test")
    )
    means = own.group_by("seed").agg(pl.col("value").cast(pl.Float64).mean()).sort("seed")
    return means.collect()["value"].drop_nulls().to_numpy()


def _last(curves: Rows, lanes: pl.DataFrame) -> pl.DataFrame:
    """The rows of each lane's last evaluation, without lanes that diverged."""
    return at_end(curves, lanes.filter(~_is("ended", "diverged")))


def _renamed(table: Any, names: dict[str, str]) -> Any:
    """The rows of some conditions under other names."""
    if isinstance(table, Traces):
        return table.renamed(names)
    condition = pl.col("condition").cast(pl.String)
    own = table.filter(condition.is_in(list(names)))
    kind = pl.Enum(list(dict.fromkeys(names.values())))
    return own.with_columns(condition.replace_strict(names, return_dtype=pl.String).cast(kind))
