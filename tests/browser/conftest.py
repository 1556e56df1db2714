"""A browser for each file of tests, and pages opened in it; `files` of a file names its pages."""

import pytest
from playwright.sync_api import sync_playwright

from tests.support.chromium import CHROMIUM, FLAGS, MILLISECONDS, new_page


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=FLAGS, timeout=MILLISECONDS
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, files):
    """Opens a page and gathers whatever it asks for or complains of."""
    pages = []

    def open_page(name, *, width=1240, at="", **options):
        page = new_page(browser, viewport={"width": width, "height": 900}, **options)
        pages.append(page)
        page.goto(files[name] + at)
        if options.get("java_script_enabled", True):
            page.locator("#explore[data-ready]").wait_for()
        return page

    yield open_page
    for page in pages:
        page.context.close()
