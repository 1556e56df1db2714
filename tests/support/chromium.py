"""Debian's Chromium, without network: what every test of a page in a browser uses."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: make test installs it"),
]

MILLISECONDS = 300_000
"""After which what was waited for counts as never: it only ends what hangs."""
expect.set_options(timeout=MILLISECONDS)


def new_page(browser, **options):
    """A page in a context of its own; it gathers what it asks for and complains of."""
    page = browser.new_context(**options).new_page()
    page.context.set_default_timeout(MILLISECONDS)
    page.asked, page.said = [], []
    page.on("request", lambda r: page.asked.append(r.url))
    page.on("console", lambda m: page.said.append(m.text))
    page.on("pageerror", lambda e: page.said.append(str(e)))
    page.on("dialog", lambda d: (page.said.append(d.message), d.dismiss()))
    return page


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
