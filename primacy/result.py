"""A run folder opened: curves, summary, verdicts, page. Needs no JAX."""

import dataclasses
import functools
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from primacy.analysis import between, verdicts
from primacy.analysis import controls as sanity
from primacy.analysis import summary as summaries
from primacy.analysis.outcomes import Outcome, judged
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import Verdict
from primacy.records import certificate, curves, formats
from primacy.records import table as curves_table
from primacy.records.files import read, write
from primacy.records.judgings import earlier, judgings, recorded
from primacy.records.members import FACTOR
from primacy.records.store import (
    CONTROLS,
    JUDGED,
    STATUS,
    STUDY,
    SUMMARY,
    VERDICTS,
    Store,
    StoreError,
    lanes,
    to_parquet,
)
from primacy.records.study import StudyRecord
from primacy.records.traces import Traces
from primacy.report import html as report
from primacy.report.page.figures import Figure


class Result:
    """A run folder opened: `primacy.open("runs/complexity")`.

    Reading never writes; `judge` and `report` write `summary.parquet`, `verdicts.json` and
    `report.html`.
    """

    def __init__(self, folder: str | Path, *, seeds: int | None = None) -> None:
        self.folder = Path(folder)
        self.store = Store(self.folder)
        self._seeds = seeds

    @functools.cached_property
    def record(self) -> StudyRecord:
        """What is known about the study apart from its numbers."""
        record = self.store.record()
        if self._seeds is None:
            return record
        return dataclasses.replace(record, seeds=record.seeds[: self._seeds])

    @functools.cached_property
    def members(self) -> dict[str, "Result"]:
        """Of a study of studies: each member's own run folder, by its name; else empty."""
        return {n: Result(self.folder / n, seeds=self._seeds) for n in self.record.members}

    @property
    def stores(self) -> list[Store]:
        """The stores that hold the runs: the members', or the folder's own."""
        return [member.store for member in self.members.values()] or [self.store]

    def verified(self) -> tuple[list[str], dict[str, list[str]]]:
        """Every part that a manifest names, controls too; and of the damaged ones what is wrong."""
        parts: list[str] = []
        bad: dict[str, list[str]] = {}
        for store in self.stores:
            beside = Store(store.folder / CONTROLS)
            for own in (store, *([beside] if beside.begun() else [])):
                place = own.folder.relative_to(self.folder).as_posix()
                place = "" if place == "." else f"{place}/"
                record = own.record()
                for name, part in own.manifest().items():
                    parts.append(f"{place}{name}")
                    try:
                        found = own.damage(name, part) or own.foreign(name, part, record)
                    except OSError as error:  # the other parts can still be told
                        found = [f"{name}: cannot be read: {error.strerror or error}"]
                    if found:
                        bad[f"{place}{name}"] = [f"{place}{problem}" for problem in found]
        return parts, bad

    @functools.cached_property
    def curves(self) -> pl.DataFrame:
        """THE table: one measured number a row, with conditions by display name; all in memory.

        About 30 bytes a row, and four times that while it is made; `scan` takes none.
        """
        return self.rows.filter()

    def scan(self) -> pl.LazyFrame:
        """THE table as a lazy one over the files, conditions by display name, names as strings.

        `result.scan().filter(pl.col("measure") == "accuracy").collect()` reads what it needs and no
        more. Rows come in no promised order, and hashes are not checked (`primacy verify`). Sum or
        average only what was collected and sorted: in the lazy plan the last bits would vary.
        """
        found = []
        for place, names in self._names:
            own = curves_table.scan(place.store, names)
            found.append(own.filter(pl.col("seed").is_in(list(self.record.seeds))))
        return pl.concat(found)

    @functools.cached_property
    def lanes(self) -> pl.DataFrame:
        """How each run ended: condition, seed, ended (`manifest.ENDS`), end_step."""
        record, tables = self.record, []
        for place, names in self._names:
            own = [c for c in record.conditions if c.name in names.values()]
            known = dataclasses.replace(record, conditions=tuple(own))
            named = curves.named(lanes(place._parts), known)
            tables.append(named.filter(pl.col("seed").is_in(list(record.seeds))))
        return curves.together(tables) if len(tables) > 1 else tables[0]

    @functools.cached_property
    def _parts(self) -> dict[str, Any]:
        """The manifest, read once: networks that a run adds meanwhile are not looked at."""
        return self.store.manifest()

    @property
    def _names(self) -> list[tuple["Result", dict[str, str]]]:
        """Each folder that holds runs, with the display names of its conditions, by key."""
        found = []
        for name, member in (self.members or {None: self}).items():
            # Members may share a condition's key; each has its own name for it.
            own = [c for c in self.record.conditions if name in (None, c.factors.get(FACTOR))]
            found.append((member, {c.key: c.name for c in own}))
        return found

    @functools.cached_property
    def rows(self) -> Traces:
        """All curves as arrays, of which `filter` selects rows; each file is read once."""
        order = [names[key] for _, names in self._names for key in sorted(names)]
        traces = Traces(self.record, order)
        for place, names in self._names:
            curves_table.fill(traces, place.store, place._parts, names)
        return traces

    @functools.cached_property
    def _runs(self) -> Runs:
        """The runs as arrays, which the summary and the verdicts both read."""
        return Runs(self.rows, self.lanes, self.record)

    def weights(self, condition: str, seed: int) -> dict[str, np.ndarray]:
        """The final parameters of one network, by path; its condition by display name.

        Raises:
            ValueError: there is no such condition.
            StoreError: that network is not stored.
        """
        found = self.record.condition(condition)
        stored = self.lanes.filter(pl.col("condition").cast(pl.String) == condition)["seed"]
        if seed not in stored:
            there = f"{stored.min()} to {stored.max()}" if stored.len() else "none yet"
            raise StoreError(
                f"{self.folder} holds no network of condition {condition}, seed {seed}; "
                f"its seeds: {there}"
            )
        member = self.members.get(str(found.factors.get(FACTOR)))
        return (member or self).store.weights(found.key, seed)

    @functools.cached_property
    def summary(self) -> pl.DataFrame:
        """A row for each condition, seed and feature: when learned, and what it came to."""
        return summaries.table(self._runs)

    @functools.cached_property
    def areas(self) -> pl.DataFrame:
        """The area between the learning curves of every two features, in each network."""
        return between.table(self._runs)

    @functools.cached_property
    def verdicts(self) -> list[Verdict]:
        """Every hypothesis, judged."""
        return verdicts.of(self._runs)

    @functools.cached_property
    def controls(self) -> list[Outcome]:
        """What each control came to; a failed one says that the other numbers are not to be had."""
        return judged(self._outcomes)

    @functools.cached_property
    def _outcomes(self) -> list[Outcome]:
        """The controls before their words, which depend on how many there are."""
        if self.members:
            for member, names in self._names:  # their files were read for the whole: not again
                own = {names[c.key]: c.name for c in member.record.conditions if c.key in names}
                member.__dict__.setdefault("rows", self.rows.renamed(own))
            return [
                dataclasses.replace(outcome, condition=f"{name}/{outcome.condition}")
                for name, member in self.members.items()
                for outcome in member._outcomes
            ]
        found = [] if self.record.controls == "none" else self._null_outcomes
        # These cost no network, so no study goes without.
        found += sanity.learned(self.record, self.rows, self.lanes, found)
        return found + sanity.rows_in_both(self.record)

    @property
    def _null_outcomes(self) -> list[Outcome]:
        """The controls in which nothing is to be seen."""
        found = sanity.untrained(self.record, self.rows)
        found += sanity.null_columns(self.record, self.rows, self.lanes)
        beside = Store(self.folder / CONTROLS)
        if not beside.begun():
            return found  # interrupted before they were begun
        record, parts = beside.record(), beside.manifest()
        known = {c.key: c.name for c in record.conditions}
        rows = Traces(record, [known[key] for key in sorted(known)])
        curves_table.fill(rows, beside, parts, known)
        ends = curves.named(lanes(parts), record)
        names = {c.key: c.name for c in self.record.conditions}
        found += sanity.trained(record, rows, ends, names)
        if self.record.controls == "full":
            found += sanity.claims(self.record, record, rows, ends)
        return found

    @functools.cached_property
    def answer(self) -> str:
        """The finding in one sentence."""
        return report.answer(self.record, self.summary, self.verdicts, self.rows)

    def figures(self, condition: str | None = None) -> dict[str, Figure]:
        """The figures of one condition (the first unless named), by name: what there is data for.

        `result.figures()["race-log"]` shows itself in a notebook; its `save("race.pdf")` writes a
        file, its `frame` has the numbers drawn.

        Raises:
            ValueError: the study has no such condition.
        """
        return report.drawings(self.record, self.rows, self.lanes, self.summary, condition)

    @property
    def complete(self) -> bool:
        """Whether every condition has every seed."""
        return self.lanes.height == len(self.record.seeds) * len(self.record.conditions)

    def judge(self) -> list[Verdict]:
        """Judge every hypothesis from the stored curves; writes the summary and the verdicts."""
        write(self.folder / SUMMARY, to_parquet(self.summary, "summary"))
        write(self.folder / VERDICTS, verdicts.to_json(self.verdicts, self.controls))
        if self.verdicts and self.complete:
            words = {v.id: v.word for v in self.verdicts}
            recorded(self.folder / JUDGED, len(self.record.seeds), self.record.study_hash, words)
        return self.verdicts

    def report(self, path: str | Path | None = None) -> Path:
        """Write the page, `report.html` in the folder unless `path` says otherwise."""
        path = Path(path) if path else self.folder / "report.html"
        page = report.page(
            self.record,
            self.rows,
            self.lanes,
            self.summary,
            self.verdicts,
            self.provenance,
            self.controls,
        )
        write(path, page.encode())
        return path

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from: command, versions, device, calibration and so on."""
        try:
            told = formats.json_value(read(self.folder / STATUS, formats.MAX_JSON_BYTES))
        except (FileNotFoundError, ValueError):
            told = {}
        if not isinstance(told, dict):
            told = {}
        record = self.record
        otherwise = ["primacy", "run", str(self.folder / STUDY), "--seeds", str(len(record.seeds))]
        otherwise += ["--out", str(self.folder)]
        libraries = {n: v for n, v in record.versions.items() if not n.startswith("plugin ")}
        return {
            "command": str(told.get("command") or shlex.join(otherwise)),
            "versions": dict(record.versions),
            "device": record.device,
            "seconds": told.get("seconds"),
            "complete": self.complete,
            "hash": record.study_hash,
            "block_widths": dict(record.block_widths),
            "judged_before": earlier(judgings(self.folder / JUDGED), len(record.seeds)),
            "calibration": certificate.cited(certificate.read(), libraries, record.device or ""),
        }

    def _repr_html_(self) -> str:
        from primacy.report.notebook import run_html

        page = self.folder / "report.html"
        return run_html(
            self.record,
            self.answer,
            self.verdicts,
            self.figures(),
            trained=self.lanes.height,
            page=str(page) if page.exists() else None,
        )

    def __repr__(self) -> str:
        return f"Result({self.folder.name!r}: {self.answer})"


def open(folder: str | Path, *, seeds: int | None = None) -> Result:
    """Open a run folder, or the first `seeds` of it.

    Raises:
        StoreError: it is not one, or it is damaged (on first use of the damaged part).
    """
    Store(Path(folder)).record()
    return Result(folder, seeds=seeds)
