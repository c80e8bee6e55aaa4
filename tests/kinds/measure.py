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
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.embedding.tracing import trace
from biome_interpret.models.isolation.isolated import isolated
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

# AllenNLP's numbers are right where they are those that its own settings give here.
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


def measure(kind: Kind) -> Measurement:
    predictor = kind.build()
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
        allennlps_own=_allennlps_own(kind),
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
    with isolated(model):
        instance = _labelled(predictor, kind)
        objective = objective_for(model, instance, Logits())
        tensors = to_tensors([instance], model)
        arguments = forward_arguments(objective, tensors)
        calls, _ = trace(objective.run, find_sites(predictor), [instance], tensors, arguments)
    return list(dict.fromkeys(call.site.name for call in calls))


def _objective(predictor: Predictor, kind: Kind, result: Interpretation) -> str:
    """The registered name of the objective; `loss` where it fell back on that."""
    with isolated(predictor._model):
        instance = _labelled(predictor, kind)
    objective = objective_for(predictor._model, instance, Logits())
    if isinstance(objective, UnknownObjective) or any(
        "minus its loss" in n or "loss is expl" in n for n in result.notes
    ):
        return "loss"
    mode = kind.options.get("inference_mode", "logits")
    names = Objective.list_available()
    name = next(n for n in names if Objective.by_name(n) is type(objective))
    return name if mode == "logits" else f"{name}, {mode}"


def score_at_the_input(predictor: Predictor, kind: Kind, probe: Probe) -> List[float]:
    """∇f(x) · (x − x') of the probed token, for each labelled instance: one node, at the input."""
    options = {**kind.options, "n_steps": 1, "quadrature": "riemann-right"}
    results = IntegratedGradient(predictor, **options).interpret_json(kind.inputs)
    return [
        result.fields[probe.field or next(iter(result.fields))].scores[probe.token]
        for result in results
    ]


def slope_at_the_input(predictor: Predictor, kind: Kind) -> List[float]:
    """The same by finite differences: how f changes as the token's embedding moves away from x'."""
    ends = []
    for step in (kind.step, -kind.step):
        with _stretched(predictor._model, kind.probes, 1.0 + step):
            options = {**kind.options, "n_steps": 1, "quadrature": "riemann-right"}
            results = IntegratedGradient(predictor, **options).interpret_json(kind.inputs)
            ends.append([result.output for result in results])
    return [(high - low) / (2 * kind.step) for high, low in zip(*ends)]


@contextmanager
def _stretched(model: torch.nn.Module, probes: Any, factor: float) -> Iterator[None]:
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


def _allennlps_own(kind: Kind) -> str:
    """Whether AllenNLP's `IntegratedGradient` says what it means to, found out by running it."""
    predictor = kind.build()
    sites = find_sites(predictor)
    try:
        layer: Optional[torch.nn.Module] = predictor.get_interpretable_layer()
        theirs = AllennlpsOwn(predictor).saliency_interpret_from_json(dict(kind.inputs))
    except Exception as error:
        return f"fails: {type(error).__name__}"
    options = {**kind.options, **_ALLENNLPS_SETTINGS}
    ours = IntegratedGradient(kind.build(), **options).saliency_interpret_from_json(kind.inputs)
    verdict = _compared(theirs, ours)
    if verdict != "right" and layer not in [site.lookup for site in sites]:
        return f"no: at the output of `{type(layer).__name__}`"
    return verdict


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
