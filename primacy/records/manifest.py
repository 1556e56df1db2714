"""`manifest.json`: which parts of a run folder count, with the hashes of their files."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from primacy.records import formats
from primacy.records.study import FORMAT

PLACES = {"curves": "parquet", "checkpoints": "safetensors"}
"""The folders of a part's two files, and how their names end."""
ENDS = ("budget", "learned", "diverged", "crashed")
"""How a lane can have ended. Crashed: a training of one's own that raised before its end; what was
measured until then is kept, and the same run again takes its place."""
CUT_SHORT = ("diverged", "crashed")
"""Ends after which the last evaluation is not what training has come to."""

LaneKey = tuple[str, int]
"""Condition key and seed."""


def part_name(lanes: Iterable[LaneKey]) -> str:
    """The name of the files of a block: the hash of its lanes' keys."""
    text = "\n".join(f"{key} {seed}" for key, seed in sorted(lanes))
    return f"part-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def lane_keys(part: Mapping[str, Any]) -> set[LaneKey]:
    """The lanes of a part."""
    return {(lane["condition"], lane["seed"]) for lane in part["lanes"]}


def to_json(parts: Mapping[str, Any], replaced: Collection[str] = ()) -> bytes:
    """The content of `manifest.json`.

    Args:
        parts: by name.
        replaced: parts that others have taken the place of, and whose files may still be there.
    """
    content = {"format": FORMAT, "parts": dict(sorted(parts.items()))}
    if replaced:
        content["replaced"] = sorted(replaced)
    return json.dumps(content, indent=1).encode()


def replaced(content: bytes) -> list[str]:
    """Parts whose files are to be removed; most often none.

    Raises:
        ValueError: it is no manifest.
    """
    value = formats.json_value(content)
    names = value.get("replaced", []) if isinstance(value, dict) else []
    if not isinstance(names, list) or not all(
        isinstance(name, str) and re.fullmatch(r"part-[0-9a-f]{16}", name) for name in names
    ):
        raise ValueError("it replaces something that is no part")
    return [name for name in names if name not in value["parts"]]


def from_json(content: bytes) -> dict[str, Any]:
    """Parts by name.

    Raises:
        ValueError: it is no manifest.
    """
    try:
        parts = formats.json_value(content)["parts"]
        for name, part in parts.items():
            check(name, part)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return parts


def check(name: str, part: Any) -> None:
    """Refuse a part that a manifest cannot have.

    Raises:
        ValueError: it says what is odd about it.
        KeyError, TypeError, AttributeError: something is missing, or is of another type.
    """
    for lane in part["lanes"]:
        if not isinstance(lane["condition"], str) or lane["ended"] not in ENDS:
            raise ValueError(f"{name} has a lane without a condition or an end")
        for number in (lane["seed"], lane["end_step"]):
            if type(number) is not int or not 0 <= number < 2**63:
                raise ValueError(f"{name} has a lane without a seed or a last step")
    if name != part_name((lane["condition"], lane["seed"]) for lane in part["lanes"]):
        raise ValueError(f"{name} does not fit its lanes")
    if not isinstance(part["block_width"], int) or not all(_is_hash(part[p]) for p in PLACES):
        raise ValueError(f"{name} is incomplete")


def _is_hash(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64
