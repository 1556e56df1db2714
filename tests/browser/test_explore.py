"""The part of the page to explore, in a real browser: what it counts, lights, keeps and saves."""

import csv
import dataclasses
import io
import re
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from primacy.analysis import summary as summaries
from primacy.records.study import Criterion
from primacy.report import html
from primacy.report.page import document, numbers
from tests.support import slopes
from tests.support.chromium import MARKS, open_all
from tests.support.pages import HOSTILE, Made, arrays, copied, grid, joined, made

pytestmark = MARKS


def slow() -> Made:
    """Features with slopes above and below 0, one that is forgotten, a run that diverged."""
    rise = [0, 0.2, 0.5, 0.95, 0.97, 0.99, 1, 1, 1, 1, 1]
    late = [0, 0, 0, 0, 0, 0, 0, 0, 0.95, 0.95, 0.95]
    fall = [0, 0.95, 0.96, 0.97, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1, 0.1]
    found = slopes.study(
        {"clean": [rise, late, fall, rise], "reversed": [[-2 * x for x in rise]] * 4},
        ended={2: ("diverged", 700), 3: ("learned", 600)},
    )
    return Made(*found)


def stated(study: Made) -> Made:
    """The study of one's own data, with a stated amount instead of the end of each run."""
    criterion = Criterion(measure="reliance", chance=0.0, ceiling=None, amount=0.3)
    conditions = tuple(
        dataclasses.replace(
            c, features=tuple(dataclasses.replace(f, criterion=criterion) for f in c.features)
        )
        for c in study.record.conditions
    )
    return Made(dataclasses.replace(study.record, conditions=conditions), study.curves, study.lanes)


def strange() -> Made:
    """Hostile and long names of features, conditions, factors and levels."""
    study = copied(made(2, rates=(1e-3, 3e-3, 9e-3), evaluations=12), HOSTILE, "=1+1", "W" * 100)
    names = (HOSTILE, "x" * 100, "\u202egnp.exe")
    told = dict(zip((c.name for c in study.record.conditions), names, strict=True))
    conditions = tuple(
        dataclasses.replace(c, name=told[c.name], factors={HOSTILE: told[c.name]})
        for c in study.record.conditions
    )
    record = dataclasses.replace(study.record, conditions=conditions)
    lanes, curves = (
        t.with_columns(pl.col("condition").cast(pl.String).replace(told).cast(pl.Enum(names)))
        for t in (study.lanes, study.curves)
    )
    return Made(record, curves, lanes)


STUDIES = {
    "plain": made(6, diverged=(1,), never=(2,)),
    "stopped": made(4, stop="learned"),
    "arrays": arrays(made(4)),
    "stated": stated(arrays(made(4))),
    "slow": slow(),
    "joined": joined(),
    "grid": grid(),
    "strange": strange(),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explore")
    pages = {"plain": STUDIES["plain"].page()}
    # The figures that are drawn beforehand take most of the time, and one page with them is enough.
    with mock.patch.object(html, "drawings", return_value={}):
        pages = {name: study.page() for name, study in STUDIES.items()} | pages
        with mock.patch.object(numbers, "LIMIT", 3000):
            pages["thinned"] = STUDIES["joined"].page()
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


TIMES = """theta => primacy.data.conditions.flatMap(c => c.features.flatMap(([f], k) => {
  const times = primacy.times(c, k, theta ?? c.theta);
  return c.ran.map(s => [c.name, primacy.data.seeds[s], primacy.data.features[f].name,
    times?.[s]?.time ?? null, times?.[s]?.low ?? null]);
}))"""


@pytest.mark.parametrize("name", STUDIES)
def test_times_are_those_of_the_summary(opened, name):
    page, study = opened(name), STUDIES[name]
    for theta in (None, 0.5, 0.77, 0.99):
        # Oracle: `analysis.summary`, in every row.
        own = summaries.summary(study.curves, study.lanes, study.record, theta=theta)
        text = pl.col("condition", "feature").cast(pl.String)
        columns = ("condition", "seed", "feature", "time_to_learn", "low_step")
        wanted = own.with_columns(text).select(columns).rows()
        assert wanted and {tuple(row) for row in page.evaluate(TIMES, theta)} == set(wanted)


def test_page_of_bounded_size_keeps_the_summarys_times_and_says_what_it_lacks(opened):
    page, study = opened("thinned"), STUDIES["joined"]
    wanted = study.summary.with_columns(pl.col("condition", "feature").cast(pl.String))
    columns = ("condition", "seed", "feature", "time_to_learn", "low_step")
    assert {tuple(row) for row in page.evaluate(TIMES)} == set(wanted.select(columns).rows())
    assert "the criterion cannot be moved" in page.locator("#explore .lead").inner_text()
    assert page.get_by_role("slider", name="Criterion").count() == 0 and page.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["grid", "joined"])
