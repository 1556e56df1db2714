"""The numbers of a study as the page's script reads them: packed, and complete to a stated limit.

A measure's values run over conditions, features, seeds and evaluations. What the criterion looks at
is stored exactly, so that the script finds the summary's own times; every other value to 1 part in
8,000. The bits of neighboring evaluations are subtracted, which leaves mostly zeros; then all first
bytes come first, all second bytes next, and so on. That deflates well.
"""

import base64
import dataclasses
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Float32

from primacy.analysis.learning_times import times
from primacy.analysis.runs import Runs, by_feature, own_target, stand_in
from primacy.errors import counted
from primacy.records.members import FACTOR
from primacy.records.study import ConditionRecord, FeatureRecord
from primacy.report.page import charts, figures, learning_curves, members, ranks
from primacy.report.page.inline_svg import safe_json

LIMIT = 500_000
"""Characters of packed values on a page; measures that would pass it are left out."""
FIRST = ("variance_explained", "variance_absolute", "reliance", "loss", "accuracy", "r_squared")
"""The measures that are packed first."""
TRIES = 4
"""Measures that did not fit after which no further one is tried."""
LEFT_BITS = 11
"""Low bits of a value that are rounded away, but for the criterion's: 12 of 23 stay."""


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One choice in the page's list of measures."""

    name: str
    split: str
    layer: str | None
    """None: the last hidden layer, or the measure has none."""


def packed(
    runs: Runs,
    pairs: dict[str, Any],
    limit: int | None = None,
    unranked: Collection[tuple[str, str]] = (),
) -> tuple[str, str]:
    """All that the script needs, as JSON text that cannot end its element, and what is left out.

    Args:
        runs: the study's runs.
        pairs: by hypothesis, its values seed by seed (`pairs.pairs`).
        limit: characters of packed values; `LIMIT` unless given.
        unranked: conditions and features whose times are no order (`ranks.standings`).
    """
    record, limit = runs.record, LIMIT if limit is None else limit
    looks = figures.colors(record)
    order = {name: i for i, name in enumerate(looks)}
    criterion = _criterion(runs, limit)
    kept = criterion.pop("kept")
    grids = {steps: i for i, steps in enumerate(kept)}
    steps = {own: [own[i] for i in at.tolist()] for own, at in kept.items()}
    measures, left_out = _measures(runs, kept, criterion, limit)
    text = safe_json(
        {
            "study": record.name,
            "seeds": record.seeds,
            "features": [
                {"name": name, "hue": figures.PALETTE.index(color) + 1, "dash": dash}
                for name, (color, dash) in looks.items()
            ],
            "conditions": [
                _condition(runs, c, grids[c.steps], steps[c.steps], thinned=criterion["thinned"])
                | {"features": [[order[f.name], *_judged(c, f, unranked)] for f in declared(c)]}
                for c in record.conditions
            ],
            "grids": list(steps.values()),
            "measures": measures,
            "thinned": criterion["thinned"],
            "pairs": pairs,
        }
    )
    return text, _note(criterion["thinned"], left_out)


def _note(thinned: bool, left_out: int) -> str:
    """What a page of bounded size does not hold."""
    parts = []
    if thinned:
        parts.append("some evaluations, so the criterion cannot be moved")
    if left_out:
        parts.append(f"{counted(left_out, 'measure')} or layers")
    return (
        f"only the run folder has {' and '.join(parts)}, to keep this page small" if parts else ""
    )


def declared(c: ConditionRecord) -> list[FeatureRecord]:
    """The features of a condition that have lines: all but control columns."""
    return [f for f in c.features if f.null_of is None]


