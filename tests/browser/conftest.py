"""A browser for each file of tests, and pages opened in it; `files` of a file names its pages."""

import pytest
from playwright.sync_api import sync_playwright

from tests.support.chromium import CHROMIUM, FLAGS


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, files):
    """Opens a page and gathers whatever it asks for or complains of."""
    contexts = []

    def open_page(name, *, width=1240, at="", **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda r: page.asked.append(r.url))
        page.on("console", lambda m: page.said.append(m.text))
        page.on("pageerror", lambda e: page.said.append(str(e)))
        page.on("dialog", lambda d: (page.said.append(d.message), d.dismiss()))
        page.goto(files[name] + at)
        if options.get("java_script_enabled", True):
            page.locator("#explore[data-ready]").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
