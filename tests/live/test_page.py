"""Opens the page of `biome-interpret serve` in a real Chromium, with the shipped model."""

import json
import os
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from allennlp.predictors import Predictor

from biome_interpret import (
    GradientShap,
    IntegratedGradient,
    Interpretation,
    Occlusion,
    ShapleySampling,
    SmoothGradient,
)
from biome_interpret.live.answers.archives import Loading, ServedArchive
from biome_interpret.live.answers.explaining import Limits
from biome_interpret.live.answers.service import Service
from biome_interpret.visualization.spans import gold_spans
from tests.kinds.archives import ARCHIVES, load
from tests.kinds.predictors import KINDS
from tests.live.pages import Page
from tests.live.servers import (
    GRADIENT,
    Running,
    make_service,
    running,
    served,
    shipped_predictor,
)
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor
from tests.visualization.browser import Browser, find_chromium
from tests.visualization.test_fragment import luminance

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
pytest.importorskip("starlette", reason="the extra [serve] is not installed")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

FILM = "The story is thin, but the performances are wonderful."
EXAMPLES = [
    {"inputs": {"sentence": "A dull, lifeless mess that wastes its cast."}, "gold": "negative"},
    {"inputs": {"sentence": "It's a lovely, funny film!"}, "gold": "negative"},
]
CHOICE = ARCHIVES["multiple choice"]
HOSTILE = [
    "</script><script>window.ran=1</script>",
    "</style><img src=x onerror=window.ran=1> <!-- <![CDATA[",
    '" onfocus="window.ran=1" \' autofocus {{ 7 * 7 }} &lt;b&gt;',
    "javascript:window.ran=1 \u2028 \u2029 \x00 \x1b[31m \x7f",
    "before \u202eoverride\u202c \u2067isolate\u2069 after",
    "lone \ud800 and \udc00 surrogates",
    "x" * 20_000,
]


