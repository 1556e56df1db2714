"""A run folder: layout, atomic commits, resume, verify.

One immutable Parquet part and one safetensors file a block: temporary name, fsync, rename, fsync
of the folder, then the manifest with their hashes. A part counts if and only if the manifest names
it and its hash fits, so a crash at any moment loses at most the work since the last commit.
"""

import contextlib
import hashlib
import io
import json
import os
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save

from primacy import curves, dictionary
from primacy.record import FORMAT, StudyRecord, from_json, to_json

MANIFEST, LOCK_JSON, STUDY, STATUS = "manifest.json", "study.lock.json", "study.toml", "status.json"
SUMMARY, VERDICTS, CONDITIONS = "summary.parquet", "verdicts.json", "conditions.parquet"
CONTROLS = "controls"
"""The folder of a run folder's controls: of the same form, with a record and curves of its own."""
FOLDERS = ("curves", "checkpoints", CONTROLS, "figures")
OWN_NAMES = (*FOLDERS, MANIFEST, LOCK_JSON, STUDY, STATUS, SUMMARY, VERDICTS, CONDITIONS,
             "data.md", "report.html")  # fmt: skip
"""What a run folder calls its own; a member of a study of studies cannot be called so."""
TEMPORARY = ".primacy-partial"
LARGEST = 1 << 30
"""Bytes beyond which a file of the folder is refused unread."""

LaneKey = tuple[str, int]
"""Condition key and seed."""


class StoreError(ValueError):
    """A run folder that cannot be used as asked; the message says why and the cure."""


class Damaged(StoreError):
    """Files of a run folder are not as they were written."""

    exit_code = 1


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the new one, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def to_parquet(table: pl.DataFrame, meaning: str) -> bytes:
    """A table as Parquet bytes, the same for the same table."""
    file = io.BytesIO()
    table.write_parquet(
        file,
        compression="zstd",
        statistics=False,
        metadata={"primacy.format": str(FORMAT), "primacy.table": meaning},
    )
    return file.getvalue()


def part_name(lanes: Iterable[LaneKey]) -> str:
    """The name of the files of a block: the hash of its lanes' keys."""
    text = "\n".join(f"{key} {seed}" for key, seed in sorted(lanes))
    return f"part-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


