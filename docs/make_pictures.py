"""Draws the README's picture from a stored study.

    trimtab demo                                        makes trimtab-demo.db
    python docs/make_pictures.py trimtab-demo.db        writes docs/pictures/sensitivity.png

Needs Chromium and playwright (in the extra `dev`).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import trimtab as tt

PICTURES = Path(__file__).resolve().parent / "pictures"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    study = tt.Study.load(sys.argv[1])
    figure = tt.plots.sensitivity(study)
    figure.update_layout(width=960)
    PICTURES.mkdir(exist_ok=True)
    draw(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}), PICTURES / "sensitivity.png")


def draw(html: str, target: Path) -> None:
    """A screenshot of the first figure of a page."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(device_scale_factor=2)
        page.set_content(html)
        page.wait_for_selector(".main-svg")
        page.locator(".plotly-graph-div").screenshot(path=str(target))
        browser.close()


if __name__ == "__main__":
    main()