def test_is_accessible_and_asks_for_nothing(opened, files, name, width, scheme):
    page = opened(name, width=width, color_scheme=scheme)
    page.locator(".seeds .pick").nth(1).click()
    page.locator(".seeds .pick").nth(2).hover()
    if name == "joined":
        page.locator(".pairs summary").first.click()
        page.locator(".pairs table").first.wait_for()
    for place in ("#explore", "#verdicts"):
        found = Axe().run(page, context=place).response["violations"]  # oracle: axe-core
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    assert page.asked == [files[name]] and page.said == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_strange_names_stay_text_and_fit_a_telephone(opened):
    for width in (390, 1280):
        page = opened("strange", width=width)
        open_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator("img").count() == 0 and page.said == []
    assert HOSTILE in page.locator("#explore").inner_text()
    assert "\u202e" not in page.locator("#explore").inner_text()
    assert "\\u202egnp.exe" in page.locator("#explore").inner_text()


def test_without_javascript_the_page_has_no_such_part_and_is_complete(opened):
    page = opened("plain", java_script_enabled=False)
    assert not page.locator("#explore").is_visible()
    assert not page.locator("nav a[href='#explore']").is_visible()
    assert page.locator("svg.chart:visible").count() >= 5
    page = opened("plain")
    assert page.locator("nav a[href='#explore']").is_visible()


def test_forty_eight_conditions_take_at_most_two_screens(opened):
    page = opened("grid", width=1280)
    assert page.locator(".cell svg").count() == 48
    boxes = [page.locator(x).bounding_box() for x in (".controls", ".facets", ".actions >> nth=0")]
    assert boxes[-1]["y"] + boxes[-1]["height"] - boxes[0]["y"] < 2 * 900
    assert boxes[1]["width"] <= 1280 - 2 * 24


def test_address_restores_the_view(opened):
    page = opened("grid")
    page.locator(".cell").nth(17).click()
    page.get_by_role("combobox", name="Measure", exact=True).select_option(
        "variance_explained.test"
    )
    page.get_by_role("combobox", name="Number", exact=True).select_option("value")
    page.get_by_role("combobox", name="activation", exact=True).select_option("down")
    page.get_by_role("combobox", name="scale", exact=True).select_option(label="only 4")
    page.get_by_role("combobox", name="Step axis", exact=True).select_option("linear")
    page.get_by_role("slider", name="Read at step").fill("9")
    # All is drawn anew: what is clicked before that is gone.
    expect(page.locator("#explore")).to_contain_text("at step 72")
    page.locator(".seeds .pick").nth(3).click()
    page.get_by_role("slider", name="Criterion").fill("0.6")
    expect(page.locator(".controls")).to_contain_text("60 % of the way")
    told = page.locator("#explore").inner_text()
    assert page.locator(".cell").count() == 12 and "Seed 3" in told and "at step 72" in told
    other = opened("grid", at=page.evaluate("location.hash"))
    assert other.locator("#explore").inner_text() == told
    other.wait_for_function("() => scrollY > 0")  # a function: the policy refuses a text
    # What cannot be is ignored.
    page = opened("grid", at="#explore?c=99&m=nothing&p0=length&theta=7&t=-1&seed=x&f=-3&g=8")
    assert page.locator(".cell").count() == 48 and page.said == []


@pytest.mark.parametrize("place", ["#explore", "#methods", "#data"])
def test_a_link_from_elsewhere_ends_where_it_points(opened, place):
    page = opened("plain", at=place)
    # Scrolling takes its time, and the last part cannot come to the top.
    there = (
        "place => Math.abs(document.querySelector(place).getBoundingClientRect().top) < 5 ||"
        " innerHeight + scrollY >= document.documentElement.scrollHeight - 2"
    )
    page.wait_for_function(there, arg=place)


def test_criterion_moves_times_and_leaves_verdicts(opened):
    page, study = opened("plain"), STUDIES["plain"]
    before = page.locator("section#verdicts").inner_text()
    page.get_by_role("slider", name="Criterion").fill("0.5")
    expect(page.locator(".controls")).to_contain_text("50 % of the way")
    expect(page).to_have_url(re.compile("theta"))
    own = summaries.summary(study.curves, study.lanes, study.record, theta=0.5)
    xor = own.filter(pl.col("feature").cast(pl.String) == "xor_xor_xor", ~pl.col("diverged"))
    times = sorted(t for t in xor["time_to_learn"] if t is not None)  # of six, four are known
    row = page.locator(".reading tbody tr").nth(1).locator("td").all_inner_texts()
    assert row[3] == f"{times[2]:,}" and row[-1] == f"{len(times)} of 6"
    assert row[4] != row[3]  # beside it, that of the study's own criterion
    assert "verdicts keep theirs" in page.locator(".controls").inner_text()
    assert page.locator("section#verdicts").inner_text() == before
    page.get_by_role("button", name="the study’s own").click()
    expect(page).not_to_have_url(re.compile("theta"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("plain", "90 % of the way from chance to the ceiling"),
        ("arrays", "90 % of the run’s own last value"),
        ("stated", "0.3 of held-out reliance"),
    ],
)
def test_the_criterion_is_told_as_what_it_is(opened, name, says):
    assert opened(name).locator(".controls output").nth(1).inner_text() == says


