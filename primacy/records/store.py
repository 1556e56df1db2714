"""A run folder: layout, atomic commits, resume, verify.

One immutable Parquet part and one safetensors file a block: temporary name, fsync, rename, fsync
of the folder, then one line with their hashes in the journal, which is folded into the manifest
when a writer begins and ends. A part counts if and only if manifest or journal name it and its hash
fits, so a crash at any moment loses at most the work since the last commit, and a commit costs the
same however many there were before.
"""

import contextlib
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
from primacy.records import curves, formats, journal, live, manifest
from primacy.records.files import (
    TEMPORARY,
    Damaged,
    InUse,
    StoreError,
    exists,
    lock,
    move,
    read,
    sync,
    write,
)
from primacy.records.manifest import PLACES, LaneKey, lane_keys, part_name
from primacy.records.parts import Parts
from primacy.records.study import FORMAT, StudyRecord, from_json, to_json
from primacy.records.tables import conditions, sha256, to_parquet

JOURNAL = journal.JOURNAL
MANIFEST, LOCK_JSON, STUDY, STATUS = "manifest.json", "study.lock.json", "study.toml", "status.json"
SUMMARY, VERDICTS, CONDITIONS = "summary.parquet", "verdicts.json", "conditions.parquet"
JUDGED = "judged.json"
"""Every judging of the claims: with how many networks, and its verdicts."""
CONTROLS = "controls"
"""The folder of a run folder's controls: of the same form, with a record and curves of its own."""
DAMAGED = "damaged"
"""The folder to which damaged parts are moved."""
INBOX = "inbox"
"""The folder of blocks that other processes trained, until a run adopts them."""
FOLDERS = ("curves", "checkpoints", CONTROLS, "figures", DAMAGED, INBOX, live.LIVE)
MAX_MANIFEST_BYTES = 1 << 28
"""Of `manifest.json`, which has about a kilobyte for each part."""
_KEPT = (MANIFEST, journal.JOURNAL, LOCK_JSON, STUDY, STATUS, SUMMARY, VERDICTS, CONDITIONS)
OWN_NAMES = (*FOLDERS, *_KEPT, JUDGED, "data.md", "report.html")
"""What a run folder calls its own; a member of a study of studies cannot be called so."""


