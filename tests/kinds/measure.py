"""What is measured on a kind: completeness, a gradient, and AllenNLP's own interpreter."""

import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional

import torch
from allennlp.data import Instance
from allennlp.interpret.saliency_interpreters import IntegratedGradient as AllennlpsOwn
from allennlp.modules.token_embedders import Embedding
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.interpretation import Interpretation
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.embedding.tracing import trace
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.labelling import labelled_instances
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import (
    Objective,
    UnknownObjective,
    forward_arguments,
    objective_for,
)
from biome_interpret.models.objectives.inference_modes import Logits
from biome_interpret.models.tensors import to_tensors
from tests.kinds.registry import Kind, Probe

# AllenNLP's numbers are right if this package gives the same with AllenNLP's settings.
_ALLENNLPS_SETTINGS: Dict[str, Any] = {
    "n_steps": 10,
    "quadrature": "riemann-left",
    "inference_mode": "loss",
    "baseline": 0.0,
}
_PARITY = 1e-6


@dataclass(frozen=True)
class Measurement:
    """One row of the table, and the numbers behind it."""

    model: str
    predictor: str
    fields: List[str]
    sites: List[str]
    objective: str
    delta: float
    notes: List[str]
    allennlps_own: str


def measure(kind: Kind, predictor: Predictor) -> Measurement:
    results = interpret(predictor, kind)
    assert results, f"the predictor of {kind.name} labels nothing"
    return Measurement(
        model=type(predictor._model).__name__,
        predictor=type(predictor).__name__,
        fields=[*results[0].fields],
        sites=_sites(predictor, kind),
        objective=_objective(predictor, kind, results[0]),
        delta=max(relative_delta(result) for result in results),
        notes=list(dict.fromkeys(note for result in results for note in result.notes)),
        allennlps_own=_allennlps_own(kind, predictor),
    )


def interpret(predictor: Predictor, kind: Kind) -> List[Interpretation]:
    options = {"n_steps": kind.nodes, "quadrature": "gauss-legendre", **kind.options}
    return IntegratedGradient(predictor, **options).interpret_json(kind.inputs)


def relative_delta(result: Interpretation) -> float:
    """|f(x) − f(x') − (Σ scores + unassigned)| / Σ |scores|, from what the result says."""
    assert result.baseline_output is not None
    scores = [score for scores in result.fields.values() for score in scores.scores]
    left = result.output - result.baseline_output - (math.fsum(scores) + result.unassigned)
    return abs(left) / (math.fsum(map(abs, scores)) + abs(result.unassigned))


def _labelled(predictor: Predictor, kind: Kind) -> Instance:
    """The first of its labelled instances."""
    [text, *_] = InputText.read(predictor, kind.inputs)
    outputs = predictor._model.forward_on_instance(text.instance)
    return labelled_instances(predictor, text.instance, outputs)[0]


def _sites(predictor: Predictor, kind: Kind) -> List[str]:
    """Those that are called with the text."""
    model = predictor._model

    def calls() -> List[SiteCall]:
        instance = _labelled(predictor, kind)
        objective = objective_for(model, instance, Logits())
        tensors = to_tensors([instance], model)
        arguments = forward_arguments(objective, tensors)
        sites, labels = find_sites(predictor), objective.label_names
        return trace(
            objective.run, sites, [instance], tensors, arguments, model.vocab, labels
        ).calls

    return list(dict.fromkeys(call.site.name for call in run_isolated(model, calls)))


def _objective(predictor: Predictor, kind: Kind, result: Interpretation) -> str:
    """The registered name of the objective; `loss` if it fell back on that."""
    instance = run_isolated(predictor._model, lambda: _labelled(predictor, kind))
    objective = objective_for(predictor._model, instance, Logits())
    if isinstance(objective, UnknownObjective) or any(
        "minus its loss" in n or "loss is expl" in n for n in result.notes
    ):
        return "loss"
    mode = kind.options.get("inference_mode", "logits")
    names = Objective.list_available()
    name = next(n for n in names if Objective.by_name(n) is type(objective))
    return name if mode == "logits" else f"{name}, {mode}"


