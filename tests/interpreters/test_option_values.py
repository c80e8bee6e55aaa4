"""Odd values of options: each gets a result or an error in words."""

import json
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import infer_params
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from biome_interpret import (
    Baseline,
    GradientShap,
    InferenceMode,
    IntegratedGradient,
    InterpretationError,
    PathInterpreter,
)
from tests.tiny_models import build_predictor

TEXT = {"sentence": "the film is boring"}
IG, SHAP = "biome-integrated-gradient", "biome-gradient-shap"


def from_params(method: str, **options: Any) -> Any:
    params = Params({"type": method, **options})
    return SaliencyInterpreter.from_params(params, predictor=build_predictor("linear"))


@pytest.mark.parametrize(
    "options, said",
    [
        ({"background": {"sentence": "x"}}, r"background is .'sentence'.*must be a list"),
        ({"background": 5}, "background must be a list of texts.*it is 5"),
        ({"background": torch.tensor(3)}, "background must be a list of texts"),
        ({"background": numpy.array(3)}, "background must be a list of texts"),
        ({"background": "/dev/zero"}, "'/dev/zero' cannot be read as JSONL: it is not a file"),
        ({"background": "a" * 10_000}, "background 'aaa.{100,200}$"),
        ({"background": "a\0b"}, "background .* cannot be read"),
        ({"baseline": 10**300}, "the baseline is 1000.*smaller than 1e.30"),
        ({"baseline": [1e300]}, "the baseline is .*smaller than 1e.30"),
        ({"baseline": [True]}, "not a vector or a matrix: its type is .* of torch.bool"),
        ({"baseline": torch.empty(8, device="meta")}, "not a vector or a matrix"),
        ({"baseline": torch.ones(8).to_sparse()}, "its type is torch.sparse_coo"),
        ({"target": 10**5000}, "target is .* its index"),
        ({"baseline": {}}, "baseline is {}; it must name its 'type'"),
        ({"baseline": {"type": ["mean"]}}, r"unknown baseline \['mean'\]"),
        ({"baseline": {"type": "constant", "value": True}}, "ConstantBaseline.*numeric"),
        ({"baseline": {"type": "constant", "valu": 1}}, "ConstantBaseline: .*valu"),
        ({"inference_mode": {}}, "inference_mode is {}; it must name its 'type'"),
        ({"inference_mode": len}, "function of .outputs, choices."),
        ({"inference_mode": dict}, "function of .outputs, choices."),
        ({"inference_mode": {"type": "logits", "x": 1}}, "Logits: .*x"),
        ({"device": "meta"}, "device is 'meta'"),
        ({"device": True}, "device is True"),
        ({"batch_size": 10**5000}, "batch_size is .*from 1 to 20000"),
        ({"batch_size": True}, "batch_size is True"),
        ({"reduction": "a" * 10_000}, "reduction is 'aaa.{100,200}$"),
    ],
    ids=lambda value: str(list(value)) if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("method", [IntegratedGradient, GradientShap])
def test_refused(method: Any, options: Dict[str, Any], said: str) -> None:
    predictor = build_predictor("linear")
    with pytest.raises(ConfigurationError, match=said):
        method(predictor, **options)
    assert next(predictor._model.parameters()).device == torch.device("cpu")


@pytest.mark.parametrize(
    "method, options, said",
    [
        (IntegratedGradient, {"n_steps": 10**6}, "'gauss-radau' .* from 1 to 2000"),
        (IntegratedGradient, {"n_steps": 2**31, "quadrature": "trapezoid"}, "from 1 to 20000"),
        (IntegratedGradient, {"max_evaluations": 10**6}, "max_evaluations .* from 3 to 2000"),
        (GradientShap, {"n_perturbations": 10**6}, "n_perturbations .* from 1 to 20000"),
        (GradientShap, {"tolerance": 0.1, "max_evaluations": 10**6}, "from 2 to 20000"),
        (GradientShap, {"seed": 2**63}, "seed is .* from 0 to 9223372036854775807"),
        (GradientShap, {"n_perturbations": 1, "tolerance": 0.1}, "with a tolerance.*from 2"),
        (GradientShap, {"noise_std": 1e30}, "less than 1e30"),
    ],
)
def test_numbers_have_bounds(method: Any, options: Dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        method(build_predictor("linear"), **options)


ODD: List[Any] = [
    None,
    True,
    -1,
    0,
    1,
    0.5,
    10**300,
    float("nan"),
    "",
    "a" * 300,
    "a.b\0",
    [],
    [None],
    [0.5] * 8,
    {},
    {"type": ["a"]},
    {"sentence": "x"},
    numpy.array(3),
    torch.tensor(0.5),
    len,
    object(),
]


@pytest.mark.parametrize("method", [IntegratedGradient, GradientShap])
@pytest.mark.parametrize("make", ["constructor", "parameters"])
def test_any_value_of_any_option_has_a_result_or_an_error_in_words(method: Any, make: str) -> None:
    predictor = build_predictor("linear")
    names = [name for name in infer_params(method) if name not in ("self", "predictor", "kwargs")]
    refused = 0
    for name, value in product(names, ODD):
        try:
            if make == "constructor":
                interpreter = method(predictor, **{name: value})
            else:
                interpreter = method.from_params(Params({name: value}), predictor=predictor)
            [result] = interpreter.interpret_json(TEXT)
        except (ConfigurationError, InterpretationError) as error:
            refused += 1
            assert 0 < len(str(error)) < 1000
        else:
            json.dumps(result.to_json(), allow_nan=False)
    assert len(names) >= 16
    assert refused > 0.6 * len(names) * len(ODD)


def test_numbers_of_numpy_are_numbers() -> None:
    numpys = {
        "n_perturbations": numpy.int64(5),
        "noise_std": numpy.float32(0.5),
        "noise_relative": numpy.bool_(True),
        "seed": numpy.uint8(3),
        "baseline": numpy.float32(0.25),
        "batch_size": numpy.int32(2),
        "target": numpy.int64(1),
        "device": numpy.int64(-1),
    }
    plain = {name: value.item() for name, value in numpys.items()}
    predictor = build_predictor("linear")
    found, expected = [
        GradientShap(predictor, **options).interpret_json(TEXT) for options in (numpys, plain)
    ]
    assert found == expected
    json.dumps(found[0].to_json(), allow_nan=False)
    [by_array] = IntegratedGradient(predictor, baseline=numpy.full(8, 0.25)).interpret_json(TEXT)
    [by_fraction] = IntegratedGradient(predictor, baseline=Fraction(1, 4)).interpret_json(TEXT)
    assert by_array.baseline_output == pytest.approx(by_fraction.baseline_output)


def test_a_background_line_may_hold_any_character(tmp_path: Path) -> None:
    file = tmp_path / "background.jsonl"
    file.write_text('{"sentence": "a\u2028dull\u0085film"}\n', encoding="utf-8")
    predictor = build_predictor("linear")
    by_file, by_list = [
        IntegratedGradient(predictor, background=given).interpret_json(TEXT)
        for given in (str(file), [{"sentence": "a\u2028dull\u0085film"}])
    ]
    assert by_file == by_list


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda outputs, choices: outputs["scores"], "function failed: KeyError.*scores"),
        (lambda outputs, choices: None, "must return a tensor of shape"),
    ],
)
def test_a_wrong_function_of_the_user_s_is_named(function: Any, said: str) -> None:
    interpreter = IntegratedGradient(build_predictor("linear"), inference_mode=function)
    with pytest.raises(InterpretationError, match=said):
        interpreter.interpret_json(TEXT)


