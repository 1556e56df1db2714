"""The documentation as a site: it builds strictly, and opens from the disk without a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.chromium import MARKS, new_page

pytestmark = MARKS

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "primacy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "zensical.toml", folder)
    built(folder)
    return folder / "build" / "site"


def built(folder: Path) -> None:
    program = Path(sys.executable).parent / "zensical"
    done = subprocess.run(
        [program, "build", "--strict"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def page(browser):
    """A page that gathers what it requests and complains of."""
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()


def test_every_page_opens_without_a_request_to_a_network(site, page):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) >= len(list((ROOT / "docs").rglob("*.md")))
    for file in pages:
        if file.name != "404.html":  # made for a server: its paths start at the root
            page.goto(file.as_uri())
    assert page.asked
    assert [url for url in page.asked if not url.startswith("file:")] == []
    assert page.said == []


def test_the_search_finds_a_term_from_the_disk(site, page):
    page.goto((site / "index.html").as_uri())
    search = page.locator("dialog[aria-label=Search]")
    search.wait_for(state="attached")
    # What hears the keys comes after the search was first drawn.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))")
    page.keyboard.press("Control+k")
    search.locator("input").fill("spectral decoupling")
    expect(page.get_by_role("listbox")).to_contain_text("Terms")


def test_the_api_page_holds_every_public_name(site, page):
    import primacy

    page.goto((site / "api.html").as_uri())
    headings = {h.inner_text().strip("\u00b6 ") for h in page.locator("h4, h3").all()}
    assert not {name for name in dir(primacy) if not any(name in h for h in headings)}


def test_every_page_is_in_the_navigation():
    named = (ROOT / "zensical.toml").read_text()
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if f'"{page}"' not in named} == set()


def test_a_link_to_no_file_is_refused(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A\n\n[away](nowhere.md)\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "a"\n')
    with pytest.raises(AssertionError, match="page does not exist"):
        built(tmp_path)
