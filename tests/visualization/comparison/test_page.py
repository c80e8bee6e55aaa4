"""The page of a study, in a real Chromium."""

from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from biome_interpret.evaluation.studies.gathering import Gathered
from biome_interpret.evaluation.studies.summary import summary_of
from biome_interpret.visualization.comparison.page import write_page
from tests.evaluation.studies.test_summary import record
from tests.visualization.browser import Browser, find_chromium

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

HOSTILE = [
    "</script><script>window.ran=1</script>",
    "</style><img src=x onerror=window.ran=1>",
    '" onfocus="window.ran=1" autofocus {{ 7 * 7 }} &lt;b&gt;',
    "before \u202eoverride \x00 \x1b[31m \ud800",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with Browser(CHROMIUM) as window:
        yield window


def page_of(texts: List[List[Dict[str, Any]]], path: Path, **parts: str) -> None:
    gathered = Gathered(signed=[one["row"] for one in texts[0]])
    for one in texts:
        gathered.add(one)
    title, note = parts.get("title", "texts"), parts.get("note", "")
    notes = {row: note for row in gathered.rows}
    summary = summary_of(gathered, notes, {"a row": note} if note else {}, [], seed=0)
    write_page(summary, gathered.disagreements, path, title, {"Model": note or "a model"})


def words(line: int, row: str, scores: List[float]) -> Dict[str, Any]:
    found = record(line, row, sum(scores), scores)
    found["words"] = {"tokens": ["a", "good", "film", "!"]}
    return found


def test_tables_curves_and_shaded_texts(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    texts = [
        [words(i, "one", [0.1, 2.0, -1.0, 0.0]), words(i, "two", [0.1, -2.0, 1.0, 0.0])]
        for i in (1, 2, 3)
    ]
    page_of(texts, path)
    browser.open(path)
    assert browser.complaints() == []
    rows = "[...document.querySelectorAll('table')[0].tBodies[0].rows]"
    assert browser.run(f"{rows}.map(r => r.cells[0].textContent)") == ["one", "two"]
    assert browser.run(f"{rows}[0].cells[1].textContent.trim().slice(0, 6)") == "1.100*"
    assert browser.run("document.querySelectorAll('polyline').length") == 2
    shaded = "[...document.querySelector('article .tokens').querySelectorAll('.t')]"
    assert browser.run(f"{shaded}.map(t => t.textContent)") == ["a", "good", "film", "!"]
    assert browser.run(f"{shaded}.map(t => t.className)") == ["t f1", "t f12", "t a6", "t "]
    colours = f"{shaded}.map(t => getComputedStyle(t).backgroundColor)"
    assert len({*browser.run(colours)}) == 4


def test_figures_without_a_value_are_named(browser: Browser, tmp_path: Path) -> None:
    one = words(1, "one", [0.1, 2.0, -1.0, 0.0])
    one["agreement"] = {"marks": {"f1": None}}
    page_of([[one]], tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    said = browser.run("[...document.querySelectorAll('dd')].map(e => e.textContent)")
    assert "agreement with marks: F1" in said


def test_it_fits_a_narrow_window(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    page_of([[words(1, "a" * 60, [1.0] * 4), words(1, "b", [2.0] * 4)]], path)
    browser.resize(380, 800)
    browser.open(path)
    width = "document.documentElement.scrollWidth"
    assert browser.run(width) <= 380
    browser.resize(1280, 900)


def test_hostile_texts_are_shown_and_nothing_runs(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    texts = []
    for line, hostile in enumerate(HOSTILE, start=1):
        one, other = words(line, "one", [0.1, 2.0, -1.0, 0.0]), words(line, hostile, [1, 2, 3, 4])
        for found in (one, other):
            found["words"] = {hostile: [hostile, *HOSTILE[:3]]}
            found["scores"] = {hostile: found["scores"]["tokens"]}
            found["target"] = hostile
        texts.append([one, other, {"line": line, "row": "failing", "error": hostile}])
    page_of(texts, path, title=HOSTILE[0], note=HOSTILE[1])
    browser.open(path)
    assert browser.run("window.ran") is None
    assert browser.complaints() == []
    assert browser.run("document.querySelectorAll('img, script').length") == 0
    shown = browser.run("document.body.textContent")
    assert HOSTILE[0] in shown and HOSTILE[1] in shown and "{{ 7 * 7 }}" in shown
    assert "\u202e" not in shown and "\x1b" not in shown
