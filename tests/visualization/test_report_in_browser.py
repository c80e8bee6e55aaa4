"""Opens the page of `write_report` in a real Chromium."""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from biome_interpret import GradientShap, IntegratedGradient, Target
from biome_interpret.interpretation import PairScores
from biome_interpret.visualization.report import write_report
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor
from tests.visualization.browser import Browser, find_chromium
from tests.visualization.test_fragment import luminance
from tests.visualization.test_report import interpretation, record

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

POSITIVE = {"positive": 0.75, "negative": 0.25}
NEGATIVE = {"negative": 0.9, "positive": 0.1}

HOSTILE = [
    "</script><script>window.ran=1</script>",
    "</style><img src=x onerror=window.ran=1> <!-- <![CDATA[",
    '" onfocus="window.ran=1" \' autofocus {{ 7 * 7 }} &lt;b&gt;',
    "javascript:window.ran=1 \u2028 \u2029 \x00 \x1b[31m \x7f",
    "before \u202eoverride\u202c \u2067isolate\u2069 after",
    "x" * 10_000,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with Browser(CHROMIUM) as window:
        yield window


@pytest.fixture(autouse=True)
def _an_ordinary_window(browser: Browser) -> None:
    browser.resize(1280, 900)
    browser.prefer(prefers_color_scheme="light")


def show(browser: Browser, records: List[Dict[str, Any]], folder: Path, **others: Any) -> None:
    path = folder / "report.html"
    write_report(records, path, **others)
    browser.open(path)
    browser.run("document.getElementById('texts').scrollIntoView()")
    browser.wait("document.querySelector('article')")
    assert browser.complaints() == []


def reviews(number: int) -> List[Dict[str, Any]]:
    """Every third text is negative, every seventh is predicted wrongly, every tenth is an error."""
    found: List[Dict[str, Any]] = []
    for i in range(1, number + 1):
        if i % 10 == 0:
            found.append({"line": i, "error": "InterpretationError: no tokens", "inputs": {}})
            continue
        predicted = NEGATIVE if i % 3 == 0 else POSITIVE
        label = next(iter(predicted))
        gold = label if i % 7 else "neither"
        probabilities = {**predicted, "neither": 0.0}
        one = record(i, f"review {i} is fine", [0.1, -0.2, 0.3, 1.5], probabilities=probabilities)
        one["inputs"]["label"] = gold
        found.append(one)
    return found


def shown_lines(browser: Browser) -> List[int]:
    return browser.run("[...document.querySelectorAll('article')].map(a => Number(a.id.slice(1)))")


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        f"(e => {{ e.value = {value!r}; e.dispatchEvent(new Event('change')); }})"
        f"(document.getElementById({name!r}))"
    )


def text_of(browser: Browser, selector: str) -> str:
    return browser.run(f"document.querySelector({selector!r}).textContent")


def test_hostile_texts_are_shown_and_nothing_runs(browser: Browser, tmp_path: Path) -> None:
    records: List[Dict[str, Any]] = []
    for text in HOSTILE:
        one = interpretation(
            [*text.split(" "), text], [1.0] * (text.count(" ") + 2), target=text, notes=[text]
        )
        results = [{**one.to_json(), "probabilities": {text: 0.6, "other": 0.4}, "method": text}]
        inputs = {"text": text, text: text, "label": text}
        records.append({"line": len(records) + 1, "inputs": inputs, "interpretations": results})
        records.append({"line": len(records) + 1, "error": text, "inputs": text})
    show(browser, records, tmp_path, title="".join(HOSTILE[:3]))
    assert len(shown_lines(browser)) == len(records)
    browser.run("document.querySelectorAll('summary').forEach(s => s.click())")
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("window.ran") is None
    assert browser.complaints() == []
    assert browser.run("document.querySelectorAll('script, style, img').length") == 3
    assert browser.run("document.title").startswith("</script><script>")
    for text in HOSTILE[:2]:
        assert text in browser.run("document.getElementById('texts').textContent")
    everything = browser.run("document.documentElement.outerHTML")
    assert not set("\u202e\u2067\x00\x1b") & set(everything)
    assert browser.run("document.documentElement.scrollWidth") == 1280


