"""`allennlp predict --predictor saliency`: adds scores to the outputs of another predictor."""

import difflib
import json
import os
from typing import Any, Dict, List, Optional, Sequence, Type, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.params import evaluate_snippet
from allennlp.common.util import JsonDict, sanitize
from allennlp.data import DatasetReader, Instance
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.models import Model
from allennlp.predictors import Predictor
from numpy.typing import NDArray

from biome_interpret.errors import InterpretationError, reason_of, shown
from biome_interpret.interpretation import saliency_of
from biome_interpret.interpreters import PlannedInterpreter, options
from biome_interpret.interpreters.engine.outcomes import Outcome
from biome_interpret.models.registry import named_class, refuse_code

Input = Union[JsonDict, Instance]

_ARGUMENTS = ["interpreter", "predictor", "predictor_args", "interpretations", "frozen"]


@Predictor.register("saliency")
class SaliencyPredictor(Predictor):
    """
    Adds the scores of an interpreter to the outputs of another predictor. `interpretation` holds
    the dict of `saliency_interpret_from_json`. If a text cannot be interpreted, `interpretation` is
    `null` and `interpretation_error` holds the reason. If it cannot be predicted, the output holds
    `prediction_error` alone. The other texts are not affected. If the other predictor gives no
    dict, what it gives is `prediction`.

    Registered as a `Predictor` with name "saliency".

    # Parameters

    interpreter : `Union[str, Dict[str, Any]]`, optional (default = `"biome-integrated-gradient"`)
        A registered name, the interpreter's parameters with their `type` (also as Jsonnet text), or
        the path of a Jsonnet file that holds them.
    predictor : `str`, optional
        The registered name of the other predictor; by default the model's default predictor.
    predictor_args : `Dict[str, Any]`, optional
        The other predictor's own arguments.
    interpretations : `bool`, optional (default = `False`)
        Add `interpretations` too: a list of full results, as `Interpretation.to_json` gives them.

    # Raises

    `ConfigurationError`
        If the interpreter or the predictor does not exist.
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
        name = predictor or model.default_predictor
        if name is None:
            raise ConfigurationError(
                f"{type(model).__name__} has no default predictor: name one as `predictor`"
            )
        named_class(Predictor, "predictor", name)
        self._inner = Predictor.by_name(name)(model, dataset_reader, **(predictor_args or {}))
        self._interpreter = make_interpreter(interpreter_params(interpreter), self._inner)
        self._full = interpretations
        if interpretations and not isinstance(self._interpreter, PlannedInterpreter):
            raise ConfigurationError(
                f"{type(self._interpreter).__name__} gives no full results: leave out "
                f"`interpretations`, or name one of biome_interpret's interpreters"
            )

    def load_line(self, line: str) -> JsonDict:
        return self._inner.load_line(line)

    def dump_line(self, outputs: JsonDict) -> str:
        if "prediction_error" in outputs or isinstance(outputs, _NamedAnswer):
            return json.dumps(outputs) + "\n"
        return self._inner.dump_line(outputs)

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        return self._all(inputs)

    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonDict]:
        return self._all(instances)

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, NDArray[Any]]
    ) -> List[Instance]:
        return self._inner.predictions_to_labeled_instances(instance, outputs)

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._inner._json_to_instance(json_dict)

    def _all(self, inputs: Sequence[Input]) -> List[JsonDict]:
        # It may have been replaced.
        self._inner._model = self._model
        if not isinstance(self._interpreter, PlannedInterpreter):
            return [self._with_other_interpreter(one) for one in inputs]
        outcomes = self._interpreter.outcomes(inputs, complete=self._full)
        return [self._output(outcome, one) for outcome, one in zip(outcomes, inputs)]

    def _output(self, outcome: Outcome, inputs: Input) -> JsonDict:
        reason = reason_of(outcome.error) if outcome.error else None
        if outcome.outputs is None:
            return {"prediction_error": reason}
        try:
            outputs = self._predict(inputs) if self._adds_to_outputs else sanitize(outcome.outputs)
        except Exception as error:  # Of the predictor's own method.
            return {"prediction_error": reason_of(error)}
        results = outcome.interpretations
        found: JsonDict = {"interpretation": None if results is None else saliency_of(results)}
        if results is None:
            found["interpretation_error"] = reason
        elif self._full:
            found["interpretations"] = [result.to_json() for result in results]
        return _with(outputs, found)

    def _with_other_interpreter(self, inputs: Input) -> JsonDict:
        outputs = None
        try:
            outputs = self._predict(inputs)
            if isinstance(inputs, Instance):
                raise ConfigurationError(f"{type(self._interpreter).__name__} takes JSON only")
            saliency = self._interpreter.saliency_interpret_from_json(inputs)
            return _with(outputs, {"interpretation": saliency})
        except Exception as error:
            reason = reason_of(error)
            if outputs is None:
                return {"prediction_error": reason}
            return _with(outputs, {"interpretation": None, "interpretation_error": reason})

    def _predict(self, inputs: Input) -> Any:
        if isinstance(inputs, Instance):
            return self._inner.predict_instance(inputs)
        if not isinstance(inputs, dict):
            raise InterpretationError(f"the input is a {type(inputs).__name__}; it must be a dict")
        return self._inner.predict_json(inputs)

    @property
    def _adds_to_outputs(self) -> bool:
        """Whether the inner predictor may change the model's outputs. AllenNLP's base does not."""
        cls = type(self._inner)
        own = (cls.predict_json, cls.predict_instance)
        return own != (Predictor.predict_json, Predictor.predict_instance)


class _NamedAnswer(Dict[str, Any]):
    """The answer of a predictor that gives no dict, under the name `prediction`, and its scores."""


def _with(outputs: Any, found: JsonDict) -> JsonDict:
    if isinstance(outputs, dict):
        return {**outputs, **found}
    return _NamedAnswer(prediction=outputs, **found)


def interpreter_class(params: Params) -> Type[SaliencyInterpreter]:
    """The class that an interpreter's parameters name. `ConfigurationError` if there is none."""
    given = params.as_dict(quiet=True)
    if given.get("type") is None:
        raise ConfigurationError(
            f"an interpreter's parameters must name its 'type': {shown(given)}"
        )
    return named_class(SaliencyInterpreter, "interpreter", given["type"])


