"""The examples of CONTRIBUTING.md, run block by block on small models."""

import re
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from allennlp.common import Params
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.models import Model
from allennlp.modules.token_embedders import TokenEmbedder

from biome_interpret import IntegratedGradient, Interpretation, Objective, Occlusion
from biome_interpret.models.embedding import SiteFinder
from tests.tiny_models import EXAMPLE_INPUTS, build_from_params, build_predictor, load_params

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
REVIEW = EXAMPLE_INPUTS["lstm"]
BUCKETS = {"tokens": {"type": "buckets", "num_buckets": 7, "embedding_dim": 8}}

# Runs one more block of a section, and returns all names that are defined so far.
RunNext = Callable[[], Dict[str, Any]]


@pytest.fixture
def section(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RunNext]:
    """Runs the Python blocks of a section. What they register is forgotten afterwards."""
    for base in (Model, Objective, SaliencyInterpreter, SiteFinder, TokenEmbedder):
        registered = base._registry[base]  # type: ignore[attr-defined]
        monkeypatch.setitem(base._registry, base, dict(registered))  # type: ignore[attr-defined]

    def start(title: str) -> RunNext:
        [text] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        blocks = iter(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
        namespace: Dict[str, Any] = {"__name__": "contributed"}

        def run_next() -> Dict[str, Any]:
            exec(next(blocks), namespace)
            return namespace

        return run_next

    return start


def interpret(model: Dict[str, Any], **options: Any) -> Interpretation:
    overrides = {f"model.{name}": value for name, value in model.items()}
    params = Params(load_params("lstm", **overrides).as_dict())
    [result] = IntegratedGradient(build_from_params(params, double=True), **options).interpret_json(
        REVIEW
    )
    return result


def scores_of(result: Interpretation) -> List[float]:
    return result.fields["tokens"].scores


def test_an_embedder(section: Any) -> None:
    run_next = section("An embedder")
    run_next()
    model = {"text_field_embedder.token_embedders": BUCKETS}
    above = interpret(model)
    assert any("explained at the output" in note for note in above.notes)
    run_next()
    found = interpret(model, n_steps=50)
    assert not found.notes
    assert abs(found.convergence_delta or 0.0) < 1e-9
    # A site below the `tanh` gives other scores.
    assert scores_of(found) != pytest.approx(scores_of(above), abs=1e-3)


def test_an_objective(section: Any) -> None:
    run_next = section("An objective")
    run_next()
    model = {"type": "energy_classifier"}
    assert any("the loss is explained" in note for note in interpret(model).notes)
    run_next()
    for mode in ("logits", "softmax"):
        found = interpret(model, inference_mode=mode)
        expected = interpret({"type": "basic_classifier"}, inference_mode=mode)
        assert not found.notes
        assert found.target == expected.target
        assert scores_of(found) == pytest.approx(scores_of(expected), abs=1e-9)


def test_a_method(section: Any) -> None:
    run_next = section("A method")
    run_next()
    # Of a linear model all gradients are the same: the method is Integrated Gradients.
    predictor = build_predictor("linear", double=True)
    interpreter = SaliencyInterpreter.by_name("input-times-gradient")(predictor)
    [found] = interpreter.interpret_json(REVIEW)
    [expected] = IntegratedGradient(predictor).interpret_json(REVIEW)
    assert scores_of(found) == pytest.approx(scores_of(expected))
    assert found.convergence_delta == pytest.approx(0, abs=1e-9)
    assert found.method == "input-times-gradient"
    # Of another model it is one node of the rule that has the text alone.
    predictor = build_predictor("lstm", double=True)
    options = {"n_steps": 1, "quadrature": "riemann-right"}
    for background in (None, ["a dull film", "the story"]):
        method = SaliencyInterpreter.by_name("input-times-gradient")
        [found] = method(predictor, background=background).interpret_json(REVIEW)
        [expected] = IntegratedGradient(predictor, background=background, **options).interpret_json(
            REVIEW
        )
        assert scores_of(found) == pytest.approx(scores_of(expected))
        assert abs(found.convergence_delta or 0.0) > 1e-3
    run_next()
    for options in ({}, {"removal": "delete"}, {"background": ["a dull film", "the story"]}):
        method = SaliencyInterpreter.by_name("leave-one-out")
        [found] = method(predictor, **options).interpret_json(REVIEW)
        [expected] = Occlusion(predictor, **options).interpret_json(REVIEW)
        assert scores_of(found) == scores_of(expected)
        assert found.method == "leave-one-out" and found.n_evaluations == expected.n_evaluations


def test_every_file_that_the_page_names_exists() -> None:
    linked = re.findall(r"\]\(([\w./-]+\.md)", PAGE)
    named = re.findall(r"`((?:tests|docs)/[\w./-]+)`", PAGE)
    rooms = re.findall(r"`((?:models|interpreters|commands)/(?:\w+/)*)`", PAGE)
    for path in [*linked, *named, *(f"biome_interpret/{room}" for room in rooms)]:
        assert (ROOT / path).exists(), path


def test_every_section_of_an_example_is_linked() -> None:
    for title in ("An embedder", "An objective", "A method"):
        assert f"[{title.lower()}](#{title.lower().replace(' ', '-')})" in PAGE