def test_a_page_of_ten_thousand_texts_draws_few_of_them_and_scrolls(
    browser: Browser, tmp_path: Path
) -> None:
    show(browser, reviews(10_000), tmp_path)
    assert text_of(browser, "#found") == "10,000 texts"
    assert browser.run("document.querySelectorAll('article').length") < 100
    for share in (0.5, 1.0, 0.1):
        browser.run(f"scrollTo(0, {share} * document.documentElement.scrollHeight)")
        browser.wait(
            "[...document.querySelectorAll('article')].map(a => a.getBoundingClientRect())"
            ".some(box => box.top < innerHeight && box.bottom > 0)"
        )
        assert browser.run("document.querySelectorAll('article').length") < 300
    browser.run("location.hash = '#L7777'")
    browser.wait("document.activeElement.id === 'L7777'")
    browser.wait("Math.abs(document.activeElement.getBoundingClientRect().top) < 200")


def test_search_filters_and_order(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(30), tmp_path)
    browser.run("document.querySelector('.chunk:last-child').scrollIntoView()")
    browser.wait("document.querySelectorAll('article').length === 30")
    assert shown_lines(browser) == list(range(1, 31))

    choose(browser, "label", "negative")
    assert shown_lines(browser) == [i for i in range(1, 31) if i % 3 == 0 and i % 10]
    choose(browser, "show", "wrong")
    assert shown_lines(browser) == [21]
    choose(browser, "label", "")
    assert shown_lines(browser) == [7, 14, 21, 28]
    choose(browser, "show", "errors")
    assert shown_lines(browser) == [10, 20, 30]
    choose(browser, "show", "")

    search = "document.getElementById('search')"
    browser.run(f"{search}.value = 'REVIEW 12'; {search}.dispatchEvent(new Event('input'))")
    browser.wait("document.querySelectorAll('article').length === 1")
    assert shown_lines(browser) == [12]
    assert text_of(browser, "#found") == "1 of 30 texts"
    browser.run(f"{search}.value = ''; {search}.dispatchEvent(new Event('input'))")
    browser.wait("document.querySelectorAll('article').length >= 20")

    choose(browser, "sort", "least")
    assert shown_lines(browser)[:2] == [1, 2]
    choose(browser, "sort", "most")
    assert shown_lines(browser)[:2] == [3, 6]
    # A link in the summary leads to its line, even if a filter hides the line.
    choose(browser, "show", "errors")
    browser.run("document.querySelector('.examples a').click()")
    browser.wait("document.activeElement.matches('article')")
    assert text_of(browser, "#found") == "30 texts"


def test_the_delta_is_sorted_and_shown_as_a_share_of_the_scores(
    browser: Browser, tmp_path: Path
) -> None:
    same = {"output": 1.0, "baseline_output": 1.0}
    records = [
        record(1, "good bad", [2.0, -2.0], convergence_delta=4e-6, **same),
        record(2, "good bad", [0.5, -0.3], convergence_delta=0.2),
        record(3, "good bad", [20.0, -20.0], convergence_delta=0.4, **same),
    ]
    show(browser, records, tmp_path)
    assert "delta 4.0e−6 (< 0.1 %)" in text_of(browser, "#L1 .numbers")
    assert "delta 0.2 (25.0 %)" in text_of(browser, "#L2 .numbers")
    choose(browser, "sort", "delta")
    assert shown_lines(browser) == [2, 3, 1]


def test_the_buttons_of_the_summary_search_and_filter(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(100), tmp_path)
    browser.run("document.querySelector('button[data-label=negative]').click()")
    assert text_of(browser, "#found") == "30 of 100 texts"
    browser.run("document.querySelector('button[data-show=errors]').click()")
    assert text_of(browser, "#found") == "10 of 100 texts"
    browser.run("document.querySelector('button[data-word=fine]').click()")
    assert text_of(browser, "#found") == "90 of 100 texts"


def place_of_first_text(browser: Browser) -> List[float]:
    """The upper end of the first text, and the lower end of the bar with the search."""
    return browser.run(
        "['.chunk article', '#tools'].map(s => document.querySelector(s).getBoundingClientRect())"
        ".map((box, i) => i ? box.bottom : box.top)"
    )


