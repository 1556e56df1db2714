"""How often a run was judged: to look, add networks and look again is to test more than once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from primacy.records import formats
from primacy.records.files import read, write

MAX_JUDGINGS = 1_000
"""Kept; later ones take the place of the last."""

Judging = Mapping[str, Any]
"""`seeds` (networks of each condition), `study_hash`, and `words`: the verdict of each claim."""


def judgings(file: Path) -> list[Judging]:
    """Every judging of a run, the first one first; none where none is on record.

    What cannot be read counts as none: a log decides nothing.
    """
    try:
        found = formats.json_value(read(file, formats.MAX_JSON_BYTES))
    except (FileNotFoundError, ValueError):
        return []
    if not isinstance(found, list):
        return []
    return [
        one
        for one in found
        if isinstance(one, dict)
        and isinstance(one.get("seeds"), int)
        and isinstance(one.get("study_hash"), str)
        and isinstance(one.get("words"), dict)
    ]


def recorded(file: Path, seeds: int, study_hash: str, words: Mapping[str, str]) -> None:
    """Write a judging down, unless it is the last one again."""
    before = judgings(file)
    now = {"seeds": seeds, "study_hash": study_hash, "words": dict(words)}
    if before[-1:] == [now]:
        return
    content = json.dumps([*before[: MAX_JUDGINGS - 1], now], ensure_ascii=False, indent=1)
    write(file, content.encode() + b"\n")


def earlier(found: Sequence[Judging], seeds: int) -> list[int]:
    """The smaller numbers of networks with which the claims were judged before."""
    return sorted({one["seeds"] for one in found if one["seeds"] < seeds})