def make_interpreter(params: Params, predictor: Predictor) -> SaliencyInterpreter:
    """`ConfigurationError` if a name or a value of the parameters is wrong."""
    cls = interpreter_class(params)
    name = cls.__name__
    if "predictor" in params:  # AllenNLP would make another one of it.
        raise ConfigurationError(f"{name} has no option 'predictor': its predictor is given")
    if not issubclass(cls, PlannedInterpreter):  # It checks its own parameters.
        refuse_code(name, params)
    try:
        return SaliencyInterpreter.from_params(params, predictor=predictor)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{name} cannot be made: {reason_of(error)}") from error


def interpreter_params(interpreter: Union[str, Dict[str, Any]]) -> Params:
    """
    An interpreter's parameters from its registered name, from the parameters themselves (also as
    Jsonnet text), or from the path of a Jsonnet file. `ConfigurationError` if it is none of these.
    """
    if isinstance(interpreter, dict):
        return Params(dict(interpreter))
    if not isinstance(interpreter, str):
        raise ConfigurationError(
            f"interpreter is {shown(interpreter)}; it must be a name, parameters or a file"
        )
    if interpreter in SaliencyInterpreter.list_available():
        return Params({"type": interpreter})
    is_text = interpreter.lstrip().startswith("{")
    if not is_text and not os.path.isfile(interpreter):
        known = SaliencyInterpreter.list_available()
        # Of a name in another spelling, such as that of the class.
        ours = {name.replace("-", ""): name for name in known if name.startswith("biome-")}
        close = difflib.get_close_matches(interpreter.lower().replace("_", ""), ours, n=1)
        hint = f" (did you mean '{ours[close[0]]}'?)" if close else ""
        raise ConfigurationError(
            f"interpreter {shown(interpreter)} is neither a file nor one of the registered names "
            f"{', '.join(map(repr, known))}{hint}"
        )
    try:
        if is_text:
            found = json.loads(evaluate_snippet("interpreter", interpreter))
        else:
            found = Params.from_file(interpreter).params
    except Exception as error:  # Without Jsonnet it must be JSON.
        reason = " ".join(str(error).split())
        message = f"interpreter {shown(interpreter)} is not valid Jsonnet: {reason}"
        raise ConfigurationError(message) from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"interpreter {shown(interpreter)} holds no object of parameters")
    return Params(found)