class Store:
    """The files of one run folder. Reading never writes; writing wants the lock (`locked`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # Reading

    def record(self) -> StudyRecord:
        """The study that the folder holds.

        Raises:
            StoreError: there is none, it is damaged, or from a newer version.
        """
        path = self.folder / LOCK_JSON
        if not path.is_file():
            raise StoreError(
                f"{self.folder} is not a run folder (no {LOCK_JSON}). "
                f"`primacy run STUDY --out {self.folder}` makes one."
            )
        try:
            found = from_json(_read(path))
        except ValueError as error:
            newer = _format_of(path)
            if newer > FORMAT:
                raise StoreError(
                    f"{path} has format {newer}; this version reads up to {FORMAT}. Update primacy."
                ) from None
            first = str(error).splitlines()
            raise Damaged(f"{path} is damaged: {' '.join(first[:3])[:200]}") from None
        if found.format > FORMAT:
            raise StoreError(
                f"{path} has format {found.format}; this version reads up to {FORMAT}. "
                "Update primacy."
            )
        return found

    def manifest(self) -> dict[str, Any]:
        """Parts by name: hashes, lanes, and where they were computed. Empty before the first.

        Raises:
            StoreError: it cannot be read.
        """
        path = self.folder / MANIFEST
        if not path.is_file():
            return {}
        try:
            content = json.loads(_read(path))
            parts = content["parts"]
            for name, part in parts.items():
                if name != part_name((lane["condition"], lane["seed"]) for lane in part["lanes"]):
                    raise ValueError(f"{name} does not fit its lanes")
                if not {"curves", "checkpoints", "block_width"} <= set(part):
                    raise ValueError(f"{name} is incomplete")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Damaged(
                f"{path} is damaged ({error}). Without it no part can be trusted: "
                "move the folder away and run again."
            ) from None
        return parts

    def stored(self) -> set[LaneKey]:
        """The lanes whose parts are whole on disk."""
        return {
            (lane["condition"], lane["seed"])
            for name, part in self.manifest().items()
            if not self.damage(name, part)
            for lane in part["lanes"]
        }

    def damage(self, name: str, part: Mapping[str, Any]) -> list[str]:
        """What is wrong with the files of a part; empty when they are as they were written."""
        problems = []
        for place, path in (("curves", self._curves(name)), ("checkpoints", self._weights(name))):
            try:
                if sha256(_read(path)) != part[place]:
                    problems.append(
                        f"{path.relative_to(self.folder)}: changed since it was written"
                    )
            except FileNotFoundError:
                problems.append(f"{path.relative_to(self.folder)}: missing")
            except (OSError, StoreError) as error:
                problems.append(f"{path.relative_to(self.folder)}: {error}")
        return problems

    def curves(self) -> pl.DataFrame:
        """THE table, of every whole part, with conditions by key.

        Raises:
            StoreError: no part is there, or one is damaged.
        """
        parts = self._whole()
        tables = [pl.read_parquet(io.BytesIO(_read(self._curves(name)))) for name in parts]
        if not tables:
            return curves.frame([])
        return pl.concat(tables).sort("condition", "seed", "step", maintain_order=True)

    def lanes(self) -> pl.DataFrame:
        """How each lane ended (`curves.LANES`), with conditions by key."""
        rows = [
            (lane["condition"], lane["seed"], lane["ended"], lane["end_step"])
            for part in self._whole().values()
            for lane in part["lanes"]
        ]
        table = pl.DataFrame(rows, schema=dict(curves.LANES), orient="row")
        return table.sort("condition", "seed")

    def weights(self, condition: str, seed: int) -> dict[str, np.ndarray]:
        """The final parameters of a lane, by path.

        Raises:
            StoreError: that lane is not stored.
        """
        prefix = f"{condition}/{seed}/"
        for name, part in self._whole().items():
            if any((x["condition"], x["seed"]) == (condition, seed) for x in part["lanes"]):
                held = load_file(self._weights(name))
                return {k.removeprefix(prefix): v for k, v in held.items() if k.startswith(prefix)}
        raise StoreError(f"{self.folder} holds no network of condition {condition}, seed {seed}")

    def held(
        self, wanted: Collection[LaneKey]
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, dict[str, np.ndarray], dict[str, Any]]]:
        """What `commit` was given for some of the lanes, part by part: also where they were made.

        Raises:
            StoreError: a part is damaged.
        """
        for name, part in self._whole().items():
            rows = [x for x in part["lanes"] if (x["condition"], x["seed"]) in wanted]
            if not rows:
                continue
            lanes = pl.DataFrame(rows, schema=dict(curves.LANES))
            table = pl.read_parquet(io.BytesIO(_read(self._curves(name))))
            own = table.join(lanes, on=["condition", "seed"], how="semi", maintain_order="left")
            starts = tuple(f"{x['condition']}/{x['seed']}/" for x in rows)
            weights = load_file(self._weights(name))
            origin = {k: v for k, v in part.items() if k not in ("curves", "checkpoints", "lanes")}
            yield own, lanes, {k: v for k, v in weights.items() if k.startswith(starts)}, origin

    def _whole(self) -> dict[str, Any]:
        parts = self.manifest()
        bad = [problem for name, part in parts.items() for problem in self.damage(name, part)]
        if bad:
            raise Damaged(
                f"{self.folder}: {len(bad)} files are damaged: {'; '.join(bad)}. "
                "The same `primacy run` command trains those lanes again."
            )
        return dict(sorted(parts.items()))

    def _curves(self, name: str) -> Path:
        return self.folder / "curves" / f"{name}.parquet"

    def _weights(self, name: str) -> Path:
        return self.folder / "checkpoints" / f"{name}.safetensors"

    # Writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for writing, and sweep what an interrupted writer left half-written.

        Raises:
            StoreError: somebody else holds it, or it cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / ".lock").open("a+")
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written to: {error.strerror}") from None
        with file:
            if not _lock(file):
                file.seek(0)
                raise StoreError(
                    f"{self.folder} is in use by another run ({file.read(200).strip()}). "
                    "Wait for it, or give another --out."
                )
            file.seek(0)
            file.truncate()
            started = time.strftime("%Y-%m-%d %H:%M:%S")
            file.write(f"pid {os.getpid()} on {socket.gethostname()} since {started}")
            file.flush()
            for leftover in self.folder.rglob(f"*{TEMPORARY}"):
                # A folder with a lock of its own (a member of a study of studies) sweeps itself.
                inside = leftover.relative_to(self.folder).parents
                if not any((self.folder / p / ".lock").exists() for p in inside if p.name):
                    leftover.unlink(missing_ok=True)
            yield

    def begin(self, study: StudyRecord, source: str) -> None:
        """Write what is being run: the study as given, its record, its conditions."""
        write(self.folder / STUDY, source.encode())
        write(self.folder / LOCK_JSON, to_json(study))
        write(self.folder / CONDITIONS, to_parquet(conditions(study), "conditions"))
        write(self.folder / "data.md", dictionary.markdown(study).encode())

    def commit(
        self, table: pl.DataFrame, lanes: pl.DataFrame, weights: dict[str, np.ndarray],
        origin: Mapping[str, Any],
    ) -> str:  # fmt: skip
        """Add a block: its files, then its line in the manifest. Returns the part's name."""
        curves.check(table)
        rows = lanes.to_dicts()
        name = part_name((row["condition"], row["seed"]) for row in rows)
        content, held = to_parquet(table, "curves"), save(dict(sorted(weights.items())))
        write(self._curves(name), content)
        write(self._weights(name), held)
        part = {
            "curves": sha256(content), "checkpoints": sha256(held), "lanes": rows, **origin,
        }  # fmt: skip
        if problems := self.damage(name, part):  # never called stored what was not read again
            raise StoreError(f"written and read back differently: {'; '.join(problems)}")
        parts = {**self.manifest(), name: part}
        content = {"format": FORMAT, "parts": dict(sorted(parts.items()))}
        write(self.folder / MANIFEST, json.dumps(content, indent=1).encode())
        return name

    def drop(self, names: Sequence[str]) -> None:
        """Forget damaged parts, so that their lanes are trained again."""
        parts = {name: part for name, part in self.manifest().items() if name not in names}
        content = {"format": FORMAT, "parts": parts}
        write(self.folder / MANIFEST, json.dumps(content, indent=1).encode())

    def status(self, **facts: Any) -> None:
        """Rewrite `status.json`, the one source for whoever watches the run."""
        write(self.folder / STATUS, json.dumps(facts, allow_nan=False, indent=1).encode())


