import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.params import evaluate_snippet
from allennlp.common.util import JsonDict, sanitize
from allennlp.data import DatasetReader, Instance
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.interpretation import saliency_of
from biome_interpret.interpreters import PathInterpreter, options
from biome_interpret.interpreters.pipeline import Outcome

Input = Union[JsonDict, Instance]

_ARGUMENTS = ["interpreter", "predictor", "predictor_args", "interpretations", "frozen"]


@Predictor.register("saliency")
class SaliencyPredictor(Predictor):
    """
    Another predictor with an interpreter beside it: to each output is added `interpretation`, the
    dict of `saliency_interpret_from_json`. A text that cannot be interpreted gets its prediction,
    `null` for its interpretation and the reason as `interpretation_error`; one that cannot even be
    predicted, the reason as `prediction_error`. The others are not affected.

    Registered as a `Predictor` with name "saliency", for `allennlp predict --predictor saliency
    --predictor-args '{...}'`.

    # Parameters

    model : `Model`
    dataset_reader : `DatasetReader`
    interpreter : `Union[str, Dict[str, Any]]`, optional (default = `"biome-integrated-gradient"`)
        A registered name, the interpreter's parameters with their `type` (also as text), or the
        path of a Jsonnet file that holds them.
    predictor : `str`, optional
        The registered name of the predictor to go with; the model's own default if not given.
    predictor_args : `Dict[str, Any]`, optional
        That predictor's own arguments.
    interpretations : `bool`, optional (default = `False`)
        Add `interpretations` too: a list of full results, as `Interpretation.to_json` gives them.

    # Raises

    `ConfigurationError`
        If there is no such interpreter or predictor.
    """

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        interpreter: Union[str, Dict[str, Any]] = "biome-integrated-gradient",
        predictor: Optional[str] = None,
        predictor_args: Optional[Dict[str, Any]] = None,
        interpretations: bool = False,
        frozen: bool = True,
        **unknown: Any,
    ) -> None:
        super().__init__(model, dataset_reader, frozen)
        options.refuse_unknown("the predictor 'saliency'", unknown, _ARGUMENTS)
        self._inner = _inner_predictor(model, dataset_reader, predictor, predictor_args or {})
        self._interpreter = SaliencyInterpreter.from_params(
            interpreter_params(interpreter), predictor=self._inner
        )
        self._full = interpretations
        if interpretations and not isinstance(self._interpreter, PathInterpreter):
            raise ConfigurationError(
                f"{type(self._interpreter).__name__} gives no full results: leave out "
                f"`interpretations`, or name one of biome_interpret's interpreters"
            )

    def load_line(self, line: str) -> JsonDict:
        return self._inner.load_line(line)

    def dump_line(self, outputs: JsonDict) -> str:
        if "prediction_error" in outputs:
            return json.dumps(outputs) + "\n"
        return self._inner.dump_line(outputs)

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self._all([inputs])[0]

    def predict_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        return self._all(inputs)

    def predict_instance(self, instance: Instance) -> JsonDict:
        return self._all([instance])[0]

    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonDict]:
        return self._all(instances)

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, numpy.ndarray]
    ) -> List[Instance]:
        return self._inner.predictions_to_labeled_instances(instance, outputs)

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._inner._json_to_instance(json_dict)

    def _all(self, inputs: Sequence[Input]) -> List[JsonDict]:
        if not isinstance(self._interpreter, PathInterpreter):
            return [self._by_another_interpreter(one) for one in inputs]
        outcomes = self._interpreter.outcomes(inputs, complete=self._full)
        return [self._output(outcome, one) for outcome, one in zip(outcomes, inputs)]

    def _output(self, outcome: Outcome, inputs: Input) -> JsonDict:
        if outcome.outputs is None:
            assert outcome.error is not None
            return {"prediction_error": _reason(outcome.error)}
        outputs = self._predict(inputs) if self._predicts_by_itself else sanitize(outcome.outputs)
        if outcome.interpretations is None:
            assert outcome.error is not None
            return {**outputs, **_uninterpreted(outcome.error)}
        results = outcome.interpretations
        full = {"interpretations": [result.to_json() for result in results]} if self._full else {}
        return {**outputs, "interpretation": saliency_of(results), **full}

    def _by_another_interpreter(self, inputs: Input) -> JsonDict:
        try:
            outputs = self._predict(inputs)
        except Exception as error:
            return {"prediction_error": _reason(error)}
        try:
            if isinstance(inputs, Instance):
                raise ConfigurationError(f"{type(self._interpreter).__name__} takes JSON only")
            saliency = self._interpreter.saliency_interpret_from_json(inputs)
            return {**outputs, "interpretation": saliency}
        except Exception as error:
            return {**outputs, **_uninterpreted(error)}

    def _predict(self, inputs: Input) -> JsonDict:
        if isinstance(inputs, Instance):
            return self._inner.predict_instance(inputs)
        return self._inner.predict_json(inputs)

    @property
    def _predicts_by_itself(self) -> bool:
        """Whether the wrapped predictor makes more of the model's output than AllenNLP's own do."""
        kind = type(self._inner)
        own = (kind.predict_json, kind.predict_instance)
        return own != (Predictor.predict_json, Predictor.predict_instance)


def _uninterpreted(error: Exception) -> JsonDict:
    return {"interpretation": None, "interpretation_error": _reason(error)}


def interpreter_params(interpreter: Union[str, Dict[str, Any]]) -> Params:
    """
    An interpreter's parameters from its registered name, from themselves (also as Jsonnet text,
    such as `{"type": "biome-gradient-shap"}`), or from the path of a Jsonnet file.

    # Raises

    `ConfigurationError`
        If it is none of these.
    """
    if isinstance(interpreter, dict):
        return Params(dict(interpreter))
    if interpreter in SaliencyInterpreter.list_available():
        return Params({"type": interpreter})
    if interpreter.lstrip().startswith("{"):
        return _params_from_text(interpreter)
    if Path(interpreter).is_file():
        return _params_from_file(interpreter)
    known = ", ".join(repr(name) for name in SaliencyInterpreter.list_available())
    raise ConfigurationError(
        f"interpreter {interpreter!r} is neither a file nor one of the registered names {known}"
    )


def _params_from_text(text: str) -> Params:
    try:
        return Params(json.loads(evaluate_snippet("interpreter", text)))
    except (RuntimeError, ValueError) as error:  # Of Jsonnet, and of JSON where that is missing.
        raise ConfigurationError(f"interpreter {text!r} is no JSON: {_in_a_line(error)}") from error


def _params_from_file(path: str) -> Params:
    try:
        return Params.from_file(path)
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"interpreter file {path} is no Jsonnet: {_in_a_line(error)}"
        ) from error


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _inner_predictor(
    model: Model, reader: DatasetReader, name: Optional[str], arguments: Dict[str, Any]
) -> Predictor:
    name = name or model.default_predictor
    if name is None:
        raise ConfigurationError(
            f"{type(model).__name__} has no default predictor: name one as `predictor`"
        )
    return Predictor.by_name(name)(model, reader, **arguments)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