def test_search_filter_and_sort_lead_to_the_first_text(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(300), tmp_path)
    search = "document.getElementById('search')"
    for act in (
        lambda: choose(browser, "show", "wrong"),
        lambda: choose(browser, "sort", "most"),
        lambda: browser.run(f"{search}.value = 'fine'; {search}.dispatchEvent(new Event('input'))"),
        lambda: choose(browser, "label", "positive"),
    ):
        browser.run("scrollTo(0, document.documentElement.scrollHeight)")
        browser.wait("document.querySelector('.chunk:last-child article')")
        browser.run("scrollTo(0, document.documentElement.scrollHeight)")
        act()
        browser.wait("Math.abs(scrollY - document.getElementById('texts').offsetTop) < 200")
        top, bar = place_of_first_text(browser)
        assert abs(top - bar) < 3
    found = [i for i in range(1, 301) if i % 7 == 0 and i % 10 and i % 3]
    assert text_of(browser, "#found") == f"{len(found)} of 300 texts"


def test_a_reader_at_the_summary_stays_there(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(30), tmp_path)
    browser.run("scrollTo(0, 0)")
    choose(browser, "show", "wrong")
    assert browser.run("scrollY") == 0


def test_a_word_in_quotes_is_a_whole_word_of_the_texts(browser: Browser, tmp_path: Path) -> None:
    texts = ["Not n here", "sentence", "No end", "It isn't fun", "an (odd) one", "电影 好"]
    records = [record(i, text, [1.0] * len(text.split())) for i, text in enumerate(texts, start=1)]
    pieces = interpretation(["A", "funny", "##ly"], [1.0, 0.5, 0.5])
    inputs = {"n": "A funnyly"}
    records.append({"line": 7, "inputs": inputs, "interpretations": [pieces.to_json()]})
    show(browser, records, tmp_path)
    search = "document.getElementById('search')"
    for word, lines in {
        '"n"': [1],
        '"fun"': [4],
        '"isn\'t"': [4],
        '"(odd)"': [5],
        '"电影"': [6],
        '"##ly"': [7],
        "n": [1, 2, 3, 4, 5, 7],  # Without quotes, parts of words are found too, but no keys.
        "sentence": [2],
    }.items():
        browser.run(f"{search}.value = {word!r}; {search}.dispatchEvent(new Event('input'))")
        wanted = ",".join(f"L{line}" for line in lines)
        browser.wait(
            f"[...document.querySelectorAll('article')].map(a => a.id).join() === '{wanted}'"
        )
    # A click on a word of the summary is such a search.
    browser.run("document.querySelector('button[data-word=end]').click()")
    assert browser.run(f"{search}.value") == '"end"'
    assert shown_lines(browser) == [3]


def test_the_head_says_what_the_page_shows(browser: Browser, tmp_path: Path) -> None:
    about = {"Archive": "sst2/model.tar.gz", "Texts": "a.jsonl", "Interpreter": "ig (n_steps: 5)"}
    records = [record(1, "a film", [1.0, 2.0], method="ig", output_name="logits")]
    show(browser, records, tmp_path, about=about)
    lines = browser.run(
        "[...document.querySelectorAll('.about > div')].map(d => d.textContent.trim())"
    )
    assert lines == [
        "Texts1 · a.jsonl",
        "Archivesst2/model.tar.gz",
        "Interpreterig (n_steps: 5)",
        "Outputlogits",
    ]
    meanings = text_of(browser, "#meanings")
    for term in ("output", "baseline", "delta", "estimated error", "evaluation", "score"):
        assert term in meanings
    # The same words explain each number where it stands.
    titles = browser.run("[...document.querySelectorAll('.numbers span')].map(s => s.title)")
    assert titles[0].startswith("f(x): the explained output") and all(titles)
    # Without a description, the results tell the interpreter.
    show(browser, records, tmp_path)
    assert "Interpreterig" in text_of(browser, ".about").replace("\n", "")


def test_the_summary_takes_half_of_the_first_screen(browser: Browser, tmp_path: Path) -> None:
    about = {"Archive": "sst2/model.tar.gz", "Model": "BasicClassifier", "Date": "2026-01-01"}
    path = tmp_path / "report.html"
    records = reviews(100)
    write_report(records, path, "Films", about)
    browser.open(path)
    browser.wait("document.querySelector('article')")
    assert browser.run("document.getElementById('tools').getBoundingClientRect().top") <= 450
    lists = "[...document.querySelectorAll('[data-every]')].map(e => [e.dataset.every, e.hidden])"
    assert {*map(tuple, browser.run(lists))} == {("no", False), ("yes", True)}
    assert "is" not in browser.run(
        "[...document.querySelectorAll('[data-every=no] .word')].map(w => w.textContent)"
    )
    browser.run("document.getElementById('every').click()")
    assert {*map(tuple, browser.run(lists))} == {("no", True), ("yes", False)}
    assert "is" in browser.run(
        "[...document.querySelectorAll('[data-every=yes] .word')].map(w => w.textContent)"
    )


