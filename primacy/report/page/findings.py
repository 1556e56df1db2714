"""Where first, represented and used disagree, how the seeds are spread, and every exception."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.redundancy import not_identified, shares
from primacy.errors import counted
from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import ranks
from primacy.report.page.ranking import CLEAR, EQUAL, FLOOR, larger
from primacy.report.page.wording import among, listed, number, ranges, share, signed

Row = Mapping[str, Any]
MOST = 8
"""Sentences of one kind before the rest is only counted."""


Order = Mapping[str, int]
"""By `learned`, `represented` and `used`: 1 where the first of two features leads, else -1."""
COLUMNS = {"learned": "time", "represented": "variance_explained", "used": "reliance"}


def disagreeing(
    condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame
) -> list[tuple[Row, Row, Order]]:
    """The pairs of features that change places between learned, represented and used."""
    return [
        (a, b, known)
        for a, b, known in _orders(condition, rows, summary)
        if len(set(known.values())) > 1
    ]


def _orders(
    condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame
) -> list[tuple[Row, Row, Order]]:
    """Each pair of features with the orders that it has.

    An order counts where the medians have one (`ranking.larger`) and at least `ranking.CLEAR` of
    the seeds agree with it, which is the rule of the answer and of the slope chart, too.
    """
    timed = ranks.times(summary)
    tables = {k: ranks.matrix(timed, condition.name, c) for k, c in COLUMNS.items()}
    found = []
    for a, b in itertools.combinations(rows, 2):
        ways = {
            "learned": _sooner(a, b),
            "represented": larger(a, b, "variance_explained"),
            "used": larger(a, b, "reliance"),
        }
        known = {k: way for k, way in ways.items() if way and _agreed(tables[k], a, b, k, way)}
        found.append((a, b, known))
    return found


def _agreed(table: dict, a: Row, b: Row, kind: str, way: int) -> bool:
    first, second = (a, b) if way > 0 else (b, a)
    won, lost, ties = ranks.wins(table, first["feature"], second["feature"], time=kind == "learned")
    return len(won) >= CLEAR * (len(won) + len(lost) + len(ties))


def disagreements(
    condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame
) -> list[str]:
    """Each pair that disagrees in a sentence; one sentence says so where none does."""
    if len(rows) < 2:
        return ["There is one feature, so there is nothing to disagree about."] if rows else []
    timed = ranks.times(summary)
    found = []
    for a, b, known in disagreeing(condition, rows, summary):
        told = [
            _told(kind, (a, b) if way > 0 else (b, a), condition, timed)
            for kind, way in known.items()
        ]
        found.append(_sentence(told, list(known.values())))
    if not found:
        orders = _orders(condition, rows, summary)
        compared = [k for k in COLUMNS if any(k in known for _, _, known in orders)]
        rule = (
            f"medians closer than {100 * EQUAL:g} %, orders that fewer than {100 * CLEAR:g} % of "
            f"the seeds share, and values within their control columns or at most {FLOOR:g} do not "
            "count"
        )
        if len(compared) < 2:
            return [f"There are no two rankings to compare ({rule})."]
        how_many = "Both" if len(compared) == 2 else "All three"
        return [f"{how_many} rankings agree: {listed(compared)} ({rule})."]
    more = len(found) - MOST
    return found[:MOST] + ([f"And {counted(more, 'more pair')} like these."] if more > 0 else [])


def _sooner(a: Row, b: Row) -> int:
    x, y = (r["steps"] if r["steps"] is not None else float("inf") for r in (a, b))
    unranked = not all(r["timed"] and r["ranked"] for r in (a, b))
    return 0 if unranked or x == y else 1 if x < y else -1


def _told(
    kind: str, pair: tuple[Row, Row], condition: ConditionRecord, timed: pl.DataFrame
) -> tuple[str, str]:
    """Who leads in one respect, and the numbers."""
    ahead, behind = pair
    column = COLUMNS[kind]
    table = ranks.matrix(timed, condition.name, column)
    won, lost, ties = ranks.wins(table, ahead["feature"], behind["feature"], time=kind == "learned")
    seeds = among(len(won), len(won) + len(lost) + len(ties))
    if kind == "learned":
        after = "never by half" if behind["steps"] is None else ranks.when(behind, behind["steps"])
        median = f"median step {ranks.when(ahead, ahead['steps'])}"
        return ahead["feature"], f"is learned first ({median} against {after}, {seeds})"
    more = {
        "represented": ("is represented more strongly", "of the variance, "),
        "used": ("is relied on more", "reliance, "),
    }[kind]
    values = f"{share(ahead[column])} against {share(behind[column])}"
    return ahead["feature"], f"{more[0]} ({values} {more[1]}{seeds})"


def _sentence(told: Sequence[tuple[str, str]], ways: Sequence[int]) -> str:
    text = f"{told[0][0]} {told[0][1]}"
    for (name, words), before, way in zip(told[1:], ways, ways[1:], strict=False):
        text += f", but {name} {words}" if way != before else f" and {words}"
    return f"{text}."


def at_the_end(condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame) -> list[str]:
    """Median, middle half and range over seeds of each feature's final share of the layer."""
    needed = {"variance_explained", "total_variance"}
    if not needed <= set(summary.columns):
        return []
    said = []
    for row in rows:
        own = summary.filter(
            pl.col("condition").cast(pl.String) == condition.name,
            pl.col("feature").cast(pl.String) == row["feature"],
        ).drop_nulls(list(needed))
        if own.is_empty():
            continue
        values = own["variance_explained"]
        if values.len() == 1:
            said.append(f"{row['feature']}: {share(values[0])} of the variance in the one seed.")
            continue
        low, middle, high = (values.quantile(q, "linear") for q in (0.25, 0.5, 0.75))
        text = (
            f"{row['feature']}: median {share(middle)} of the variance; the middle half of "
            f"{values.len()} seeds lies between {share(low)} and {share(high)}, all of them "
            f"between {share(values.min())} and {share(values.max())}"  # type: ignore[arg-type]
        )
        said.append(f"{text}{_with_total(own)}.")
    return said