def _condition(
    runs: Runs,
    c: ConditionRecord,
    grid: int,
    steps: list[int],
    *,
    thinned: bool,
) -> dict[str, Any]:
    ended = runs.ended(c.name)
    last = np.maximum(np.searchsorted(steps, runs.end_step(c.name), "right") - 1, 0)
    member = c.factors.get(FACTOR)
    found = {
        "name": c.name,
        "short": members.short(c, None if member is None else str(member)),
        "study": member,
        "factors": {k: v for k, v in c.factors.items() if k != FACTOR},
        "grid": grid,
        "theta": c.theta,
        "confirm": c.confirm,
        "tau": c.tau,
        "epoch": c.steps_per_epoch,
        "verb": ranks.verb(c),
        "scored": charts.called(charts.measured(c), ranks.split(c)),
        # budget, learned, diverged, or not run; nobody knows the end of what crashed
        "ended": "".join("-" if e == "crashed" else (str(e) or "-")[0] for e in ended),
        "last": last.tolist(),
    }
    if thinned:
        found["times"] = [_stored(runs, c, f) for f in declared(c)]
    return found


def _judged(
    c: ConditionRecord, f: FeatureRecord, unranked: Collection[tuple[str, str]]
) -> list[float | bool | None]:
    """Chance, ceiling, floor and amount of its criterion, and false where its times are no order;
    nothing without a criterion."""
    k = f.criterion
    if k is None:
        return []
    return [k.chance, k.ceiling, k.floor, k.amount, *([False] * ((c.name, f.name) in unranked))]


def _stored(runs: Runs, c: ConditionRecord, f: FeatureRecord) -> list[list[int] | None] | None:
    """By seed, the evaluation before a feature's time and the time; null: not learned."""
    found = times(runs, c.name, f.name)
    if found is None:
        return None
    both = zip(found.low.tolist(), found.time.tolist(), found.learned.tolist(), strict=True)
    return [[low, time] if learned else None for low, time, learned in both]


def _criterion(runs: Runs, limit: int) -> dict[str, Any]:
    """What each feature is judged by, exactly; with fewer evaluations if it passes the limit."""
    record = runs.record
    grids = dict.fromkeys(c.steps for c in record.conditions)
    most = max(map(len, grids))
    while True:
        kept = {steps: _thin(steps, most) for steps in grids}
        lines, mask = [], []
        for c in record.conditions:
            for f in declared(c):
                k = f.criterion
                trace = None
                if k is not None and k.measure in runs.cards:
                    trace = runs.trace(
                        c.name,
                        k.measure,
                        split=k.split,
                        feature=f.name,
                        target=own_target(c, f.name),
                    )
                mask.append("0" if trace is None else "1")
                if trace is not None:
                    lines.append(trace[:, kept[c.steps]])
        data = pack(lines)
        if len(data) <= limit or most <= 8:
            thinned = any(len(at) < len(steps) for steps, at in kept.items())
            return {"mask": "".join(mask), "data": data, "kept": kept, "thinned": thinned}
        most //= 2


def _thin(steps: Sequence[int], most: int) -> np.ndarray:
    """Positions of at most so many evaluations (`learning_curves.thinned`)."""
    kept = learning_curves.thinned(pl.DataFrame({"step": steps}), most)["step"]
    return np.searchsorted(np.array(steps), kept.to_numpy())


def _measures(
    runs: Runs, kept: dict[tuple[int, ...], np.ndarray], criterion: dict[str, Any], limit: int
) -> tuple[list[dict[str, Any]], int]:
    """What can be chosen, the criterion first; and how many that were measured are left out."""
    judged = {
        (f.criterion.measure, f.criterion.split)
        for c in runs.record.conditions
        for f in declared(c)
        if f.criterion is not None
    }
    name, split = next(iter(judged)) if len(judged) == 1 else ("", "test")
    card = runs.cards.get(name)
    found = [
        {
            "id": "criterion",
            "title": name.replace("_", " ") or "the criterion's measure",
            "group": _group(_Entry(name, split, None)),
            "unit": card.unit if card else "",
            "misleads": card.misleads if card else "",
            "whole": False,
            "mask": criterion["mask"],
            "data": criterion["data"],
        }
    ]
    spent, left = len(criterion["data"]), 0
    full = "0" not in criterion["mask"]
    for entry in _entries(runs):
        if full and (entry.name, entry.split, entry.layer) == (name, split, None):
            continue
        if left >= TRIES:
            left += _measured(runs, entry)
            continue
        lines, mask, whole = _lines(runs, entry, kept)
        if not lines:
            continue
        data = pack(lines, LEFT_BITS)
        if spent + len(data) > limit:
            left += 1
            continue
        spent += len(data)
        card = runs.cards[entry.name]
        found.append(
            {
                "id": ".".join(filter(None, (entry.name, entry.layer, entry.split))),
                "title": entry.name.replace("_", " "),
                "group": _group(entry),
                "unit": card.unit,
                "misleads": card.misleads,
                "whole": whole,
                "mask": mask,
                "data": data,
            }
        )
    return found, left


