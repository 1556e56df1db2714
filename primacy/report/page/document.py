"""What every page of ours has: its style and script inside, and a policy that requests nothing."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from primacy.report.page.figures import visible

HERE = Path(__file__).parent
EXPLORE = (
    "numbers.js",
    "view.js",
    "light.js",
    "facets.js",
    "chart.js",
    "figure.js",
    "pairs.js",
    "start.js",
)
"""The script of the part to explore, in the order in which its files are read."""


def environment() -> jinja2.Environment:
    """Templates of this folder: text is escaped, invisible characters are shown as escapes."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )


def style(*, explore: bool = False) -> Markup:
    """The style sheet; with that of the part to explore, if asked for."""
    files = [HERE / "page.css", *([HERE / "explore" / "explore.css"] if explore else [])]
    return _together(files)


def script() -> Markup:
    """The script, squeezed; pages are complete without it."""
    text = _together([HERE / "page.js", *(HERE / "explore" / name for name in EXPLORE)])
    return Markup(squeezed(text))


ENDS, BEGINS = frozenset("{([,;=?:<>|&*"), frozenset(")]},.?:")
"""After the one and before the other no statement ends, so a line break there says nothing."""
PUNCTUATION = ENDS | BEGINS | frozenset("!")


def squeezed(script: str) -> str:
    """The script without comments, indentation, and blanks beside punctuation.

    Comments are lines of their own. Text in quotes, and between backticks, keeps every character;
    so does every line break that may end a statement. Blanks beside `+`, `-` and `/` stay.
    """
    lines = (line.strip() for line in script.split("\n"))
    text = "\n".join(x for x in lines if x and not x.startswith("//")) + "\n"
    kept, at = [";"], 0
    while at < len(text):
        end = _quoted(text, at) if text[at] in "\"'`" else at + 1
        piece, before, after = text[at:end], kept[-1][-1], text[end : end + 1]
        blank = piece == " " and (before in PUNCTUATION or after in PUNCTUATION)
        if blank or (piece == "\n" and (before in ENDS or after in BEGINS)):
            piece = ""
        elif piece in tuple(")]}") and before == "," and len(kept[-1]) == 1:
            kept.pop()  # a comma after the last item
        kept += [piece] if piece else []
        at = end
    return "".join(kept[1:]).rstrip("\n")


def _quoted(text: str, start: int) -> int:
    """Where the quoted text that begins at `start` ends; what a template holds is part of it."""
    at = start + 1
    while text[at] != text[start]:
        if text[at] == "\\":
            at += 1
        elif text[start] == "`" and text.startswith("${", at):
            at = _code(text, at + 2)
        at += 1
    return at + 1


def _code(text: str, at: int) -> int:
    """Where the code between braces that begins at `at` has its closing brace."""
    while text[at] != "}":
        if text[at] in "\"'`":
            at = _quoted(text, at)
        elif text[at] == "{":
            at = _code(text, at + 1) + 1
        else:
            at += 1
    return at


def _together(files: Sequence[Path]) -> Markup:
    return Markup("\n".join(file.read_text(encoding="utf-8") for file in files))


def policy(style: str, script: str = "") -> str:
    """A content policy that allows this style sheet and script, by their hashes, and no request."""
    scripts = f"script-src '{_hashed(script)}'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hashed(style)}'; {scripts}"
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
