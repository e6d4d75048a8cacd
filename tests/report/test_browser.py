"""The report in a real browser, offline: figures are drawn, the console stays quiet, hostile names stay text."""

from __future__ import annotations

import shutil

import pytest
from tests.report.test_write import HOSTILE, mixed, study

from trimtab import Float
from trimtab.plots._style import figure
from trimtab.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Open a file offline; gives the page once its figures are there, and what the console said."""
    contexts = []

    def open_(path, width=1200, script=""):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        contexts.append(context)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        if script:
            page.add_init_script(script)
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-figures]", timeout=60_000)
        return page, said

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1200, 400])
def test_every_figure_is_drawn_and_the_page_never_scrolls_sideways(opened, tmp_path, width):
    page, said = opened(write_report(mixed(), tmp_path / "report.html"), width)

    drawn = page.evaluate("[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('svg.main-svg').length)")
    assert len(drawn) >= 8
    assert min(drawn) >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []


def test_on_a_narrow_screen_verdicts_are_in_sight(opened, tmp_path):
    page, _ = opened(write_report(mixed(), tmp_path / "report.html"), 400)

    right = page.evaluate("[...document.querySelectorAll('.verdict')].map(v => v.getBoundingClientRect().right)")
    assert right
    assert max(right) <= 400
    shown = page.evaluate("getComputedStyle(document.querySelector('td:has(.verdict)'), '::before').content")
    assert shown == '"verdict"'


def test_the_title_of_a_figure_is_not_cut_off(browser, tmp_path):
    page = browser.new_page()
    for words in ("short", "a title of two lines " * 7):
        figure([], words, height=200).update_layout(width=960).write_html(tmp_path / "figure.html")
        page.goto((tmp_path / "figure.html").as_uri())
        page.wait_for_selector(".gtitle")
        get = "s => document.querySelector(s).getBoundingClientRect().toJSON()"
        title, whole = page.evaluate(get, ".gtitle"), page.evaluate(get, ".plotly-graph-div")
        assert title["top"] >= whole["top"] + 8
    page.close()


def test_hostile_names_do_not_run(opened, tmp_path):
    def objective(trial):
        if trial[HOSTILE] < 0.3:
            raise ValueError(HOSTILE)
        return trial[HOSTILE]

    made = study({HOSTILE: Float(0, 1), "$b$": Float(0, 1)}, 30, objective, name=HOSTILE)
    page, said = opened(write_report(made, tmp_path / "report.html"))

    assert page.evaluate("window.pwned === undefined")
    assert page.evaluate("document.querySelector('h1').textContent") == HOSTILE
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert said == []


def test_the_copy_button_selects_or_copies_the_configuration(opened, tmp_path):
    page, _ = opened(write_report(mixed(), tmp_path / "report.html"))

    page.click(".copy")
    page.wait_for_timeout(200)

    assert page.inner_text(".copy") in ("Copied", "Press Ctrl+C")


def test_a_browser_that_cannot_unpack_says_so_and_keeps_the_tables(opened, tmp_path):
    page, said = opened(write_report(mixed(), tmp_path / "report.html"), script="delete window.DecompressionStream")

    assert "cannot unpack" in page.inner_text("#trouble")
    assert page.evaluate("document.querySelectorAll('table').length") >= 5
    assert said == []


def test_folded_tracebacks_open(opened, tmp_path):
    page, _ = opened(write_report(mixed(), tmp_path / "report.html"))

    assert not page.is_visible("#failures details pre")
    page.click("#failures summary")
    assert page.is_visible("#failures details pre")


def test_folded_figures_fill_their_place_when_opened(opened, tmp_path):
    page, said = opened(write_report(mixed(), tmp_path / "report.html"))
    page.click("#one-at-a-time summary")
    page.wait_for_timeout(500)

    plot = "#one-at-a-time details .plot"
    drawn = page.evaluate(f"document.querySelector('{plot} svg.main-svg').getBoundingClientRect().width")
    assert drawn == pytest.approx(page.evaluate(f"document.querySelector('{plot}').clientWidth"), abs=2)
    assert drawn > 700
    assert said == []


@pytest.mark.parametrize("width", [1200, 400])
def test_no_value_of_a_table_covers_the_name_of_its_column(opened, tmp_path, width):
    page, _ = opened(write_report(mixed(60), tmp_path / "report.html"), width)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")

    wide = page.evaluate(
        "[...document.querySelectorAll('td')].filter(c => c.scrollWidth > c.clientWidth + 1).map(c => c.textContent)"
    )
    assert wide == []
