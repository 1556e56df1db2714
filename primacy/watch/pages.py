"""The page of a run that is being watched: its own page, with a live part on top."""

import base64
import hashlib
import html
import re
import threading
import time
from pathlib import Path

from primacy.records.files import StoreError
from primacy.report import html as report
from primacy.report.page import document
from primacy.result import Result
from primacy.watch.feed import status

HERE = Path(__file__).parent

SHARE = 0.1
"""Of the time that pages may take while the run goes on."""

_ICON = '<link rel="icon" href="data:,">'
"""None: a browser would ask for one."""

_POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")([^"]*)(">)')


class Pages:
    """The page as it is now, made again when more is stored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._version, self._page, self._again = "", b"", 0.0

    def current(self) -> bytes:
        """The page; one that is a little old where a new one would take too much of the time."""
        with self._lock:
            version, began = status(self.folder).version, time.monotonic()
            final = version.startswith("complete")
            if not self._page or (version != self._version and (final or began >= self._again)):
                self._page, self._version = self._made(), version
                now = time.monotonic()
                self._again = now + (now - began) / SHARE
            return self._page

    def _made(self) -> bytes:
        try:
            run = Result(self.folder)
            page = report.page(
                run.record,
                run.rows,
                run.lanes,
                run.summary,
                run.verdicts,
                run.provenance,
                run.controls,
            )
        except (StoreError, OSError) as error:
            page = (
                document.environment()
                .from_string(_WAITING)
                .render(
                    style=(style := document.style()),
                    policy=document.policy(style),
                    why=str(error) if (self.folder / "study.lock.json").exists() else "",
                )
            )
        return living(page).encode()


_WAITING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>primacy</title><style>{{ style }}</style></head>
<body><header><p class="kicker">primacy watch</p><h1>The run has not begun</h1></header>
<main><p>{{ why or "This page shows it as soon as it does." }}</p></main></body></html>
"""


def living(page: str) -> str:
    """A page of ours with the live part: its style, its script, and leave to ask this server."""
    style = (HERE / "live.css").read_text(encoding="utf-8")
    script = (HERE / "live.js").read_text(encoding="utf-8")

    def allowed(found: re.Match[str]) -> str:
        said = html.unescape(found[2])
        said = said.replace("style-src ", f"style-src '{_hashed(style)}' ")
        if "script-src " in said:
            said = said.replace("script-src ", f"script-src '{_hashed(script)}' ")
        else:
            said += f"; script-src '{_hashed(script)}'"
        return found[1] + html.escape(f"{said}; connect-src 'self'") + found[3]

    page = _POLICY.sub(allowed, page, count=1)
    page = page.replace("</style>", f"</style>\n<style>{style}</style>{_ICON}", 1)
    live = (HERE / "live.html").read_text(encoding="utf-8")
    page = page.replace("</header>", f"</header>\n{live}", 1)
    head, _, tail = page.rpartition("</body>")
    return f"{head}<script>{script}</script>\n</body>{tail}"


def _hashed(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
