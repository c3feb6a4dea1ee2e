"""The page in a real browser: opens from disk with no network, a click on a cell finds its failure."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproof.reports import render
from gradproof.reports.record import Record

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
QUIET = (
    "--no-sandbox --disable-background-networking --disable-component-update --disable-default-apps --disable-sync "
    "--no-first-run --disable-extensions --disable-domain-reliability"
)

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'gradproof[test]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install chromium to run this")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, record: Record, tmp_path: Path) -> Iterator[Open]:
    """Opens the sample's page; at the end, no error was logged and nothing but the file was asked for."""
    path = tmp_path / "page.html"
    render.write(record, path)
    errors: list[str] = []
    requests: list[str] = []
    contexts: list[Any] = []

    def opened(**options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert set(requests) <= {path.as_uri()} | {url for url in requests if url.startswith(("data:", "blob:"))}


def test_a_click_on_a_cell_finds_its_failure(open_page: Open, record: Record) -> None:
    page = open_page()
    page.get_by_text("torch", exact=True).first.wait_for()
    page.locator("label[for=engine-1]").click()
    page.locator('.cell[aria-label^="random graphs, vjp: WRONG"]').click()
    panel = page.locator("#panel")
    assert panel.is_visible()
    text = panel.inner_text()
    assert record.failures[0].replay in text
    assert "0.06513215599" in text
    assert "37 WRONG" in text
    assert panel.locator("svg").count() == 1
    page.keyboard.press("Escape")
    assert panel.is_hidden()
    assert page.evaluate("document.activeElement.dataset.key") is not None


def test_the_graph_of_a_failure_downloads_as_its_own_json(open_page: Open, record: Record) -> None:
    page = open_page(accept_downloads=True)
    with page.expect_download() as waiting:
        page.locator("#failure-0 .save").click()
    assert json.loads(Path(waiting.value.path()).read_text()) == record.failures[0].case
    assert waiting.value.suggested_filename.endswith(".json")


def test_the_replay_command_is_copied(open_page: Open, record: Record) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#failure-0 .copy").click()
    page.get_by_text("Copied").first.wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == record.failures[0].replay


def test_the_matrix_filters_by_text_and_by_verdict(open_page: Open) -> None:
    page = open_page()
    rows = page.locator("#cells tbody tr")
    everything = rows.count()
    page.fill("#text", "softmax")
    assert rows.count() == 2
    page.fill("#text", "")
    page.locator("label[for=engine-1]").click()
    page.select_option("#verdict", "WRONG")
    assert rows.count() == 2  # the random graphs that fail so, and the op to blame in them
    assert "2 of" in page.inner_text("#shown")
    page.select_option("#verdict", "")
    assert rows.count() == everything == 97


def test_an_op_that_passes_alone_and_is_blamed_in_graphs_is_marked_and_comes_first(open_page: Open) -> None:
    page = open_page()
    heads = page.locator("#cells tbody th")
    assert page.locator("#cells .blame").count() == 0  # of the first engine nothing fails
    page.locator("label[for=engine-1]").click()
    assert heads.nth(0).inner_text() == "random graphs"
    assert " ".join(heads.nth(1).inner_text().split()) == "nn.softmax blamed in 37 graphs"
    assert page.locator("#cells .blame").count() == 1
    page.select_option("#verdict", "!")
    assert heads.nth(1).inner_text().startswith("nn.softmax")


def test_a_cell_never_drawn_is_empty_and_not_green(open_page: Open) -> None:
    page = open_page()
    empty = page.locator("#cells td.empty").first
    assert empty.locator("button").count() == 0
    colour = "getComputedStyle(element).backgroundColor"
    assert empty.evaluate(f"element => {colour}") != page.locator(".cell.t-pass").first.evaluate(f"element => {colour}")


def test_arrow_keys_walk_the_cells_and_enter_opens_one(open_page: Open) -> None:
    page = open_page()
    page.locator("#cells .cell").first.focus()
    first = page.evaluate("document.activeElement.dataset.key")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.key") != first
    assert page.locator('#cells .cell[tabindex="0"]').count() == 1
    page.keyboard.press("Enter")
    assert page.locator("#panel").is_visible()


def test_the_dark_scheme_follows_the_reader_and_the_toggle(open_page: Open) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    box = "getComputedStyle(document.querySelector('.graph rect')).fill"
    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    assert light.evaluate(background) != dark.evaluate(background)
    assert light.evaluate(box) != dark.evaluate(box)
    light.click("#theme")
    assert light.evaluate(background) == dark.evaluate(background)
    assert light.evaluate(box) == dark.evaluate(box)
    assert light.inner_text("#theme") == "Light"


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_never_scrolls_sideways(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#cells .cell").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [320, 400, 720, 1280])
def test_every_section_can_be_reached_from_the_navigation(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    cut = page.evaluate(
        """() => [...document.querySelectorAll('nav a')].filter((link) => {
             const box = link.getBoundingClientRect();
             const nav = link.parentElement.getBoundingClientRect();
             return box.right > Math.min(nav.right, innerWidth) + 0.5 || box.left < 0 || !document.querySelector(link.hash);
           }).map((link) => link.textContent)"""
    )
    assert cut == []


def test_text_in_drawings_stays_inside_its_box(open_page: Open) -> None:
    page = open_page()
    over = page.evaluate(
        """() => [...document.querySelectorAll('svg.gp g')].flatMap((group) => {
             const box = group.querySelector('rect').getBBox();
             return [...group.querySelectorAll('text')].filter((text) => {
               const inner = text.getBBox();
               return inner.x < box.x || inner.x + inner.width > box.x + box.width;
             }).map((text) => text.textContent);
           })"""
    )
    assert over == []


def test_every_control_has_a_name(open_page: Open) -> None:
    page = open_page()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input')].filter((element) =>
             !(element.textContent.trim() || element.getAttribute('aria-label') || (element.labels && element.labels.length))
           ).length"""
    )
    assert nameless == 0
