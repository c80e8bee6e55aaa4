"""Error against evaluations and against time, for the plot."""

from typing import Any, Callable, Dict, List, Tuple

import numpy
from allennlp.common import JsonDict

from benchmarks.bare import label
from benchmarks.bench import Bench, Part
from benchmarks.competitors import AllenNLPSteps, CaptumModel, captum_integrated_gradients
from benchmarks.errors import relative_error, signed_scores
from benchmarks.figures import Outcome, figure
from benchmarks.timing import side_by_side
from biome_interpret import IntegratedGradient

STEPS = (5, 10, 20, 50, 100, 200)
FEW_STEPS = (5, 10, 20, 50)
NODES = (5, 10, 20, 30, 50)
TOLERANCES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)

# From a text to its scores and how many evaluations they took.
Method = Callable[[JsonDict], Tuple[List[float], int]]


def run(bench: Bench) -> Outcome:
    predictor, inputs = bench.predictor(), bench.inputs("curves")
    references = bench.references(predictor, "loss")
    references.of_all(inputs)
    captum = captum_integrated_gradients(CaptumModel(bench.predictor(), log_probabilities=True))
    steps = FEW_STEPS if bench.model.is_transformer or bench.settings.quick else STEPS
    rival = bench.predictor()
    families: Dict[str, List[Method]] = {
        "AllenNLP's rule, 5, 10, 20, ... steps": [_allennlp(rival, n) for n in steps],
        "Captum, 5, 10, 20, 30, 50 nodes": [_captum(captum, n) for n in NODES],
        "ours, 5, 10, 20, 30, 50 nodes": [_ours(predictor, n_steps=n) for n in NODES],
        "ours, tolerance from 20 % to 0.1 %": [_ours(predictor, tolerance=t) for t in TOLERANCES],
    }
    methods = {(name, i): m for name, family in families.items() for i, m in enumerate(family)}
    # Of AllenNLP's, one warm-up is enough.
    seconds, results = side_by_side(
        methods, inputs, bench.repeats, warm_up=1, label=f"{bench.model.title}, curves"
    )
    curves = []
    for name, family in families.items():
        curve: Dict[str, Any] = {"name": name, "evaluations": [], "seconds": [], "errors": []}
        for i in range(len(family)):
            scores = [found for found, _ in results[name, i]]
            errors = [relative_error(s, references.of(one)[0]) for s, one in zip(scores, inputs)]
            curve["errors"].append(float(numpy.median(errors)))
            curve["evaluations"].append(float(numpy.mean([n for _, n in results[name, i]])))
            curve["seconds"].append(float(numpy.median(seconds[name, i])))
        curves.append(curve)
    return Outcome([figure("texts", float(len(inputs)), "", len(inputs))], curves)


def _allennlp(predictor, steps: int) -> Method:
    interpreter = AllenNLPSteps(predictor, steps)

    def method(one: JsonDict) -> Tuple[List[float], int]:
        return interpreter.signed_scores(label(predictor, one)[0]), steps

    return method


def _captum(scores: Callable[..., List[float]], nodes: int) -> Method:
    return lambda one: (scores(one, nodes), nodes)


def _ours(predictor, **options: Any) -> Method:
    interpreter = IntegratedGradient(predictor, inference_mode="log_softmax", **options)

    def method(one: JsonDict) -> Tuple[List[float], int]:
        [found] = interpreter.interpret_json(one)
        return signed_scores(found), found.n_evaluations

    return method


PART = Part(
    "curves",
    "Error against evaluations and time",
    "The explained output is the log-probability of the predicted label, which is minus "
    "AllenNLP's loss. The figures are medians over the texts. The methods explain each text in "
    "turn.",
    ("lstm", "cnn", "minilm"),
    run,
)