def _with_total(own: pl.DataFrame) -> str:
    """How the share goes with the layer's total variance over seeds (Spearman), in words."""
    columns = ("variance_explained", "total_variance")
    if own.height < 6 or any(own[c].n_unique() < 2 for c in columns):
        return ""
    rho = own.select(pl.corr(*columns, method="spearman")).item()
    # Without any tie between the two, 5 of 100 studies have a larger one by chance.
    if abs(rho) < max(0.3, 1.96 / math.sqrt(own.height - 1)):
        return ""
    way = "smaller" if rho < 0 else "larger"
    return (
        f"; it tends to be {way} where the layer's total variance is large (Spearman "
        f"{signed(round(rho, 2))} over seeds; no test)"
    )


def exceptions(
    condition: ConditionRecord, rows: Sequence[Row], summary: pl.DataFrame
) -> list[tuple[str, list[str]]]:
    """What did not go as the medians say, by kind, with the seeds; `None.` is said too."""
    own = ranks.times(summary.filter(pl.col("condition").cast(pl.String) == condition.name)).sort(
        "seed", maintain_order=True
    )
    columns = ("seed", "feature", "time", "learned", "forgotten", "diverged", "end_step")
    lanes = own.select(columns).rows(named=True)
    verb = ranks.verb(condition)
    never, forgotten, unknown = [], [], []
    timed = [r for r in rows if r["timed"]]
    ended = {lane["seed"]: lane["end_step"] for lane in lanes if lane["diverged"]}
    flips = _flips(timed, lanes, ended)
    for row in timed:
        alive = [x for x in lanes if x["feature"] == row["feature"] and not x["diverged"]]
        missed = [lane["seed"] for lane in alive if lane["learned"] is False]
        early = [lane["seed"] for lane in alive if lane["learned"] is None]
        lost = [lane["seed"] for lane in alive if lane["forgotten"]]
        if missed:
            never.append(f"{row['feature']}: {_seeds(missed, row['seeds'])}")
        if early:
            unknown.append(f"{row['feature']}: {_seeds(early, row['seeds'])}")
        if lost:
            forgotten.append(f"{row['feature']}: {_seeds(lost, row['seeds'])}")
    diverged = [f"seed {s}, last evaluated at step {e:,}" for s, e in ended.items()]
    if rows and len(diverged) > MOST:
        diverged = [_seeds(list(ended), rows[0]["seeds"])]
    found = [
        (
            "Order flipped",
            flips
            or _none("the order of the medians is the order in every seed that did not diverge"),
        ),
        (
            "Without a time" if ranks.relative(condition) else f"Never {verb}",
            never
            or _none(
                "in every network that did not diverge, every timed feature has one"
                if ranks.relative(condition)
                else f"in every network that did not diverge, every timed feature was {verb}"
                if ranks.by_use(condition)
                else f"every network that did not diverge {verb} every timed feature"
            ),
        ),
        # A criterion relative to the run's own end holds at the end: what was lost came back.
        (
            "Dipped below the criterion in between" if ranks.relative(condition) else "Forgotten",
            forgotten
            or _none(
                "whatever reached its criterion stayed there"
                if ranks.relative(condition)
                else "nothing that was learned was lost again"
            ),
        ),
        ("Diverged", diverged or _none("every loss stayed finite and in bounds")),
    ]
    if unknown:
        found.append(("Stopped before it was learned", unknown))
    return found


