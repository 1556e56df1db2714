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
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save

from primacy.records import columns as dictionary
from primacy.records import curves, formats, manifest
from primacy.records.files import TEMPORARY, Damaged, InUse, StoreError, lock, move, read, write
from primacy.records.manifest import PLACES, LaneKey, lane_keys, part_name
from primacy.records.study import FORMAT, StudyRecord, from_json, to_json

MANIFEST, LOCK_JSON, STUDY, STATUS = "manifest.json", "study.lock.json", "study.toml", "status.json"
SUMMARY, VERDICTS, CONDITIONS = "summary.parquet", "verdicts.json", "conditions.parquet"
CONTROLS = "controls"
"""The folder of a run folder's controls: of the same form, with a record and curves of its own."""
DAMAGED = "damaged"
"""The folder to which damaged parts are moved."""
FOLDERS = ("curves", "checkpoints", CONTROLS, "figures", DAMAGED)
OWN_NAMES = (*FOLDERS, MANIFEST, LOCK_JSON, STUDY, STATUS, SUMMARY, VERDICTS, CONDITIONS,
             "data.md", "report.html")  # fmt: skip
"""What a run folder calls its own; a member of a study of studies cannot be called so."""


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
        try:
            content = read(path, formats.MAX_JSON_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(
                f"{self.folder} is not a run folder (no {LOCK_JSON}). "
                f"`primacy run STUDY --out {self.folder}` makes one."
            ) from None
        try:
            found = from_json(content)
        except ValueError as error:
            newer = _format_of(content)
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

    def begun(self) -> bool:
        """Whether the folder holds a study.

        Raises:
            Damaged: it holds runs, and the record of their study is gone.
        """
        try:
            (self.folder / LOCK_JSON).lstat()
        except (FileNotFoundError, NotADirectoryError):
            if self.manifest():
                raise Damaged(
                    f"{self.folder} holds runs, but {LOCK_JSON} is missing. Put it back, or "
                    "move the folder away and run again."
                ) from None
            return False
        return True

    def manifest(self) -> dict[str, Any]:
        """Parts by name: hashes, lanes, and where they were computed. Empty before the first.

        Raises:
            Damaged: it is not as it was written, or missing where there are parts.
        """
        path = self.folder / MANIFEST
        try:
            return manifest.from_json(read(path, formats.MAX_JSON_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            if not self._has_parts():
                return {}
            problem = "missing"
        except ValueError as error:
            problem = f"damaged ({error})"
        raise Damaged(
            f"{path} is {problem}. Without it no part can be trusted: "
            "put it back, or move the folder away and run again."
        )

    def _has_parts(self) -> bool:
        try:  # not `glob`, which passes over a folder that it cannot read
            return any(path.suffix == ".parquet" for path in (self.folder / "curves").iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def stored(self) -> set[LaneKey]:
        """The lanes whose parts are whole on disk."""
        parts = self.manifest().items()
        return {key for n, part in parts if not self.damage(n, part) for key in lane_keys(part)}

    def damage(self, name: str, part: Mapping[str, Any]) -> list[str]:
        """What is wrong with the files of a part; empty when they are as they were written.

        Raises:
            OSError: a file could not be read, which says nothing about what is in it.
        """
        problems = []
        for place in PLACES:
            try:
                self._content(name, part, place)
            except Damaged as error:
                problems.append(str(error))
        return problems

    def foreign(self, name: str, part: Mapping[str, Any], record: StudyRecord) -> list[str]:
        """What is wrong with the content of a part that is as the manifest says."""
        problems = []
        for content in (lambda: self._table(name, part, record), lambda: self._tensors(name, part)):
            try:
                content()
            except Damaged as error:
                problems.append(str(error))
        return problems

    def curves(self) -> pl.DataFrame:
        """THE table, of every whole part, with conditions by key.

        Raises:
            StoreError: a part is damaged, or holds what the study's record does not know.
        """
        parts = self._whole()
        if not parts:
            return curves.frame([])
        record = self.record()
        tables = [self._table(name, part, record) for name, part in parts.items()]
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
            if (condition, seed) in lane_keys(part):
                held = self._tensors(name, part)
                return {k.removeprefix(prefix): v for k, v in held.items() if k.startswith(prefix)}
        raise StoreError(f"{self.folder} holds no network of condition {condition}, seed {seed}")

    def held(
        self, wanted: Collection[LaneKey]
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, dict[str, np.ndarray], dict[str, Any]]]:
        """What `commit` was given for some of the lanes, part by part: also where they were made.

        Raises:
            StoreError: a part is damaged.
        """
        record = self.record()
        for name, part in self._whole().items():
            rows = [x for x in part["lanes"] if (x["condition"], x["seed"]) in wanted]
            if not rows:
                continue
            lanes = pl.DataFrame(rows, schema=dict(curves.LANES))
            table = self._table(name, part, record)
            own = table.join(lanes, on=["condition", "seed"], how="semi", maintain_order="left")
            starts = tuple(f"{x['condition']}/{x['seed']}/" for x in rows)
            weights = self._tensors(name, part)
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

    def _path(self, name: str, place: str) -> Path:
        return self.folder / place / f"{name}.{PLACES[place]}"

    def _content(self, name: str, part: Mapping[str, Any], place: str) -> bytes:
        """A file of a part, if it is as it was written: no parser ever meets another."""
        path = self._path(name, place)
        try:
            content = read(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(f"{place}/{path.name}: missing") from None
        except Damaged as error:
            raise Damaged(f"{place}/{error}") from None
        if sha256(content) != part[place]:
            raise Damaged(f"{place}/{path.name}: changed since it was written")
        return content

    def _table(self, name: str, part: Mapping[str, Any], record: StudyRecord) -> pl.DataFrame:
        content = self._content(name, part, "curves")
        lanes = lane_keys(part)
        try:
            found = formats.table(content, curves.SCHEMA, curves.most_rows(lanes, record))
            curves.check(found)
            curves.check_known(found, lanes, record)
        except ValueError as error:
            raise Damaged(self._foreign(name, "curves", error)) from None
        return found

    def _tensors(self, name: str, part: Mapping[str, Any]) -> dict[str, np.ndarray]:
        try:
            return formats.tensors(self._content(name, part, "checkpoints"))
        except Damaged:
            raise
        except ValueError as error:
            raise Damaged(self._foreign(name, "checkpoints", error)) from None

    def _foreign(self, name: str, place: str, error: ValueError) -> str:
        return (
            f"{self._path(name, place)} fits the manifest, but primacy did not write it: {error}. "
            "Move the folder away and run again."
        )

    # Writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for writing, and sweep what an interrupted writer left half-written.

        Raises:
            StoreError: somebody else holds it (`InUse`), or it cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / ".lock").open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written to: {error.strerror}") from None
        with file:
            if not lock(file):
                file.seek(0)
                raise InUse(
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
        if not _exists(self.folder / MANIFEST):  # from now on, a missing one was lost
            self._keep({})

    def commit(
        self, table: pl.DataFrame, lanes: pl.DataFrame, weights: dict[str, np.ndarray],
        origin: Mapping[str, Any],
    ) -> str:  # fmt: skip
        """Add a block: its files, then its line in the manifest. Returns the part's name."""
        curves.check(table)
        rows = lanes.to_dicts()
        name = part_name((row["condition"], row["seed"]) for row in rows)
        content, held = to_parquet(table, "curves"), save(dict(sorted(weights.items())))
        write(self._path(name, "curves"), content)
        write(self._path(name, "checkpoints"), held)
        part = {
            "curves": sha256(content), "checkpoints": sha256(held), "lanes": rows, **origin,
        }  # fmt: skip
        if problems := self.damage(name, part):  # never called stored what was not read again
            raise Damaged(f"written and read back differently: {'; '.join(problems)}")
        self._keep({**self.manifest(), name: part})
        return name

    def set_aside(self, damaged: Mapping[str, Sequence[str]]) -> list[str]:
        """Move damaged parts to `damaged/`, so that their lanes are trained again.

        Args:
            damaged: what is wrong with the files of a part, by its name (`damage`).

        Returns:
            What was wrong, a text for each file.
        """
        parts = self.manifest()
        # Files first: after a crash in between, the manifest still names what is missing.
        for name in damaged:
            for place in PLACES:
                path = self._path(name, place)
                if _exists(path):
                    move(path, self.folder / DAMAGED)
        if damaged:
            self._keep({name: part for name, part in parts.items() if name not in damaged})
        return [problem for problems in damaged.values() for problem in problems]

    def _keep(self, parts: Mapping[str, Any]) -> None:
        """Rewrite the manifest: from here on, these parts count."""
        write(self.folder / MANIFEST, manifest.to_json(parts))

    def status(self, **facts: Any) -> None:
        """Rewrite `status.json`, the one source for whoever watches the run."""
        write(self.folder / STATUS, json.dumps(facts, allow_nan=False, indent=1).encode())


def _exists(path: Path) -> bool:
    """Whether something is at a path; unlike `os.path.lexists`, an error is not an answer."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


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


def _format_of(content: bytes) -> int:
    try:
        found = formats.json_value(content).get("format", 0)
    except (ValueError, AttributeError):
        return 0
    return found if isinstance(found, int) else 0