class TestParameters:
    @pytest.mark.parametrize(
        "method, options, said",
        [
            (IG, {"n_steps": True}, "n_steps is True"),
            (SHAP, {"seed": "1"}, "seed is '1'"),
            (SHAP, {"noise_relative": 1}, "noise_relative is 1; it must be true or false"),
            (IG, {"self": 1}, "no option 'self'"),
            (IG, {"predictor": "text_classifier"}, "no option 'predictor'"),
            (IG, {"kwargs": 1}, "no option 'kwargs'"),
            (IG, {"a" * 300: 1}, "no option 'aaa.*its options are"),
            (IG, {"\0": 1}, "no option .*its options are"),
        ],
    )
    def test_are_refused_as_the_constructor_does(
        self, method: str, options: Dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=said):
            from_params(method, **options)

    def test_a_subclass_may_have_arguments_that_allennlp_makes(self) -> None:
        interpreter = from_params("with-own-arguments", mode="softmax", reduction="l2", times=2)
        [found] = interpreter.interpret_json(TEXT)
        assert 0 <= found.output <= 1
        assert interpreter.times == 2
        with pytest.raises(ConfigurationError, match="no option 'tims'"):
            from_params("with-own-arguments", mode="softmax", tims=2)


@SaliencyInterpreter.register("with-own-arguments")
class WithOwnArguments(IntegratedGradient):
    def __init__(self, predictor: Any, mode: InferenceMode, times: int = 1, **kwargs: Any) -> None:
        super().__init__(predictor, inference_mode=mode, **kwargs)
        self.times = times


