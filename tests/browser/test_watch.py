"""The watched page in headless Chromium: live curves, no foreign request, accessible."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from primacy.engine.run import run
from primacy.records import live
from primacy.records.files import write
from primacy.records.store import STATUS
from primacy.watch import server as servers
from primacy.watch.server import Server
from tests.support import tiny
from tests.support.chromium import MARKS, new_page

pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of which one network is stored and two are in training."""
    folder = tmp_path_factory.mktemp("watch") / "run"
    result = run(
        tiny.study(seeds=1, controls="none", measures=("accuracy",), hypotheses=()), folder
    )
    (c,) = result.record.conditions
    for seed in (1, 2):
        rows = [live.line(s, [0.5 + s / 60, 0.5]) for s in c.steps[:4]]
        live.append(live.path(folder, c.key, seed), rows)
    tell(folder, state="running", done=1, lanes=3)
    return folder


def tell(folder, **facts):
    write(folder / STATUS, json.dumps(facts).encode())  # whole or not at all, as a run does


@pytest.fixture
def opened(browser, folder, monkeypatch):
    """Opens the address of a server, and gathers what is asked for and complained of."""
    monkeypatch.setattr(servers, "POLL_SECONDS", 0.05)
    pages = []
    with Server(folder).serving() as server:

        def open_page(**options):
            pages.append(page := new_page(browser, **options))
            page.clock.set_fixed_time(0)  # nobody is idle, however long it takes
            page.goto(server.url)
            page.wait_for_url(f"http://127.0.0.1:{server.port}/")
            page.wait_for_selector(".live-card svg")
            return page

        yield open_page
        for page in pages:
            page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_shows_curves_within_a_block(opened, folder, width, scheme):
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme)
    expect(page.locator("#live-told")).to_have_text("Training: 1 of 3 networks stored.")
    card = page.locator(".live-card")
    assert "2 networks in training, step 12 of 24" in card.inner_text()
    assert card.locator("path.seed").count() == 4  # two networks, two features
    assert "linear: 0.7" in card.inner_text() and "xor_and_or: 0.5" in card.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # Oracle: axe-core. The rest of the page has tests of its own.
    violations = Axe().run(page, context="#live").response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in violations] == []
    own = page.url
    assert {url.split("?")[0] for url in page.asked} == {own, f"{own}events"} and page.said == []


def test_goes_on_drawing_and_shows_the_new_page_when_asked(opened, folder):
    page = opened()
    file = next(iter(live.files(folder).values()))
    live.append(file, [live.line(16, [0.9, 0.6])])
    page.get_by_text("step 16 of 24").wait_for()
    page.clock.set_fixed_time(60_000)
    page.keyboard.press("Shift")  # touched: nothing moves under the reader
    tell(folder, state="running", done=2, lanes=3)
    page.get_by_role("button", name="Show what is new").wait_for()
    expect(page.locator("#live-told")).to_have_text("Training: 2 of 3 networks stored.")
    with page.expect_event("load"):
        page.get_by_role("button", name="Show what is new").click()
    page.wait_for_selector(".live-card svg")
    expect(page.locator("#live-told")).to_have_text("Training: 2 of 3 networks stored.")
    assert not page.get_by_role("button", name="Show what is new").is_visible()
    tell(folder, state="complete", lanes=3)
    page.get_by_text("The run is complete").wait_for()
