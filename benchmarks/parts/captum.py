"""Against Captum's `LayerIntegratedGradients`."""

from typing import Callable, List

import numpy
from allennlp.common import JsonDict

from benchmarks.bare import BareText, label
from benchmarks.bench import Bench, Part
from benchmarks.cache import Store, digest
from benchmarks.competitors import CaptumModel, captum_integrated_gradients
from benchmarks.errors import relative_error, signed_scores
from benchmarks.estimates import median_ratio
from benchmarks.figures import Figure, Outcome, at_most, figure
from benchmarks.objectives import logit
from benchmarks.progress import following, say
from benchmarks.references import gauss_legendre
from benchmarks.timing import side_by_side
from biome_interpret import IntegratedGradient

DEFAULT_NODES, FEW_NODES, MOST_NODES = 50, 10, 2048
ERROR, SHARE = 0.01, 0.95


def run(bench: Bench) -> Outcome:
    inputs = bench.inputs("captum")
    return Outcome([*_at_equal_points(bench, inputs), *_at_equal_error(bench, inputs)])


def _at_equal_points(bench: Bench, inputs: List[JsonDict]) -> List[Figure]:
    predictor = bench.predictor()
    captum = captum_integrated_gradients(CaptumModel(bench.predictor()))
    figures = []
    for nodes in (FEW_NODES, DEFAULT_NODES):
        ours = IntegratedGradient(predictor, n_steps=nodes, quadrature="gauss-legendre")
        some = inputs[::3] if nodes == DEFAULT_NODES and bench.model.is_transformer else inputs
        seconds, _ = side_by_side(
            {"ours": ours.saliency_interpret_from_json, "captum": _shares(captum, nodes)},
            some,
            bench.repeats,
            label=f"{bench.model.title} against Captum, {nodes} nodes each",
        )
        ratio = median_ratio(seconds["ours"], seconds["captum"])
        name = f"our time in units of Captum's, {nodes} Gauss-Legendre nodes each"
        figures.append(figure(name, ratio, "x", len(some), at_most(1)))
    return figures


def _at_equal_error(bench: Bench, inputs: List[JsonDict]) -> List[Figure]:
    predictor = bench.predictor()
    references = bench.references(predictor, "logits")
    references.of_all(inputs)
    enough = _nodes_for_most(bench, inputs)
    say(f"    {bench.model.title}: {enough} nodes bring {SHARE:.0%} under {ERROR:.0%}")
    captum = captum_integrated_gradients(CaptumModel(bench.predictor()))
    ours = IntegratedGradient(predictor)
    seconds, scores = side_by_side(
        {
            "ours": ours.saliency_interpret_from_json,
            "default": lambda one: captum(one, DEFAULT_NODES),
            "tuned": lambda one: captum(one, enough),
        },
        inputs,
        bench.repeats,
        label=f"{bench.model.title} against Captum, default configuration",
    )
    found = [ours.interpret_json(one)[0] for one in inputs]
    errors = {
        "ours": [_error(signed_scores(i), references.of(one)) for i, one in zip(found, inputs)],
        "default": [_error(s, references.of(one)) for s, one in zip(scores["default"], inputs)],
        "tuned": [_error(s, references.of(one)) for s, one in zip(scores["tuned"], inputs)],
    }
    texts = len(inputs)
    names = {
        "ours": "our default configuration",
        "default": f"Captum's {DEFAULT_NODES} nodes",
        "tuned": f"Captum's {enough} nodes",
    }
    evaluations = float(numpy.mean([one.n_evaluations for one in found]))
    return [
        figure(
            f"times faster than Captum's default {DEFAULT_NODES} nodes",
            median_ratio(seconds["default"], seconds["ours"]),
            "x",
            texts,
        ),
        figure(
            f"the one number of nodes that brings {SHARE:.0%} of the texts under {ERROR:.0%}",
            float(enough),
            "",
            texts,
        ),
        figure(
            "times faster than Captum with that number of nodes",
            median_ratio(seconds["tuned"], seconds["ours"]),
            "x",
            texts,
        ),
        *_total_ratios(seconds, texts),
        figure("our evaluations, mean", evaluations, "", texts),
        *(
            figure(f"error of {names[who]}, 95th percentile", _p95(values), "%", texts)
            for who, values in errors.items()
        ),
    ]


def _total_ratios(seconds, texts: int) -> List[Figure]:
    """Over all texts together, where the hard ones weigh what they cost."""
    total = {name: float(values.sum()) for name, values in seconds.items()}
    name = "the same over the sum of all texts' times"
    return [
        figure(f"{name}, default nodes", total["default"] / total["ours"], "x", texts),
        figure(f"{name}, that number of nodes", total["tuned"] / total["ours"], "x", texts),
    ]


def _nodes_for_most(bench: Bench, inputs: List[JsonDict]) -> int:
    """The smallest such number, by bisection: Captum's rule in bare passes, untimed and kept."""
    predictor = bench.predictor()
    references = bench.references(predictor, "logits")
    store = Store(f"gauss-{bench.model.name}-{bench.model.fingerprint}-{references.nodes}")

    def error(one: JsonDict, nodes: int) -> float:
        key = digest(one, nodes)
        if key not in store:
            instance = label(predictor, one)[0]
            output = logit(bench.model, predictor, instance)
            found = BareText(predictor, [instance]).integral(*gauss_legendre(nodes), output)
            store[key] = _error(found.tolist(), references.of(one))
        return store[key]

    def suffices(nodes: int) -> bool:
        what = f"{bench.model.title}, {nodes} Gauss-Legendre nodes"
        return sum(error(one, nodes) <= ERROR for one in following(what, inputs)) >= SHARE * len(
            inputs
        )

    short, enough = 0, 8
    while not suffices(enough) and enough < MOST_NODES:
        short, enough = enough, 2 * enough
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if suffices(middle) else (middle, enough)
    return enough


def _shares(captum: Callable[..., List[float]], nodes: int) -> Callable[[JsonDict], List[float]]:
    def shares(one: JsonDict) -> List[float]:
        scores = numpy.abs(captum(one, nodes))
        return (scores / scores.sum()).tolist()

    return shares


def _error(scores: List[float], references: List[List[float]]) -> float:
    return relative_error(scores, references[0])


def _p95(values: List[float]) -> float:
    return float(numpy.percentile(values, 95))


PART = Part(
    "captum",
    "Against Captum's `LayerIntegratedGradients`",
    "Both explain each text in turn, from JSON to scores. They explain the logit of the predicted "
    "label, from the zero vector. Captum is set up as a careful user would: the text is read and "
    "indexed once, a plain forward pass predicts the label, and all nodes go through the model in "
    "one pass. The embedding matrix has one more row, of zeros, and the id of this row is the "
    "baseline.",
    ("lstm", "cnn", "minilm"),
    run,
)