def address_of(server: Running) -> str:
    return f"http://127.0.0.1:{server.client.port}/"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(make_service(examples=EXAMPLES)) as server:
        yield address_of(server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with Browser(CHROMIUM) as window:
        yield window


@pytest.fixture
def page(browser: Browser, address: str) -> Page:
    browser.resize(1280, 900)
    browser.prefer(prefers_color_scheme="light")
    found = Page(browser, address)
    found.open()
    return found


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return shipped_predictor()


def explained(predictor: Predictor, text: str, **options: Any) -> Interpretation:
    target = options.pop("target", None)
    interpreter = IntegratedGradient(predictor, granularity="word", **options)
    [one] = interpreter.interpret_json({"sentence": text}, target=target)
    return one


def number(text: str) -> float:
    """The number at the beginning of what the page shows."""
    return float(text.split(" ")[0].rstrip(".,").replace("−", "-"))


def table(page: Page, card: int = 0) -> Dict[str, List[str]]:
    """The cells of the table of scores, by their words."""
    page.run(f"document.querySelectorAll('.item')[{card}].querySelector('details').open = true")
    page.browser.wait(f"document.querySelectorAll('.item')[{card}].querySelector('.rows table')")
    rows: Any = page.run(
        f"[...document.querySelectorAll('.item')[{card}].querySelectorAll('.rows tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    return {word: cells for word, *cells in rows}


class TestExplain:
    def test_the_scores_are_those_of_python(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        one = explained(predictor, FILM)
        assert page.texts(".item .tokens .t") == one.tokens
        shown = table(page)
        for token, score in zip(one.tokens, one.scores):
            assert number(shown[token][0]) == pytest.approx(score, rel=1e-3, abs=1e-5)
        numbers = page.numbers()
        assert number(numbers["output"][0]) == pytest.approx(one.output, rel=1e-3)
        assert number(numbers["baseline"][0]) == pytest.approx(one.baseline_output, rel=1e-3)
        assert f"{one.n_evaluations} evaluations" in numbers["cost"][0]
        assert numbers["delta"][0].endswith("(< 0.1 %)")
        assert page.browser.complaints() == []

    def test_the_prediction_has_all_labels(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        probabilities = explained(predictor, FILM).probabilities
        assert probabilities is not None
        rows = page.texts(".labels li")
        for row, (label, probability) in zip(rows, probabilities.items()):
            assert row == f"{label}{probability:.1%}".replace("%", " %")
        assert "Predicted positive 87.8 %" in page.text("#news")

    def test_an_example_with_its_gold_label(self, page: Page) -> None:
        options = page.texts("#example option")
        assert options[1:] == [f"{one['gold']}: {one['inputs']['sentence']}" for one in EXAMPLES]
        page.choose("#example", "0")
        assert "✓ predicted correctly" in page.text(".verdict")
        page.choose("#example", "1")
        assert "✗ should be negative" in page.text(".verdict")
        assert page.state()["inputs"] == EXAMPLES[1]["inputs"]

    def test_a_gold_label_that_the_model_does_not_have(self, browser: Browser) -> None:
        """The label with an index is another one in each vocabulary, so 1 is the name "1"."""
        text = EXAMPLES[0]["inputs"]
        examples = [{"inputs": text, "gold": 1}]
        with running(make_service(examples=examples)) as server:
            page = Page(browser, address_of(server))
            page.open()
            page.choose("#example", "0")
            said = "The gold label 1 is not among the labels of the model."
            assert page.text(".verdict").endswith(said)
        numbered = build_predictor("lstm")
        labels = numbered._model.vocab._index_to_token["labels"]
        indices = numbered._model.vocab._token_to_index["labels"]
        for index, name in enumerate(["1", "0"]):
            del indices[labels[index]]
            labels[index], indices[name] = name, index
        with running(make_service(numbered, examples=examples)) as server:
            page = Page(browser, address_of(server))
            page.open()
            page.choose("#example", "0")
            is_right = page.text(".verdict b") == "1"
            assert ("predicted correctly" if is_right else "should be 1") in page.text(".verdict")

    def test_a_click_on_a_label_explains_it(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.browser.click(".labels li:nth-child(2) button")
        page.wait_for_answer()
        assert [text.split()[1] for text in page.texts(".item h4")] == ["positive", "negative"]
        one = explained(predictor, FILM, target="negative")
        assert number(table(page, 1)["thin"][0]) == pytest.approx(one.scores[3], rel=1e-3)
        # The focus stays on the button although it is drawn again.
        assert page.run("document.activeElement.textContent") == "negative"
        page.browser.click(".labels li:nth-child(1) button")
        page.wait_for_answer()
        assert [text.split()[1] for text in page.texts(".item h4")] == ["negative"]

    def test_interpreters_and_baselines_side_by_side(
        self, page: Page, predictor: Predictor
    ) -> None:
        page.explain(FILM)
        page.check("interpreters", "biome-gradient-shap")
        page.check("baselines", "unknown")
        assert [text.split(" · ", 1)[1] for text in page.texts(".item h4")] == [
            f"{method} · baseline {baseline}"
            for method in ("Integrated Gradients", "GradientSHAP")
            for baseline in ("zero", "unknown")
        ]
        sampled = GradientShap(predictor, granularity="word", baseline="unknown")
        [one] = sampled.interpret_json({"sentence": FILM})
        assert number(table(page, 3)["thin"][0]) == pytest.approx(one.scores[3], rel=1e-3)
        tops = page.run(
            "[...document.querySelectorAll('.item')].map(i => i.getBoundingClientRect().top)"
        )
        assert tops[0] == tops[1]

    def test_several_methods_are_named_where_the_result_is_read_out(self, page: Page) -> None:
        page.open()
        page.check("interpreters", "biome-occlusion")
        page.explain(FILM)
        said = page.text("#news")
        assert "Strongest words for positive, Integrated Gradients: " in said
        assert "Strongest words for positive, Occlusion: " in said

    def test_occlusion_says_why_it_has_no_bar(self, page: Page) -> None:
        page.open()
        page.check("interpreters", "biome-occlusion")
        page.check("interpreters", "biome-integrated-gradient")
        page.explain(FILM)
        assert [*page.numbers()] == ["output", "cost"] and not page.texts(".adds")
        assert "Occlusion has no baseline output and no delta" in page.text("#meanings")

    def test_words_that_are_left_out_have_no_baseline(self, page: Page) -> None:
        page.open()
        page.check("interpreters", "biome-occlusion")
        page.option("removal", "delete")
        page.explain(FILM)
        page.check("baselines", "unknown")
        headings = page.texts(".item h4")
        assert len(headings) == 3 and not page.texts(".item .error")
        assert headings[0].endswith(" · Integrated Gradients · baseline zero")
        assert headings[2].endswith(" · Occlusion")

    def test_a_bound_is_sent_where_it_bounds_something(self, page: Page) -> None:
        page.open()
        page.check("interpreters", "biome-gradient-shap")
        page.explain(FILM)

        def costs() -> List[str]:
            assert not page.texts(".item .error")
            rows = page.texts(".item .meaning tr")
            return [row.split(" evaluations")[0] for row in rows if row.startswith("cost")]

        page.option("Tolerance", "0.0001")
        page.option("max evaluations", "20")
        assert all(int(cost[len("cost") :]) <= 20 for cost in costs())
        page.option("Tolerance", "")
        assert costs()[1] == "cost10"  # Without a tolerance there is nothing to bound.
        page.option("n steps", "7")
        assert costs() == ["cost7", "cost10"]
        assert page.state()["options"]["max_evaluations"] == 20

    def test_shapley_values_with_a_tolerance(self, page: Page, predictor: Predictor) -> None:
        text = f"{FILM} It is a lovely, funny film."
        page.open()
        page.check("interpreters", "biome-shapley-sampling")
        page.check("interpreters", GRADIENT)
        page.option("max evaluations", "2000")  # It bounds nothing yet.
        page.explain(text)
        usual = page.numbers()["cost"][0]
        page.option("Tolerance", "0.02")
        shapley = ShapleySampling(
            predictor, granularity="word", tolerance=0.02, max_evaluations=2000
        )
        [one] = shapley.interpret_json({"sentence": text})
        assert page.numbers()["cost"][0].startswith(f"{one.n_evaluations:,} evaluations")
        assert not usual.startswith(f"{one.n_evaluations:,} ")
        assert number(table(page)["thin"][0]) == pytest.approx(one.scores[3], rel=1e-3)

    def test_what_the_share_of_the_delta_is_a_share_of(self, page: Page) -> None:
        meaning = "[...document.querySelectorAll('.meaning tr')].map(r => r.lastChild.textContent)"
        page.explain(FILM)
        assert "its share of Σ |score| over the scores shown" in page.run(meaning)[2]
        assert "not sums" not in page.run(meaning)[2]
        page.option("granularity aggregation strategy", "mean")
        assert "These are not sums of the scores of tokens" in page.run(meaning)[2]

    def test_the_controls(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.option("A score for each", "sentence")
        assert len(page.texts(".item .tokens .t")) == 1
        page.option("A score for each", "word")
        page.option("Explained output", "softmax")
        page.option("Tolerance", "0.0005")
        one = explained(predictor, FILM, inference_mode="softmax", tolerance=0.0005)
        assert number(page.numbers()["output"][0]) == pytest.approx(one.output, rel=1e-3)
        assert f"{one.n_evaluations} evaluations" in page.numbers()["cost"][0]

    def test_defaults_that_differ(self, page: Page, predictor: Predictor) -> None:
        page.open()
        page.check("interpreters", "biome-gradient-shap")
        page.check("interpreters", "biome-smooth-gradient")
        page.explain(FILM)
        assert "noise relative defaultyesno" in page.text("#other-options label")
        hints = "[...document.querySelectorAll('#more-options input, #options input')]"
        hints = page.run(f"{hints}.map(i => i.placeholder)")
        assert "0.01 or not set" in hints and "257 or not set" in hints and "10" in hints

        def smooth() -> float:
            return number(table(page, 2)["thin"][0])

        def expected(**options: Any) -> Any:
            interpreter = SmoothGradient(predictor, granularity="word", **options)
            [one] = interpreter.interpret_json({"sentence": FILM})
            return pytest.approx(one.scores[3], rel=1e-3)

        assert smooth() == expected()
        page.option("noise relative", "false")
        assert smooth() == expected(noise_relative=False) != expected()
        page.option("noise relative", "")
        assert smooth() == expected() and "noise_relative" not in page.state()["options"]

    def test_the_bar_leads_from_the_baseline_to_the_output(
        self, page: Page, predictor: Predictor
    ) -> None:
        page.explain(FILM)
        one = explained(predictor, FILM)
        said = page.run("document.querySelector('.adds').getAttribute('aria-label')")
        assert said.startswith(f"From f(x′) {page.numbers()['baseline'][0]}, words for the target")
        assert said.endswith(f"They lead to f(x) {page.numbers()['output'][0]}.")
        widths = {
            kind: page.run(
                f"[...document.querySelectorAll('.adds .{kind} .part')]"
                ".reduce((sum, p) => sum + parseFloat(p.style.width), 0)"
            )
            for kind in ("plus", "less")
        }
        plus = sum(score for score in one.scores if score > 0)
        less = -sum(score for score in one.scores if score < 0)
        assert widths["less"] / widths["plus"] == pytest.approx(less / plus, rel=1e-3)

    def test_json_if_the_fields_are_not_known(self, browser: Browser, predictor: Predictor) -> None:
        archive = served()
        archive.fields = archive.fields._replace(complete=False)
        with running(Service([archive], {}, Limits(), EXAMPLES)) as server:
            page = Page(browser, address_of(server))
            page.open()
            assert page.texts("#inputs .caption") == ["Input (JSON)"]
            hint = page.run("document.querySelector('#inputs textarea').placeholder")
            assert json.loads(hint) == {"sentence": "…"}
            page.explain('{"sentence": "A film')
            assert page.text("#error").startswith("The input is not JSON")
            page.explain(json.dumps({"sentence": FILM}))
            page.click_word("thin")
            edited = FILM.replace(" thin", "")
            after = explained(predictor, edited, target="positive")
            assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)
            page.choose("#example", "0")
            assert "✓ predicted correctly" in page.text(".verdict")


def test_an_interpreter_of_the_user(browser: Browser, predictor: Predictor) -> None:
    occlusion = {"type": "biome-occlusion", "baseline": "unknown"}
    smooth = {"n_perturbations": 50, "inference_mode": "softmax"}
    own = {"occlusion": occlusion, "smooth": {"type": "biome-smooth-gradient", **smooth}}
    with running(make_service(own=own)) as server:
        page = Page(browser, address_of(server))
        page.open()
        page.explain(FILM)
        page.check("interpreters", "occlusion")
        page.check("interpreters", GRADIENT)

        def is_shown(card: int, baseline: Optional[str]) -> None:
            interpreter = Occlusion(predictor, granularity="word", baseline=baseline)
            [one] = interpreter.interpret_json({"sentence": FILM})
            assert number(table(page, card)["thin"][0]) == pytest.approx(one.scores[3], rel=1e-3)

        is_shown(0, "unknown")
        for baseline in ("zero", "unknown"):
            page.check("baselines", baseline)
        headings = [text.split(" · ")[-1] for text in page.texts(".item h4")]
        assert headings == ["baseline unknown", "baseline zero"]
        is_shown(0, "unknown")
        is_shown(1, None)
        page.check("baselines", "default")
        page.check("baselines", "unknown")
        assert page.text(".item h4").endswith(" · baseline zero")
        is_shown(0, None)
        page.check("interpreters", "smooth")
        page.check("interpreters", "occlusion")
        assert "softmax (default)" in page.text("#options option")
        hints = "[...document.querySelectorAll('#other-options input')].map(i => i.placeholder)"
        assert "50" in page.run(hints)
        interpreter = SmoothGradient(predictor, granularity="word", **smooth)
        [one] = interpreter.interpret_json({"sentence": FILM})
        assert number(table(page)["thin"][0]) == pytest.approx(one.scores[3], rel=1e-3)


class TestEditAndSee:
    def test_a_word_is_struck_out(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.click_word("wonderful")
        before = explained(predictor, FILM)
        label = before.target.label
        after = explained(predictor, "The story is thin, but the performances are.", target=label)
        assert "The edits change the label from positive to negative." in page.text("#models")
        assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)
        changed, foretold = (number(text) for text in page.texts(".change b"))
        assert changed == pytest.approx(after.output - before.output, rel=1e-3)
        score = before.scores[before.tokens.index("wonderful")]
        assert foretold == pytest.approx(-score, rel=1e-3)
        # Each word that stayed has its old score, its new one and the difference.
        cells = table(page)
        assert cells["wonderful"][1:] == ["struck out", "–"]
        old = before.scores[before.tokens.index("thin")]
        new = after.scores[after.tokens.index("thin")]
        for shown, score in zip(cells["thin"], (old, new, new - old)):
            assert number(shown) == pytest.approx(score, rel=1e-3)
        # A second click puts the word back.
        page.click_word("wonderful")
        assert page.texts(".change") == [] and page.state()["edits"] == []

    def test_a_word_is_masked(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.click_word("thin", "mask")
        [prediction] = [text for text in page.texts(".labels li") if text.startswith("positive")]
        masked = FILM.replace("thin", "xxunk")
        probability = (explained(predictor, masked).probabilities or {})["positive"]
        assert prediction.endswith(f"→ {probability:.1%}".replace("%", " %"))
        assert "masked: thin" in page.text("#edits")

    def test_a_word_is_replaced_and_the_text_is_kept(
        self, page: Page, predictor: Predictor
    ) -> None:
        page.explain(FILM)
        page.click_word("wonderful", "replace")
        assert page.run("document.activeElement.closest('form').id") == "replacement"
        page.browser.type("awful")
        page.browser.press("Enter")
        page.wait_for_answer()
        edited = FILM.replace("wonderful", "awful")
        after = explained(predictor, edited, target="positive")
        assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)
        assert table(page)["awful"][0] == "–" and table(page)["awful"][2] == "new"
        page.run("[...document.querySelectorAll('#edits .link')].pop().click()")
        page.wait_for_answer()
        assert page.state()["inputs"] == {"sentence": edited} and page.state()["edits"] == []
        assert page.texts(".change") == []

    def test_notes_of_both_results(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.option("max evaluations", "3")

        def notes(text: str) -> List[str]:
            return explained(predictor, text, max_evaluations=3, target="positive").notes

        before = notes(FILM)
        assert len(before) == 2
        assert page.texts(".notes p") == [f"Note: {note}" for note in before]
        page.click_word("wonderful")
        after = notes(FILM.replace(" wonderful", ""))
        assert len(after) == 1
        assert page.texts(".notes p") == [
            *(f"Note before the edits: {note}" for note in before),
            *(f"Note after the edits: {note}" for note in after),
        ]
        page.click_word("wonderful")
        assert page.texts(".notes p") == [f"Note: {note}" for note in before]

    def test_several_edits_together(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        for word in ("thin", "wonderful", "The"):
            page.click_word(word)
        after = explained(predictor, "story is, but the performances are.", target="positive")
        assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)
        assert "The scores of the edited words predicted" in page.text(".change")

    def test_edits_in_quick_succession(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.run(
            "for (const word of ['thin', 'story', 'wonderful']) [...document.querySelectorAll("
            "'.t[role=button]')].find(t => t.textContent === word).click()"
        )
        page.wait_for_answer()
        after = explained(predictor, "The is, but the performances are.", target="positive")
        assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)
        asked = [e for e in page.browser.events if e["method"] == "Network.requestWillBeSent"]
        asked = [e for e in asked if e["params"]["request"]["url"].endswith("api/explain")]
        assert len(asked) == 2  # The text itself, and all edits at once.

    def test_places_are_counted_as_the_browser_does(self, page: Page, predictor: Predictor) -> None:
        page.explain("🙂🙂 The film is\n thin 🙂 !")
        page.click_word("thin")
        assert "struck out: thin" in page.text("#edits")
        edited = "🙂🙂 The film is\n 🙂 !"
        after = explained(predictor, edited, target=page.texts(".item h4 b")[0])
        assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)

    def test_a_word_of_a_long_text_that_is_shown_later(self, page: Page) -> None:
        page.explain("dull " * 450 + "wonderful")
        assert len(page.texts(".item .tokens .t")) == 400
        page.browser.click(".item .field button")
        page.click_word("wonderful")
        assert page.state()["edits"][0]["start"] == 450 * len("dull ")
        assert len(page.texts(".change")) == 1

    def test_scores_that_predict_no_change(self, browser: Browser) -> None:
        word_pieces = build_predictor("bert")
        text = EXAMPLE_INPUTS["bert"]["sentence"]
        with running(make_service(word_pieces)) as server:
            page = Page(browser, address_of(server))
            page.open()
            page.explain(text)
            page.click_word("surprising")  # Of several word pieces.
            sums = {"granularity_aggregation_strategy": "sum"}
            label = page.texts(".item h4 b")[0]
            one = explained(word_pieces, text, target=label, **sums)
            assert number(page.texts(".change b")[1]) == pytest.approx(
                -one.scores[one.tokens.index("surprising")], rel=1e-3
            )
            assert page.texts(".adds .rest")  # The special tokens.
            page.option("hold special tokens", "true")
            assert page.texts(".adds") and not page.texts(".adds .rest")
            for caption, value, usual in (
                ("granularity aggregation strategy", "mean", "sum"),
                ("reduction", "l2", "sum"),
                ("input x gradient", "false", "true"),
                ("A score for each", "sentence", "word"),
            ):
                assert "predicted" in page.text(".change")
                page.option(caption, value)
                assert "changed" in page.text(".change") and "predicted" not in page.text(".change")
                if value == "sentence":
                    assert not page.texts(".t.strike")
                page.option(caption, usual)
            # An edit of the whole sentence takes the place of that of its word.
            page.option("A score for each", "sentence")
            page.click_word(text, "mask")
            assert [edit["how"] for edit in page.state()["edits"]] == ["mask"]
            assert "predicted" in page.text(".change") and len(page.texts(".t.mask")) == 1
            assert page.browser.complaints() == []

    def test_a_new_text_begins_without_edits(self, page: Page) -> None:
        page.explain(FILM)
        page.click_word("thin")
        page.explain("A dull mess.")
        assert page.state()["edits"] == [] and page.texts(".change") == []


class TestSeveralArchives:
    @pytest.fixture(scope="class")
    def page(self, browser: Browser) -> Iterator[Page]:
        """Of a server with the shipped model, a model of pairs, a tagger and one of choices."""
        archives = [served(), ServedArchive("choice", Loading("choice"), load(CHOICE))]
        for kind in ("esim", "crf_tagger"):
            archives.append(ServedArchive(kind, Loading(kind), build_predictor(kind)))
        with running(Service(archives, {}, Limits(), [])) as server:
            browser.resize(1280, 900)
            yield Page(browser, address_of(server))

    def test_stand_side_by_side(self, page: Page) -> None:
        pair = EXAMPLE_INPUTS["esim"]
        page.open()
        assert page.texts("#inputs .caption") == ["sentence"]
        page.check("archives", "esim")
        assert page.texts("#inputs .caption") == ["sentence", "premise", "hypothesis"]
        page.explain(FILM, pair["premise"], pair["hypothesis"])
        assert page.texts(".model > h3") == ["sst2_bilstm/model.tar.gz", "esim"]
        left, right = page.run(
            "[...document.querySelectorAll('.model')].map(m => m.getBoundingClientRect().left)"
        )
        assert left < right
        page.click_word("wonderful")
        # The other model does not read this text.
        assert len(page.texts(".change")) == 1
        assert page.text("#news").startswith("sst2_bilstm/model.tar.gz: The edits change")

    def test_a_pair_of_texts(self, page: Page) -> None:
        page.open()
        page.check("archives", "esim")
        page.check("archives", "sst2_bilstm/model.tar.gz")
        page.explain("two dogs are running", "the animals sleep")
        assert page.texts(".item .name bdi") == ["premise", "hypothesis"]
        page.click_word("animals")
        page.click_word("dogs")
        assert [edit["path"] for edit in page.state()["edits"]] == [["hypothesis"], ["premise"]]
        assert "The scores of the edited words predicted" in page.text(".change")
        assert page.browser.complaints() == []

    def test_many_labels(self, page: Page) -> None:
        page.open()
        page.check("archives", "choice")
        page.check("archives", "sst2_bilstm/model.tar.gz")
        assert page.texts("#inputs .caption")[1] == "alternatives (one text on each line)"
        page.explain("it is", "\n".join("abcdefghijklmn"))
        rows = ".labels li:not([hidden]) button"
        assert len(page.texts(rows)) == 12
        page.browser.click(".prediction > .link")
        labels = page.texts(rows)
        assert sorted(map(int, labels)) == [*range(14)]
        assert page.run("document.activeElement.textContent") == labels[12]
        page.browser.press("Enter")
        page.wait_for_answer()
        assert [text.split()[1] for text in page.texts(".item h4")] == [labels[0], labels[12]]

    def test_a_word_of_an_alternative(self, page: Page) -> None:
        page.open()
        page.check("archives", "choice")
        page.check("archives", "sst2_bilstm/model.tar.gz")
        texts = ["a good film", "a bad film", "good", "bad film"]
        page.explain("it is", "\n".join(texts))
        page.click_word("bad")
        [edit] = page.state()["edits"]
        assert edit == {"path": ["alternatives", 1], "start": 2, "end": 5, "how": "strike"}
        label = page.texts(".item h4 b")[0]
        inputs = {"prefix": "it is", "alternatives": ["a good film", "a film", *texts[2:]]}
        [after] = IntegratedGradient(load(CHOICE), granularity="word").interpret_json(
            inputs, target=label
        )
        assert number(page.numbers()["output"][1]) == pytest.approx(after.output, rel=1e-3)
        page.run("[...document.querySelectorAll('#edits .link')].pop().click()")
        page.wait_for_answer()
        assert page.state()["inputs"]["alternatives"].split("\n")[1] == "a film"
        assert page.browser.complaints() == []

    def test_the_spans_of_a_tagger(self, page: Page) -> None:
        page.open()
        page.check("archives", "crf_tagger")
        page.check("archives", "sst2_bilstm/model.tar.gz")
        page.explain(EXAMPLE_INPUTS["crf_tagger"]["sentence"])
        spans = page.texts(".things li")
        headings = page.texts(".item h4")
        assert len(spans) > 1 and len(headings) == len(spans)
        for span, heading in zip(spans, headings):
            assert heading.split(": ")[1].split()[0] in span
        assert page.texts(".item .explained")
        page.click_word("Smith")
        assert page.texts(".verdict-after .things li")
        gone = [text for text in page.texts(".item > p.quiet") if "does not label this" in text]
        assert gone and len(page.texts(".change")) + len(gone) == len(spans)

    def test_a_link_to_an_alternative(self, page: Page) -> None:
        """How many labels there are is not known before the text is read."""
        page.open()
        page.check("archives", "choice")
        page.check("archives", "sst2_bilstm/model.tar.gz")
        page.explain("it is", "good\nbad\na film\na bad film\n\n")
        assert len(page.texts(".labels button")) == 4  # Blank lines at the end are no texts.
        pressed = ".labels button[aria-pressed=true]"
        predicted = page.text(pressed)
        for label in ("3", predicted) if predicted != "3" else ("2", "3"):
            page.run(
                "[...document.querySelectorAll('.labels button')]"
                f".find(b => b.textContent === '{label}').click()"
            )
            page.wait_for_answer()
        [other] = page.texts(pressed)
        assert other != predicted
        page.open(page.run("location.hash"))
        page.browser.wait("document.querySelector('.item')")
        page.wait_for_answer()
        assert page.texts(pressed) == [other] and page.text(".item h4 b") == other
        page.explain("it is", "good\nbad")
        assert page.texts(pressed) == [
            predicted if predicted in "01" else page.texts(".labels button")[0]
        ]


def test_the_gold_tags_of_a_tagger(browser: Browser) -> None:
    tagger = build_predictor("crf_tagger")
    text = EXAMPLE_INPUTS["crf_tagger"]
    tags = tagger.predict_json(text)["tags"]
    spans = gold_spans(tags, text["sentence"].split())
    assert spans
    examples = [{"inputs": text, "gold": gold} for gold in (tags, ["O"] * len(tags), tags[1:])]
    for example, said in zip(
        examples, ("✓ predicted correctly", "✗ should be nothing", "The gold label is not compared")
    ):
        with running(make_service(tagger, examples=[example])) as server:
            page = Page(browser, address_of(server))
            page.open()
            shown = page.texts("#example option")[1]
            assert shown == f"{' '.join(example['gold'])[:30]}: {text['sentence']}"
            page.choose("#example", "0")
            assert page.text(".verdict").startswith(said)
            page.explain("Smith .")
            assert not page.texts(".verdict") and page.browser.complaints() == []


def test_several_labels_at_once(browser: Browser) -> None:
    several = KINDS.kinds["several labels at once"].build_or_skip()
    text = {"sentence": "the film is not boring , but a clever story !"}
    found = IntegratedGradient(several, granularity="word").interpret_json(text)
    labels = [str(one.target.label) for one in found]
    assert len(labels) == 2
    examples = [{"inputs": text, "gold": gold} for gold in (labels[::-1], labels[:1] * 2, ["x"])]
    for example, said in zip(
        examples, ("✓ predicted", f"✗ should be {labels[0]}", "label x is not")
    ):
        with running(make_service(several, examples=[example])) as server:
            page = Page(browser, address_of(server))
            page.open()
            page.choose("#example", "0")
            assert said in page.text(".verdict")
    assert page.text(".verdict").startswith(f"Predicted: {labels[0]} ")
    assert f", {labels[1]} " in page.text(".verdict")
    assert page.texts(".labels button[aria-pressed=true]") == labels


def test_an_edit_of_a_text_with_several_labels(browser: Browser) -> None:
    """The labels stay, although the model may predict others after the edits."""
    several = KINDS.kinds["several labels at once"].build_or_skip()
    text = "the film is not boring , but a clever story !"
    with running(make_service(several)) as server:
        page = Page(browser, address_of(server))
        page.open()
        page.explain(text)
        labels = page.texts(".item h4 b")
        page.click_word("clever")
        assert page.texts(".item h4 b") == labels and len(page.texts(".change")) == 2
        for card, label in enumerate(labels):
            [after] = IntegratedGradient(several, granularity="word").interpret_json(
                {"sentence": text.replace(" clever", "")}, target=label
            )
            rows = page.texts(f".items > :nth-child({card + 1}) .meaning tbody tr:first-child td")
            assert number(rows[1]) == pytest.approx(after.output, rel=1e-3)
        page.run("navigator.clipboard.writeText = text => { window.copied = text; }")
        page.run(
            "window.copied = ''; [...document.querySelectorAll('.copies button')].filter(b =>"
            " b.textContent === 'command')[1].click()"
        )
        page.browser.wait("window.copied")
        assert f"--target={labels[1]}" in page.run("window.copied")
        page.browser.click(".labels li:nth-child(3) button")
        page.wait_for_answer()
        assert len(page.texts(".item h4 b")) == len(page.texts(".change")) == 3


class TestShare:
    def test_a_link_holds_everything(self, page: Page) -> None:
        page.explain(FILM)
        page.check("interpreters", "biome-gradient-shap")
        page.option("Explained output", "log_softmax")
        page.browser.click(".labels li:nth-child(2) button")
        page.wait_for_answer()
        page.click_word("thin")
        page.click_word("wonderful", "mask")
        shown = "document.getElementById('models').innerText.replace(/[\\d.]+ s\\b/g, '')"
        before, state = page.run(shown), page.state()
        page.open(page.run("location.hash"))
        page.browser.wait("document.querySelector('.change')")
        page.wait_for_answer()
        assert page.run(shown) == before
        assert page.state() == state
        assert page.browser.complaints() == []
        # The text is in no address that is asked for.
        asked = [
            event["params"]["request"]["url"]
            for event in page.browser.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        assert len(asked) >= 6 and not any("?" in url or "wonderful" in url for url in asked)

    def test_a_link_that_is_pasted_into_the_open_page(self, page: Page) -> None:
        page.explain(FILM)
        link = page.run("location.hash")
        page.explain("A dull mess.")
        page.run(f"location.hash = {link!r}")
        page.browser.wait("document.querySelectorAll('.item .tokens .t').length === 11")
        assert page.run("document.querySelector('#inputs textarea').value") == FILM

    def test_a_link_keeps_the_options_of_other_interpreters(self, page: Page) -> None:
        page.open()
        page.check("interpreters", "biome-occlusion")
        page.check("interpreters", GRADIENT)
        page.explain(FILM)
        first = {"granularity": "word", "granularity_aggregation_strategy": "sum"}
        assert page.state()["options"] == first
        page.open(page.run("location.hash"))
        page.wait_for_answer()
        assert page.state()["options"] == first
        page.check("interpreters", GRADIENT)
        body = [
            json.loads(event["params"]["request"]["postData"])
            for event in page.browser.events
            if event["method"] == "Network.requestWillBeSent"
            and event["params"]["request"]["url"].endswith("api/explain")
        ][-1]
        asked = {one["interpreter"]: one["options"] for one in body["explanations"]}
        assert asked[GRADIENT] == first and asked["biome-occlusion"] == {"granularity": "word"}

    def test_an_option_that_a_link_leaves_out_has_its_default(self, page: Page) -> None:
        """Links of an earlier version show what they showed: the mean."""
        page.explain(FILM)
        state = page.state()
        del state["options"]["granularity_aggregation_strategy"]
        page.open("#state=" + page.run(f"btoa({json.dumps(json.dumps(state))})"))
        page.browser.wait("document.querySelector('.item')")
        assert page.state() == state
        assert "mean (default)" in page.run(
            "[...document.querySelectorAll('#other-options label')].map(l =>"
            " l.querySelector('select')?.selectedOptions[0].textContent)"
        )

    def test_a_broken_link_is_said(self, page: Page) -> None:
        page.open("#state=AAAA")
        page.browser.wait("document.getElementById('error').textContent")
        assert page.text("#error").startswith("The link is broken")

    def test_a_link_cannot_ask_for_what_is_not_offered(self, page: Page) -> None:
        page.explain("A film.")
        state = {**page.state(), "archives": ["/etc/passwd"], "baselines": [{"type": "x"}, "mask"]}
        state["options"] = {"granularity": "word", "n_steps": 10**9, "reduction": {"type": "x"}}
        state["edits"] = [{"path": ["__proto__"], "start": 0, "end": 3, "how": "strike"}, 7, None]
        state["targets"] = ["positive", "a label of another model"]
        page.open("#state=" + page.run(f"btoa({json.dumps(json.dumps(state))})"))
        page.browser.wait("document.getElementById('error').textContent")
        said = "This server does not have /etc/passwd, mask, a label of another model."
        assert page.text("#error") == f"{said} It shows what it has."
        assert page.texts(".item .tokens .t") == ["A", "film", "."]
        assert page.state()["options"] == {"granularity": "word"}

    @pytest.mark.parametrize(
        "name, wanted", [("Python", "IntegratedGradient"), ("command", "biome-interpret")]
    )
    def test_copy_as_code(self, page: Page, name: str, wanted: str) -> None:
        page.explain(FILM)
        origin = page.address.rstrip("/")
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        page.browser.call("Browser.grantPermissions", origin=origin, permissions=permissions)
        page.browser.click(f".copies button[aria-label='Copy this explanation as {name}']")
        page.browser.wait("document.getElementById('status').textContent.startsWith('Copied')")
        assert wanted in page.run("navigator.clipboard.readText()")

    def test_what_is_copied_is_what_is_shown(self, page: Page, predictor: Predictor) -> None:
        page.explain(FILM)
        page.run("navigator.clipboard.writeText = text => { window.copied = text; }")
        edited = FILM.replace("wonderful", "awful")

        def copied(name: str) -> str:
            page.run("window.copied = ''")
            page.browser.click(f".copies button[aria-label='Copy this explanation as {name}']")
            page.browser.wait("window.copied")
            return str(page.run("window.copied"))

        assert FILM in copied("Python") and page.text(".copies > span") == "Copy as "
        page.click_word("wonderful", "replace")
        page.browser.type("awful")
        page.browser.press("Enter")
        page.wait_for_answer()
        assert page.text(".copies > span") == "Copy the edited text as "
        assert edited in copied("command") and "--target=positive" in copied("command")
        found: Dict[str, Any] = {}
        exec(copied("Python").replace("for result in", "results =").split(":\n")[0], found)
        [one] = found["results"]
        assert number(page.numbers()["output"][1]) == pytest.approx(one.output, rel=1e-3)
        # While a further edit is asked about, the answer before is shown.
        page.browser.click("input[name=how][value=strike]")
        page.run(
            "window.copied = ''; document.querySelector('.t[role=button]').click();"
            " document.querySelector('.copies button').click()"
        )
        page.browser.wait("window.copied")
        assert edited in page.run("window.copied")
        page.wait_for_answer()
        page.run("document.querySelectorAll('#edits .link')[0].click()")
        page.wait_for_answer()
        assert FILM in copied("Python") and page.text(".copies > span") == "Copy as "

    def test_what_cannot_be_copied_is_shown(self, page: Page) -> None:
        page.explain(FILM)
        page.browser.call("Browser.resetPermissions")
        page.run("navigator.clipboard.writeText = () => Promise.reject(new Error('denied'))")
        page.browser.click(".share button")
        page.browser.wait("document.getElementById('copied').open")
        assert page.run("document.getElementById('copied-text').value") == page.run("location.href")
        page.browser.press("Escape")
        page.browser.wait("!document.getElementById('copied').open")

    def test_downloads(self, page: Page, tmp_path: Path) -> None:
        page.explain(FILM)
        page.click_word("thin")
        page.browser.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path)
        )
        page.browser.click(".share button:last-child")
        page.browser.wait("document.getElementById('status').textContent.startsWith('Downloaded')")
        page.run("document.querySelector('.copies button:last-child').click()")
        page.browser.wait(
            "/interpretation.svg/.test(document.getElementById('status').textContent)"
        )
        page.wait_for_file(tmp_path / "interpretations.html")
        page.wait_for_file(tmp_path / "interpretation.svg")
        report = (tmp_path / "interpretations.html").read_text(encoding="utf-8")
        assert "The story is thin, but" in report and "The story is, but" in report
        assert (tmp_path / "interpretation.svg").read_text(encoding="utf-8").startswith("<")

    def test_a_report_without_what_fails(self, page: Page, tmp_path: Path) -> None:
        page.open()
        page.check("interpreters", "biome-occlusion")
        page.option("Tolerance", "0.1")
        page.option("n steps", "5")
        page.explain(FILM)
        page.browser.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path)
        )
        page.browser.click(".share button:last-child")
        page.wait_for_file(tmp_path / "interpretations.html")
        page.check("interpreters", "biome-occlusion")
        page.browser.click(".share button:last-child")
        page.browser.wait("document.getElementById('error').textContent")
        assert page.text("#error").startswith("tolerance and n_steps exclude each other")

    def test_a_report_has_the_gold_label_of_the_example(self, page: Page, tmp_path: Path) -> None:
        page.choose("#example", "1")
        page.click_word("lovely")
        page.browser.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path)
        )
        page.browser.click(".share button:last-child")
        page.wait_for_file(tmp_path / "interpretations.html")
        report = (tmp_path / "interpretations.html").read_text(encoding="utf-8")
        data = re.search(r'id="data">(.*?)</script>', report, re.DOTALL)
        assert data is not None
        before, after = json.loads(data[1])
        assert (before["gold"], before["right"]) == ("negative", False)
        assert "gold" not in after  # The edited text may have another one.


