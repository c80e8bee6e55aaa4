"""Photographs the page of `biome-interpret serve`. It needs a Chromium and the extra `serve`."""

from pathlib import Path
from typing import Callable, Dict

from tests.live.pages import Page
from tests.live.servers import make_service, running
from tests.visualization.browser import Browser

_FILM = "The story is thin, but the performances are wonderful."
_WIDTH = 1100


def _edited(page: Page) -> None:
    page.explain(_FILM)
    page.click_word("thin")


def _side_by_side(page: Page) -> None:
    page.browser.prefer(prefers_color_scheme="dark")
    page.explain(_FILM)
    page.check("interpreters", "biome-gradient-shap")
    page.run("document.querySelectorAll('.labels button')[1].click()")
    page.wait_for_answer()


_PICTURES: Dict[str, Callable[[Page], None]] = {
    "serve-edit": _edited,
    "serve-side-by-side": _side_by_side,
}


def photograph_pages(chromium: str, folder: Path) -> None:
    example = {"inputs": {"sentence": _FILM}, "gold": "positive"}
    with running(make_service(examples=[example])) as server, Browser(chromium) as browser:
        page = Page(browser, f"http://127.0.0.1:{server.client.port}/")
        for name, prepare in _PICTURES.items():
            browser.resize(_WIDTH, 900)
            browser.prefer(prefers_color_scheme="light")
            page.open()
            prepare(page)
            # The pointer and the focus would leave a mark in the picture.
            page.run("document.activeElement.blur(); scrollTo(0, 0)")
            browser.resize(_WIDTH, page.run("document.documentElement.scrollHeight"))
            browser.picture(folder / f"{name}.png")
