"""What a comparison of runs holds: a row for each contrast or quantity, and its tables."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.contrasts import Bound
from primacy.analysis.inference import SignFlip
from primacy.analysis.matching import Differs
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import Verdict
from primacy.records.study import Contrast

MISSING = "–"


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """A run that takes part in a comparison."""

    label: str
    runs: Runs
    verdicts: Sequence[Verdict] = ()

    @functools.cached_property
    def words(self) -> Mapping[str, str]:
        """The verdict of each hypothesis, by id."""
        return {v.id: v.word for v in self.verdicts}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """One contrast or quantity in one run."""

    value: float | None
    """Mean over seeds; of a ratio, the ratio of means; null: nothing to compute."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval over seeds; null: not tested."""
    pairs: int
    """Seeds that entered."""
    bound: Bound | None = None
    """Of times: which way the true value lies, because one side was not always reached."""
    word: str | None
    """The verdict of the run's own hypothesis with this contrast; null: it states none."""
    tau: int | None
    """Of a time: the step up to which it was looked for; one that was not reached counts as it."""
    problem: str | None
    """Why there is no value, or nothing can be tested; null: there is and it can."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A run against the first one: the same contrast or quantity in both."""

    other: str
    """Label of the run that is compared with the first."""
    value: float | None
    """Other minus first; of a ratio, the ratio of the two (geometric mean over seeds)."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval; null: nothing bounds it."""
    p: float | None
    """Two-sided, of "no difference"; null: not tested."""
    p_holm: float | None
    """Adjusted for all differences of the comparison."""
    paired: bool
    """Whether it was taken within each shared seed."""
    seeds: int
    """Shared seeds where paired; else networks on the smaller side."""
    note: str
    """Why it is not paired, or why there is no number; empty: it is and there is."""
    test: SignFlip | None = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One contrast of hypotheses, or one quantity of a feature, in every run."""

    kind: str
    """`contrast` or `quantity`."""
    id: str
    claim: str
    """Of a contrast; of a quantity what it is."""
    contrast: Contrast
    condition: str | None
    feature: str | None
    unit: str
    found: tuple[Found | None, ...]
    """In each run; null: it cannot be asked there, and `absent` says why."""
    absent: tuple[str, ...]
    differences: tuple[Difference, ...]
    """Of each further run from the first, where both have it."""
    by_seed: tuple[Mapping[int, float], ...]
    """In each run its value in each seed; of a ratio the seed's own ratio."""

    @property
    def is_ratio(self) -> bool:
        """Whether differences are ratios."""
        return self.contrast.over is None and self.contrast.scale == "ratio"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What `compare` found."""

    sides: tuple[Side, ...]
    differs: tuple[Differs, ...]
    rows: tuple[Row, ...]
    pairs: tuple[tuple[str, ...], ...]
    """Conditions that stand for each other, by display name in each run; `–`: it has none."""

    @property
    def shared(self) -> bool:
        """Whether anything at all can be compared."""
        return any(row.differences for row in self.rows)

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each contrast or quantity and each further run."""
        rows = [flat for row in self.rows for flat in _flat(self, row)]
        return pl.DataFrame(rows, schema=FRAME)

    @property
    def seeds(self) -> pl.DataFrame:
        """The values behind `frame`: kind, id, condition, feature, run, seed, value."""
        rows = [
            (row.kind, row.id, row.condition, row.feature, side.label, seed, value)
            for row in self.rows
            for side, own in zip(self.sides, row.by_seed, strict=True)
            for seed, value in own.items()
        ]
        return pl.DataFrame(rows, schema=SEEDS, orient="row")


_TEXTS = ("kind", "id", "claim", "measure", "scale", "unit", "condition", "feature")
FRAME: Mapping[str, Any] = {
    **dict.fromkeys((*_TEXTS, "first", "other"), pl.String()),
    **dict.fromkeys((f"first_{c}" for c in ("value", "low", "high")), pl.Float64()),
    "first_word": pl.String(),
    **dict.fromkeys((f"other_{c}" for c in ("value", "low", "high")), pl.Float64()),
    "other_word": pl.String(),
    **dict.fromkeys(("difference", "low", "high", "p", "p_holm"), pl.Float64()),
    "paired": pl.Boolean(),
    "seeds": pl.Int64(),
    "note": pl.String(),
}
SEEDS: Mapping[str, Any] = {
    **dict.fromkeys(("kind", "id", "condition", "feature", "run"), pl.String()),
    "seed": pl.Int64(),
    "value": pl.Float64(),
}


def _flat(comparison: Comparison, row: Row) -> Iterator[dict[str, Any]]:
    first, c = row.found[0], row.contrast
    by_label = dict(zip((s.label for s in comparison.sides), row.found, strict=True))
    for d in row.differences:
        flat = {
            "kind": row.kind,
            "id": row.id,
            "claim": row.claim,
            "measure": c.measure,
            "scale": "trend" if c.over is not None else c.scale,
            "unit": row.unit,
            "condition": row.condition,
            "feature": row.feature,
            "first": comparison.sides[0].label,
            "other": d.other,
            "difference": d.value,
            **{k: getattr(d, k) for k in ("low", "high", "p", "p_holm", "paired", "seeds", "note")},
        }
        for side, found in (("first", first), ("other", by_label[d.other])):
            for column in ("value", "low", "high", "word"):
                flat[f"{side}_{column}"] = getattr(found, column)
        yield flat