def _group(entry: _Entry) -> str:
    where = "held out" if entry.split == "test" else "in training"
    return f"{where}, {entry.layer}" if entry.layer else where


def _entries(runs: Runs) -> Iterator[_Entry]:
    """What may have been stored: first held out, then in training, then the earlier layers."""
    names = sorted(runs.cards, key=lambda n: FIRST.index(n) if n in FIRST else len(FIRST))
    for split in ("test", "train"):
        yield from (_Entry(name, split, None) for name in names)
    layers = dict.fromkeys(x for c in runs.record.conditions for x in c.layers[:-1])
    for layer in reversed(layers):
        yield from (_Entry(name, "test", layer) for name in names if runs.cards[name].by_layer)


def _measured(runs: Runs, entry: _Entry) -> bool:
    return any(
        _trace(runs, entry, c, f) is not None
        for c in runs.record.conditions
        for f in [None, *declared(c)]
    )


def _lines(
    runs: Runs, entry: _Entry, kept: dict[tuple[int, ...], np.ndarray]
) -> tuple[list[np.ndarray], str, bool]:
    """The traces that there are, which those are, and whether they are of the whole network."""
    card = runs.cards[entry.name]
    whole = not by_feature(card) and not (
        "target" in card.axes and all(f.target for c in runs.record.conditions for f in declared(c))
    )
    lines, mask = [], ""
    for c in runs.record.conditions:
        for f in [None] if whole else declared(c):
            trace = _trace(runs, entry, c, f)
            mask += "0" if trace is None else "1"
            if trace is not None:
                lines.append(trace[:, kept[c.steps]])
    return lines, mask, whole


def _trace(
    runs: Runs, entry: _Entry, c: ConditionRecord, f: FeatureRecord | None
) -> Float32[np.ndarray, "s e"] | None:
    layer = entry.layer or (c.layers[-1] if c.layers else None)
    if entry.layer and entry.layer not in c.layers[:-1]:
        return None
    measure = entry.name if f is None else stand_in(runs, entry.name, f)
    name = None if f is None else f.name
    return runs.trace(
        c.name, measure, split=entry.split, layer=layer, feature=name, target=own_target(c, name)
    )


def pack(lines: Sequence[Float[np.ndarray, "_ _"]], left_bits: int = 0) -> str:
    """Values as text; `left_bits` low bits of each are rounded away."""
    flat = np.concatenate([np.empty(0), *(line.ravel() for line in lines)]).astype("<f4")
    bits = np.where(np.isnan(flat), np.float32(np.nan), flat).view("<u4")
    if left_bits:
        half = np.uint32(1 << (left_bits - 1))
        kept = np.uint32(0xFFFFFFFF ^ ((1 << left_bits) - 1))
        # A value that rounds to infinity keeps its bits: 0x7f7fffff is the largest.
        near = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F7FF000)
        bits = np.where(near, bits, (bits + half) & kept)
    steps = np.diff(bits, prepend=np.zeros(1, "<u4")).astype("<u4")
    planes = steps.view(np.uint8).reshape(-1, 4).T.tobytes()
    return base64.b64encode(zlib.compress(planes, 9)).decode()


def unpacked(text: str) -> Float32[np.ndarray, " n"]:
    """What `pack` packed: the script's own reading, for whoever reads a page by program."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    return np.cumsum(planes.T.copy().view("<u4").ravel(), dtype="<u4").view("<f4")