class Store:
    """The files of one run folder. Reading never writes; writing wants the lock (`locked`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = Parts(folder)

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
            newer = formats.format_of(content)
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

        Those of `manifest.json`, and those that were committed since it was written.

        Raises:
            Damaged: it is not as it was written, or missing where there are parts.
        """
        # In this order: who folds the journal into the manifest writes the manifest first.
        recent = self._journal()
        path = self.folder / MANIFEST
        try:
            parts = manifest.from_json(read(path, MAX_MANIFEST_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            if not recent and not self._has_parts():
                return {}
            problem = "missing"
        except ValueError as error:
            problem = f"damaged ({error})"
        else:
            known = {key for part in parts.values() for key in lane_keys(part)} if recent else set()
            # A part that was compacted since stands in the manifest under another name.
            return parts | {n: p for n, p in recent.items() if not lane_keys(p) <= known}
        raise Damaged(
            f"{path} is {problem}. Without it no part can be trusted: "
            "put it back, or move the folder away and run again."
        )

    def _journal(self) -> dict[str, Any]:
        """What was committed since the manifest was written."""
        path = self.folder / journal.JOURNAL
        try:
            return journal.parts(read(path))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError as error:
            raise Damaged(
                f"{path} is damaged ({error}). Put it back, or move the folder away and run again."
            ) from None

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
        return self.parts.damage(name, part)

    def foreign(self, name: str, part: Mapping[str, Any], record: StudyRecord) -> list[str]:
        """What is wrong with the content of a part that is as the manifest says."""
        return self.parts.foreign(name, part, record)

    def curves(self) -> pl.DataFrame:
        """THE table, of every whole part, with conditions by key; all of it in memory.

        Raises:
            StoreError: a part is damaged, or holds what the study's record does not know.
        """
        parts = self.whole()
        if not parts:
            return curves.frame([])
        record = self.record()
        tables = [self.parts.table(name, part, record) for name, part in parts.items()]
        return pl.concat(tables).sort("condition", "seed", "step", maintain_order=True)

    def lanes(self) -> pl.DataFrame:
        """How each lane ended (`curves.LANES`), with conditions by key."""
        return lanes(self.whole())

    def whole(self) -> dict[str, Any]:
        """The manifest by part name, once the files of every part were found to be whole.

        Raises:
            Damaged: some are not; names all of them.
        """
        parts = dict(sorted(self.manifest().items()))
        bad = [problem for name, part in parts.items() for problem in self.damage(name, part)]
        self.refuse(bad)
        return parts

    def refuse(self, bad: Sequence[str]) -> None:
        """Raise `Damaged` where something is, with the cure."""
        if bad:
            raise Damaged(
                f"{self.folder}: {len(bad)} files are damaged: {'; '.join(bad)}. "
                "The same `primacy run` command trains those lanes again."
            )

    def weights(self, condition: str, seed: int) -> dict[str, np.ndarray]:
        """The final parameters of a lane, by path. Reads the file that has them and no other.

        Raises:
            StoreError: that lane is not stored, or its file is damaged.
        """
        prefix = f"{condition}/{seed}/"
        for name, part in self.manifest().items():
            if (condition, seed) in lane_keys(part):
                self.refuse(self.parts.damage(name, part, "checkpoints"))
                held = self.parts.tensors(name, part)
                return {k.removeprefix(prefix): v for k, v in held.items() if k.startswith(prefix)}
        raise StoreError(f"{self.folder} holds no network of condition {condition}, seed {seed}")

    def held(
        self, wanted: Collection[LaneKey]
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, dict[str, np.ndarray], dict[str, Any]]]:
        """What `commit` was given for some of the lanes, part by part: also where they were made.

        Raises:
            StoreError: a part that has some of them is damaged.
        """
        record = self.record()
        for name, part in sorted(self.manifest().items()):
            rows = [x for x in part["lanes"] if (x["condition"], x["seed"]) in wanted]
            if not rows:
                continue
            lanes = pl.DataFrame(rows, schema=dict(curves.LANES))
            self.refuse(self.damage(name, part))
            table, weights = self.parts.table(name, part, record), self.parts.tensors(name, part)
            own = table.join(lanes, on=["condition", "seed"], how="semi", maintain_order="left")
            starts = tuple(f"{x['condition']}/{x['seed']}/" for x in rows)
            origin = {k: v for k, v in part.items() if k not in ("curves", "checkpoints", "lanes")}
            yield own, lanes, {k: v for k, v in weights.items() if k.startswith(starts)}, origin

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
            self.fold()
            try:
                yield
            except BaseException:
                with contextlib.suppress(OSError, StoreError):  # the next writer does it
                    self.fold()
                raise
            self.fold()

    def fold(self) -> None:
        """Write the journal into the manifest, the controls' too; the same parts count then."""
        for place in (self, Store(self.folder / CONTROLS)):
            path = place.folder / journal.JOURNAL
            if exists(path):
                place._keep(place.manifest())
                path.unlink()
                sync(place.folder)
            place._drop_replaced()

    def begin(self, study: StudyRecord, source: str) -> None:
        """Write what is being run: the study as given, its record, its conditions."""
        write(self.folder / STUDY, source.encode())
        write(self.folder / LOCK_JSON, to_json(study))
        write(self.folder / CONDITIONS, to_parquet(conditions(study), "conditions"))
        write(self.folder / "data.md", dictionary.markdown(study).encode())
        if not exists(self.folder / MANIFEST):  # from now on, a missing one was lost
            self._keep({})

    def commit(
        self,
        table: pl.DataFrame,
        lanes: pl.DataFrame,
        weights: dict[str, np.ndarray],
        origin: Mapping[str, Any],
    ) -> str:
        """Add a block: its files, then its line in the journal. Returns the part's name."""
        if not exists(self.folder / MANIFEST):
            self.manifest()  # says what is wrong
        curves.check(table)
        rows = lanes.to_dicts()
        name = part_name((row["condition"], row["seed"]) for row in rows)
        content, held = to_parquet(table, "curves"), save(dict(sorted(weights.items())))
        write(self.parts.path(name, "curves"), content)
        write(self.parts.path(name, "checkpoints"), held)
        digests = {"curves": sha256(content), "checkpoints": sha256(held)}
        part = {**digests, "lanes": rows, **origin}
        if bad := self.damage(name, part):  # never called stored what was not read again
            raise Damaged(f"written and read back differently: {'; '.join(bad)}")
        journal.append(self.folder / journal.JOURNAL, journal.line(name, part))
        return name

    def set_aside(self, damaged: Mapping[str, Sequence[str]]) -> list[str]:
        """Move damaged parts to `damaged/`, so that their lanes are trained again.

        Args:
            damaged: what is wrong with the files of a part, by its name (`damage`).

        Returns:
            What was wrong, a text for each file.
        """
        self.fold()
        parts = self.manifest()
        # Files first: after a crash in between, the manifest still names what is missing.
        for name in damaged:
            for place in PLACES:
                path = self.parts.path(name, place)
                if exists(path):
                    move(path, self.folder / DAMAGED)
        if damaged:
            self._keep({name: part for name, part in parts.items() if name not in damaged})
        return [problem for found in damaged.values() for problem in found]

    def replace(self, parts: Mapping[str, Any]) -> None:
        """Let these parts, whose files are written, take the place of all that there are."""
        self.fold()
        old = self.manifest().keys() - parts.keys()
        if old:
            write(self.folder / MANIFEST, manifest.to_json(parts, old))
            self._drop_replaced()

    def _drop_replaced(self) -> None:
        """Remove the files of parts that others have taken the place of."""
        path = self.folder / MANIFEST
        if not exists(path):
            return
        content = read(path, MAX_MANIFEST_BYTES)
        if b'"replaced"' not in content:
            return
        try:
            parts, old = manifest.from_json(content), manifest.replaced(content)
        except ValueError as error:
            raise Damaged(f"{path} is damaged ({error})") from None
        for name in old:
            for place in PLACES:
                self.parts.path(name, place).unlink(missing_ok=True)
        for place in PLACES:
            sync(self.folder / place)
        self._keep(parts)

    def _keep(self, parts: Mapping[str, Any]) -> None:
        """Rewrite the manifest: from here on, these parts count."""
        write(self.folder / MANIFEST, manifest.to_json(parts))

    def status(self, **facts: Any) -> None:
        """Rewrite `status.json`, the one source for whoever watches the run."""
        write(self.folder / STATUS, json.dumps(facts, allow_nan=False, indent=1).encode())


def lanes(parts: Mapping[str, Any]) -> pl.DataFrame:
    """How each lane of these parts ended (`curves.LANES`), with conditions by key."""
    rows = [
        (lane["condition"], lane["seed"], lane["ended"], lane["end_step"])
        for part in parts.values()
        for lane in part["lanes"]
    ]
    return pl.DataFrame(rows, schema=dict(curves.LANES), orient="row").sort("condition", "seed")
