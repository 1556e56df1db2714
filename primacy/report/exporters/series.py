"""What is exported: the runs of a study as named series of numbers."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord

QUANTILES = {"median": 0.5, "p10": 0.1, "p90": 0.9}
"""The runs of a condition and the quantile over seeds that each shows."""

LONGEST = 100
"""Characters of a folder's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """One run as a tracker shows it: a quantile over the seeds of a condition, or one seed."""

    study: str
    condition: str
    """Its display name."""
    folder: str
    """A name for it that is safe as that of a folder, and unlike every other's."""
    name: str
    """`median`, `p10`, `p90` or `seed 0`."""
    config: Mapping[str, Any]
    """The specification of the condition as dotted keys."""
    rows: list[tuple[int, str, float]]
    """Step, tag and value, by step; `tag` says what a tag is."""


class Exporter(Protocol):
    """Writes runs for one tracker."""

    def __call__(self, runs: Iterable[Series], out: Path) -> list[str]:
        """Write runs into a folder, which is made if missing; returns their names.

        Raises:
            ValueError: its library is not installed, or the folder holds such an export already.
        """
        ...


def series(
    record: StudyRecord, curves: Rows, lanes: pl.DataFrame, *, seeds: bool = False
) -> Iterator[Series]:
    """Of every condition the quantiles over seeds at each evaluation, and each seed if asked.

    A network that stopped early because it had learned keeps its last value to the end; one that
    diverged, or has no value, is not in the quantiles of that step.

    Args:
        record: the study.
        curves: THE table, in memory.
        lanes: how each network ended.
        seeds: one more run for each seed.
    """
    folders = named_folders([c.name for c in record.conditions])
    at = ["tag", "step"]
    for condition in record.conditions:
        rows = tagged(condition, curves, lanes)
        runs = {
            name: rows.group_by(at).agg(pl.col("value").quantile(q, "linear"))
            for name, q in QUANTILES.items()
        }
        if seeds:
            runs |= {f"seed {s}": own for (s,), own in rows.group_by("seed", maintain_order=True)}
        config = dict(_flat(condition.spec))
        for name, own in runs.items():
            yield Series(
                study=record.name,
                condition=condition.name,
                folder=folders[condition.name],
                name=name,
                config=config,
                rows=own.sort("step", "tag").select("step", "tag", "value").rows(),
            )


def _flat(thing: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in thing.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def missing(error: ImportError, extra: str) -> ValueError:
    """What to say where an exporter's library cannot be imported."""
    return ValueError(f"{error}: pip install 'primacy[{extra}]' brings it")


def tagged(condition: ConditionRecord, curves: Rows, lanes: pl.DataFrame) -> pl.DataFrame:
    """The condition's numbers as tag, seed, step, value; no nulls.

    A network that ended early because it had learned has its last value at every later evaluation.
    """
    name = pl.col("condition").cast(pl.String) == condition.name
    texts = ("split", "layer", "feature", "target", "measure")
    own = curves.filter(name).with_columns(pl.col(texts).cast(pl.String))
    keys = own.select(texts).unique(maintain_order=True)
    tags = pl.Series("tag", [tag(condition, **row) for row in keys.to_dicts()], dtype=pl.String)
    rows = own.join(keys.with_columns(tags), on=texts, nulls_equal=True)
    rows = rows.select("tag", "seed", "step", "value")
    early = lanes.filter(name, pl.col("ended").cast(pl.String) == "learned")
    last = rows.join(early.select("seed", step="end_step"), on=["seed", "step"])
    later = last.rename({"step": "end"}).join(
        pl.DataFrame({"step": condition.steps}, schema={"step": pl.Int64}), how="cross"
    )
    later = later.filter(pl.col("step") > pl.col("end")).select(rows.columns)
    return pl.concat([rows, later]).drop_nulls("value").sort("seed", "step", "tag")


def tag(
    condition: ConditionRecord,
    *,
    split: str,
    measure: str,
    layer: str | None,
    feature: str | None,
    target: str | None,
) -> str:
    """What a number is called: `accuracy/linear`, `variance_explained/hidden2/linear`."""
    own = {f.name: f.target for f in condition.features}
    # The target is left out where there is no other, or where it is the feature's own.
    if feature is not None and (len(condition.targets) == 1 or own.get(feature) == target):
        target = None
    group = measure if split == "test" else f"{measure} ({split})"
    return "/".join([group, *(part for part in (layer, feature, target) if part is not None)])


def named_folders(names: Iterable[str]) -> Mapping[str, str]:
    """A folder's name for each condition: its own, less what could be a path; no two alike."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^\w=.,+ -]", "_", name).strip(" .")[:LONGEST] or "_"
        folder, number = plain, 2
        while folder.casefold() in {other.casefold() for other in found.values()}:
            folder, number = f"{plain} #{number}", number + 1
        found[name] = folder
    return found
