"""Wrong predictors and wrong inputs: each message says what to give instead."""

from pathlib import Path
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.models import load_archive
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient, InterpretationError
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

ARCHIVE = Path(__file__).parent.parent.parent / "fixtures" / "sst2_bilstm" / "model.tar.gz"
REVIEW = EXAMPLE_INPUTS["lstm"]


@pytest.fixture(scope="module")
def interpreter() -> IntegratedGradient:
    return IntegratedGradient(build_predictor("lstm"))


class TestPredictor:
    @pytest.mark.parametrize("method", [IntegratedGradient, GradientShap])
    @pytest.mark.parametrize(
        "given, said",
        [
            (str(ARCHIVE), r"the string '.*model.tar.gz'.*Predictor.from_path\('.*model.tar.gz'\)"),
            (ARCHIVE, r"Predictor.from_path\('.*model.tar.gz'\)"),
            (None, r"NoneType None; it must be an allennlp Predictor"),
            (Predictor, "the class Predictor; it must be an allennlp Predictor"),
        ],
    )
    def test_something_else_is_refused(self, method: Any, given: Any, said: str) -> None:
        with pytest.raises(ConfigurationError, match=f"predictor is .*{said}"):
            method(given)

    def test_a_model_and_an_archive_are_refused(self) -> None:
        model = build_predictor("lstm")._model
        with pytest.raises(ConfigurationError, match=r"a model \(BasicClassifier\).*by_name"):
            IntegratedGradient(model)
        archive = load_archive(str(ARCHIVE))
        with pytest.raises(ConfigurationError, match=r"an Archive.*Predictor.from_archive\(arch"):
            IntegratedGradient(archive)


class TestOneInput:
    @pytest.mark.parametrize("method", ["interpret_json", "saliency_interpret_from_json"])
    @pytest.mark.parametrize(
        "given, said",
        [
            ("A dull film.", "a dict such as .*given the string 'A dull film.'"),
            (None, "given NoneType None"),
            ([REVIEW], "given the list .*For several inputs there is .*interpret_batch_json"),
        ],
    )
    def test_something_else_is_refused(
        self, interpreter: IntegratedGradient, method: str, given: Any, said: str
    ) -> None:
        with pytest.raises(InterpretationError, match=f"^{method} takes .*{said}"):
            getattr(interpreter, method)(given)


class TestManyInputs:
    @pytest.mark.parametrize(
        "method", ["interpret_batch_json", "saliency_interpret_batch_json", "interpret_each"]
    )
    @pytest.mark.parametrize("given", [REVIEW, "A dull film.", None, 5])
    def test_something_else_is_refused(
        self, interpreter: IntegratedGradient, method: str, given: Any
    ) -> None:
        with pytest.raises(TypeError, match=f"^{method} takes a list of inputs.*into a list"):
            getattr(interpreter, method)(given)

    def test_a_string_in_the_list_fails_alone(self, interpreter: IntegratedGradient) -> None:
        failed, found = interpreter.interpret_each(["A dull film.", REVIEW])
        assert isinstance(failed, InterpretationError) and "JSON object" in str(failed)
        assert not isinstance(found, Exception)

    @pytest.mark.parametrize(
        "targets, error, said",
        [
            ([0], ValueError, "1 targets are given for 2 inputs"),
            ([], ValueError, "0 targets are given for 2 inputs"),
            ("positive", TypeError, "targets is 'positive'; it must be a list"),
        ],
    )
    def test_there_is_a_target_for_each(
        self, interpreter: IntegratedGradient, targets: Any, error: Any, said: str
    ) -> None:
        with pytest.raises(error, match=said):
            interpreter.interpret_each([REVIEW, REVIEW], targets)

    def test_any_iterable_is_taken(self, interpreter: IntegratedGradient) -> None:
        expected = interpreter.interpret_batch_json([REVIEW])
        assert interpreter.interpret_batch_json(iter([REVIEW])) == expected
