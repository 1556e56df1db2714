"""The server of one watched run: for one person, on this machine, to read.

It listens on the loopback interface only. Whoever opens the address with its token gets a cookie
that no script can read; without either there is nothing to see. Another site's page cannot use the
browser to reach it: the Host must be its own (else a name could be pointed here), and so must the
Origin of whatever a script asks. It answers GET for a fixed table of paths, and no path is ever a
file's name.
"""

import contextlib
import http.cookies
import secrets
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from primacy.watch.feed import Feed, event
from primacy.watch.pages import Pages

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.5
"""Between two looks into the run folder, for each page that is open."""
MAX_STREAMS = 16
"""Pages that may be open at once."""
SILENT_SECONDS = 20.0
"""A request that is not sent within this is dropped."""

_DOOR = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>primacy</title>
<meta http-equiv="refresh" content="0;url=/"><link rel="icon" href="data:,"></head><body>
<p><a href="/">Open the run</a></p></body></html>
"""
"""What the token gets: the cookie, and the way on. A redirect would not do, for a browser that
comes from another site's link sends no strict cookie along."""


class Server(ThreadingHTTPServer):
    """Serves the live page of one run folder."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Listen; nothing is answered before `serve_forever` (or `serving`).

        Args:
            folder: a run folder, which may be there only later.
            port: 0: one that is free.

        Raises:
            OSError: the port is taken.
        """
        super().__init__((LOOPBACK, port), _Handler)
        self.pages, self.folder = Pages(folder), folder
        self.token, self.session = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.closing = threading.Event()
        self.streams = threading.BoundedSemaphore(MAX_STREAMS)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]

    @property
    def url(self) -> str:
        """The address that opens the page, token included."""
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The cookie's name: browsers share cookies between ports."""
        return f"primacy-{self.port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator["Server"]:
        """Answer requests in the background."""
        thread = threading.Thread(target=self.serve_forever, name="watch", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self.shutdown()
            self.server_close()
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = SILENT_SECONDS
    server_version, sys_version = "primacy", ""

    def parse_request(self) -> bool:
        """Also refuse what is not a GET of this server's own, before anything is looked at."""
        if not super().parse_request():
            return False
        hosts = {f"{name}:{self.server.port}" for name in (LOOPBACK, "localhost")}
        if self.headers.get_all("Host", []) not in ([host] for host in hosts):
            self._refuse(421, "this server answers for its own address only")
        elif self.command != "GET":
            self._refuse(405, "only GET")
        elif self.headers.get("Origin") not in (None, *(f"http://{host}" for host in hosts)):
            self._refuse(403, "asked for by another site")
        else:
            return True
        return False

    def do_GET(self) -> None:
        """Answer one of the paths there are."""
        path, _, query = self.path.partition("?")
        table = {"/": self._page, "/events": self._events}
        if path not in table:
            self._refuse(404, "no such page")
        elif path == "/" and query:
            self._enter(query)
        elif not self._known():
            self._refuse(403, "open the address that `primacy watch` printed, with its token")
        else:
            table[path]()

    def _enter(self, query: str) -> None:
        token = urllib.parse.parse_qs(query).get("token", [""])
        if not secrets.compare_digest(token[-1].encode(), self.server.token.encode()):
            self._refuse(403, "this is not the token that `primacy watch` printed")
            return
        cookie = f"{self.server.cookie}={self.server.session}; HttpOnly; SameSite=Strict; Path=/"
        self._answer(200, _DOOR, {"Set-Cookie": cookie})

    def _known(self) -> bool:
        found: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
        with contextlib.suppress(http.cookies.CookieError):
            found.load(self.headers.get("Cookie", ""))
        given = found[self.server.cookie].value if self.server.cookie in found else ""
        return secrets.compare_digest(given.encode(), self.server.session.encode())

    def _page(self) -> None:
        self._answer(200, self.server.pages.current(), {})

    def _events(self) -> None:
        """Send what is new until the browser goes, or the server does."""
        if not self.server.streams.acquire(blocking=False):
            self._refuse(503, f"more than {MAX_STREAMS} pages are open")
            return
        try:
            self._head(200, "text/event-stream", {})
            feed, last = Feed(self.server.folder), b""
            while True:
                for name, content in feed.events():
                    sent = event(name, content)
                    if name != "status" or sent != last:
                        self.wfile.write(sent)
                    last = sent if name == "status" else last
                self.wfile.write(b": here\n\n")  # fails where nobody reads any more
                if self.server.closing.wait(POLL_SECONDS):
                    return
        except OSError:  # the browser went away
            return
        finally:
            self.server.streams.release()

    def _refuse(self, code: int, why: str) -> None:
        more = {"Allow": "GET"} if code == 405 else {}
        self._head(code, "text/plain; charset=utf-8", more)
        self.wfile.write(f"{code}: {why}\n".encode())

    def _answer(self, code: int, content: bytes, more: dict[str, str]) -> None:
        self._head(code, "text/html; charset=utf-8", more | {"Content-Length": str(len(content))})
        self.wfile.write(content)

    def _head(self, code: int, kind: str, more: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": "frame-ancestors 'none'",
            "Connection": "close",
            **more,
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for every request would bury what the run says."""
