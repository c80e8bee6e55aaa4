"""The examples of the documentation run."""

import json
import runpy
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from allennlp.modules.token_embedders import TokenEmbedder

from biome_interpret import Baseline, InferenceMode, IntegratedGradient, Interpretation, Objective
from biome_interpret.models.embedding import SiteFinder
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
ARCHIVE = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
INPUTS = EXAMPLE_INPUTS["lstm"]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs an example; what it registers is forgotten afterwards."""
    for kind in (Baseline, InferenceMode, Objective, SiteFinder, TokenEmbedder):
        registered = kind._registry[kind]  # type: ignore[attr-defined]
        monkeypatch.setitem(kind._registry, kind, dict(registered))  # type: ignore[attr-defined]
    return lambda name: runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_own_baseline(example: Any) -> None:
    example("own_baseline")
    predictor = build_predictor("linear_averaged")
    [result] = IntegratedGradient(predictor, baseline="mean-of-text").interpret_json(INPUTS)
    # A model that averages its embeddings sees no difference at all.
    assert result.baseline_output == pytest.approx(result.output, abs=1e-5)
    predictor = build_predictor("lstm")
    [result] = IntegratedGradient(predictor, baseline="mean-of-text").interpret_json(INPUTS)
    assert abs(result.output - result.baseline_output) > 1e-3
    assert result.convergence_delta == pytest.approx(0, abs=1e-3)


def test_own_output(example: Any) -> None:
    example("own_output")
    predictor = build_predictor("lstm")
    [margin] = IntegratedGradient(predictor, inference_mode="margin").interpret_json(INPUTS)
    both = IntegratedGradient(predictor).interpret_json(INPUTS, target=["positive", "negative"])
    first, second = sorted((one.output for one in both), reverse=True)
    assert margin.output == pytest.approx(first - second, abs=1e-5)


def test_own_objective(example: Any) -> None:
    predictor = build_predictor("lstm")
    plain = predictor._model

    class EnergyClassifier(type(plain)):  # type: ignore[misc]
        def forward(self, *arguments: Any, **named: Any) -> Any:
            outputs = super().forward(*arguments, **named)
            energies = -outputs.pop("logits")
            return {**outputs, "energies": energies}

    [expected] = IntegratedGradient(predictor).interpret_json(INPUTS)
    plain.__class__ = EnergyClassifier
    [fallen_back] = IntegratedGradient(predictor).interpret_json(INPUTS)
    assert any("loss" in note for note in fallen_back.notes)
    example("own_objective")
    [found] = IntegratedGradient(predictor).interpret_json(INPUTS)
    assert found.output == pytest.approx(expected.output) and not found.notes
    assert found.fields["tokens"].scores == pytest.approx(
        expected.fields["tokens"].scores, abs=1e-4
    )


def test_own_embedder(example: Any) -> None:
    predictor = build_predictor("lstm")
    [expected] = IntegratedGradient(predictor, baseline="mean").interpret_json(INPUTS)
    embedder = predictor._model._text_field_embedder
    weight = embedder._token_embedders["tokens"].weight
    own = example("own_embedder")["ScaledEmbedder"](*weight.shape, scale=2.0)
    own._table.weight.data = weight.data / 2
    embedder._token_embedders["tokens"] = own
    embedder.token_embedder_tokens = own
    # A baseline that needs the table: the finder has found it.
    [found] = IntegratedGradient(predictor, baseline="mean").interpret_json(INPUTS)
    assert not found.notes
    assert found.fields["tokens"].scores == pytest.approx(
        expected.fields["tokens"].scores, abs=1e-4
    )


def test_serving() -> None:
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(EXAMPLES / "serve.py"), str(ARCHIVE), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{server.stdout.readline().split()[-1]}"
        with urllib.request.urlopen(
            address, json.dumps({"sentence": "A dull film."}).encode()
        ) as a:
            [result] = map(Interpretation.from_json, json.load(a))
        assert result.fields["tokens"].tokens == ["A", "dull", "film", "."]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, b'{"sentence": ""}')
        assert refused.value.code == 400 and "tokens" in json.load(refused.value)["error"]
    finally:
        server.kill()
        server.wait()
