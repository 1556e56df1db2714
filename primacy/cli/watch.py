"""`primacy watch`, and what `primacy run --watch` shows: the page of a run while it trains."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from primacy.cli.shared import Flag, Json, Refused, RunFolder

LAST_SECONDS = 3.0
"""How long a run that is done still answers, so that an open page can show its end."""


def command(
    run: RunFolder,
    *,
    port: int = 0,
    open_browser: Annotated[bool, Parameter(name="--open", negative=())] = False,
    once: Annotated[bool, Flag] = False,
    as_json: Json = False,
) -> int:
    """Show a run while it trains: its page, with the curves of networks in training on top.

    Prints an address that opens it in a browser on this machine, for whoever has the address and
    nobody else. Reads the run folder only, so the run may be anyone's, on any file system that can
    be seen from here. Ctrl-C ends the watching, never the run. From another machine: --port PORT,
    and `ssh -L PORT:127.0.0.1:PORT`.

    Args:
        port: Where to listen; a free one when left out.
        open_browser: Open the page in the browser.
        once: Print how far the run is, and end: 0 complete, 1 not yet.
        as_json: Print the address and how far the run is as a JSON object, a line for each change.
    """
    from primacy.watch.feed import status

    if run.exists() and not run.is_dir():
        raise Refused(f"{run} is a file; a run folder, such as runs/complexity, is meant")
    if not run.exists() and once:
        raise Refused(f"no folder {run}. `primacy run STUDY --out {run}` makes it")
    if once:
        now = status(run)
        told = f"{now.state}: {now.done} of {now.total} networks stored"
        facts = {"state": now.state, "done": now.done, "total": now.total}
        print(json.dumps(facts) if as_json else told)
        return 0 if now.state == "complete" else 1
    with serving(run, port, as_json=as_json, open_browser=open_browser):
        told = ""
        try:
            while True:
                now = status(run)
                facts = {"state": now.state, "done": now.done, "total": now.total}
                text = json.dumps(facts) if as_json else f"{now.state}: {now.done} of {now.total}"
                if text != told:
                    print(text if as_json else f"{text} networks stored", flush=True)
                told = text
                time.sleep(1)
        except KeyboardInterrupt:
            return 0


@contextlib.contextmanager
def serving(
    run: Path, port: int = 0, *, as_json: bool = False, open_browser: bool = False
) -> Iterator[None]:
    """Serve the live page of a run folder in the background, and print where."""
    from primacy.watch.server import Server

    try:
        server = Server(run, port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Refused(
            f"port {port} cannot be used: {why}. Leave --port out for a free one"
        ) from None
    with server.serving():
        told = f"Watch it at {server.url}"
        print(
            json.dumps({"url": server.url}) if as_json else told,
            file=sys.stdout if as_json else sys.stderr,
            flush=True,
        )
        if open_browser:
            import webbrowser

            webbrowser.open(server.url)
        yield