def _flips(timed: Sequence[Row], lanes: Sequence[Row], ended: Mapping[int, int]) -> list[str]:
    """Pairs of features whose order in some seeds is not that of their medians."""
    table: dict[int, dict[str, ranks.Number | None]] = {lane["seed"]: {} for lane in lanes}
    for lane in lanes:
        table[lane["seed"]][lane["feature"]] = lane["time"]
    flips = []
    for a, b in itertools.combinations(timed, 2):
        if a["place"] is None or a["place"] == b["place"]:
            continue
        _, behind, ties = ranks.wins(table, a["feature"], b["feature"], time=True)
        behind, ties = ([s for s in seeds if s not in ended] for seeds in (behind, ties))
        if behind:
            flips.append(f"{b['feature']} before {a['feature']}: {_seeds(behind, a['seeds'])}")
        if ties:
            flips.append(
                f"{a['feature']} and {b['feature']} at the same evaluation, or neither: "
                f"{_seeds(ties, a['seeds'])}"
            )
    return flips


def not_in_full(title: str, over: pl.DataFrame, n: int) -> tuple[str, list[str]]:
    """The lines that leave a figure's axis (`learning_curves.beyond`), as a kind of exception."""
    told = []
    for (name,), own in over.group_by("feature", maintain_order=True):
        top = number(float(own["peak"].max()))  # type: ignore[arg-type]
        told.append(f"{title}, {name}: {_seeds(own['seed'].to_list(), n)}, up to {top}")
    return ("Beyond the drawn axis", told)


def _none(why: str) -> list[str]:
    return [f"None: {why}."]


def _seeds(seeds: Sequence[int], n: int) -> str:
    noun = "seed" if len(seeds) == 1 else "seeds"
    return f"{noun} {ranges(seeds)} ({len(seeds)} of {n})"


def unidentified(
    record: StudyRecord, condition: ConditionRecord, curves: Rows, lanes: pl.DataFrame
) -> str | None:
    """How use is divided among features that the data cannot tell apart; None: there are no such.

    The range over seeds of each one's share of the slopes at the end (`redundancy.shares`).
    """
    names = not_identified(condition)
    if len(names) < 2:
        return None
    table = shares(curves, record, condition.name, lanes=lanes).drop_nulls("share")
    told, n = [], table["seed"].n_unique()
    for name in names:
        own = table.filter(pl.col("feature").cast(pl.String) == name)["share"]
        if own.len():
            low, middle, high = (share(own.quantile(q, "linear")) for q in (0.0, 0.5, 1.0))
            told.append(f"{name} {low} to {high} (median {middle})")
    if not told:
        return None
    also = " and the examples drawn" if {"data", "order"} & set(record.seed_axes) else ""
    return (
        f"How the slope is divided between {listed(names)} is not identified by the data; set by "
        f"the initialization{also}: over {counted(n, 'seed')} the shares are {listed(told)}."
    )


def nulls(condition: ConditionRecord, curves: Rows) -> list[dict[str, Any]]:
    """Reliance on each feature's matched null columns at the end: median and range over seeds."""
    pairs = {f.name: f.null_of for f in condition.features if f.null_of is not None}
    rows = curves.filter(
        pl.col("condition").cast(pl.String) == condition.name,
        pl.col("measure").cast(pl.String) == "reliance",
        pl.col("split").cast(pl.String) == "test",
        pl.col("feature").cast(pl.String).is_in(list(pairs)),
    ).with_columns(pl.col("feature", "target").cast(pl.String))
    targets = {f.name: f.target for f in condition.features}
    found = []
    for name, of in pairs.items():
        own = rows.filter(pl.col("feature") == name)
        if of is not None and targets.get(of) is not None:
            own = own.filter(pl.col("target").is_null() | (pl.col("target") == targets[of]))
        last = own.sort("step").group_by("seed").agg(pl.col("value").last())["value"].drop_nulls()
        if last.len():
            found.append(
                {"feature": of, "median": last.median(), "low": last.min(), "high": last.max()}
            )
    return found


def untrained(rows: Sequence[Row], course: pl.DataFrame) -> str | None:
    """What a measure says of the networks before training: the control that costs nothing."""
    first = course.filter(pl.col("step") == 0)
    if first.is_empty():
        return None
    order = [r["feature"] for r in rows]
    medians = dict(first.group_by("feature").agg(pl.col("value").median()).iter_rows())
    return listed([f"{share(medians[f])} ({f})" for f in order if f in medians]) or None
