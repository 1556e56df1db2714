"""Text as LaTeX and BibTeX print it."""

import re

from primacy.report.page.figures import visible

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
} | {c: f"\\{c}" for c in "{}$&#_%"}
"""Characters that LaTeX takes for commands, or prints as others."""


def escaped(text: str) -> str:
    """A name as LaTeX prints it; invisible characters are shown escaped."""
    return "".join(LATEX.get(c, c) for c in re.sub(r"\s", " ", visible(text)))
