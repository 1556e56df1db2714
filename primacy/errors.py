"""What is wrong with a file that was given, line by line; the errors a person reads.

Reads no other file of the package and little else, so that every command can catch them cheaply.
"""

import dataclasses
import difflib
import json
import unicodedata
from collections.abc import Iterable
from typing import Any, NoReturn


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake, where it stands and what to do about it."""

    file: str
    """As the user called it; `--set` for an override."""
    line: int | None
    """Counted from 1; null where it stands on no line (a missing file, an override)."""
    key: str
    """Dotted, as in `task.features[1]`; empty for the file as a whole."""
    message: str
    choices: tuple[str, ...] = ()
    """All that would have been legal, where that is a list."""
    value: str | None = None
    """What was given, as JSON; null where it is missing or says nothing."""

    @property
    def place(self) -> str:
        """`mine.toml:7`."""
        return shown(self.file if self.line is None else f"{self.file}:{self.line}")

    def __str__(self) -> str:
        given = self.key if self.value is None else f"{self.key} = {self.value}"
        return shown(f"{given}: {self.message}" if given else self.message)


class StudyError(ValueError):
    """A study cannot be read. `str()` is one line a problem, and a count."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        width = max(len(problem.place) for problem in self.problems)
        lines = [f"{problem.place:<{width}}  {problem}" for problem in self.problems]
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        super().__init__("\n".join([*lines, f"{count}; nothing was run."]))


def refuse(file: str, message: str, line: int | None = None) -> NoReturn:
    """Say that a file as a whole cannot be read.

    Raises:
        StudyError: always.
    """
    raise StudyError([Problem(file=file, line=line, key="", message=message)]) from None


def quoted(value: Any) -> str:
    """A value as a study file writes it, nearly: JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of characters that are never printed as they are: control, format (as of
writing direction), surrogates, and line endings."""


def shown(text: str, keep: str = "") -> str:
    """Text that others wrote, with hidden characters as escapes, but for those to `keep`.

    A name that hides characters is a way to show one thing and mean another.
    """
    if text.isprintable():
        return text
    return "".join(
        rf"\u{ord(c):04x}" if c not in keep and unicodedata.category(c) in HIDDEN else c
        for c in text
    )


def counted(n: int, noun: str) -> str:
    """`1 seed`, `30 seeds`, `no seeds`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}" if n else f"no {noun}s"


def escaped(error: UnicodeError) -> tuple[str, int]:
    """What an output cannot encode, as JSON writes it; a handler of `codecs.register_error`."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def closest(name: str, choices: Iterable[str]) -> str:
    """`Did you mean "x"?` with a leading blank, or nothing where no choice is near."""
    near = difflib.get_close_matches(name.strip().lower(), list(choices), n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""
