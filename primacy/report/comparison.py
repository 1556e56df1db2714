"""The page of a comparison: what differs, the same contrasts side by side, curves over each other.

As every page of ours it is one file, complete without JavaScript, and requests nothing.
"""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from primacy.analysis.compared import MISSING, Comparison, Difference, Found, Row
from primacy.analysis.inference import least_p
from primacy.analysis.learning_times import EVENTS
from primacy.errors import counted
from primacy.records.study import ConditionRecord
from primacy.report.page import charts, document, inline_svg, learning_curves, ranks, sketches
from primacy.report.page.figures import PALETTE, short, visible
from primacy.report.page.wording import (
    bounded,
    code,
    edited,
    listed,
    number,
    probability,
    ratio,
    ratio_range,
    signed,
)

MAX_DRAWINGS = 24
"""Pairs of curves that the page draws; every number is in the tables."""

ALPHA = 0.05
SAME = "the same in every seed"

LONG = ("hypothesis ", "measures", "version of ", "conditions")
"""What differs between studies at length: the page folds it."""


def page(comparison: Comparison) -> str:
    """The whole page as one HTML document."""
    style = document.style()
    script = Markup(document.squeezed((document.HERE / "page.js").read_text(encoding="utf-8")))
    environment = document.environment()
    environment.filters |= {"p": probability, "code": code, "edited": edited}
    both = [r for r in comparison.rows if r.differences]
    contrasts = [_shown(comparison, r) for r in both if r.kind == "contrast"]
    quantities = [_shown(comparison, r) for r in both if r.kind == "quantity"]
    drawn, left_out = drawings(comparison)
    labels = [side.label for side in comparison.sides]
    return environment.get_template("compare.html").render(
        style=style,
        script=script,
        policy=document.policy(style, script),
        labels=labels,
        hues={label: f"hue{i % len(PALETTE) + 1}" for i, label in enumerate(labels)},
        studies=[
            (s.label, s.runs.record, counted(len(s.runs.record.seeds), "seed"))
            for s in comparison.sides
        ],
        answer=answer(comparison),
        chips=_chips(comparison),
        differs=[d for d in comparison.differs if not d.what.startswith(LONG)],
        folded=[d for d in comparison.differs if d.what.startswith(LONG)],
        alone=[(r, _where(comparison, r)) for r in comparison.rows if not r.differences],
        groups=[(t, r) for t, r in (("Claims", contrasts), ("Features", quantities)) if r],
        drawings=drawn,
        left_out=left_out,
        same=SAME,
        band=learning_curves.band_name(len(s.runs.record.seeds) for s in comparison.sides),
        pairs=comparison.pairs,
        csv=inline_svg.csv_link(comparison.frame),
        seeds_csv=inline_svg.csv_link(comparison.seeds),
    )


def answer(comparison: Comparison) -> str:
    """What the comparison comes to, in two sentences."""
    labels = [side.label for side in comparison.sides]
    settings = [d.what for d in comparison.differs if "." in d.what and " " not in d.what]
    if not settings:
        said = f"No setting differs between {listed(labels)}."
    else:
        more = f" and {counted(len(settings) - 4, 'other setting')}" if len(settings) > 4 else ""
        said = f"The runs {listed(labels)} differ in {listed(settings[:4])}{more}."
    apart = [
        side.label
        for side in comparison.sides[1:]
        if not any(d.other == side.label for r in comparison.rows for d in r.differences)
    ]
    if why := _nothing_pairs(comparison):
        said += f" No difference is paired within seeds: {why}."
    if apart:
        said += f" {listed(apart)} and {labels[0]} share nothing that can be compared."
    tested = [(r, d) for r in comparison.rows for d in r.differences if d.p_holm is not None]
    if not tested:
        return f"{said} No difference could be tested: {_first_note(comparison)}."
    every = sum(len(r.differences) for r in comparison.rows)
    of = f"{counted(every, 'difference')} of means"
    of += f", {len(tested)} of them tested," if len(tested) < every else ""
    told = [(r, d) for r, d in tested if d.p_holm is not None and d.p_holm <= ALPHA]
    if not told:
        few = max(d.seeds for _, d in tested)
        could = least_p(few) * len(tested) <= ALPHA or not all(d.paired for _, d in tested)
        why = "" if could else f"; of {counted(few, 'seed')} none could"
        return f"{said} None of {of} remains after Holm’s correction{why}."
    names = [
        f"{_name(r)} ({_effect(r, d)}{'' if len(labels) == 2 else f', {d.other}'})"
        for r, d in sorted(told, key=lambda x: x[1].p or 0.0)[:3]
    ]
    more = f", and {len(told) - 3} more" if len(told) > 3 else ""
    return (
        f"{said} Of {of.rstrip(',')}, {len(told)} remain after Holm’s "
        f"correction: {listed(names) if not more else ', '.join(names)}{more}."
    )


