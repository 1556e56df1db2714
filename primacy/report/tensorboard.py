"""Curves as TensorBoard event files. The one file that needs the extra `tensorboard`."""

import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from primacy.records.curves import Rows
from primacy.records.store import write
from primacy.records.study import ConditionRecord, StudyRecord

QUANTILES = {"median": 0.5, "p10": 0.1, "p90": 0.9}
"""The runs of a condition and the quantile over seeds that each shows."""

FILE = "events.out.tfevents.0.primacy"
"""TensorBoard asks for `tfevents` in the name; its own writer would add the time and the host."""

LONGEST = 100
"""Characters of a folder's name."""


def event_files(
    record: StudyRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    out: Path,
    *,
    seeds: bool = False,
) -> list[str]:
    """Write event files into a folder for `tensorboard --logdir`; returns the runs' names.

    Of every condition the runs `CONDITION/median`, `/p10` and `/p90` (quantiles over seeds at each
    evaluation), and with `seeds` also `CONDITION/seed 0` and so on. Tags are `measure/feature` or
    `measure/target`, with the layer before the feature; what was measured on training examples
    has its own group, `loss (train)`.

    A lane that stopped early because it had learned keeps its last value to the end; one that
    diverged, or has no value, is not in the quantiles of that step. Files hold no time: equal runs
    give equal bytes, and TensorBoard's wall-time axis means nothing.

    Args:
        record: the study.
        curves: THE table, in memory.
        lanes: how each lane ended.
        out: the folder; made if missing.
        seeds: one more run for each seed.

    Raises:
        ValueError: TensorBoard is not installed, or the folder holds event files already.
    """
    if out.exists() and any(out.rglob("*tfevents*")):
        raise ValueError(f"{out} holds event files already; give another --out")
    folders = named_folders([c.name for c in record.conditions])
    found = []
    for condition in record.conditions:
        rows = tagged(condition, curves, lanes)
        at = ["tag", "step"]
        runs = {
            name: rows.group_by(at).agg(pl.col("value").quantile(q, "linear"))
            for name, q in QUANTILES.items()
        }
        if seeds:
            runs |= {f"seed {s}": own for (s,), own in rows.group_by("seed", maintain_order=True)}
        for name, own in runs.items():
            values = own.sort("step", "tag").select("step", "tag", "value").rows()
            place = out / folders[condition.name] / name
            write(place / FILE, _events(values))
            found.append(f"{folders[condition.name]}/{name}")
    return found


def tagged(condition: ConditionRecord, curves: Rows, lanes: pl.DataFrame) -> pl.DataFrame:
    """The condition's numbers as tag, seed, step, value; no nulls.

    A lane that ended early because it had learned has its last value at every later evaluation.
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


def _events(values: Iterable[tuple[int, str, float]]) -> bytes:
    """An event file's content: numbers by step and tag."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ValueError(f"{error}: pip install 'primacy[tensorboard]' brings it") from None
    # protobuf makes these classes while it is imported, where no type checker sees them.
    event, summary = getattr(event_pb2, "Event"), getattr(summary_pb2, "Summary")  # noqa: B009
    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(event(file_version="brain.Event:2").SerializeToString())
    for step, name, value in values:
        if math.isfinite(value):
            shown = summary(value=[summary.Value(tag=name, simple_value=value)])
            writer.write(event(step=step, summary=shown).SerializeToString())
    return file.getvalue()
