"""What every page of ours has: its style and script inside, and a policy that requests nothing."""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from primacy.report.page.figures import visible

HERE = Path(__file__).parent


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


def style() -> Markup:
    """The style sheet."""
    return Markup((HERE / "page.css").read_text(encoding="utf-8"))


def script() -> Markup:
    """The script; pages are complete without it."""
    return Markup((HERE / "page.js").read_text(encoding="utf-8"))


def policy(style: str, script: str = "") -> str:
    """A content policy that allows this style sheet and script, by their hashes, and no request."""
    scripts = f"script-src '{_hashed(script)}'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hashed(style)}'; {scripts}"
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
