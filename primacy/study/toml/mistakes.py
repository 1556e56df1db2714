"""Mistakes of a study file: found by pydantic or by hand, said in words a person can act on."""

import dataclasses
import functools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from primacy.errors import Problem, quoted
from primacy.registry import closest
from primacy.study.toml.lines import Path

T = TypeVar("T")

LONGEST_NAME = 200
"""Characters of a name of a study, a condition, a hypothesis."""
LONGEST_NOTE = 600
"""Characters of what a hypothesis leaves open."""

# What each kind of type error wanted, as it ends the sentence "must be ...".
_WANTED = {
    "bool_type": "true or false",
    "dataclass_type": "a table",
    "dict_type": "a table",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "text in quotes",
    "tuple_type": "a list in [ ]",
}
_LIMITS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A problem before its line is known."""

    path: Path
    message: str
    choices: tuple[str, ...] = ()
    shows: bool = True
    """Whether the value that stands there helps."""


def placed(
    mistakes: Iterable[Mistake],
    *,
    file: str,
    document: Mapping[str, Any],
    lines: Mapping[Path, int],
    overridden: Iterable[Path] = (),
    key: Callable[[Path], str] | None = None,
) -> list[Problem]:
    """The mistakes of a file with their lines, in the order of the file, one for each key."""
    found: dict[Path, Problem] = {}
    for mistake in mistakes:
        path = mistake.path
        override = any(path[: len(own)] == own for own in overridden)
        # What is missing is reported where it belongs: at the nearest table that exists.
        near = (lines[path[:i]] for i in range(len(path), 0, -1) if path[:i] in lines)
        problem = Problem(
            file="--set" if override else file,
            line=None if override else next(near, None),
            key=(key or dotted)(path),
            message=mistake.message,
            choices=mistake.choices,
            value=_given(document, path) if mistake.shows else None,
        )
        found.setdefault(path, problem)
    return sorted(found.values(), key=lambda p: (p.file == "--set", p.line or 0))


def unknown_key(path: Path, choices: Iterable[str]) -> Mistake:
    """A key that is none of the legal ones."""
    key = str(path[-1])
    return dataclasses.replace(not_among(path, key, choices, "unknown key"), shows=False)


def not_among(path: Path, given: str, choices: Iterable[str], what: str) -> Mistake:
    """A name that is none of the choices: `what` it is not, the likely one or else all."""
    legal = tuple(choices)
    hint = closest(given, legal) or (f" There are: {', '.join(legal)}" if legal else "")
    return Mistake(path, f"{what}.{hint}" if hint else what, legal)


def checked(
    cls: type[T], table: dict[str, Any], path: Path, context: Mapping[str, Any] | None = None
) -> tuple[T | None, list[Mistake]]:
    """A frozen spec made from a table of the file, or else every mistake of the table.

    Args:
        cls: the spec.
        table: its keys and values, as TOML gives them.
        path: where the table stands.
        context: what pydantic validators may ask for besides.
    """
    own = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    mistakes = [unknown_key((*path, key), sorted(own)) for key in table if key not in own]
    known = {key: value for key, value in table.items() if key in own}
    try:
        # As JSON, so that lists become tuples and 1 may stand for 1.0, but "1" and true may not.
        thing = _adapter(cls).validate_json(json.dumps(known, default=str), context=context)
        return (None if mistakes else thing), mistakes
    except ValidationError as error:
        details = error.errors(include_url=False)
    grouped: dict[Path, list[Any]] = {}
    for detail in details:
        inner = _real(detail["loc"], known, detail["type"] == "missing")
        if detail["type"] == "too_short" and value_at(known, inner):
            continue  # it has items; they are wrong themselves and reported so
        grouped.setdefault(inner, []).append(detail)
    return None, mistakes + [
        _mistake((*path, *inner), details, value_at(known, inner))
        for inner, details in grouped.items()
    ]


def note(text: str) -> str:
    """Refuse what is no short text: nothing, control characters, over 600 characters.

    Raises:
        ValueError: it is one of these.
    """
    if len(text) > LONGEST_NOTE:
        raise ValueError(f"{len(text)} characters; a note has at most {LONGEST_NOTE}")
    if not text.strip() or any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("a note is text on one line")
    return text


def name(text: str) -> str:
    """Refuse what cannot name a thing: nothing, control characters, over 200 characters.

    Raises:
        ValueError: it is one of these.
    """
    if not text.strip():
        raise ValueError("a name cannot be empty")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"{len(text)} characters; a name has at most {LONGEST_NAME}")
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("a name holds no control characters and no line ends")
    return text


def dotted(path: Path) -> str:
    """`task.features[1]`; a part that is not a bare key is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if bare else quoted(part))
    return text


def value_at(table: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(table, Mapping):
            table = table.get(part)
        elif isinstance(table, list) and isinstance(part, int) and part < len(table):
            table = table[part]
        else:
            return None
    return table


@functools.cache
def _adapter(cls: type) -> TypeAdapter:
    return TypeAdapter(cls)


def _real(loc: Sequence[str | int], table: dict[str, Any], missing: bool) -> Path:
    """A pydantic location without the names of union branches, which are no keys of the file."""
    path: list[str | int] = []
    here: Any = table
    for i, part in enumerate(loc):
        if isinstance(here, dict) and part in here:
            path.append(part)
            here = here[part]  # type: ignore[index]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            path.append(part)
            here = here[part]
        elif missing and i == len(loc) - 1:
            path.append(part)
    return tuple(path)


def _given(document: Mapping[str, Any], path: Path) -> str | None:
    value = value_at(document, path)
    if value is None or isinstance(value, (dict, list)):
        return None
    text = quoted(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _mistake(path: Path, details: list[dict[str, Any]], value: Any) -> Mistake:
    """One sentence for all that pydantic says about one key (each branch of a union speaks)."""
    kinds = {detail["type"] for detail in details}
    if "missing" in kinds:
        return Mistake(path, "missing", shows=False)
    # A branch that got the right type and refuses its value is the one that was meant.
    meant = [d for d in details if d["type"] not in _WANTED and d["type"] != "literal_error"]
    if meant:
        return Mistake(path, _refusal(meant[0]))
    wanted = [_WANTED[d["type"]] for d in details if d["type"] in _WANTED]
    choices = tuple(
        json.loads(choice.replace("'", '"'))
        for d in details
        if d["type"] == "literal_error"
        for choice in re.findall(r"'[^']*'", d["ctx"]["expected"])
    )
    if choices:
        wanted.append(("one of " if len(choices) > 1 else "") + ", ".join(map(quoted, choices)))
    message = "must be " + " or ".join(dict.fromkeys(wanted))
    if isinstance(value, str):
        number = re.fullmatch(r"[+-]?[0-9_.]+(?:[eE][+-]?[0-9]+)?", value)
        if number and kinds & {"int_type", "float_type"}:
            message += ", without quotes"
        elif hint := closest(value, choices):
            message += f".{hint}"
    return Mistake(path, message, choices)


def _refusal(detail: dict[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _LIMITS:
        word, limit = _LIMITS[kind]
        return f"must be {word} {str(context[limit]).removesuffix('.0')}"
    if kind in ("too_short", "too_long"):
        word, limit = (
            ("at least", context["min_length"])
            if kind == "too_short"
            else ("at most", context["max_length"])
        )
        return f"needs {word} {limit} item" + "s" * (limit != 1)
    return detail["msg"][:1].lower() + detail["msg"][1:]
