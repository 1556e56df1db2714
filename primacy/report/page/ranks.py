"""Where each feature stands over the seeds: what the page, its sentences and its charts count.

Times are counted honestly: a lane that never learned a feature, or diverged, has no time, and no
median is ever taken over the others alone. A quantile is the first evaluation by which so large a
share of *all* lanes had learned the feature, and null where that never came.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.runs import in_family
from primacy.records.curves import Rows
from primacy.records.manifest import CUT_SHORT
from primacy.records.study import ConditionRecord, Criterion, MeasureRecord, StudyRecord

TIE = 1e-9
COARSE = 0.1
"""A time whose evaluations are further apart than this share of it is written as an interval."""
FLOOR = 0.01
"""A share of variance, or a reliance, up to here is not ranked (as in `analysis.controls`)."""
COST = 0.02
"""A median cost in score up to here is that of a few rows: own data are not ranked by it."""
CLEAR = 0.75
"""Share of the seeds that must agree before a winner is named or a disagreement listed."""

Number = int | float
"""The run-time checks of the tests do not take an int for a float."""


def declared(condition: ConditionRecord) -> list[str]:
    """Names of the features that one asks about: all but the matched null columns."""
    return [f.name for f in condition.features if f.null_of is None]


def racers(condition: ConditionRecord) -> list[str]:
    """Names of the features that have a time-to-learn."""
    return [f.name for f in condition.features if f.null_of is None and f.criterion is not None]


def by_use(condition: ConditionRecord) -> bool:
    """Whether features are judged by their use (a user's data: nobody knows the ceiling)."""
    found = [f.criterion for f in condition.features if f.criterion is not None]
    return any(criterion.ceiling is None for criterion in found)


def relative(condition: ConditionRecord) -> bool:
    """Whether times are relative to the run's own end, as no amount was stated either."""
    found = [f.criterion for f in condition.features if f.criterion is not None]
    return any(c.ceiling is None and c.amount is None for c in found)


def split(condition: ConditionRecord) -> str:
    """The examples on which features race: those of their criterion."""
    found = [f.criterion.split for f in condition.features if f.criterion is not None]
    return found[0] if found else "test"


def verb(condition: ConditionRecord) -> str:
    """What has happened when a feature's time has come.

    `needed`: interchanging it costs held-out score. That is less than relied on: what predicts in
    training only is relied on and costs nothing.
    """
    if not by_use(condition):
        return "learned"
    found = next(f.criterion for f in condition.features if f.criterion is not None)
    return "relied on" if found.split == "train" or found.measure == "reliance" else "needed"


def level(condition: ConditionRecord, name: str) -> float | None:
    """The value that counts as learned; null where it is relative to the run's own end."""
    criterion = next(f.criterion for f in condition.features if f.name == name)
    if criterion is not None and criterion.amount is not None:
        return criterion.amount
    if criterion is None or criterion.ceiling is None:
        return None
    return criterion.chance + condition.theta * (criterion.ceiling - criterion.chance)


def lowest(criterion: Criterion | None) -> float:
    """Where a small drawing ends below: as far below chance as the ceiling is above it.

    An untrained network's R² can be -80, which would leave the learning curve no height.
    """
    if criterion is None or criterion.ceiling is None or criterion.ceiling <= criterion.chance:
        return -math.inf
    return 2 * criterion.chance - criterion.ceiling


def strengths(
    record: StudyRecord, standings: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[MeasureRecord]]:
    """Of each family in the table the definitions with a value, the headline first."""
    found: dict[str, list[MeasureRecord]] = {}
    for card in sorted(record.measures, key=in_family):
        rows = (row for own in standings.values() for row in own)
        if card.section == "table" and any(row.get(card.name) is not None for row in rows):
            found.setdefault(card.family, []).append(card)
    return found


def times(summary: pl.DataFrame) -> pl.DataFrame:
    """The summary with `time`: time-to-learn, null if censored or if the lane diverged."""
    kept = pl.col("learned").fill_null(False) & ~pl.col("diverged").fill_null(False)
    return summary.with_columns(time=pl.when(kept).then(pl.col("time_to_learn")))


def quantile(found: Sequence[Number | None], q: Number) -> Number | None:
    """The first time by which a share `q` of all lanes had learned; null: it never came.

    1 lane: its own time. All null: null. The unit is the step. Equal to the Kaplan-Meier quantile
    when every censored lane had the same budget.

    Raises:
        ValueError: q is not within 0 and 1.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"a share of lanes is between 0 and 1, not {q}")
    done = sorted(t for t in found if t is not None)
    need = max(1, _ceil(q * len(found)))
    return done[need - 1] if found and len(done) >= need else None


def _ceil(x: Number) -> int:
    # 0.1 * 30 is 3.0000000000000004
    return -int(-(x - TIE) // 1)


def controls(
    record: StudyRecord, summary: pl.DataFrame, curves: Rows
) -> dict[tuple[str, str], Number]:
    """By condition and feature, the highest final reliance on a control column in any seed.

    As the feature's own, it is of the feature's target, or the mean over all; lanes that were cut
    short have no final value.
    """
    pairs = pl.DataFrame(
        [
            (c.name, f.name, f.null_of, {g.name: g.target for g in c.features}.get(f.null_of))
            for c in record.conditions
            for f in c.features
            if f.null_of is not None
        ],
        schema=dict.fromkeys(("condition", "feature", "of", "owned"), pl.String()),
        orient="row",
    )
    if pairs.is_empty():
        return {}
    text = pl.col("condition", "feature", "target").cast(pl.String)
    cut = summary.filter(pl.col("ended").cast(pl.String).is_in(CUT_SHORT)).select(
        pl.col("condition").cast(pl.String), "seed"
    )
    rows = (
        curves.filter(
            pl.col("measure") == "reliance",
            pl.col("split") == "test",
            pl.col("feature").cast(pl.String).is_in(pairs["feature"].to_list()),
        )
        .with_columns(text)
        .join(pairs, on=["condition", "feature"], maintain_order="left")
        .filter(
            pl.col("target").is_null()
            | pl.col("owned").is_null()
            | (pl.col("target") == pl.col("owned"))
        )
        .join(cut, on=["condition", "seed"], how="anti", maintain_order="left")
        .filter(pl.col("step") == pl.col("step").max().over("condition", "seed"))
        .sort("condition", "of", "feature", "seed", "target", maintain_order=True)
        .group_by("condition", "of", "feature", "seed", maintain_order=True)
        .agg(pl.col("value").cast(pl.Float64).mean())
        .drop_nulls("value")
        .group_by("condition", "of", maintain_order=True)
        .agg(pl.col("value").max().cast(pl.Float64))
    )
    return {(condition, of): value for condition, of, value in rows.iter_rows()}


def standings(
    record: StudyRecord, summary: pl.DataFrame, curves: Rows | None = None
) -> dict[str, list[dict]]:
    """By condition, one row a feature, the first learned first.

    `place` is 1 for the lowest median time, shared on ties, null without a time-to-learn, where
    less than half of the lanes learned it, or where it is not `ranked`: of own data, what costs too
    little (`needed`) or is relied on no more than its control columns. Medians of other columns are
    over the lanes that have a value. Conditions without lanes have an empty list. With `curves`,
    `controls` of a row has the reliance on its control columns, up to which its own is not ranked.
    """
    carried = {} if curves is None else controls(record, summary, curves)
    parts: dict[str, dict[str, pl.DataFrame]] = {}
    for key, own in times(summary).group_by("condition", "feature", maintain_order=True):
        parts.setdefault(str(key[0]), {})[str(key[1])] = own
    return {c.name: _standing(c, parts.get(c.name, {}), carried) for c in record.conditions}


def _standing(
    condition: ConditionRecord,
    lanes: Mapping[str, pl.DataFrame],
    carried: Mapping[tuple[str, str], Number],
) -> list[dict]:
    """The rows of a condition, from the lanes of each feature."""
    rows = []
    # A time that never came is later than any step, not missing: no plain median of those.
    counted = ("seed", "time", "time_to_learn", "low_step", "time_to_pick_up")
    for feature in condition.features:
        own = lanes.get(feature.name)
        if feature.null_of is not None or own is None:
            continue
        numeric = [c for c, t in own.schema.items() if t.is_numeric() and c not in counted]
        values = own.to_dict(as_series=False)
        found = values["time"]
        timed = feature.criterion is not None
        learned = sum(t is not None for t in found)
        control = carried.get((condition.name, feature.name))
        rows.append(
            {
                "condition": condition.name,
                "feature": feature.name,
                "complexity": feature.complexity,
                "timed": timed,
                "reason": feature.reason,
                "seeds": own.height,
                "learned": learned if timed else None,
                "diverged": sum(map(bool, values["diverged"])),
                "forgotten": sum(map(bool, values["forgotten"])),
                "steps": quantile(found, 0.5) if timed else None,
                "steps_low": quantile(found, 0.25) if timed else None,
                "steps_high": quantile(found, 0.75) if timed else None,
                "tau": condition.tau,
                "times": found,
                # The evaluation before each time: the true time is between the two.
                "lows": dict(zip(found, values["low_step"], strict=True)),
                "controls": {} if control is None else {"reliance": control},
            }
            | picks(own)
            | {c: own[c].median() for c in numeric}
            | {"means": {c: own[c].mean() for c in numeric if c.startswith("final_")}}
            | {"amount": feature.criterion.amount if feature.criterion else None}
            | {"costs": _costs(feature.criterion, values)}
        )
    use = by_use(condition)
    for row in rows:
        used = row.get("reliance") is None or above(row, "reliance")
        row["ranked"] = not use or (needed(row) and used)
    rows.sort(key=_first)
    known = [r["steps"] for r in rows if r["ranked"] and r["steps"] is not None]
    for row in rows:
        there = row["ranked"] and row["steps"] is not None
        row["place"] = 1 + sum(t < row["steps"] for t in known) if there else None
    return rows


def _costs(criterion: Criterion | None, values: Mapping[str, Sequence]) -> list[Number]:
    """In each seed, what interchanging a feature costs in score, where that is the criterion."""
    if criterion is None or criterion.measure not in ("reliance_accuracy", "reliance_r_squared"):
        return []
    column = "score_lost_train" if criterion.split == "train" else "score_lost"
    return [v for v in values.get(column, ()) if v is not None]


def needed(row: Mapping[str, Any]) -> bool:
    """Whether a feature costs more than `COST` (median) and, in `CLEAR` of the seeds, `FLOOR`.

    With a stated amount: whether half of the seeds came to it. True where no cost was measured. A
    cost within rounding of nothing reaches 90 % of itself at any step, so its time is chance.
    """
    costs = row["costs"]
    if row["amount"] is not None or not costs:
        return row["amount"] is None or row["steps"] is not None
    return sum(v > FLOOR for v in costs) >= CLEAR * len(costs) and cost(row) > COST


def cost(row: Mapping[str, Any]) -> Number:
    """What interchanging a feature costs: the median over seeds."""
    return statistics.median(row["costs"])


def above(row: Mapping[str, Any], column: str) -> bool:
    """Whether a median is above the floor and above every seed's control columns."""
    value = row.get(column)
    return value is not None and value > floor(row, column)


def floor(row: Mapping[str, Any], column: str) -> Number:
    """The value up to which a column of this row is not ranked."""
    return max(FLOOR, row.get("controls", {}).get(column, FLOOR))


def when(row: Mapping[str, Any], step: Number | None, until: Number | None = None) -> str | None:
    """A time of a row in steps: `336`, or `1 to 8` where the evaluations are that far apart.

    The true time is after the evaluation before. It is an interval where that is further away than
    a tenth of the time (`COARSE`). With `until`, all from the one time to the other. None: it never
    came.
    """
    end = step if until is None else until
    if step is None or end is None:
        return None
    low = (row.get("lows") or {}).get(step)
    first = step if low is None or step - low <= max(1, COARSE * step) else low + 1
    return f"{first:,} to {end:,}" if first < end else f"{end:,}"


def picks(own: pl.DataFrame) -> dict[str, Number | None]:
    """How many lanes of a feature picked it up and dropped it, and the median step of the first.

    Lanes that never picked it up, or diverged, are later than any step. All null: the feature has
    no reference slope (or the summary no such columns), so that it can be neither.
    """
    lanes = own.to_dict(as_series=False)
    if all(picked is None for picked in lanes.get("picked_up", [])):
        return {"picked_up": None, "dropped": None, "pick_up_steps": None}
    found = zip(lanes["picked_up"], lanes["diverged"], lanes["time_to_pick_up"], strict=True)
    times = [time if picked and not diverged else None for picked, diverged, time in found]
    return {
        "picked_up": sum(t is not None for t in times),
        "dropped": sum(map(bool, lanes["dropped"])),
        "pick_up_steps": quantile(times, 0.5),
    }


def _first(row: dict) -> tuple:
    never = row["steps"] is None
    last = not row["timed"], never or not row["ranked"], never
    return (*last, row["steps"] or 0, -(row["learned"] or 0))


def matrix(
    summary: pl.DataFrame, condition: str, column: str
) -> dict[int, dict[str, Number | None]]:
    """By seed, then feature, the value of one column of `times(summary)`."""
    own = summary.filter(pl.col("condition").cast(pl.String) == condition)
    if column not in own.columns:
        return {}
    table: dict[int, dict[str, Number | None]] = {}
    rows = own.select("seed", pl.col("feature").cast(pl.String), column).sort("seed")
    for seed, feature, value in rows.iter_rows():
        table.setdefault(seed, {})[feature] = value
    return table


def wins(
    table: dict[int, dict[str, Number | None]], a: str, b: str, *, time: bool
) -> tuple[list[int], list[int], list[int]]:
    """Seeds in which `a` is ahead of `b`, those in which it is behind, and ties.

    Ahead is sooner for times (`time`; null is later than any step) and larger for other values
    (seeds without both values are left out).
    """
    ahead, behind, ties = [], [], []
    for seed, values in table.items():
        x, y = values.get(a), values.get(b)
        if time:
            x, y = (-float("inf") if t is None else -t for t in (x, y))
        if x is None or y is None:
            continue
        (ahead if x > y else behind if x < y else ties).append(seed)
    return ahead, behind, ties