def conditions(study: StudyRecord) -> pl.DataFrame:
    """Each condition's key, display name and factors (a column each, null where it has none).

    `label` is the name in its [[condition]], of which a grid may have made several.
    """
    columns = {"condition": "label"}  # the key is called `condition` in every table on disk
    factors = sorted({columns.get(name, name) for c in study.conditions for name in c.factors})
    rows = [
        {"condition": c.key, "name": c.name, **dict.fromkeys(factors)}
        | {columns.get(name, name): level for name, level in c.factors.items()}
        for c in study.conditions
    ]
    mixed = [f for f in factors if len({type(r[f]) for r in rows if r[f] is not None}) > 1]
    for row in rows:
        for factor in mixed:  # a column has one type: 1 and "all" become texts
            row[factor] = None if row[factor] is None else str(row[factor])
    return pl.DataFrame(rows, infer_schema_length=None)


def _read(path: Path) -> bytes:
    if path.is_symlink():
        raise StoreError(f"{path.name} is a link; a run folder holds plain files only")
    if path.stat().st_size > LARGEST:
        raise StoreError(f"{path.name} is larger than {LARGEST} bytes; refused unread")
    return path.read_bytes()


def _format_of(path: Path) -> int:
    try:
        found = json.loads(_read(path)).get("format", 0)
    except (ValueError, AttributeError, RecursionError):
        return 0
    return found if isinstance(found, int) else 0


def _lock(file: Any) -> bool:
    """Take an advisory lock that the system drops when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
