"""Blocks and their results as bytes: what travels to another process and back.

A block is JSON: conditions as the study's record has them, seeds, names of measures. A result is a
receipt: one line of JSON, the curves as Parquet, the weights as safetensors, and a checksum at the
end. Neither holds code, and both are checked before they are used.
"""

import dataclasses
import functools
import hashlib
import json
import typing
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import polars as pl
from pydantic import TypeAdapter
from safetensors.numpy import save

from primacy.engine.jobs import Job
from primacy.records import curves, formats
from primacy.records.files import Damaged, StoreError
from primacy.records.store import to_parquet
from primacy.records.study import ConditionRecord
from primacy.registry import PLUGINS, Measure, Registry, measures, models, tasks
from primacy.study.describe import versions
from primacy.study.spec import Condition, SeedAxis, Training
from primacy.study.toml.mistakes import checked, dotted
from primacy.training.block import Trained
from primacy.training.lane import Lane

FORMAT = 1
"""Of blocks and receipts; another one is refused."""

DIGEST_BYTES = 32
"""Of the checksum at the end of a receipt."""

RECORDS = TypeAdapter(ConditionRecord)


class Untransferable(StoreError):
    """A study holds what another process cannot rebuild from its record."""


@dataclasses.dataclass(frozen=True)
class Order:
    """A block as a worker has it: what `training.block.train_block` needs."""

    lanes: tuple[Lane, ...]
    width: int
    measures: tuple[Measure, ...]
    axes: tuple[SeedAxis, ...]
    program: Hashable
    """Equal for blocks that can run in the same compiled programs."""


def conditions_of(job: Job) -> dict[str, Lane]:
    """The first network of each condition of a block, controls included, by condition key."""
    lanes = (*job.block.lanes, *job.block.riders)
    return {lane.record.key: lane for lane in reversed(lanes)}


def files_of(job: Job) -> dict[str, Path]:
    """The files of examples that a block needs: path by SHA-256."""
    found = (lane.condition.task for lane in conditions_of(job).values())
    return {
        task.sha256: Path(task.file)  # type: ignore[attr-defined]
        for task in found
        if hasattr(task, "sha256") and hasattr(task, "file")
    }


def file_name(digest: str, path: Path) -> str:
    """What a file of examples is called on another machine: no name that a user chose."""
    return f"{digest}{path.suffix.lower()}"


def packed(job: Job, axes: Sequence[SeedAxis]) -> bytes:
    """A block as bytes.

    Args:
        job: the block.
        axes: what differs between seeds.
    """
    own = conditions_of(job)
    at = {key: i for i, key in enumerate(own)}
    content = {
        "format": FORMAT,
        "conditions": [RECORDS.dump_python(x.record, mode="json") for x in own.values()],
        "lanes": [(at[x.record.key], x.seed) for x in (*job.block.lanes, *job.block.riders)],
        "width": job.block.width,
        "measures": [(m.name, m.splits) for m in job.measures],
        "axes": list(axes),
        "files": {digest: file_name(digest, path) for digest, path in files_of(job).items()},
        "plugins": dict(PLUGINS),
        "versions": versions(),
    }
    return json.dumps(content, allow_nan=False).encode()


def unpacked(content: bytes, folder: Path) -> Order:
    """The block that bytes describe.

    Args:
        content: of `packed`.
        folder: which holds the files of examples, under their `file_name`.

    Raises:
        StoreError: it cannot be rebuilt here; says why.
    """
    told = json.loads(content)
    if told["format"] != FORMAT:
        raise StoreError(f"a block of format {told['format']}; this version reads {FORMAT}")
    described = [_rebuilt(json.dumps(c), _names(told["files"]), folder) for c in told["conditions"]]
    offered = measures.load()
    chosen = tuple(
        dataclasses.replace(offered[name], splits=tuple(splits))
        for name, splits in told["measures"]
    )
    lanes = tuple(Lane(described[i][0], described[i][1], seed) for i, seed in told["lanes"])
    # Not the steps of the evaluations: a control that ends early is the same program.
    program = jax.tree.structure(lanes[0].condition), told["width"], chosen
    return Order(lanes, told["width"], chosen, tuple(told["axes"]), program)


def transferable(jobs: Sequence[Job]) -> None:
    """Refuse what another process could not rebuild, before anything is sent.

    Raises:
        Untransferable: a condition holds something that exists in this process alone.
    """
    seen: set[str] = set()
    for job in jobs:
        for key, lane in conditions_of(job).items():
            if key not in seen:
                seen.add(key)
                paths = files_of(job)
                table = RECORDS.dump_python(lane.record, mode="json")
                task = lane.condition.task
                here = {digest: path.name for digest, path in paths.items()}
                folder = paths[task.sha256].parent if hasattr(task, "sha256") and paths else Path()  # type: ignore[attr-defined]
                try:
                    _rebuilt(json.dumps(table), _names(here), folder)
                except (StoreError, ValueError) as error:
                    raise Untransferable(
                        f"{lane.record.name}: another process cannot rebuild it ({error}). Put "
                        "what you wrote into a file and name it with --plugin, or train here: "
                        "--engine threads."
                    ) from None


