"""The page in a real browser: Debian's Chromium, without network, with and without JavaScript."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.chromium import MARKS, open_all
from tests.support.pages import HOSTILE, arrays, asked, copied, joined, made, reported
from tests.support.waiting import until

pytestmark = MARKS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A few pages as files, by name."""
    folder = tmp_path_factory.mktemp("pages")
    studies = {
        "plain": made(6, diverged=(1,), never=(2,)),
        "many": made(3, rates=(1e-3, 3e-4, 3e-3)),
        "hostile": copied(
            made(2, evaluations=12), HOSTILE, "</title><script>alert(2)</script>", "c"
        ),
        "arrays": arrays(made(3)),
        "joined": joined(),
        "asked": asked(),
        "reported": reported(),
        "long": copied(made(2, evaluations=12), "a name of many words " * 5, "x" * 100, "W" * 40),
        # 660 curves of seeds: too many for a large drawing on each card.
        "wide": made(30, rates=tuple(1e-3 + 1e-4 * i for i in range(11)), evaluations=12),
    }
    for name, study in studies.items():
        (folder / f"{name}.html").write_text(study.page(), encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in studies}


@pytest.mark.parametrize(
    "name", ["plain", "many", "hostile", "arrays", "joined", "reported", "wide"]
)
def test_asks_for_nothing_and_complains_of_nothing(opened, files, name):
    page = opened(name)
    open_all(page)
    page.evaluate("dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'))")
    assert page.asked == [files[name]] and page.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["plain", "many", "arrays", "joined", "reported", "wide"])
def test_is_accessible(opened, name, scheme):
    page = opened(name, color_scheme=scheme)
    open_all(page)
    found = Axe().run(page).response["violations"]  # oracle: axe-core
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


def test_dark_page_is_dark_with_drawings_in_its_own_colors(opened):
    def color(scheme):
        page = opened("plain", color_scheme=scheme)
        return page.evaluate(
            "[getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector('svg.chart [stroke=\"#0072b2\"]')).stroke]"
        )

    assert color("light") == ["rgb(255, 255, 255)", "rgb(0, 114, 178)"]
    assert color("dark") == ["rgb(15, 19, 24)", "rgb(88, 180, 240)"]


def test_is_complete_without_javascript(opened):
    page = opened("plain", java_script_enabled=False)
    assert page.locator("svg.chart:visible").count() >= 5
    linear = page.locator("#figure-race-linear svg")
    assert not linear.is_visible()
    page.get_by_label("Linear step axis").check()
    expect(linear).to_be_visible()
    expect(page.locator("#figure-race-log svg")).not_to_be_visible()
    page.get_by_text("Every seed", exact=True).first.click()
    expect(page.locator("#figure-race-seeds svg")).to_be_visible()


def test_figures_of_claims_are_dark_on_a_dark_page(opened):
    """An open mark has the color of the ground: else it hides what it marks."""

    def open_mark(scheme):
        page = opened("reported", color_scheme=scheme)
        dot = page.locator("#claims circle.open").first
        return dot.evaluate("d => [getComputedStyle(d).fill, getComputedStyle(d).stroke]")

    assert open_mark("light") == ["rgb(255, 255, 255)", "rgb(0, 114, 178)"]
    assert open_mark("dark") == ["rgb(15, 19, 24)", "rgb(88, 180, 240)"]


def test_hostile_name_stays_text(opened):
    page = opened("hostile")
    open_all(page)
    assert page.locator("img").count() == 0 and page.said == []
    assert page.get_by_text(HOSTILE).first.is_visible()
    assert "alert(2)" in page.locator("section#order").inner_text()
    assert page.evaluate("JSON.parse(document.getElementById('study').textContent).study")


@pytest.mark.parametrize(
    "name", ["plain", "many", "hostile", "arrays", "joined", "reported", "wide", "long"]
)
def test_fits_a_telephone(opened, name):
    page = opened(name, width=390)
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


TEXTS = """[...document.querySelectorAll('svg.chart, svg.race')].filter(s => s.checkVisibility())
  .flatMap(s => {
    const box = s.getBoundingClientRect(), scale = box.width / s.viewBox.baseVal.width;
    return [...s.querySelectorAll('text')].map(t => [
      parseFloat(getComputedStyle(t).fontSize) * scale,
      t.getBoundingClientRect().right - box.right, t.textContent]);
  })"""
"""Size and overhang to the right, in pixels, and text of every text in a drawing."""