def _where(comparison: Comparison, row: Row) -> str:
    """The runs that can answer a contrast which the first, or every other, cannot."""
    sides = zip(comparison.sides, row.found, strict=True)
    return listed([visible(side.label) for side, found in sides if found is not None]) or "no run"


def _first_note(comparison: Comparison) -> str:
    once = bool(_nothing_pairs(comparison))
    notes = [_apart(d)[1] if once else d.note for r in comparison.rows for d in r.differences]
    notes = [note for note in notes if note]
    return notes[0] if notes else "nothing is shared"


def _name(row: Row) -> str:
    if row.kind == "contrast":
        return f"the claim {row.id}"
    return f"{row.claim} of {visible(row.feature)}" if row.feature else visible(row.claim)


def _nothing_pairs(comparison: Comparison) -> str:
    """The one reason why no difference is paired; empty where some are, or the reasons differ."""
    found = {_apart(d)[0] for row in comparison.rows for d in row.differences}
    return found.pop() if len(found) == 1 else ""


def _apart(d: Difference) -> tuple[str, str]:
    """Why it is not paired (empty: it is), and the rest of its note."""
    if d.paired:
        return "", d.note
    why, _, rest = d.note.removeprefix("not paired: ").partition("; ")
    return why, rest


def _chips(comparison: Comparison) -> list[tuple[str, str]]:
    """Facts for the first screen: text and kind (plain or warn)."""
    found = [d for row in comparison.rows for d in row.differences]
    paired = sum(d.paired for d in found)
    chips = [(f"{paired} of {len(found)} differences paired", "plain" if paired else "warn")]
    first, *others = comparison.sides
    for side in others:
        shared = len(set(first.runs.record.seeds) & set(side.runs.record.seeds))
        with_ = "" if len(others) == 1 else f" with {visible(side.label)}"
        chips.append((f"{counted(shared, 'shared seed')}{with_}", "plain" if shared else "warn"))
    for side in comparison.sides:
        asked = len(side.runs.record.seeds) * len(side.runs.record.conditions)
        ran = sum((side.runs.ended(c.name) != "").sum() for c in side.runs.record.conditions)
        if ran < asked:
            chips.append((f"{visible(side.label)}: {ran} of {asked} networks", "warn"))
    chips.append(("exploratory: no claim about differences was fixed before", "plain"))
    return chips


def _shown(comparison: Comparison, row: Row) -> dict[str, Any]:
    labels = (side.label for side in comparison.sides)
    once = bool(_nothing_pairs(comparison))  # then the answer says it
    by_label = dict(zip(labels, row.found, strict=True))
    unit = "" if row.is_ratio else row.unit
    condition = row.condition if len(comparison.pairs) > 1 else None
    where = (row.id if row.kind == "contrast" else None, row.feature, condition, unit)
    return {
        "row": row,
        "name": row.claim,
        "where": " · ".join(filter(None, where)),
        "values": [
            {
                "label": label,
                "text": _value(row, found),
                "kind": "ratio of means" if row.is_ratio else "mean",
                "seeds": _seeds(row, found, own),
                "word": found and found.word,
                "note": _note(found),
                "between": _between(row, found),
            }
            for (label, found), own in zip(by_label.items(), row.by_seed, strict=True)
        ],
        "differences": [
            _told(row, dataclasses.replace(d, note=_apart(d)[1]) if once else d, by_seed)
            for d, by_seed in zip(row.differences, _paired(comparison, row), strict=True)
        ],
    }


def _seeds(row: Row, found: Found | None, own: Mapping[int, float]) -> list[str]:
    """Median and range over seeds, which are no interval of the mean; of times, as far as tau."""
    values = sorted(own.values())
    if found is None or found.value is None or len(values) < 2:
        return []
    tau = None if found.tau is None or row.contrast.minus is not None else found.tau

    def told(v: float) -> str:
        return f"> {tau:,}" if tau is not None and v >= tau else number(v)

    median, low, high = told(statistics.median(values)), told(values[0]), told(values[-1])
    return [f"median {median}", f"all seeds {low}" if low == high else f"seeds {low} to {high}"]


def _note(found: Found | None) -> str:
    """Why a run has no value; empty where it has one."""
    if found is None:
        return "cannot be asked of it"
    return found.problem or "" if found.value is None else ""


def _paired(comparison: Comparison, row: Row) -> list[list[float]]:
    """For each difference its value in each seed; none where it is not paired."""
    labels = [side.label for side in comparison.sides]
    first, found = row.by_seed[0], []
    for d in row.differences:
        own = row.by_seed[labels.index(d.other)]
        both = [s for s in first if s in own] if d.paired else []
        apart = (own[s] / first[s] if row.is_ratio else own[s] - first[s] for s in both)
        found.append(list(apart))
    return found