def plugin_files(paths: Sequence[Path]) -> dict[str, tuple[str, bytes]]:
    """Name and content of the plugins that this process has loaded, by SHA-256.

    Raises:
        StoreError: a file has changed since, or no file holds a plugin.
    """
    found = {}
    for path in paths:
        content = path.read_bytes()
        found[hashlib.sha256(content).hexdigest()] = path.name, content
    for name, digest in PLUGINS.items():
        if digest not in found:
            raise StoreError(f"{name} has changed since it was loaded: run the command again")
    return found


def _names(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(files.items()))


@functools.lru_cache(maxsize=256)
def _rebuilt(
    text: str, files: tuple[tuple[str, str], ...], folder: Path
) -> tuple[Condition, ConditionRecord]:
    """A condition from its record; it must have the very key that the record says."""
    record = RECORDS.validate_json(text)
    task = dict(record.spec["task"])
    names = dict(files)
    if task.get("sha256") in names:
        task["file"] = names[task["sha256"]]
    condition = Condition(
        task=_thing(tasks, task, "task", {"folder": folder}),
        model=_thing(models, record.spec["model"], "model"),
        training=_spec(Training, record.spec["training"], "training"),
    )
    if condition.key != (record.control_of or record.key):
        raise StoreError(
            f"the {task['kind']} task, the {record.spec['model']['kind']} model or the training "
            "of this process is another one than in the study's record"
        )
    return condition, record


def _thing(
    registry: Registry, table: Mapping[str, Any], part: str, context: Mapping | None = None
) -> Any:
    fields = {key: value for key, value in table.items() if key != "kind"}
    cls = registry.load()[table["kind"]]
    for name, hint in typing.get_type_hints(cls).items():
        # A mapping that can be hashed is a tuple of pairs in the record, and a table in a file.
        kinds = (hint, *typing.get_args(hint))
        if fields.get(name) and any(isinstance(k, type) and issubclass(k, tuple) for k in kinds):
            fields[name] = dict(fields[name])
    return _spec(cls, fields, part, context)


def _spec(cls: Any, fields: Mapping[str, Any], part: str, context: Mapping | None = None) -> Any:
    thing, mistakes = checked(cls, dict(fields), (part,), context)
    if mistakes:
        raise StoreError(f"{dotted(mistakes[0].path)}: {mistakes[0].message}")
    return thing


# Results


def receipt(trained: Trained, facts: Mapping[str, Any]) -> bytes:
    """A result as bytes: a line of facts, the curves, the weights, a checksum.

    Args:
        trained: what a block left.
        facts: JSON values that go with it.
    """
    table = to_parquet(trained.curves, "curves")
    weights = save(dict(sorted(trained.weights.items())))
    head = {
        **facts,
        "format": FORMAT,
        "bytes": [len(table), len(weights)],
        "lanes": trained.lanes.rows(),
    }
    content = b"\n".join((json.dumps(head, allow_nan=False).encode(), table + weights))
    return content + hashlib.sha256(content).digest()


def facts_of(content: bytes) -> dict[str, Any]:
    """The facts of a receipt.

    Raises:
        Damaged: it is not whole, or no receipt.
    """
    whole, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    if hashlib.sha256(whole).digest() != digest:
        raise Damaged("not whole: its checksum does not fit")
    head = whole.partition(b"\n")[0]
    try:
        facts = formats.json_value(head)
        if facts["format"] != FORMAT:
            raise Damaged(f"of format {facts['format']}; this version reads {FORMAT}")
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"no receipt: {error}") from None
    return facts


def result(content: bytes) -> Trained:
    """The result that a receipt holds, with the types and limits of stored files.

    Raises:
        Damaged: it is not whole, or holds something else than curves and weights of its networks.
    """
    facts = facts_of(content)
    body = content[:-DIGEST_BYTES].partition(b"\n")[2]
    try:
        rows, held = facts["bytes"]
        lanes = pl.DataFrame(facts["lanes"], schema=dict(curves.LANES), orient="row")
        formats.facts(body[:rows], curves.SCHEMA, formats.MAX_ROWS)
        table = formats.rows(body[:rows], curves.SCHEMA)
        weights = formats.tensors(body[rows : rows + held])
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise Damaged(f"no result of a block: {str(error).splitlines()[0]}") from None
    return Trained(table.rechunk(), lanes, weights)


def fits(trained: Trained, job: Job) -> bool:
    """Whether a result is of the very networks of a block."""
    wanted = {(x.record.key, x.seed) for x in (*job.block.lanes, *job.block.riders)}
    own = set(trained.lanes.select("condition", "seed").iter_rows())
    listed = set(trained.curves.select("condition", "seed").unique().iter_rows())
    held = {tuple(name.split("/")[:2]) for name in trained.weights}
    return own == wanted and listed <= wanted and held <= {(k, str(s)) for k, s in wanted}