@pytest.mark.parametrize("name", ["plain", "many", "joined", "long", "reported"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_text_of_drawings_is_large_enough_and_not_cut(opened, name, width):
    page = opened(name, width=width)
    open_all(page)
    found = page.evaluate(TEXTS)
    assert found
    assert [t for t in found if t[0] < 11] == []
    assert [t for t in found if t[1] > 1] == []


def test_long_names_leave_the_numbers_on_the_screen(opened):
    page = opened("long", width=1280)
    region = page.locator("section#order .scroll").first
    assert region.evaluate("r => r.scrollWidth - r.clientWidth") <= 1
    box = page.locator(".standing tbody strong").first.bounding_box()
    assert box["x"] + box["width"] < 1280


STOPS = """[...document.querySelectorAll('.scroll')].filter(r => r.checkVisibility()).map(r => [
  r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1, r.tabIndex === 0])"""
"""Whether each region scrolls, and whether the keyboard stops at it."""


@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_stops_only_at_what_scrolls(opened, width):
    page = opened("plain", width=width)

    def settled():
        stops = page.evaluate(STOPS)
        return len(stops) >= 8 and all(scrolls == stop for scrolls, stop in stops)

    until(settled)
    open_all(page)
    until(settled)
    page = opened("plain", width=width, java_script_enabled=False)
    assert page.locator(".scroll:not([tabindex])").count() == 0


def test_answer_stands_on_the_first_screen(opened):
    page = opened("plain")
    box = page.locator("#answer").bounding_box()
    assert box["y"] + box["height"] < 500
    assert page.locator(".chips").bounding_box()["y"] < 800


@pytest.mark.parametrize("name", ["plain", "joined", "asked"])
def test_first_verdict_is_within_900_pixels(opened, name):
    page = opened(name, width=1280)
    box = page.locator(".verdicts .claim").first.bounding_box()
    assert box["y"] + box["height"] < 900


def test_a_verdict_leads_to_its_curves(opened):
    page = opened("joined")
    drawing = page.locator("#evidence-1 svg.race")
    assert not drawing.is_visible()
    page.locator("a[href='#evidence-1']").click()
    drawing.wait_for(state="visible")


def test_deep_link_opens_what_it_points_to(opened):
    page = opened("plain", at="#figure-race-seeds")
    assert page.locator("#figure-race-seeds svg").is_visible()
    page = opened("plain")
    assert not page.locator("#figure-race-seeds svg").is_visible()
    page.evaluate("location.hash = '#figure-race-seeds'")
    page.locator("#figure-race-seeds svg").wait_for(state="visible")


@pytest.mark.parametrize("scripts", [True, False])
def test_print_shows_what_is_closed_on_screen(opened, scripts):
    page = opened("plain", java_script_enabled=scripts)
    card = page.locator("details.measure dl").first
    assert not card.is_visible()
    page.emulate_media(media="print")
    assert card.is_visible() and card.bounding_box()["height"] > 50
    assert page.pdf()[:5] == b"%PDF-"


def shown_cards(page):
    """How many drawings each card of a condition shows."""
    return page.evaluate(
        "[...document.querySelectorAll('.card')].map(c =>"
        " [...c.querySelectorAll('svg.race')].filter(s => s.checkVisibility()).length)"
    )


@pytest.mark.parametrize("name", ["many", "joined", "wide"])
def test_opened_card_shows_one_drawing(opened, name):
    page = opened(name)
    page.evaluate("document.querySelectorAll('.part, .within').forEach(d => { d.open = true })")
    closed = shown_cards(page)
    assert closed and set(closed) == {1}
    page.evaluate("document.querySelectorAll('.card').forEach(d => { d.open = true })")
    assert set(shown_cards(page)) == {1}
    large = page.locator(".card .large").count()
    assert large == (0 if name == "wide" else len(closed))


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("name", ["many", "joined", "wide"])
def test_print_shows_a_drawing_for_each_condition(opened, name, scripts):
    page = opened(name, java_script_enabled=scripts)
    if scripts:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    shown = shown_cards(page)
    assert shown and set(shown) == {1}


@pytest.mark.parametrize("scripts", [True, False])
def test_print_leaves_the_tables_of_figures_closed(opened, scripts):
    page = opened("plain", java_script_enabled=scripts)
    if scripts:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("details.data").count() >= 5
    assert page.locator("details.data table:visible").count() == 0
    assert page.locator("#figure-race-seeds svg").is_visible()


def test_colors_print(opened):
    page = opened("joined")
    page.emulate_media(media="print")
    for selector in (".swatch", ".map .shade5", ".word"):
        style = f"getComputedStyle(document.querySelector('{selector}')).printColorAdjust"
        assert page.evaluate(style) == "exact"


def test_keyboard_reaches_wide_tables_and_closed_parts(opened):
    page = opened("plain", width=390)
    page.locator("section#order .scroll").first.focus()
    before = page.evaluate("document.activeElement.scrollLeft")
    page.keyboard.press("ArrowRight")
    until(lambda: page.evaluate("document.activeElement.scrollLeft") > before)
    page.locator("details.measure summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.measure dl").first).to_be_visible()


def test_numbers_can_be_saved(opened):
    page = opened("plain")
    with page.expect_download() as download:
        page.get_by_role("link", name="summary.csv").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("condition,seed,feature,rank") and text.count("\n") == 13