BROKEN = """[...document.querySelectorAll('.facets .factor, .facets tbody th')].flatMap(th =>
  [...th.childNodes].filter(n => n.nodeType === 3).filter(n => {
    const range = document.createRange(), start = n.data.search(/[a-z]/);
    if (start < 0) return false;
    range.setStart(n, start), range.setEnd(n, n.data.length);
    return new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1;
  }).map(n => n.data))"""


def test_no_word_is_broken_in_the_head_of_a_facet_on_a_telephone(opened):
    page = opened("grid", width=390)
    assert page.locator(".facets .factor", has_text="activation").count() == 1
    assert page.evaluate(BROKEN) == []


LIT = "[...document.querySelectorAll('{}')].filter(e => e.closest('{}')).length"


def test_what_is_pointed_at_or_focused_is_lit_in_every_figure(opened):
    page = opened("plain")
    for place in ("#figure-race-log", "#explore figure"):
        assert page.evaluate(LIT.format(".lit", place)) == 0
    page.locator(".standing tbody tr").nth(1).hover()
    assert page.evaluate("document.documentElement.dataset.lit") == "feature"
    for place in ("#figure-race-log", "#figure-variance-explained", "#explore figure"):
        assert page.evaluate(LIT.format('[data-feature="1"].lit', place)) > 0
        assert page.evaluate(LIT.format('[data-feature="0"].lit', place)) == 0
    page.mouse.move(2, 2)
    page.locator(".pairs summary").first.click()
    page.locator(".pairs table").first.wait_for()
    page.locator(".seeds .pick").nth(4).focus()
    assert page.evaluate("document.documentElement.dataset.lit") == "seed"
    for place in ("#explore figure", "#explore .scroll", ".pairs svg", ".pairs table"):
        assert page.evaluate(LIT.format('[data-seed="4"].lit', place)) > 0
    page.evaluate("document.activeElement.blur()")
    assert page.evaluate("'lit' in document.documentElement.dataset") is False
    page = opened("joined")
    page.locator(".cell").nth(1).focus()
    assert page.evaluate(LIT.format('[data-condition="1"].lit', "section#race")) > 0


def test_keyboard_alone_reaches_every_condition_and_seed(opened):
    page = opened("grid")
    for group, count in ((".facets", 48), (".seeds", 6), (".features", 2)):
        stops = f"[...document.querySelectorAll('{group} button')].map(b => b.tabIndex)"
        assert sorted(page.evaluate(stops)) == [-1] * (count - 1) + [0]
    page.locator(".cell[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    place = page.evaluate("document.activeElement.dataset.condition")
    assert place == page.evaluate("String(primacy.view.c)") == "13"
    assert label.startswith(STUDIES["grid"].record.conditions[13].name)
    page.locator(".seeds .pick[tabindex='0']").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert "Seed 5:" in page.locator(".status").inner_text()
    assert page.evaluate("document.activeElement.dataset.seed") == "5"
    assert "seed 5" in page.locator(".reading thead").inner_text()
    assert page.locator("[role=status], [aria-live]").count() == 1


def saved(page, name, nth=0):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).nth(nth).click()
    return Path(download.value.path()).read_text()


def test_the_view_can_be_saved(opened):
    page, study = opened("plain"), STUDIES["plain"]
    rows = list(csv.DictReader(io.StringIO(saved(page, "These curves as CSV"))))
    found = {(r["feature"], int(r["seed"]), int(r["step"])): r["criterion"] for r in rows}
    held_out = study.curves.filter(
        (pl.col("measure") == "accuracy") & (pl.col("split") == "test"),
        pl.col("value").is_not_null(),
    )
    wanted = {
        (str(f), s, t): v
        for f, s, t, v in held_out.select("feature", "seed", "step", "value").rows()
    }
    # Oracle: the table of curves, exactly.
    assert {key: float(v) for key, v in found.items() if v} == wanted
    assert saved(page, "as SVG").startswith("<svg")
    page = opened("strange")
    text = saved(page, "This table as CSV")
    assert '"\'=1+1"' in text and text.count("\n") == 1 + 3 * 3
    assert "<img" not in saved(page, "as SVG")


def test_a_verdict_opens_the_values_of_each_seed(opened):
    page, study = opened("plain"), STUDIES["plain"]
    page.locator(".pairs summary").nth(1).click()
    page.locator(".pairs table").first.wait_for()
    rows = page.locator(".pairs table").first.locator("tbody tr")
    ended = study.summary.filter(~pl.col("diverged")).pivot(
        "feature", index="seed", values="variance_explained"
    )
    wanted = {s: f"{a - b:.3f}".rstrip("0") for s, a, b in ended.rows()}
    found = dict(
        zip(
            rows.locator("th").all_inner_texts(),
            rows.locator("td:nth-of-type(3)").all_inner_texts(),
            strict=True,
        )
    )
    assert found.pop("1") == "–" and found == {str(s): v for s, v in wanted.items()}
    assert "diverged" in rows.nth(1).inner_text()


def test_script_is_small():
    assert len(document.script().encode()) <= 40 * 1024