def test_spans_are_named_outlined_and_filtered_by_type(browser: Browser, tmp_path: Path) -> None:
    def spans(line: int, text: str, *targets: str) -> Dict[str, Any]:
        found = []
        for target in targets:
            label, words = target.split("|")
            one = interpretation(text.split(), [0.5] * len(text.split()), target=label).to_json()
            one["target"]["words"] = words
            found.append(one)
        return {"line": line, "inputs": {"sentence": text}, "interpretations": found}

    records = [
        spans(1, "Barack Obama spoke in Paris", "B-person L-person|Barack Obama", "U-place|Paris"),
        spans(2, "They met in Rome", "U-place|Rome"),
        {**spans(3, "Nobody came"), "gold": ["O", "O"]},
    ]
    records[0]["gold"] = ["B-person", "L-person", "O", "O", "O"]
    show(browser, records, tmp_path)
    headings = "[...document.querySelectorAll('.item h3')].map(h => h.textContent)"
    assert [h.rsplit(" ", 2)[0] for h in browser.run(headings)] == [
        "person: Barack Obama",
        "place: Paris",
        "place: Rome",
    ]
    outlined = browser.run(
        "[...document.querySelectorAll('.item')].map(i => "
        "[...i.querySelectorAll('.explained')].map(t => t.textContent).join(''))"
    )
    assert outlined == ["Barack Obama", "Paris", "Rome"]
    rows = browser.run(
        "[...document.querySelectorAll('.predictions tbody tr')]"
        ".map(r => [...r.children].map(c => c.textContent.trim()))"
    )
    assert [row[:2] for row in rows] == [["place", "2"], ["person", "1"]]
    assert "Accuracy 50.0 %: 1 of 2 texts predicted correctly, with all spans." in text_of(
        browser, ".predictions"
    )
    assert "should be person: Barack Obama" in text_of(browser, "#L1 header")
    assert browser.run(
        "[...document.querySelectorAll('.label-words h3 bdi')].map(b => b.textContent)"
    ) == [
        "place",
        "person",
    ]
    choose(browser, "label", "person")
    assert shown_lines(browser) == [1]
    choose(browser, "label", "")
    choose(browser, "show", "wrong")
    assert shown_lines(browser) == [1]


def test_shades_are_relative_to_each_text_or_to_all(browser: Browser, tmp_path: Path) -> None:
    show(browser, [record(1, "good film", [3.0, 1.0]), record(2, "bad", [-1.5])], tmp_path)
    shades = "[...document.querySelectorAll('#texts .t')].map(t => t.className)"
    assert browser.run(shades) == ["t f12", "t f4", "t a12"]
    choose(browser, "scale", "all")
    assert browser.run(shades) == ["t f12", "t f4", "t a6"]
    choose(browser, "scale", "text")
    assert browser.run(shades) == ["t f12", "t f4", "t a12"]


def test_exact_values_on_hover_and_with_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    results = [interpretation(["so", "so", "good"], [0.25, -0.5, 1.25], probabilities=POSITIVE)]
    show(browser, [{"line": 1, "interpretations": [one.to_json() for one in results]}], tmp_path)
    browser.hover("#texts .t:nth-child(2)")
    browser.wait("!document.getElementById('tip').hidden")
    tip = text_of(browser, "#tip")
    assert tip.startswith("−0.5 against positive") and "25.0 %" in tip
    browser.run("document.querySelector('#texts .t').focus()")
    assert text_of(browser, "#tip").startswith("+0.25 for positive")
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    assert browser.run("document.activeElement.textContent") == "good"
    assert text_of(browser, "#tip").startswith("+1.25 for positive")
    assert browser.run("document.activeElement.getAttribute('aria-describedby')") == "tip"
    browser.press("Escape")
    assert browser.run("document.getElementById('tip').hidden")
    # The tab key stops once in each text, so it leaves the tokens now.
    browser.press("Tab")
    assert browser.run("document.activeElement.matches('summary')")


