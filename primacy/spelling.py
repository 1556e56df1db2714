"""The likely typo."""

import difflib
from collections.abc import Iterable


def closest(name: str, choices: Iterable[str]) -> str:
    """`Did you mean "x"?` with a leading blank, or nothing where no choice is near."""
    near = difflib.get_close_matches(name.strip().lower(), list(choices), n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""
