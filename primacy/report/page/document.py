"""What every page of ours has: its style and script inside, and a policy that requests nothing."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from primacy.report.page.figures import visible

HERE = Path(__file__).parent
EXPLORE = ("numbers.js", "view.js", "light.js", "facets.js", "figure.js", "pairs.js", "start.js")
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
    """The script, without indentation and comments; pages are complete without it."""
    text = _together([HERE / "page.js", *(HERE / "explore" / name for name in EXPLORE)])
    lines = (line.strip() for line in text.split("\n"))
    return Markup("\n".join(x for x in lines if x and not x.startswith("//")))


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
