"""The two files of a part: no parser meets one that is not as it was written."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from primacy.records import curves, formats
from primacy.records.files import Damaged, read
from primacy.records.manifest import PLACES, LaneKey, lane_keys
from primacy.records.study import StudyRecord
from primacy.records.tables import sha256

MAX_AT_ONCE = 1 << 18
"""Rows that are in memory as a table while a part is read, unless one network has more."""

Opened = tuple[bytes, int]
"""The content of a part's table, and how many rows its headers claim."""


class Foreign(Damaged):
    """A file fits the manifest, and yet holds what primacy does not write."""


class Parts:
    """Files of parts in a run folder, by part name and place (`manifest.PLACES`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str, place: str) -> Path:
        """Where a file of a part is."""
        return self.folder / place / f"{name}.{PLACES[place]}"

    def content(self, name: str, part: Mapping[str, Any], place: str) -> bytes:
        """A file of a part, if it is as it was written.

        Raises:
            Damaged: it is missing, or another.
            OSError: it could not be read, which says nothing about what is in it.
        """
        path = self.path(name, place)
        try:
            content = read(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(f"{place}/{path.name}: missing") from None
        except Damaged as error:
            raise Damaged(f"{place}/{error}") from None
        if sha256(content) != part[place]:
            raise Damaged(f"{place}/{path.name}: changed since it was written")
        return content

    def damage(self, name: str, part: Mapping[str, Any], *places: str) -> list[str]:
        """What is wrong with the files of a part, or with those of some places; empty: nothing.

        Raises:
            OSError: a file could not be read.
        """
        return problems(
            *(lambda p=place: self._unchanged(name, part, p) for place in places or PLACES)
        )

    def _unchanged(self, name: str, part: Mapping[str, Any], place: str) -> None:
        """The same without keeping the content."""
        self.content(name, part, place)

    def foreign(self, name: str, part: Mapping[str, Any], record: StudyRecord) -> list[str]:
        """What is wrong with the content of a part that is as the manifest says."""
        return problems(
            lambda: deque(self.tables(name, part, record), maxlen=0),
            lambda: self.tensors(name, part),
        )

    def table(self, name: str, part: Mapping[str, Any], record: StudyRecord) -> pl.DataFrame:
        """The rows of a part, with conditions by key.

        Raises:
            Damaged: its file is damaged, or holds what the study's record does not know.
        """
        return pl.concat(list(self.tables(name, part, record)))

    def tables(
        self,
        name: str,
        part: Mapping[str, Any],
        record: StudyRecord,
        opened: Opened | None = None,
    ) -> Iterator[pl.DataFrame]:
        """The same a few networks at a time, where there are more than `MAX_AT_ONCE` rows.

        Args:
            name: of the part.
            part: what the manifest says of it.
            record: of the study.
            opened: what `opened` gave, if it was called already.

        Raises:
            Damaged: as soon as something is.
        """
        content, rows = opened or self.opened(name, part, record)
        lanes = lane_keys(part)
        try:
            groups = [sorted(lanes)]
            if rows > MAX_AT_ONCE:
                size = max(1, len(lanes) * MAX_AT_ONCE // rows)
                groups = [groups[0][i : i + size] for i in range(0, len(lanes), size)]
            left = rows
            for group in groups:
                where = of_lanes(group) if len(groups) > 1 else None
                found = formats.rows(content, curves.SCHEMA, where)
                curves.check(found)
                curves.check_known(found, lanes, record)
                left -= found.height
                yield found
            if left:
                raise ValueError(f"{left} of its rows are of networks that it does not list")
        except ValueError as error:
            raise Foreign(self._foreign(name, "curves", error)) from None

    def opened(self, name: str, part: Mapping[str, Any], record: StudyRecord) -> tuple[bytes, int]:
        """The content of a part's table, and how many rows its headers claim.

        Raises:
            Damaged: its file is damaged, or no table of a curve's columns.
        """
        content = self.content(name, part, "curves")
        try:
            most = curves.most_rows(lane_keys(part), record)
            return content, formats.facts(content, curves.SCHEMA, most).rows
        except ValueError as error:
            raise Foreign(self._foreign(name, "curves", error)) from None

    def tensors(self, name: str, part: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The weights of a part, by path.

        Raises:
            Damaged: its file is damaged, or no arrays of numbers.
        """
        content = self.content(name, part, "checkpoints")
        try:
            return formats.tensors(content)
        except ValueError as error:
            raise Foreign(self._foreign(name, "checkpoints", error)) from None

    def _foreign(self, name: str, place: str, error: ValueError) -> str:
        return (
            f"{self.path(name, place)} fits the manifest, but primacy did not write it: {error}. "
            "Move the folder away and run again."
        )


def of_lanes(lanes: Sequence[LaneKey]) -> pl.Expr:
    """The rows of some lanes, and of seeds between them, by ranges that row groups can tell."""
    seeds: dict[str, list[int]] = {}
    for key, seed in lanes:
        seeds.setdefault(key, []).append(seed)
    return pl.any_horizontal(
        (pl.col("condition") == key) & pl.col("seed").is_between(min(own), max(own))
        for key, own in seeds.items()
    )


def problems(*steps: Callable[[], Any]) -> list[str]:
    """What each step finds damaged."""
    found = []
    for step in steps:
        try:
            step()
        except Damaged as error:
            found.append(str(error))
    return found