class TestKeyboard:
    def test_everything_without_a_mouse(self, page: Page) -> None:
        def tab_to(condition: str, most: int = 60) -> None:
            for _ in range(most):
                if page.run(f"document.activeElement.matches({json.dumps(condition)})"):
                    return
                page.browser.press("Tab")
            raise AssertionError(f"the tab key does not lead to {condition}")

        tab_to("#inputs textarea")
        page.browser.type(FILM)
        page.browser.press("Enter", modifiers=2)
        page.browser.wait("document.querySelector('.labels')")
        tab_to("input[name=baselines]:not(:checked)")
        page.browser.press("Space")
        page.wait_for_answer()
        assert len(page.texts(".item")) == 2
        tab_to(".labels li:nth-child(2) button")
        page.browser.press("Enter")
        page.wait_for_answer()
        assert len(page.texts(".item")) == 4
        tab_to(".t[role=button]")
        for _ in range(3):
            page.browser.press("ArrowRight")
        assert page.run("document.activeElement.textContent") == "thin"
        assert page.text("#tip").startswith("−1.7")
        page.browser.press("Delete")
        page.wait_for_answer()
        assert len(page.texts(".change")) == 4
        assert page.run("document.activeElement.getAttribute('aria-pressed')") == "true"
        assert page.run("document.activeElement.getAttribute('aria-label')") == "thin, struck out"
        assert "The output changed by" in page.text("#news")
        page.browser.press("m")
        page.wait_for_answer()
        assert page.state()["edits"][0]["how"] == "mask"
        page.browser.press("m")
        page.browser.press("End")
        page.browser.press("ArrowLeft")
        page.browser.press("r")
        page.browser.type("awful")
        page.browser.press("Enter")
        page.wait_for_answer()
        assert [edit["text"] for edit in page.state()["edits"]] == ["awful"]
        assert page.run("document.activeElement.textContent") == "wonderful"
        page.browser.press("r")
        page.browser.press("Escape")
        assert page.run("document.activeElement.textContent") == "wonderful"

    def test_the_focus_can_be_seen(self, page: Page) -> None:
        page.explain(FILM)
        page.run("document.querySelector('h1').focus()")
        seen = set()
        for _ in range(40):
            page.browser.press("Tab")
            width = page.run("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
            tag = page.run("document.activeElement.tagName")
            seen.add(tag)
            assert tag == "BODY" or width >= 1, page.run("document.activeElement.outerHTML")
        assert {"TEXTAREA", "INPUT", "SELECT", "BUTTON", "SUMMARY", "SPAN"} <= seen


class TestSafety:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_texts_are_shown_and_nothing_runs(self, page: Page, text: str) -> None:
        page.browser.resize(380, 800)
        page.explain("A film.")
        # A whole text as one unit, so that its markup is not taken apart.
        page.option("A score for each", "sentence")
        page.explain(text)
        page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        shown = page.texts(".item .tokens .t")[0]
        assert shown.split()[0] == text.split()[0][:300]
        for how in ("replace", "strike"):
            page.browser.click(f"input[name=how][value={how}]")
            page.browser.click(".item .t[role=button]")
            if how == "replace":
                page.browser.type(text.replace("\ud800", "").replace("\udc00", "") + " film")
                page.browser.press("Enter")
            page.wait_for_answer()
            assert text[:4] in page.text("#edits")
        page.run("document.querySelectorAll('*').forEach(e => e.focus && e.focus())")
        assert page.run("window.ran") is None
        assert page.run("document.querySelectorAll('script, style, img').length") == 1
        assert page.run("document.documentElement.scrollWidth") == 380
        everything = page.run("document.getElementById('answer').innerHTML")
        assert not set("\u202e\u2067\x00\x1b\ud800") & set(everything)
        # Without its only unit nothing is left to explain, which the server says.
        assert all("422" in one for one in page.browser.complaints())

    def test_hostile_examples(self, browser: Browser) -> None:
        texts = [*HOSTILE, "A film."]
        examples = [{"inputs": {"sentence": text}, "gold": text} for text in texts]
        with running(make_service(examples=examples)) as server:
            page = Page(browser, address_of(server))
            page.open()
            assert page.texts("#example option")[1].startswith(HOSTILE[0][:20])
            page.choose("#example", str(len(HOSTILE)))
            assert "The gold label A film. is not among" in page.text(".verdict")
            page.choose("#example", "1")
            assert f"The gold label {HOSTILE[1]} is not among" in page.text(".verdict")
            assert page.run("window.ran") is None and page.browser.complaints() == []
            assert page.run("document.querySelectorAll('script, style, img').length") == 1

    def test_hostile_texts_in_a_link(self, page: Page) -> None:
        hostile = HOSTILE[1]
        state = {"inputs": {"sentence": hostile}, "targets": [hostile], "archives": [hostile]}
        page.open("#state=" + page.run(f"btoa({json.dumps(json.dumps(state))})"))
        page.browser.wait("document.getElementById('error').textContent")
        assert hostile[:20] in page.text("#error")
        assert page.run("window.ran") is None and page.browser.complaints() == []


class TestErrors:
    def test_a_text_of_spaces(self, page: Page) -> None:
        page.explain("  \n ")
        said = "document.querySelector('#inputs textarea').validationMessage"
        assert page.run(said) == "There are only spaces here. Write a text."
        assert page.run("document.activeElement.tagName") == "TEXTAREA"
        page.explain(FILM)
        assert page.run(said) == "" and page.texts(".item") and page.browser.complaints() == []

    def test_a_text_that_is_too_long(self, page: Page) -> None:
        page.explain(FILM)
        page.explain("word " * 4000)
        assert "4000 tokens" in page.text("#error") and "horten" in page.text("#error")
        # The old result is marked, and its words cannot be edited.
        assert page.run("document.getElementById('answer').matches('.stale')")
        page.browser.click(page.mark_word("thin"))
        assert page.state()["edits"] == []
        for length in (60_000, 70_000, 1_000_000):
            page.explain("ä" * length)
            assert page.text("#error").startswith("The text is too long: at most 64 KB")
        page.explain(FILM)
        assert page.text("#error") == ""

    def test_a_number_that_is_not_allowed_is_shown(self, page: Page) -> None:
        page.explain(FILM)
        is_open = "document.getElementById('more-options').open"
        page.run(f"{is_open} = true")
        page.option("n steps", "9999")
        for ask in ("#explain", "input[name=baselines][value=unknown]"):
            page.run(f"{is_open} = false; document.querySelector('h1').focus()")
            page.browser.click(ask)
            page.browser.wait(is_open)
            assert page.run("document.activeElement.validationMessage").endswith("512.")
        assert len(page.texts(".item")) == 1
        page.option("n steps", "5")
        assert page.text("#status").startswith("Done") and len(page.texts(".item")) == 2
        assert page.browser.complaints() == []

    def test_more_explanations_than_fit(self, page: Page) -> None:
        page.explain(FILM)
        page.check("interpreters", "biome-gradient-shap")
        for baseline in ("padding", "unknown", "mean"):
            page.check("baselines", baseline)
        page.browser.click(".labels li:nth-child(2) button")
        page.wait_for_answer()
        assert "You chose 16 explanations side by side." in page.text("#error")

    def test_a_server_that_is_busy(self, browser: Browser) -> None:
        with running(make_service(), most_waiting=0) as server:
            page = Page(browser, address_of(server))
            page.open()
            page.explain(FILM)
            assert "requests are waiting" in page.text("#error")
            assert re.search(r" Wait \d+ s\. Then press Explain\.$", page.text("#error"))

    def test_a_server_that_stops_meanwhile(self, browser: Browser) -> None:
        with running(make_service()) as server:
            page = Page(browser, address_of(server))
            page.open()
            server.worker.stop()
            page.explain(FILM)
            assert page.text("#error") == "The server was stopped: start it again."

    def test_a_server_that_is_gone(self, browser: Browser) -> None:
        with running(make_service()) as server:
            page = Page(browser, address_of(server))
            page.open()
            page.explain(FILM)
        page.explain("A film.")
        assert page.text("#error").startswith("The server does not answer. Start")

    def test_a_question_that_is_superseded_is_dropped(self, page: Page) -> None:
        page.explain(FILM)
        page.run(
            "for (const text of ['A dull mess.', 'A lovely film.']) {"
            " const box = document.querySelector('#inputs textarea'); box.value = text;"
            " box.dispatchEvent(new Event('input'));"
            " document.getElementById('question').requestSubmit(); }"
        )
        page.wait_for_answer()
        assert page.texts(".item .tokens .t") == ["A", "lovely", "film", "."]
        assert page.text("#error") == ""
        failed = [e for e in page.browser.events if e["method"] == "Network.loadingFailed"]
        assert [e["params"]["canceled"] for e in failed] == [True]

    def test_a_token_is_asked_for_and_leaves_the_address(self, browser: Browser) -> None:
        token = "a-token-of-some-length"
        with running(make_service(), token=token) as server:
            page = Page(browser, address_of(server))
            page.browser.visit(page.address)
            page.browser.wait("!document.getElementById('token-form').hidden")
            page.browser.type(token)
            page.browser.press("Enter")
            page.browser.wait("document.querySelector('#inputs textarea')")
            # A token that is damaged is wrong, whatever it has become.
            for damaged in ("%", "%E2%82%AC", "a-token", ""):
                page.run("sessionStorage.clear()")
                page.browser.visit(f"{page.address}#token={damaged}")
                page.browser.wait("!document.getElementById('token-form').hidden")
                assert "token" in page.text("#error")
            said = "document.getElementById('error').textContent"
            page.run(f"{said} = ''")
            page.browser.type("€")
            page.browser.press("Enter")
            page.browser.wait(said)
            assert "token" in page.text("#error")
            page.run("sessionStorage.clear()")
            page.open(f"#token={token}")
            page.explain(FILM)
            assert token not in page.run("location.href")
            assert page.text(".verdict").startswith("Predicted: positive")


class TestLooks:
    def test_a_narrow_window_has_no_sideways_scrolling(self, page: Page) -> None:
        page.browser.resize(380, 800)
        page.explain(FILM)
        page.check("baselines", "unknown")
        page.click_word("thin")
        page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.run("document.documentElement.scrollWidth") == 380

    def test_a_text_that_reads_from_right_to_left(self, page: Page) -> None:
        words = "הסרט הזה היה מצוין"
        page.explain(words)
        left = page.run("[...document.querySelectorAll('.item .t')].map(t => t.offsetLeft)")
        assert left == sorted(left, reverse=True)
        page.run("document.querySelector('.item .t').focus()")
        page.browser.press("ArrowLeft")
        assert page.run("document.activeElement.textContent") == words.split()[1]
        page.browser.press("Delete")
        page.wait_for_answer()
        assert page.state()["edits"] == [
            {"path": ["sentence"], "start": 5, "end": 8, "how": "strike"}
        ]

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_all_texts_can_be_read(self, page: Page, theme: str) -> None:
        page.browser.prefer(prefers_color_scheme=theme)
        page.explain(FILM)
        page.click_word("thin")
        paper = _rgb(page.run("getComputedStyle(document.body).backgroundColor"))
        assert (luminance(paper) > 0.5) == (theme == "light")
        names = ".quiet, .caption, .p, .change, legend, label, h1, h2, h4, td, th, .part, .mark"
        inks = page.run(
            f"[...document.querySelectorAll({names!r})].map(e => getComputedStyle(e).color)"
        )
        assert len(inks) > 50
        for ink in set(inks):
            lighter, darker = sorted([luminance(_rgb(ink)), luminance(paper)], reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, ink

    @pytest.mark.skipif("AXE_CORE" not in os.environ, reason="AXE_CORE names no axe.min.js")
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [380, 1280])
    def test_axe_core_finds_nothing(self, page: Page, theme: str, width: int) -> None:
        page.browser.prefer(prefers_color_scheme=theme)
        page.browser.resize(width, 900)
        page.run(Path(os.environ["AXE_CORE"]).read_text(encoding="utf-8") + "; 0")
        check = "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
        assert page.run(check) == []
        page.explain(FILM)
        assert page.run(check) == []
        page.check("baselines", "unknown")
        page.click_word("wonderful")
        page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.run(check) == []
        page.click_word("thin", "replace")
        assert page.run(check) == []
        page.explain("word " * 4000)
        assert page.run(check) == []


def _rgb(colour: str) -> List[float]:
    return [float(n) for n in colour[colour.index("(") + 1 : -1].replace(",", " ").split()[:3]]
