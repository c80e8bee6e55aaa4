"""How the gradient behaves along the path, and what nodes where it changes are worth."""

from typing import Callable, Dict, List

import numpy
import torch
from allennlp.common import JsonDict

from benchmarks.bare import BareText, label
from benchmarks.bench import Bench, Part
from benchmarks.errors import relative_error, signed_scores
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.objectives import logit
from benchmarks.parts.default import labelled_inputs
from benchmarks.progress import following
from benchmarks.references import gauss_legendre
from biome_interpret import IntegratedGradient
from biome_interpret.attribution.gaussian_process import GaussianProcessQuadrature
from biome_interpret.attribution.nodes import initial_nodes
from biome_interpret.attribution.priors import GENERAL, PRETRAINED_TRANSFORMER, WARPS

SIZES = (9, 17, 21, 25, 33, 49, 65)


def run(bench: Bench) -> Outcome:
    predictor = bench.predictor()
    references = bench.references(predictor, "logits")
    inputs = labelled_inputs(bench)
    inputs = inputs[:: max(1, len(inputs) // bench.settings.texts("levels", True))]
    grown: Dict[int, List[float]] = {size: [] for size in SIZES}
    gauss: Dict[int, List[float]] = {size: [] for size in SIZES}
    places = []
    for one in following(f"{bench.model.title}, level by level", inputs):
        reference = references.of(one)[0]
        instance = label(predictor, one)[0]
        text = BareText(predictor, [instance])
        output = logit(bench.model, predictor, instance)
        for size in SIZES:
            grown[size].append(relative_error(_at_level(predictor, one, size), reference))
            found = text.integral(*gauss_legendre(size), output)
            gauss[size].append(relative_error(found.tolist(), reference))
        places.append(_place(text, output, bench.model.is_transformer))
    centres, widths = numpy.array(places).T
    texts = len(inputs)
    return Outcome(
        [
            figure("where the gradient changes: centre, median", _median(centres), "", texts),
            figure("width of the warp for it, median", _median(widths), "", texts),
            *_errors("as refined by default", grown, texts),
            *_errors("by Gauss-Legendre rules", gauss, texts),
        ]
    )


def _median(values: numpy.ndarray) -> float:
    return float(numpy.median(values))


def _at_level(predictor, one: JsonDict, size: int) -> List[float]:
    interpreter = IntegratedGradient(predictor, tolerance=1e-9, max_evaluations=size)
    return signed_scores(interpreter.interpret_json(one)[0])


def _place(text: BareText, output: Callable, is_transformer: bool) -> List[float]:
    """The centre and the width of the most probable warp by the initial nodes."""
    prior = PRETRAINED_TRANSFORMER if is_transformer else GENERAL
    nodes = initial_nodes(prior.warp, prior.size - 1)
    terms = numpy.concatenate(list(text.terms(nodes, output, text.default_rows())))
    posterior = GaussianProcessQuadrature(nodes, WARPS).posteriors([torch.from_numpy(terms)])[0]
    return list(posterior.most_probable(WARPS))


def _errors(how: str, errors: Dict[int, List[float]], texts: int) -> List[Figure]:
    return [
        figure(f"error {how}, {size} nodes, {name}", float(statistic(values)), "%", texts)
        for size, values in errors.items()
        for name, statistic in (
            ("median", numpy.median),
            ("95th percentile", lambda values: numpy.percentile(values, 95)),
        )
    ]


PART = Part(
    "levels",
    "Level by level",
    "The error when every text gets the same number of nodes, whatever it needs. The nodes are "
    "those of the default configuration, or those of Gauss-Legendre rules. Centre and width say "
    "where on the path the gradient changes. 0 is the baseline and 1 the text.",
    ("lstm", "cnn", "esim", "tagger", "minilm"),
    run,
)