def _told(row: Row, d: Difference, by_seed: Sequence[float]) -> dict[str, Any]:
    effect, between = _effect(row, d), _range(row, d.low, d.high, difference=True)
    label = f"{effect}, 95 % interval {between or 'none'}; dashed: no difference"
    drawing = sketches.interval(
        d.value,
        d.low,
        d.high,
        null=1.0 if row.is_ratio else 0.0,
        band=None,
        ratio=row.is_ratio,
        label=label,
        seeds=by_seed,
    )
    return {
        "d": d,
        "effect": effect,
        "between": between,
        "drawing": Markup(drawing) if d.value is not None and d.low is not None else "",
    }


def _value(row: Row, found: Found | None) -> str:
    if found is None or found.value is None:
        return MISSING
    if found.tau is not None and row.contrast.minus is None and found.value >= found.tau:
        return f"> {found.tau:,}"  # reached in no network
    if row.is_ratio:
        return ratio(found.value, times=row.contrast.measure in EVENTS, bound=found.bound)
    write = signed if row.contrast.minus is not None else number
    return bounded(write(found.value), found.bound)


def _between(row: Row, found: Found | None) -> str:
    return "" if found is None else _range(row, found.low, found.high, difference=False)


def _range(row: Row, low: float | None, high: float | None, *, difference: bool) -> str:
    if low is None or high is None:
        return ""
    if low == high:
        return SAME
    if row.is_ratio:
        if difference:
            return f"{number(low)} to {number(high)} times"
        return ratio_range(low, high, times=row.contrast.measure in EVENTS)
    write = signed if difference or row.contrast.minus is not None else number
    return f"{write(low)} to {write(high)}"


def _effect(row: Row, d: Difference) -> str:
    if d.value is None:
        return MISSING
    return f"{number(d.value)} times the ratio" if row.is_ratio else signed(d.value)


def drawings(comparison: Comparison) -> tuple[list[dict[str, Any]], int]:
    """Learning curves of the runs over each other, and how many are left out.

    One drawing for each condition and feature that runs share: medians over seeds, with bands.
    """
    first = comparison.sides[0].runs.record
    wanted = [
        (names, feature)
        for names in comparison.pairs
        if sum(n != MISSING for n in names) > 1
        for feature in ranks.racers(first.condition(names[0]))
    ]
    found = [_drawing(comparison, names, feature) for names, feature in wanted[:MAX_DRAWINGS]]
    return [f for f in found if f is not None], max(0, len(wanted) - MAX_DRAWINGS)


def _drawing(comparison: Comparison, names: Sequence[str], feature: str) -> dict[str, Any] | None:
    first = comparison.sides[0].runs.record.condition(names[0])
    measure, split = charts.measured(first), ranks.split(first)
    medians, bands, shown = [], [], []
    steps: list[int] = []
    for i, (side, name) in enumerate(zip(comparison.sides, names, strict=True)):
        own = None if name == MISSING else side.runs.record.condition(name)
        if own is None or feature not in ranks.declared(own) or charts.measured(own) != measure:
            continue
        table = _bands(side.runs, own, measure, split, feature)
        if table is None:
            continue
        color, at = PALETTE[i % len(PALETTE)], table["step"].to_list()
        dash = ((), (7, 3), (2, 3))[i % 3]
        medians.append(sketches.Line(color, list(zip(at, table["median"], strict=True)), dash))
        high = list(zip(at, table["high"], strict=True))
        low = list(zip(at, table["low"], strict=True))
        bands.append(sketches.Line(color, [*high, *reversed(low)]))
        shown.append(side.label)
        steps += own.steps
    if len(shown) < 2:
        return None
    values = [y for line in (*medians, *bands) for _, y in line.points]
    level = ranks.level(first, feature)
    values += [] if level is None else [level]
    low, high = min(values), max(values)
    pad = 0.04 * ((high - low) or 1.0)
    name = short(feature, 60)
    return {
        "title": name if len(comparison.pairs) == 1 else f"{name} · {short(names[0], 60)}",
        "axis": charts.called(measure, split),
        "svg": Markup(
            sketches.race(
                medians,
                bands,
                levels=[] if level is None else [level],
                x=(min(s for s in steps if s > 0), max(steps)),
                y=(low - pad, high + pad),
                label=visible(f"{charts.called(measure, split)} of {feature} in {listed(shown)}"),
                width=400,
                height=200,
            )
        ),
    }


def _bands(runs: Any, c: ConditionRecord, measure: str, split: str, feature: str) -> Any:
    """Median and band over the seeds of a run; null where there is no curve."""
    course = learning_curves.path(c, runs.curves, _lanes(runs, c), measure, [feature], split=split)
    return None if course.is_empty() else learning_curves.bands(learning_curves.thinned(course))


def _lanes(runs: Any, c: ConditionRecord) -> Any:
    """How the networks of a condition ended, as a table."""
    import polars as pl

    return pl.DataFrame(
        {
            "condition": [c.name] * len(runs.seeds),
            "seed": runs.seeds,
            "ended": runs.ended(c.name),
            "end_step": runs.end_step(c.name),
        }
    )
