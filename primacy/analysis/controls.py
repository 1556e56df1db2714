"""What the controls of a study came to: where nothing is to be seen, is nothing seen?

*Untrained*: the study's own networks at step 0 score no better than a constant.
*Shuffled labels*: nor do networks trained on targets of other examples, on held-out ones.
*Random feature*: in those networks, a feature that no input carries is not represented.
*Constant feature*: a feature that never changes has no number at all. *Null columns*: inputs that
carry nothing are worth nothing to the study's own networks. And of own data: *Task learned*: the
networks beat the best constant on held-out examples, without which their reliance says nothing
about the data. *Rows in both*: test rows that also train are no more than chance brings about.

What each came to is an `outcomes.Outcome`, which has its word from all of a study's together.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from primacy.analysis.outcomes import MARGIN, Outcome, compared
from primacy.analysis.verdicts import judge, rounded
from primacy.records.curves import Rows
from primacy.records.manifest import CUT_SHORT
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.records.traces import Traces, at_end, measures_of

MAX_SHARED = 0.02
"""Share of test rows that may also train, beyond what few different values bring about: so much
can move an accuracy by .01."""

COSTS = ("reliance_accuracy", "reliance_r_squared", "reliance_loss")
"""Measures of what a site is worth; the first that a study has is looked at."""


def untrained(record: StudyRecord, curves: Rows) -> list[Outcome]:
    """The networks of a study before their first step, a control for each condition."""
    scores = pl.col("measure").cast(pl.String).is_in({_score(c) for c in record.conditions})
    found, start = [], curves.filter(scores, pl.col("step") == 0)
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
    asked = [
        c
        for c in record.conditions
        if any(f.criterion is not None and f.criterion.ceiling is None for f in c.features)
    ]
    if not asked:
        return []
    found, ends = [], _last(curves, lanes)
    for c in asked:
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
        found.append(
            Outcome(
                control="rows in both",
                condition=c.name,
                measure="share of test rows",
                of=None,
                expected=f"at most {by_chance + MAX_SHARED:.2g}, "
                f"that of columns permuted apart and {MAX_SHARED:g}",
                chance=by_chance,
                n=len(record.seeds),
                value=rounded(share),
                low=None,
                high=None,
                values=(),
                p=None,
                word="failed" if too_many else "passed",
                why="Rows with the same inputs as a row that trains.",
            )
        )
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
    shuffled = {c.control_of: c for c in controls.conditions if c.control == "shuffled labels"}
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
        found.append(
            Outcome(
                control="claims",
                condition="all conditions",
                measure=v.measure,
                of=v.id,
                expected="not supported" if difference else "any word",
                chance=None,
                n=v.pairs,
                value=v.value,
                low=v.low,
                high=v.high,
                values=(),
                p=v.p_holm if difference and v.word == "supported" else None,
                word="shown",
                why=f"Trained on shuffled labels: {v.word}. {v.why}",
            )
        )
    return found


def _constant(rows: pl.DataFrame, c: ConditionRecord, measure: str) -> Outcome:
    """A measure of a feature that never changes: how many of its rows hold a number."""
    own = rows.filter(_is("measure", measure))
    numbers, n = own["value"].drop_nulls(), own["seed"].n_unique()
    failed = numbers.len() > 0
    return Outcome(
        control="constant feature",
        condition=c.name,
        measure=measure,
        of=None,
        expected="null: nothing varies",
        chance=None,
        n=n,
        value=rounded(float(numbers[0])) if failed else None,
        low=None,
        high=None,
        values=(),
        p=None,
        word="failed" if failed else "passed",
        why=f"{numbers.len()} of {own.height} values are a number, not null.",
    )


def _score(c: ConditionRecord) -> str:
    return c.targets[0].score


def _is(column: str, name: str) -> pl.Expr:
    return pl.col(column).cast(pl.String) == name


def _by_network(rows: pl.DataFrame, c: ConditionRecord, measure: str) -> Float[np.ndarray, " n"]:
    """The mean of a measure's held-out rows in each network; one without a number is left out."""
    own = rows.lazy().filter(
        _is("condition", c.name), _is("measure", measure), _is("split", "test")
    )
    means = own.group_by("seed").agg(pl.col("value").cast(pl.Float64).mean()).sort("seed")
    return means.collect()["value"].drop_nulls().to_numpy()


def _last(curves: Rows, lanes: pl.DataFrame) -> pl.DataFrame:
    """The rows of each lane's last evaluation, without lanes that diverged or crashed."""
    return at_end(curves, lanes.filter(~pl.col("ended").cast(pl.String).is_in(CUT_SHORT)))


def _renamed(table: Any, names: dict[str, str]) -> Any:
    """The rows of some conditions under other names."""
    if isinstance(table, Traces):
        return table.renamed(names)
    condition = pl.col("condition").cast(pl.String)
    own = table.filter(condition.is_in(list(names)))
    kind = pl.Enum(list(dict.fromkeys(names.values())))
    return own.with_columns(condition.replace_strict(names, return_dtype=pl.String).cast(kind))
