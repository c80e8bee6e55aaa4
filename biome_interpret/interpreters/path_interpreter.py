"""What Integrated Gradients and GradientSHAP share: all but their paths."""

from typing import Any, List, Optional, Sequence, Union

from allennlp.common.from_params import infer_params
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.aggregation import REDUCTIONS, STRATEGIES
from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.interpretation import Interpretation, saliency_of
from biome_interpret.interpreters import options
from biome_interpret.interpreters.pipeline import Explainer, Outcome, Wanted
from biome_interpret.interpreters.settings import Settings
from biome_interpret.models.alignment.segments import GRANULARITIES
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.labelling import Target
from biome_interpret.models.objectives.inference_modes import InferenceMode

Targets = Union[Target, List[Target]]


Input = Union[JsonDict, Instance]

_NO_OPTIONS = ("self", "predictor", "kwargs", "unknown")


class PathInterpreter(SaliencyInterpreter):
    """
    The base of all interpreters that integrate gradients along straight paths in embedding space.
    A subclass says which paths, by `path_measure`.

    # Parameters

    predictor : `Predictor`
    baseline : `Baseline`, optional
        x', where the paths begin: a number (every embedding is filled with it; nothing is 0), a
        tensor or list of shape (dim,) or (tokens, dim), or the name of a registered `Baseline`:
        `"padding"`, `"unknown"`, `"mask"` (the embedding of that token), `"mean"` (of the
        embedding matrix).
    background : `Union[str, List]`, optional
        Texts to average over as baselines, in place of `baseline`: a list of the predictor's JSON
        inputs (or of strings, where the input has one text), or the path of a JSONL file of them.
    hold_special_tokens : `bool`, optional (default = `False`)
        Keep special tokens as they are along the path, so that nothing is attributed to them.
    inference_mode : `Union[str, InferenceMode]`, optional (default = `"logits"`)
        The explained output: `"logits"`, `"softmax"`, `"log_softmax"`, `"loss"` (as minus the
        loss), a registered `InferenceMode` or a function of (outputs, choices).
    target : `Union[str, int]`, optional
        Which label is explained: its name, its index in the vocabulary, or `"gold"` for the
        text's own. Nothing: the label that the model predicts.
    input_x_gradient : `bool`, optional (default = `True`)
        Multiply averaged gradients by (x − x'). Without it a `reduction` other than `"sum"` is
        wanted for a transformer, whose layer norms make the plain sum of a gradient vanish.
    reduction : `str`, optional (default = `"sum"`)
        Over the embedding dimension: `"sum"`, `"l2"` or `"mean_abs"`.
    granularity : `str`, optional (default = `"all_tokens"`)
        `"all_tokens"`, `"token"` (special ones dropped), `"word"` or `"sentence"`.
    granularity_aggregation_strategy : `str`, optional (default = `"mean"`)
        How a word or sentence is scored by its tokens: `"mean"`, `"sum"`, `"max"`, `"min"` or
        `"signed_max"` (the one of largest absolute value).
    batch_size : `int`, optional
        Points of the path in one forward pass; chosen by the length of the text if not given.
    device : `Union[int, str, torch.device]`, optional
        Moves the model there, once.
    autocast : `bool`, optional (default = `False`)
        Take the gradients in bfloat16: faster on hardware that has it, at some loss of accuracy,
        which the result states.

    # Raises

    `ConfigurationError`
        For an option that does not exist or a value that it does not take.
    """

    def __init__(
        self,
        predictor: Predictor,
        baseline: Optional[Baseline] = None,
        background: Union[str, List[Any], None] = None,
        hold_special_tokens: bool = False,
        inference_mode: Optional[InferenceMode] = None,
        target: Target = None,
        input_x_gradient: bool = True,
        reduction: str = "sum",
        granularity: str = "all_tokens",
        granularity_aggregation_strategy: str = "mean",
        batch_size: Optional[int] = None,
        device: Optional[options.Device] = None,
        autocast: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(predictor)
        allowed = [name for name in infer_params(type(self)) if name not in _NO_OPTIONS]
        options.refuse_unknown(type(self).__name__, unknown, allowed)
        if batch_size is not None:
            options.whole_number("batch_size", batch_size)
        if device is not None:
            options.move_to_device(predictor, device)
        self._target = options.target(target)
        settings = Settings(
            method=_registered_name(type(self)),
            path_measure=self.path_measure,
            baseline=Baseline.of(baseline),
            background=options.background(background),
            hold_special_tokens=options.flag("hold_special_tokens", hold_special_tokens),
            mode=InferenceMode.of(inference_mode),
            input_x_gradient=options.flag("input_x_gradient", input_x_gradient),
            reduction=options.one_of("reduction", reduction, REDUCTIONS),
            granularity=options.one_of("granularity", granularity, GRANULARITIES),
            strategy=options.one_of(
                "granularity_aggregation_strategy", granularity_aggregation_strategy, STRATEGIES
            ),
            batch_size=batch_size,
            autocast=options.flag("autocast", autocast),
        )
        self._explainer = Explainer(predictor, find_sites(predictor), settings)

    def path_measure(self, num_background: int) -> Union[PathMeasure, AdaptiveMeasure]:
        """
        Which points of which paths to look at, and their weights.

        # Parameters

        num_background : `int`
            How many background texts there are to start from; 0 for the baseline alone.
        """
        raise NotImplementedError

    def saliency_interpret_from_json(self, inputs: JsonDict) -> JsonDict:
        """
        AllenNLP's form of saliency.

        # Parameters

        inputs : `JsonDict`
            What the predictor's `predict_json` takes.

        # Returns

        `JsonDict`
            `{"instance_1": {"grad_input_1": [...], ...}, ...}`: for each labelled instance and each
            text field that the model embeds, one float for each token (or whatever the granularity
            is): absolute scores divided by their sum. `{}` where the predictor labels nothing.

        # Raises

        `InterpretationError`
            If the text cannot be interpreted.
        """
        [outcome] = self._outcomes([inputs], None, Wanted(in_full=False))
        return saliency_of(_results(outcome))

    def saliency_interpret_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        """
        `saliency_interpret_from_json` for each of many inputs, in their order. Texts of like length
        share passes.
        """
        outcomes = self._outcomes(inputs, None, Wanted(in_full=False))
        return [saliency_of(_results(outcome)) for outcome in outcomes]

    def saliency_interpret_instance(self, instance: Instance) -> JsonDict:
        """`saliency_interpret_from_json` for an instance from a dataset reader."""
        [outcome] = self._outcomes([instance], None, Wanted(in_full=False))
        return saliency_of(_results(outcome))

    def interpret_json(self, inputs: JsonDict, target: Targets = None) -> List[Interpretation]:
        """
        The full result.

        # Parameters

        inputs : `JsonDict`
            What the predictor's `predict_json` takes.
        target : `Union[str, int, List[Union[str, int]]]`, optional
            In place of the interpreter's own; of a list, each in turn.

        # Returns

        `List[Interpretation]`
            One for each labelled instance and target; empty where the predictor labels nothing.

        # Raises

        `InterpretationError`
            If the text cannot be interpreted.
        """
        return _results(self._outcomes([inputs], [target], Wanted())[0])

    def interpret_batch_json(
        self, inputs: List[JsonDict], target: Targets = None
    ) -> List[List[Interpretation]]:
        """
        `interpret_json` for each of many inputs, in their order. Texts of like length share passes.
        """
        outcomes = self._outcomes(inputs, [target] * len(inputs), Wanted())
        return [_results(outcome) for outcome in outcomes]

    def interpret_instance(
        self, instance: Instance, target: Targets = None
    ) -> List[Interpretation]:
        """`interpret_json` for an instance from a dataset reader."""
        return _results(self._outcomes([instance], [target], Wanted())[0])

    def interpret_each(
        self, inputs: Sequence[Input], targets: Optional[Sequence[Targets]] = None
    ) -> List[Union[List[Interpretation], Exception]]:
        """
        The full results of many texts, of which some may fail.

        # Parameters

        inputs : `Sequence[Union[JsonDict, Instance]]`
            What `interpret_json` or `interpret_instance` takes.
        targets : `Sequence[Targets]`, optional
            One for each input; `None` for the interpreter's own.

        # Returns

        `List[Union[List[Interpretation], Exception]]`
            In the order of the inputs: the results, or what the text failed of.
        """
        return [
            outcome.error if outcome.error is not None else _results(outcome)
            for outcome in self._outcomes(inputs, targets, Wanted())
        ]

    def outcomes(
        self,
        inputs: Sequence[Input],
        targets: Optional[Sequence[Targets]] = None,
        in_full: bool = True,
    ) -> List[Outcome]:
        """
        As `interpret_each`, with the model's prediction for each text besides.

        # Parameters

        in_full : `bool`, optional (default = `True`)
            Whether all of each result is wanted; otherwise it has scores and f(x) alone, which may
            take a pass less.
        """
        return self._outcomes(inputs, targets, Wanted(in_full, predictions=True))

    def _outcomes(
        self, inputs: Sequence[Input], targets: Optional[Sequence[Targets]], wanted: Wanted
    ) -> List[Outcome]:
        lists = [self._targets(target) for target in targets or [None] * len(inputs)]
        return self._explainer.outcomes(inputs, lists, wanted)

    def _targets(self, target: Targets) -> List[Target]:
        found = self._target if target is None else target
        return [options.target(one) for one in (found if isinstance(found, list) else [found])]


def _results(outcome: Outcome) -> List[Interpretation]:
    """
    # Raises

    What the text failed of.
    """
    if outcome.error is not None:
        raise outcome.error
    assert outcome.interpretations is not None
    return outcome.interpretations


def _registered_name(kind: type) -> str:
    names = [
        n for n in SaliencyInterpreter.list_available() if SaliencyInterpreter.by_name(n) is kind
    ]
    return names[0] if names else kind.__name__
