"""TOML text -> document, with one line of cause and cure where it cannot be read; overrides."""

import datetime
import math
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from primacy.errors import quoted, refuse
from primacy.study.toml.lines import Path
from primacy.study.toml.mistakes import Mistake

DEEPEST = 32
"""Tables and lists inside each other."""

_DOTS = 200  # in one key: tomllib takes time with the square of it
_WIDEST = 2**63  # whole numbers of TOML have 64 bits


def parsed(text: str, file: str) -> dict[str, Any]:
    """The content of a TOML text.

    Raises:
        StudyError: it is not valid TOML, or nested deeper than any study is.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if "\0" in line:
            refuse(file, "a NUL character: not a text file; save it as UTF-8", number)
        if any(piece.count(".") > _DOTS for piece in re.split("[=,]", line)):
            refuse(file, f"more than {_DOTS} dots in one key: nested too deeply", number)
    try:
        document = tomllib.loads(text)
    except RecursionError:
        refuse(file, f"lists or tables nested too deeply; {DEEPEST} inside each other is the most")
    except ValueError as error:  # TOMLDecodeError, or a number with thousands of digits
        refuse(file, *_syntax(str(error), text))
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        refuse(file, f"lists or tables nested too deeply; {DEEPEST} inside each other is the most")
    return document


def _syntax(message: str, text: str) -> tuple[str, int | None]:
    """tomllib's message with its line apart, and a cure for what people stumble over."""
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if not place:
        return f"not valid TOML: {message}", None
    line = int(place[1]) if place[1] else text.rstrip("\n").count("\n") + 1
    what = message[: place.start()]
    cures = {
        "Cannot overwrite": ". A key or table stands twice",
        "Cannot declare": ". A table stands twice",
        "Invalid value": '. Text needs quotes: "adam"',
        "Unclosed": ". A bracket is missing",
        "Invalid initial character for a key part": ". A key, or a closing bracket, was expected",
    }
    cure = next((cure for start, cure in cures.items() if what.startswith(start)), "")
    column = f" (column {place[2]})" if place[1] else " (end of the file)"
    return f"not valid TOML: {what[:1].lower()}{what[1:]}{column}{cure}", line


def unusable(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Values that TOML has and a study has not: dates, infinities, control characters."""
    todo: list[tuple[Path, Any]] = [((), document)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            todo += [((*path, key), item) for key, item in value.items()]
            yield from (
                Mistake((*path, key), "a key with control characters", shows=False)
                for key in value
                if any(unicodedata.category(c) == "Cc" for c in key)
            )
        elif isinstance(value, list):
            todo += [((*path, i), item) for i, item in enumerate(value)]
        elif isinstance(value, (datetime.date, datetime.time)):
            yield Mistake(path, "a date or time; as text it needs quotes")
        elif isinstance(value, float) and not math.isfinite(value):
            yield Mistake(path, "must be a finite number")
        elif isinstance(value, int) and abs(value) >= _WIDEST:
            yield Mistake(path, "has more than 64 bits", shows=False)
        elif isinstance(value, str) and any(
            unicodedata.category(c) == "Cc" and c not in "\n\t" for c in value
        ):
            yield Mistake(path, "holds control characters")


def override(
    document: dict[str, Any],
    overrides: Mapping[str, str] | Sequence[str],
    is_list: Callable[[Path], bool] = lambda path: False,
) -> tuple[list[Path], list[Mistake]]:
    """Set keys of the document in place; returns which, and what could not be set.

    Args:
        document: to change.
        overrides: `key=value`, or a mapping.
        is_list: whether a key holds a list, which may then be written without brackets.
    """
    if isinstance(overrides, Mapping):
        overrides = [f"{key}={value}" for key, value in overrides.items()]
    done: list[Path] = []
    mistakes = []
    for text in overrides:
        key, equals, given = text.partition("=")
        path = _key(key)
        if not equals or path is None:
            refuse("--set", f'"{text}" is not KEY=VALUE, as in training.learning_rate=3e-3')
        done.append(path)
        *tables, last = path
        place: Any = document
        for table in tables:
            place = place.setdefault(table, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            mistakes.append(Mistake(path, "not in a table: edit the file instead"))
            continue
        place[last] = _value(given.strip(), is_list(path))
        # Setting one of the two lengths means that one.
        other = {"epochs": "steps", "steps": "epochs"}.get(str(last))
        if tables == ["training"] and other and ("training", other) not in done:
            place.pop(other, None)
    return done, mistakes


def _key(text: str) -> Path | None:
    try:
        table: Any = tomllib.loads(f"{text.strip()} = 0")
    except (ValueError, RecursionError):
        return None
    path: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        key, table = next(iter(table.items()))
        path.append(key)
    return tuple(path) if table == 0 else None


def _value(text: str, listed: bool = False, depth: int = 0) -> Any:
    """The value as TOML, where it is that; else text, or a list of such values.

    A shell takes quotes away, so words in a list need none: `[linear, a xor b]`.
    """
    try:
        found = tomllib.loads(f"value = {text}")
        value = found["value"] if len(found) == 1 else text
        return [value] if listed and not isinstance(value, (list, dict)) else value
    except (ValueError, RecursionError):
        bracketed = text.startswith("[") and text.endswith("]") and len(text) > 1
        if depth == DEEPEST or not (listed or bracketed):
            return text
        items = _items(text[1:-1] if bracketed else text)
        return [_value(item, depth=depth + 1) for item in items]


def _items(text: str) -> list[str]:
    """The text cut at its commas, but for those inside brackets, braces or quotes."""
    items, quote, depth = [""], "", 0
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "[({") - (c in "])}")
        if c == "," and not quote and depth == 0:
            items.append("")
        else:
            items[-1] += c
    found = [item.strip() for item in items]
    return found if found[-1] else found[:-1]  # a comma may end a list


def written(document: Mapping[str, Any]) -> str:
    """The TOML text of a document: `parsed` gives it back."""
    tables = {k: v for k, v in document.items() if isinstance(v, Mapping)}
    lists = {
        k: v
        for k, v in document.items()
        if isinstance(v, list) and v and all(isinstance(item, Mapping) for item in v)
    }
    head = {k: v for k, v in document.items() if k not in tables and k not in lists}
    blocks = ["".join(_pairs(head))]
    blocks += [f"[{_bare(k)}]\n" + "".join(_pairs(v)) for k, v in tables.items()]
    blocks += [
        f"[[{_bare(k)}]]\n" + "".join(_pairs(item)) for k, items in lists.items() for item in items
    ]
    return "\n".join(block for block in blocks if block)


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{_bare(key)} = {_inline(value)}\n" for key, value in table.items())


def _bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_bare(k)} = {_inline(v)}" for k, v in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return quoted(value)  # text, numbers, true and false are as in JSON