def test_arrows_follow_a_text_that_reads_from_right_to_left(
    browser: Browser, tmp_path: Path
) -> None:
    words = "הסרט הזה היה מצוין".split()
    one = interpretation(words, [0.1, 0.2, 0.3, 0.4], probabilities=POSITIVE)
    inputs = {"text": " ".join(words)}
    show(browser, [{"line": 1, "inputs": inputs, "interpretations": [one.to_json()]}], tmp_path)
    left = browser.run("[...document.querySelectorAll('#texts .t')].map(t => t.offsetLeft)")
    assert left == sorted(left, reverse=True)
    browser.run("document.querySelector('#texts .t').focus()")
    browser.press("ArrowLeft")
    assert browser.run("document.activeElement.textContent") == words[1]


def test_targets_and_interpreters_stand_side_by_side(browser: Browser, tmp_path: Path) -> None:
    predictor, inputs = build_predictor("lstm"), EXAMPLE_INPUTS["lstm"]
    results = [
        one
        for cls in (IntegratedGradient, GradientShap)
        for one in cls(predictor).interpret_json(inputs, target=["positive", "negative"])
    ]
    records = [{"line": 1, "inputs": inputs, "interpretations": [r.to_json() for r in results]}]
    show(browser, records, tmp_path)
    items = browser.run(
        "[...document.querySelectorAll('.item')].map(i => [i.querySelector('h3').textContent,"
        " i.getBoundingClientRect().left, i.getBoundingClientRect().top])"
    )
    assert [text.split()[1] for text, _, _ in items] == ["positive", "negative"] * 2
    assert [text.split()[-1] for text, _, _ in items] == [r.method for r in results]
    assert items[0][2] == items[1][2] and items[0][1] < items[1][1]


def test_a_text_whose_loss_is_explained_says_so(browser: Browser, tmp_path: Path) -> None:
    loss = interpretation(["a", "film"], [1.0, 2.0])
    loss = replace(loss, target=Target())
    show(browser, [{"line": 1, "interpretations": [loss.to_json()]}], tmp_path)
    assert browser.run("document.querySelector('#L1 h3').textContent") == "for the loss"


def test_a_usual_label_is_not_divided_in_the_summary(browser: Browser, tmp_path: Path) -> None:
    predicted = {"contradiction": 0.75, "entailment": 0.25}
    one = record(1, "a film", [1.0, 2.0], target="contradiction", probabilities=predicted)
    show(browser, [{**one, "line": line, "gold": "entailment"} for line in (1, 2)], tmp_path)
    lines = "document.querySelector('.predictions th bdi').getClientRects().length"
    assert browser.run(lines) == 1


def test_columns_are_named_by_what_differs(browser: Browser, tmp_path: Path) -> None:
    methods = ["ig (baseline: default)", "ig (baseline: unknown)"]
    found = [interpretation(["a", "film"], [1.0, 2.0], method=method) for method in methods]
    records = [{"line": i, "interpretations": [r.to_json() for r in found]} for i in (1, 2)]
    show(browser, records, tmp_path)
    columns = "[...document.querySelectorAll('#L1 h3')].map(h => h.textContent.split(' · ')[1])"
    assert browser.run(columns) == ["baseline: default", "baseline: unknown"]
    summary = "[...document.querySelectorAll('.label-words small')].map(s => s.textContent)"
    assert browser.run(summary) == ["baseline: default", "baseline: unknown"]


