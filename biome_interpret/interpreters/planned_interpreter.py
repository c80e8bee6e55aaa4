"""The base class of the methods. It does everything but choose points on the paths."""

import inspect
from typing import Any, Dict, List, Optional, Sequence, Type, Union

from allennlp.common import Params
from allennlp.common.from_params import infer_params
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.errors import shown
from biome_interpret.interpretation import Interpretation, saliency_of
from biome_interpret.interpreters import options
from biome_interpret.interpreters.engine.batch_explainer import Plan
from biome_interpret.interpreters.engine.outcomes import Outcome
from biome_interpret.interpreters.engine.pipeline import Pipeline
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.interpreters.engine.windows import Input
from biome_interpret.interpreters.inputs import checked_predictor, many_inputs, one_input
from biome_interpret.models.alignment.segments import GRANULARITIES
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.labelling import TargetSpec
from biome_interpret.models.objectives.inference_modes import InferenceMode
from biome_interpret.models.registry import refuse_code

Targets = Union[TargetSpec, List[TargetSpec]]

# Arguments of constructors that are not options.
_OTHER_ARGUMENTS = ("self", "predictor", "kwargs", "unknown")


class PlannedInterpreter(SaliencyInterpreter):
    """
    The base of all interpreters. A subclass plans at which points it needs the explained output or
    its gradient, in `plan`. It is either a `PathInterpreter` or a `CoalitionInterpreter`.

    # Parameters

    predictor : `Predictor`
    baseline : `Baseline`, optional
        x', what the text is compared with: a number for every dimension (0 if not given), a tensor
        or list of shape (dim,) or (tokens, dim), or the name of a registered `Baseline`:
        `"padding"`, `"unknown"`, `"mask"` (the embedding of that token) or `"mean"` (of the
        embedding matrix).
    background : `Union[str, List]`, optional
        Texts to average over as baselines, in place of `baseline`: a list of the predictor's JSON
        inputs (or of strings, if the input has one text), or the path of a JSONL file of them.
    hold_special_tokens : `bool`, optional (default = `False`)
        Keep special tokens as they are, so that nothing is attributed to them.
    inference_mode : `Union[str, InferenceMode]`, optional (default = `"logits"`)
        The explained output: `"logits"`, `"softmax"`, `"log_softmax"`, `"loss"` (minus the loss), a
        registered `InferenceMode`, or a function of (outputs, choices).
    output : `str`, optional
        The name of the model's output that holds the logits of the label. Default: the one that
        agrees with the model's own label, its probabilities and its loss.
    target : `Union[str, int]`, optional
        The label to explain: its name, its index in the vocabulary, or `"gold"` for the text's own
        label. Default: the predicted label.
    granularity : `str`, optional (default = `"all_tokens"`)
        `"all_tokens"`, `"token"` (without special tokens), `"word"` (word pieces are joined, and
        parts like *isn*, *'* and *t*) or `"sentence"`.
    batch_size : `int`, optional
        Points in one forward pass, at most 20,000. Default: chosen by the length of the
        text and the kind of device.
    device : `Union[int, str, torch.device]`, optional
        Moves the model there, once.

    # Raises

    `ConfigurationError`
        For an unknown option, or a value that an option does not take.
    """

    # Whether the plan needs gradients.
    needs_gradients = True
    # The fields of `Settings` that only some interpreters have. Set before this constructor runs.
    _own_settings: Dict[str, Any] = {}

    def __init__(
        self,
        predictor: Predictor,
        baseline: Optional[Baseline] = None,
        background: Union[str, List[Any], None] = None,
        hold_special_tokens: bool = False,
        inference_mode: Optional[InferenceMode] = None,
        output: Optional[str] = None,
        target: TargetSpec = None,
        granularity: str = "all_tokens",
        batch_size: Optional[int] = None,
        device: Optional[options.Device] = None,
        **unknown: Any,
    ) -> None:
        super().__init__(checked_predictor(predictor))
        allowed = [name for name in infer_params(type(self)) if name not in _OTHER_ARGUMENTS]
        options.refuse_unknown(type(self).__name__, unknown, allowed)
        options.refuse_both({"baseline": baseline}, {"background": background})
        if batch_size is not None:
            batch_size = options.whole_number("batch_size", batch_size)
        self._target = options.target(target)
        self._settings = Settings(
            method=_registered_name(type(self)),
            baseline=Baseline.of(baseline),
            background=options.background(background),
            hold_special_tokens=options.flag("hold_special_tokens", hold_special_tokens),
            mode=InferenceMode.of(inference_mode),
            output=options.name("output", output),
            granularity=options.one_of("granularity", granularity, GRANULARITIES),
            batch_size=batch_size,
            **self._own_settings,
        )
        if device is not None:  # After the checks, since a refused option changes nothing.
            options.move_to_device(predictor, device)
        self._make_pipeline()

    def _make_pipeline(self) -> None:
        """For the present model of the predictor."""
        model, sites = self.predictor._model, find_sites(self.predictor)
        self._pipeline = Pipeline(
            self.predictor, sites, self._settings, self.plan, self.needs_gradients
        )
        self._model = model

    @classmethod
    def from_params(
        cls,
        params: Params,
        constructor_to_call: Any = None,
        constructor_to_inspect: Any = None,
        **extras: Any,
    ) -> "PlannedInterpreter":
        """
        As the constructor, which gets the options of this package as they are and checks them.
        AllenNLP would make 1 of `true`. It makes the other arguments of a subclass.
        """
        constructor: Any = constructor_to_inspect or cls.__init__
        takes = infer_params(cls, constructor)
        given = params.as_dict(quiet=True)
        ours = {name for parent in cls.__mro__ for name in _own_options(parent)} & set(takes)
        options.refuse_unknown(
            cls.__name__, given.keys() & {"self", "predictor"}, [n for n in takes if n in ours]
        )
        plain = {name: given.pop(name) for name in ours & given.keys()}
        refuse_code(cls.__name__, given)
        return super().from_params(
            Params(given), constructor_to_call, constructor_to_inspect, **extras, **plain
        )

    def plan(self, num_background: int) -> Plan:
        """
        The points of the method.

        # Parameters

        num_background : `int`
            The number of background texts; 0 for the baseline.
        """
        raise NotImplementedError

    def most_evaluations(self, num_units: int) -> int:
        """
        The largest number of points at which a labelled instance is evaluated.

        # Parameters

        num_units : `int`
            How many tokens, words or sentences get scores.
        """
        raise NotImplementedError

    def saliency_interpret_from_json(self, inputs: JsonDict) -> JsonDict:
        """
        Saliency in AllenNLP's form.

        # Parameters

        inputs : `JsonDict`
            The input of the predictor's `predict_json`.

        # Returns

        `JsonDict`
            `{"instance_1": {"grad_input_1": [...], ...}, ...}`: for each labelled instance and each
            text field that the model embeds, one float for each token (or word, or sentence, by the
            granularity): absolute scores divided by their sum. `{}` if the predictor labels
            nothing.

        # Raises

        `InterpretationError`
            If the text cannot be interpreted.
        """
        one_input("saliency_interpret_from_json", inputs)
        return self.saliency_interpret_batch_json([inputs])[0]

    def saliency_interpret_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        """
        `saliency_interpret_from_json` for each of many inputs, in order. Texts of similar length
        share passes.
        """
        inputs = many_inputs("saliency_interpret_batch_json", inputs)
        outcomes = self.outcomes(inputs, None, complete=False)
        return [saliency_of(_results(outcome)) for outcome in outcomes]

    def saliency_interpret_instance(self, instance: Instance) -> JsonDict:
        """`saliency_interpret_from_json` for an instance from a dataset reader."""
        [outcome] = self.outcomes([instance], None, complete=False)
        return saliency_of(_results(outcome))

    def interpret_json(self, inputs: JsonDict, target: Targets = None) -> List[Interpretation]:
        """
        The complete result.

        # Parameters

        inputs : `JsonDict`
            The input of the predictor's `predict_json`.
        target : `Union[str, int, List[Union[str, int]]]`, optional
            In place of the interpreter's own target. A list: each target in turn.

        # Returns

        `List[Interpretation]`
            One for each labelled instance and target; empty if the predictor labels nothing.

        # Raises

        `InterpretationError`
            If the text cannot be interpreted.
        """
        one_input("interpret_json", inputs)
        return self.interpret_batch_json([inputs], target)[0]

    def interpret_batch_json(
        self, inputs: List[JsonDict], target: Targets = None
    ) -> List[List[Interpretation]]:
        """
        `interpret_json` for each of many inputs, in order. Texts of similar length share passes.
        """
        inputs = many_inputs("interpret_batch_json", inputs)
        return [_results(one) for one in self.outcomes(inputs, [target] * len(inputs))]

    def interpret_instance(
        self, instance: Instance, target: Targets = None
    ) -> List[Interpretation]:
        """`interpret_json` for an instance from a dataset reader."""
        return _results(self.outcomes([instance], [target])[0])

    def interpret_each(
        self, inputs: Sequence[Input], targets: Optional[Sequence[Targets]] = None
    ) -> List[Union[List[Interpretation], Exception]]:
        """
        The complete results of many texts. Some of them may fail.

        # Parameters

        inputs : `Sequence[Union[JsonDict, Instance]]`
            Inputs of `interpret_json` or `interpret_instance`.
        targets : `Sequence[Targets]`, optional
            One for each input; `None` for the interpreter's own target.

        # Returns

        `List[Union[List[Interpretation], Exception]]`
            In the order of the inputs: the results, or the error of the text.

        # Raises

        `TypeError`, `ValueError`
            If the inputs or targets are no lists, or not as many.
        """
        inputs = many_inputs("interpret_each", inputs)
        return [
            outcome.error if outcome.error is not None else _results(outcome)
            for outcome in self.outcomes(inputs, targets)
        ]

    @property
    def learnt(self) -> Any:
        """
        What texts have shown about the model so far, such as whether rows mix. Later texts are run
        accordingly. It is there to be compared: it differs if further texts showed more.
        """
        return self._pipeline.learnt

    def outcomes(
        self,
        inputs: Sequence[Input],
        targets: Optional[Sequence[Targets]] = None,
        complete: bool = True,
    ) -> List[Outcome]:
        """
        As `interpret_each`, with the model's prediction for each text.

        # Parameters

        complete : `bool`, optional (default = `True`)
            Whether results are complete. If not, they have the scores and f(x) only, which may save
            a pass.
        """
        if self._model is not self.predictor._model:
            # What was learnt about a model does not hold for the one that replaced it.
            self._make_pipeline()
        if targets is None:
            targets = [None] * len(inputs)
        if isinstance(targets, (str, int)):
            raise TypeError(f"targets is {shown(targets)}; it must be a list, one for each input")
        if len(targets) != len(inputs):
            raise ValueError(f"{len(targets)} targets are given for {len(inputs)} inputs")
        lists = [self._targets(target) for target in targets]
        return self._pipeline.outcomes(inputs, lists, complete)

    def _targets(self, target: Targets) -> List[TargetSpec]:
        found = self._target if target is None else target
        return [options.target(one) for one in (found if isinstance(found, list) else [found])]


def _own_options(parent: type) -> List[str]:
    """The options that the constructor of a class of this package declares."""
    is_ours = parent.__module__.startswith("biome_interpret.") and "__init__" in vars(parent)
    names = inspect.signature(vars(parent)["__init__"]).parameters if is_ours else ()
    return [name for name in names if name not in _OTHER_ARGUMENTS]


def _results(outcome: Outcome) -> List[Interpretation]:
    """
    # Raises

    The error of the text.
    """
    if outcome.error is not None:
        raise outcome.error
    assert outcome.interpretations is not None
    return outcome.interpretations


def _registered_name(method: Type[SaliencyInterpreter]) -> str:
    names = SaliencyInterpreter.list_available()
    found = (name for name in names if SaliencyInterpreter.by_name(name) is method)
    return next(found, method.__name__)
