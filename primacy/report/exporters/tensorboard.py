"""Curves as TensorBoard event files. The one file that needs the extra `tensorboard`."""

import io
import math
from collections.abc import Iterable
from pathlib import Path

from primacy.records.store import write
from primacy.report.exporters.series import Series, missing

FILE = "events.out.tfevents.0.primacy"
"""TensorBoard asks for `tfevents` in the name; its own writer would add the time and the host."""


def event_files(runs: Iterable[Series], out: Path) -> list[str]:
    """Write event files into a folder for `tensorboard --logdir` (an `Exporter`).

    Runs are called `CONDITION/median` and so on. Files hold no time: equal runs give equal bytes,
    and TensorBoard's wall-time axis means nothing.

    Raises:
        ValueError: TensorBoard is not installed, or the folder holds event files already.
    """
    if out.exists() and any(out.rglob("*tfevents*")):
        raise ValueError(f"{out} holds event files already; give another --out")
    found = []
    for run in runs:
        write(out / run.folder / run.name / FILE, _events(run.rows))
        found.append(f"{run.folder}/{run.name}")
    return found


def _events(values: Iterable[tuple[int, str, float]]) -> bytes:
    """An event file's content: numbers by step and tag."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise missing(error, "tensorboard") from None
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
