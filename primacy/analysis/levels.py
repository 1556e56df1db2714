"""Levels of factors: whether two are the same, and how one is written in a study file."""

import functools
import tomllib
from typing import Any

from primacy.errors import quoted
from primacy.records.study import Level


def same_level(level: Level | None, given: Any) -> bool:
    """Whether a factor's level is the one given; true and 1 are not the same level.

    The level of a list is its text, in which 1 is 1.0 and blanks make no difference.
    """
    if isinstance(level, bool) != isinstance(given, bool):
        return False
    if level == given or not (isinstance(level, str) and isinstance(given, str)):
        return level == given
    return _list(level) is not None and _list(level) == _list(given)


def as_toml(value: Any) -> str:
    """A value as TOML has it, so that it can be copied into a study file."""
    return value if isinstance(value, str) and _list(value) is not None else quoted(value)


@functools.lru_cache(maxsize=4096)
def _list(text: str) -> list | None:
    """The list of which this is the text; None: it is that of none."""
    if not text.startswith("["):
        return None
    try:
        found = tomllib.loads(f"x = {text}")
    except tomllib.TOMLDecodeError:
        return None
    return found["x"] if list(found) == ["x"] else None