class GradientAtTheInput:
    """One interpreter for both sides of the check: it measures once how the model's rows relate."""

    def __init__(self, predictor: Predictor, kind: Kind) -> None:
        options = {**kind.options, "n_steps": 1, "quadrature": "riemann-right"}
        self._interpreter = IntegratedGradient(predictor, **options)
        self._kind = kind

    def scores(self, probe: Probe) -> List[float]:
        """∇f(x) · (x − x') of the token, for each labelled instance: one node, at the input."""
        results = self._interpreter.interpret_json(self._kind.inputs)
        return [
            result.fields[probe.field or next(iter(result.fields))].scores[probe.token]
            for result in results
        ]

    def slopes(self) -> List[float]:
        """By finite differences: how f changes as the token's embedding moves away from x'."""
        step = self._kind.step
        above, below = self._outputs(1.0 + step), self._outputs(1.0 - step)
        return [(high - low) / (2 * step) for high, low in zip(above, below)]

    def _outputs(self, factor: float) -> List[float]:
        with stretched(self._interpreter.predictor._model, self._kind.probes, factor):
            return [one.output for one in self._interpreter.interpret_json(self._kind.inputs)]


def score_at_the_input(predictor: Predictor, kind: Kind, probe: Probe) -> List[float]:
    return GradientAtTheInput(predictor, kind).scores(probe)


def slope_at_the_input(predictor: Predictor, kind: Kind) -> List[float]:
    return GradientAtTheInput(predictor, kind).slopes()


@contextmanager
def stretched(model: torch.nn.Module, probes: Any, factor: float) -> Iterator[None]:
    with ExitStack() as handles:
        for probe in probes:
            calls: List[None] = []
            module = _module(model, probe)
            counted_in = model.get_submodule(probe.counted_in or "")
            counter = counted_in.register_forward_pre_hook(lambda m, i, calls=calls: calls.clear())
            handles.callback(counter.remove)

            def stretch(
                tensor: torch.Tensor,
                probe: Probe = probe,
                calls: Any = calls,
                module: Any = module,
            ) -> Any:
                calls.append(None)
                if len(calls) - 1 != probe.call:
                    return tensor
                stretched = tensor.clone()
                flat, positions = stretched.view(-1, tensor.size(-1)), list(probe.positions)
                origin = 0.0 if probe.away_from is None else module.weight[probe.away_from].detach()
                flat[positions] = origin + factor * (flat[positions] - origin)
                return stretched

            if probe.at_input:
                handle = module.register_forward_pre_hook(
                    lambda m, inputs, s=stretch: (s(inputs[0]), *inputs[1:])
                )
            elif probe.output_key is not None:
                handle = module.register_forward_hook(
                    lambda m, i, out, s=stretch, k=probe.output_key: _with_part(out, k, s)
                )
            else:
                handle = module.register_forward_hook(lambda m, i, out, s=stretch: s(out))
            handles.callback(handle.remove)
        yield


def _with_part(output: Any, key: Any, change: Any) -> Any:
    if isinstance(output, dict):
        return {**output, key: change(output[key])}
    return (*output[:key], change(output[key]), *output[key + 1 :])


def _module(model: torch.nn.Module, probe: Probe) -> torch.nn.Module:
    if probe.module is not None:
        return model.get_submodule(probe.module)
    kinds = (torch.nn.Embedding, Embedding)
    return next(module for module in model.modules() if isinstance(module, kinds))


def _allennlps_own(kind: Kind, predictor: Predictor) -> str:
    """How the numbers of AllenNLP's `IntegratedGradient` compare with those of this package."""
    # AllenNLP's interpreter may leave a predictor changed.
    another = kind.build()
    sites = find_sites(another)
    try:
        layer: Optional[torch.nn.Module] = another.get_interpretable_layer()
        theirs = AllennlpsOwn(another).saliency_interpret_from_json(dict(kind.inputs))
    except Exception as error:
        return f"fails: {type(error).__name__}"
    options = {**kind.options, **_ALLENNLPS_SETTINGS}
    ours = IntegratedGradient(predictor, **options).saliency_interpret_from_json(kind.inputs)
    answer = _compared(theirs, ours)
    if answer != "right" and layer not in [site.lookup for site in sites]:
        return f"no: at the output of `{type(layer).__name__}`"
    return answer


def _compared(theirs: Dict[str, Any], ours: Dict[str, Any]) -> str:
    if theirs.keys() != ours.keys():
        return f"no: {len(theirs)} instances instead of {len(ours)}"
    worst = 0.0
    for instance, lists in ours.items():
        if theirs[instance].keys() != lists.keys():
            return f"no: {len(theirs[instance])} lists instead of {len(lists)}"
        for key, scores in lists.items():
            others = theirs[instance][key]
            if len(others) != len(scores):
                return "no: not one score for each token"
            worst = max([worst, *(abs(a - b) for a, b in zip(scores, others))])
    if worst <= _PARITY:
        return "right"
    return "no: other numbers" if math.isfinite(worst) else "no: not finite"
