"""What Integrated Gradients and GradientSHAP share: all but their paths."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from allennlp.common.from_params import infer_params
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import LabelField, MetadataField
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.aggregation import REDUCTIONS, STRATEGIES
from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation, saliency_of
from biome_interpret.interpreters import options
from biome_interpret.interpreters.assembly import Assembly, InstanceIntegrals
from biome_interpret.interpreters.integration import PathIntegral
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.evaluation import ExplainedBatch, RowsMixed
from biome_interpret.models.guard import untouched
from biome_interpret.models.labelling import (
    Target,
    check_tokens,
    label_instance,
    label_json,
    retargeted,
)
from biome_interpret.models.modes import InferenceMode
from biome_interpret.models.objectives import objective_for
from biome_interpret.models.origins import Background, Origins
from biome_interpret.models.rows import SUM, find_row_power, padding_matters
from biome_interpret.models.segments import GRANULARITIES
from biome_interpret.models.sites import find_sites
from biome_interpret.models.source import strings_in

Targets = Union[Target, List[Target]]


PADDING_NOTE = (
    "the model's output changes when padding is appended to a text: what is explained is the text "
    "alone, not as it is predicted in a batch with longer ones"
)
_NO_OPTIONS = ("self", "predictor", "kwargs", "unknown")


class _Text(NamedTuple):
    """
    Where labelled instances came from.

    strings : which their fields may have been made of.
    labels : their own, by field name.
    json : the predictor's input, where there was one.
    """

    strings: List[str]
    labels: Dict[str, Any]
    json: JsonDict


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

    # Raises

    `ConfigurationError`
        For an option that does not exist or a value that it does not take.
    """

    # The noise of paths that have any: options of the subclass that draws it.
    _noise_std = 0.0
    _noise_relative = False

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
        **unknown: Any,
    ) -> None:
        super().__init__(predictor)
        allowed = [name for name in infer_params(type(self)) if name not in _NO_OPTIONS]
        options.refuse_unknown(type(self).__name__, unknown, allowed)
        self._baseline = Baseline.of(baseline)
        self._background_texts = options.background(background)
        self._background: Optional[Background] = None
        self._hold_special_tokens = options.flag("hold_special_tokens", hold_special_tokens)
        self._mode = InferenceMode.of(inference_mode)
        self._target = options.target(target)
        self._input_x_gradient = options.flag("input_x_gradient", input_x_gradient)
        self._reduction = options.one_of("reduction", reduction, REDUCTIONS)
        self._granularity = options.one_of("granularity", granularity, GRANULARITIES)
        self._strategy = options.one_of(
            "granularity_aggregation_strategy", granularity_aggregation_strategy, STRATEGIES
        )
        self._batch_size = batch_size
        if batch_size is not None:
            options.whole_number("batch_size", batch_size)
        if device is not None:
            options.move_to_device(predictor, device)
        self._sites = find_sites(predictor)
        self._method = _registered_name(type(self))
        # How rows relate to one another, by kind of objective: found out when first needed.
        self._row_powers: Dict[type, Optional[int]] = {}
        self._padding_matters = False

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
        return saliency_of(self._interpret_json(inputs, None, with_ends=False))

    def saliency_interpret_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        """`saliency_interpret_from_json` for each of many inputs, in their order."""
        return [self.saliency_interpret_from_json(one) for one in inputs]

    def saliency_interpret_instance(self, instance: Instance) -> JsonDict:
        """`saliency_interpret_from_json` for an instance from a dataset reader."""
        return saliency_of(self._interpret_instance(instance, None, with_ends=False))

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
        return self._interpret_json(inputs, target, with_ends=True)

    def interpret_batch_json(
        self, inputs: List[JsonDict], target: Targets = None
    ) -> List[List[Interpretation]]:
        """`interpret_json` for each of many inputs, in their order."""
        return [self.interpret_json(one, target) for one in inputs]

    def interpret_instance(
        self, instance: Instance, target: Targets = None
    ) -> List[Interpretation]:
        """`interpret_json` for an instance from a dataset reader."""
        return self._interpret_instance(instance, target, with_ends=True)

    def interpret_each(
        self,
        inputs: Sequence[Union[JsonDict, Instance]],
        targets: Optional[Sequence[Targets]] = None,
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
        found: List[Union[List[Interpretation], Exception]] = []
        for one, target in zip(inputs, targets or [None] * len(inputs)):
            interpret = (
                self.interpret_instance if isinstance(one, Instance) else self.interpret_json
            )
            try:
                found.append(interpret(one, target))  # type: ignore[operator]
            except Exception as error:
                found.append(error)
        return found

    def _interpret_json(
        self, inputs: JsonDict, target: Targets, with_ends: bool
    ) -> List[Interpretation]:
        with untouched(self.predictor._model):
            labelled = label_json(self.predictor, inputs)
            text = _Text(list(strings_in(inputs)), inputs, inputs)
            return self._explain(labelled, text, target, with_ends)

    def _interpret_instance(
        self, instance: Instance, target: Targets, with_ends: bool
    ) -> List[Interpretation]:
        with untouched(self.predictor._model):
            labelled = label_instance(self.predictor, instance)
            metadata = [
                f.metadata for f in instance.fields.values() if isinstance(f, MetadataField)
            ]
            labels = {
                name: label.label
                for name, label in instance.fields.items()
                if isinstance(label, LabelField)
            }
            text = _Text(list(strings_in(metadata)), labels, {})
            return self._explain(labelled, text, target, with_ends)

    def _explain(
        self, labelled: Sequence[Instance], text: _Text, target: Targets, with_ends: bool
    ) -> List[Interpretation]:
        model = self.predictor._model
        wanted = self._target if target is None else target
        targets = [options.target(t) for t in (wanted if isinstance(wanted, list) else [wanted])]
        instances = [
            retargeted(model, instance, one, text.labels)
            for instance in labelled
            for one in targets
        ]
        return [
            interpretation
            for batch in self._batches(instances)
            for interpretation in self._interpretations(batch, text, with_ends)
        ]

    def _batches(self, instances: Sequence[Instance]) -> Iterator[ExplainedBatch]:
        """All instances as one batch where their rows keep to themselves, else one by one."""
        for position, instance in enumerate(instances):
            batch = self._batch([instance])
            kind = type(batch.objective)
            if kind not in self._row_powers:
                self._row_powers[kind] = find_row_power(batch)
                self._padding_matters |= padding_matters(batch)
            if self._row_powers[kind] == SUM and not batch.objective.needs_loss:
                rest = instances[position + 1 :]
                yield self._batch(instances[position:]) if rest else batch
                return
            yield batch

    def _batch(self, instances: Sequence[Instance]) -> ExplainedBatch:
        model = self.predictor._model
        objective = objective_for(model, instances[0], self._mode)
        batch = ExplainedBatch(model, self._sites, instances, objective)
        for call in batch.calls:
            if not any(call.token_lists):
                raise InterpretationError(f"field '{call.key.field}' has no tokens to interpret")
        return batch

    def _interpretations(
        self, batch: ExplainedBatch, text: _Text, with_ends: bool
    ) -> List[Interpretation]:
        try:
            return self._integrated(batch, text, with_ends)
        except RowsMixed:
            # Seen only now, on this text: from here on, this model is run row by row.
            self._row_powers[type(batch.objective)] = None
            return self._integrated(batch, text, with_ends)

    def _integrated(
        self, batch: ExplainedBatch, text: _Text, with_ends: bool
    ) -> List[Interpretation]:
        background = self._background_for(text)
        measure = self.path_measure(0 if background is None else len(background))
        integral = PathIntegral(
            batch,
            self._origins(batch, background),
            self._row_powers[type(batch.objective)],
            self._batch_size,
            self._input_x_gradient,
            sum_dimensions=self._reduction == "sum",
        )
        if isinstance(measure, AdaptiveMeasure):
            found = integral.refined_integrands(measure)
            measure = next(measure.levels())
        else:
            found = integral.integrands(measure)
        return [
            self._interpretation(
                InstanceIntegrals(batch.calls, row, integrands),
                batch,
                measure,
                text,
                integral.origin_output(measure, row) if with_ends else None,
            )
            for row, integrands in enumerate(found)
        ]

    def _interpretation(
        self,
        integrals: InstanceIntegrals,
        batch: ExplainedBatch,
        measure: PathMeasure,
        text: _Text,
        baseline_output: Optional[float],
    ) -> Interpretation:
        row, integrands, objective = integrals.row, integrals.integrands, batch.objective
        sums_up = self._reduction == "sum"
        adds_up = sums_up and self._input_x_gradient
        strata = measure.strata if sums_up else None
        assembly = Assembly(
            self._reduction, self._granularity, self._strategy, strata, text.strings
        )
        fields, standard_error = assembly.assemble(integrals)
        output = float(batch.values[row])
        delta = None
        if adds_up and baseline_output is not None:
            delta = output - baseline_output - integrals.total
        label = batch.instances[row].fields.get(objective.label_name)
        notes = [*objective.notes, *(call.site.note for call in batch.calls), integrands.note]
        if self._padding_matters:
            notes.append(PADDING_NOTE)
        return Interpretation(
            fields=fields,
            target=objective.target(label, batch.probabilities[row]),
            output=output,
            baseline_output=baseline_output,
            convergence_delta=delta,
            estimated_error=integrands.estimated_error,
            n_evaluations=len(integrands.weights),
            standard_error=standard_error,
            unassigned=integrals.unassigned if adds_up else 0.0,
            notes=list(dict.fromkeys(note for note in notes if note is not None)),
            probabilities=batch.label_probabilities[row],
            method=self._method,
        )

    def _origins(self, batch: ExplainedBatch, background: Optional[Background]) -> Origins:
        return Origins(
            batch.calls,
            self._baseline,
            background,
            self._noise_std,
            self._noise_relative,
            self._hold_special_tokens,
            self.predictor._model.vocab,
        )

    def _background_instance(self, inputs: JsonDict) -> Instance:
        try:
            instance = self.predictor._json_to_instance(inputs)
            self.predictor._dataset_reader.apply_token_indexers(instance)
            check_tokens(instance)
            return instance
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise InterpretationError(
                f"background text {inputs!r} is no input of the predictor ({reason})"
            ) from error

    def _background_for(self, text: _Text) -> Optional[Background]:
        if self._background_texts is not None and self._background is None:
            predictor = self.predictor
            instances = []
            for inputs in self._background_texts:
                json = inputs if isinstance(inputs, dict) else _like(text.json, inputs)
                instances.append(self._background_instance(json))
            self._background = Background(predictor._model, self._sites, instances)
        return self._background


def _registered_name(kind: type) -> str:
    names = [
        n for n in SaliencyInterpreter.list_available() if SaliencyInterpreter.by_name(n) is kind
    ]
    return names[0] if names else kind.__name__


def _like(example: JsonDict, text: str) -> JsonDict:
    """A background text given as a string, as the kind of JSON that is being interpreted."""
    strings = [name for name, value in example.items() if isinstance(value, str)]
    names = [name for name in strings if name not in ("label", "id")] or ["sentence"]
    if len(names) != 1:
        raise InterpretationError(
            f"background texts must be JSON objects here, since it cannot be told which of the "
            f"input's strings they stand for: {names}"
        )
    return {**example, names[0]: text}