class Halves(Baseline):
    """It is not registered."""

    def vectors(self, call: Any, vocabulary: Any) -> torch.Tensor:
        return call.embedded / 2


def halves() -> Baseline:
    raise AssertionError("a function was called")


class TestConfigurationsRunNoCode:
    def test_the_name_of_a_class_in_an_imported_module(self) -> None:
        name = f"{__name__}.Halves"
        [found] = from_params(IG, baseline=name).interpret_json(TEXT)
        [expected] = IntegratedGradient(
            build_predictor("linear"), baseline=Halves()
        ).interpret_json(TEXT)
        assert found == expected

    @pytest.mark.parametrize("option", ["baseline", "inference_mode"])
    @pytest.mark.parametrize(
        "name",
        ["subprocess.Popen", "os.system", f"{__name__}.halves", "this.s", ".", "a\0.b", "a." * 200],
    )
    def test_other_names_are_refused(self, option: str, name: str, tmp_path: Path) -> None:
        mark = tmp_path / "mark"
        params = {"type": name, "args": ["touch", str(mark)]}
        for given in (name, params):
            with pytest.raises(ConfigurationError, match=f"{option} .*--include-package"):
                from_params(IG, **{option: given})
        assert not mark.exists()

    def test_a_module_is_not_imported(self, tmp_path: Path, monkeypatch: Any) -> None:
        (tmp_path / "marks.py").write_text("raise AssertionError('imported')\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ConfigurationError, match="marks.Mine.* is not a subclass of Baseline"):
            from_params(IG, baseline="marks.Mine")

    def test_an_archive_is_not_loaded(self) -> None:
        pretrained = {"_pretrained": {"archive_file": "/nowhere", "module_path": ""}}
        for options in (
            {"baseline": {"type": "constant", "value": pretrained}},
            {"baseline": {"type": "embedding", "values": [pretrained]}},
        ):
            with pytest.raises(ConfigurationError, match="leave out '_pretrained'"):
                from_params(IG, **options)

    def test_arguments_of_a_subclass_are_checked_too(self) -> None:
        nested = {"type": "logits", "x": [{"type": "subprocess.Popen", "args": ["true"]}]}
        with pytest.raises(ConfigurationError, match="'subprocess.Popen' is not a subclass"):
            from_params("with-own-arguments", mode=nested)


def test_every_interpreter_takes_every_shared_option() -> None:
    """Options that a subclass has no place for are refused, not lost."""

    class Narrow(PathInterpreter):
        def __init__(self, predictor: Any, n: int = 1) -> None:
            super().__init__(predictor)

    with pytest.raises(ConfigurationError, match="granularity"):
        Narrow.from_params(Params({"granularity": "word"}), predictor=build_predictor("linear"))
