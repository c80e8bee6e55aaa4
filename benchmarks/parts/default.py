"""How exact the default configuration is."""

from typing import List

import numpy
from allennlp.common import JsonDict

from benchmarks.bench import Bench, Part
from benchmarks.errors import relative_error, signed_scores
from benchmarks.figures import Outcome, at_most, figure
from benchmarks.progress import following
from biome_interpret import IntegratedGradient


def run(bench: Bench) -> Outcome:
    predictor = bench.predictor()
    interpreter, references = IntegratedGradient(predictor), bench.references(predictor, "logits")
    inputs = labelled_inputs(bench)
    references.of_all(inputs)
    errors, admitted, evaluations = [], [], []
    for one in following(f"{bench.model.title}, default configuration", inputs):
        found = interpreter.interpret_json(one)
        for interpretation, reference in zip(found, references.of(one)):
            errors.append(relative_error(signed_scores(interpretation), reference))
            admitted.append(any("max_evaluations" in note for note in interpretation.notes))
            evaluations.append(interpretation.n_evaluations)
    silent = [error for error, said in zip(errors, admitted) if not said]
    texts = len(errors)
    return Outcome(
        [
            figure("error, median", float(numpy.median(errors)), "%", texts, at_most(0.5)),
            figure("error, 95th percentile", _percentile(errors, 95), "%", texts, at_most(1)),
            figure(
                "error, largest of those that do not say that the bound was reached",
                max(silent, default=None),
                "%",
                len(silent),
                at_most(2),
            ),
            figure("texts that say that the bound was reached", float(sum(admitted)), "", texts),
            figure("evaluations, mean", float(numpy.mean(evaluations)), "", texts),
            figure("evaluations, largest", float(max(evaluations)), "", texts),
            _doubling(bench, references, inputs),
        ]
    )


def _doubling(bench: Bench, references, inputs: List[JsonDict]):
    """How far the references themselves are from twice as many nodes, on a few texts."""
    changes = []
    for one in inputs[:2] if bench.model.is_transformer else inputs[:5]:
        finer = references.again(one, 2 * references.nodes)
        changes += [relative_error(a, b) for a, b in zip(references.of(one), finer)]
    name = f"reference ({references.describe()}), largest change when its nodes are doubled"
    return figure(name, max(changes), "%", len(changes))


def labelled_inputs(bench: Bench) -> List[JsonDict]:
    """The dev texts of which the model predicts a label at all: a tagger often finds nothing."""
    if bench.model.name != "tagger":
        return bench.inputs("default")
    predictor, found = bench.predictor(), []
    wanted = bench.settings.texts("default", bench.model.is_transformer)
    for one in bench.model.inputs():
        if len(found) < wanted and predictor.json_to_labeled_instances(one):
            found.append(one)
    return found


def _percentile(values: List[float], percent: float) -> float:
    return float(numpy.percentile(values, percent))


PART = Part(
    "default",
    "The default configuration",
    "`IntegratedGradient(predictor)` with its default options, on the logit of the predicted "
    "label, against the converged integral. The error is Σ|score − reference| / Σ|reference| over "
    "a text's tokens.",
    ("lstm", "cnn", "esim", "tagger", "minilm"),
    run,
)