def test_interactions_are_a_table_that_opens(browser: Browser, tmp_path: Path) -> None:
    hostile = "</th><script>window.ran=1</script>"
    pairs = PairScores([[0.0, 1.5, 0.0], [1.5, 0.0, -0.25], [0.0, -0.25, 0.0]])
    records = [record(1, f"not bad {hostile}", [1.0, 2.0, 0.5], interactions=pairs)]
    show(browser, [*records, record(2, "no pairs", [1.0, 2.0])], tmp_path)
    assert browser.run("[...document.querySelectorAll('article .more > summary')].length") == 3
    browser.run("document.querySelector('article .more > summary').click()")
    browser.wait("document.querySelector('article .more tbody td')")
    cells = "[...document.querySelectorAll('article .more tbody td')].map(one => one.textContent)"
    assert browser.run(cells) == ["", "+1.5", "", "+1.5", "", "−0.25", "", "−0.25", ""]
    assert (
        browser.run("document.querySelectorAll('article .more tbody td')[1].className") == "n f12"
    )
    assert hostile in text_of(browser, "article .more thead")
    assert not browser.run("window.ran")
    assert browser.complaints() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_every_shade(browser: Browser, tmp_path: Path, theme: str) -> None:
    browser.prefer(prefers_color_scheme=theme)
    scores = [sign * step / 12 for step in range(13) for sign in (1, -1)]
    text = " ".join(f"word{i}" for i in range(len(scores)))
    show(browser, [record(1, text, scores, probabilities=POSITIVE)], tmp_path)
    colours = browser.run(
        "[...document.querySelectorAll('#texts .t, .quiet, .numbers, .alternatives, .line')]"
        ".map(t => [getComputedStyle(t).color, getComputedStyle(t).backgroundColor])"
    )
    paper = _rgba(browser.run("getComputedStyle(document.body).backgroundColor"))[:3]
    assert (luminance(paper) > 0.5) == (theme == "light")
    assert len(colours) > len(scores)
    for ink, shade in colours:
        red, green, blue, alpha = _rgba(shade)
        behind = [alpha * c + (1 - alpha) * p for c, p in zip((red, green, blue), paper)]
        lighter, darker = sorted([luminance(_rgba(ink)[:3]), luminance(behind)], reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (ink, shade)
    # Without colour, the width of the line shows the size of the score, and its style the sign.
    lines = browser.run(
        "[...document.querySelectorAll('#texts .t')].map(t => [parseInt("
        "getComputedStyle(t).borderBottomWidth), getComputedStyle(t).borderBottomStyle])"
    )
    speaking_for, against = lines[2::2], lines[3::2]
    assert [width for width, _ in speaking_for] == sorted(width for width, _ in speaking_for)
    assert {style for _, style in speaking_for} == {"solid"}
    assert {style for _, style in against} == {"dashed"}


def test_the_theme_can_be_chosen(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(3), tmp_path)
    papers = []
    for _ in range(3):
        papers.append(browser.run("getComputedStyle(document.body).backgroundColor"))
        browser.run("document.getElementById('theme').click()")
    assert papers[0] == papers[1] != papers[2]


def test_a_narrow_window_has_no_sideways_scrolling(browser: Browser, tmp_path: Path) -> None:
    long_text = " ".join(f"word{i}" for i in range(5000))
    records = [
        *reviews(12),
        record(13, long_text, [0.5] * 5000, probabilities=POSITIVE),
        record(14, "y" * 10_000, [1.0], probabilities={"z" * 300: 0.6, "other": 0.4}),
        record(15, "short", [1.0], target="t" * 200),
    ]
    browser.resize(360, 740)
    show(browser, records, tmp_path, title="T" * 200)
    browser.run("document.querySelectorAll('#texts details').forEach(d => d.open = true)")
    assert browser.run("document.documentElement.scrollWidth") == 360
    # A long text is cut. A button shows the rest.
    assert browser.run("document.querySelectorAll('#L13 .t').length") == 400
    browser.run("document.querySelector('#L13 .field button').click()")
    assert browser.run("document.querySelectorAll('#L13 .t').length") == 5000


def test_every_text_is_printed(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(60), tmp_path)
    assert len(shown_lines(browser)) < 60
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(shown_lines(browser)) == 60
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.pdf().startswith(b"%PDF")


def test_a_long_list_is_printed_in_part(browser: Browser, tmp_path: Path) -> None:
    show(browser, reviews(600), tmp_path)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(shown_lines(browser)) == 500
    assert "first 500 of 600 texts" in text_of(browser, ".only-printed")
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelector('.only-printed, .unprinted')") is None


def test_without_javascript_the_first_texts_are_shown(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report([*reviews(30), record(31, HOSTILE[0], [1.0])], path)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.call("Page.navigate", url=path.as_uri())
        until = time.monotonic() + 60
        found: List[int] = []
        while len(found) < 20 and time.monotonic() < until:
            # The page may come between the two questions, or in parts.
            with suppress(RuntimeError):
                document = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
                found = browser.call(
                    "DOM.querySelectorAll", nodeId=document, selector="noscript article"
                )["nodeIds"]
        assert len(found) == 20
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def _rgba(colour: str) -> List[float]:
    numbers = [float(n) for n in colour[colour.index("(") + 1 : -1].replace(",", " ").split()]
    return [*numbers, 1.0][:4]
