"""Time to an error that is asked for, against AllenNLP's rule with the steps that it needs."""

from typing import List

import numpy

from benchmarks.bare import frozen, interpreted
from benchmarks.bench import Bench, Part
from benchmarks.competitors import AllenNLPSteps
from benchmarks.errors import relative_error, signed_scores
from benchmarks.estimates import median_ratio
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.objectives import logits_of
from benchmarks.progress import following
from benchmarks.timing import side_by_side
from biome_interpret import IntegratedGradient


def run(bench: Bench) -> Outcome:
    return Outcome([one for error in (0.01, 0.05) for one in _compared(bench, error)])


def _compared(bench: Bench, error: float) -> List[Figure]:
    predictor, inputs = bench.predictor(), bench.inputs("target-error")
    references = bench.references(predictor, "loss")
    references.of_all(inputs)
    what = f"{bench.model.title}, steps that AllenNLP's rule needs for {error:.0%}"
    steps = [references.steps_needed(one, error) for one in following(what, inputs)]
    what = f"{bench.model.title}, the fewest nodes for {error:.0%}"
    fewest = [references.fewest_nodes(one, error) for one in following(what, inputs)]
    ours = IntegratedGradient(predictor, tolerance=error, inference_mode="loss")
    counts = [ours.interpret_json(one)[0].n_evaluations for one in inputs]
    theirs, bare = AllenNLPSteps(bench.predictor()), frozen(bench.predictor())
    logits = logits_of(bench.model)

    def with_steps(index: int) -> object:
        theirs.steps = steps[index]
        return theirs.saliency_interpret_from_json(inputs[index])

    seconds, _ = side_by_side(
        {
            "ours": lambda index: ours.saliency_interpret_from_json(inputs[index]),
            "theirs": with_steps,
            "bare": lambda index: interpreted(bare, inputs[index], counts[index], logits),
            "fewest": lambda index: interpreted(bare, inputs[index], fewest[index] + 1, logits),
        },
        range(len(inputs)),
        bench.repeats,
        label=f"{bench.model.title}, time to {error:.0%}",
    )
    found = [ours.interpret_json(one)[0] for one in inputs]
    errors = [
        relative_error(signed_scores(interpretation), references.of(one)[0])
        for interpretation, one in zip(found, inputs)
    ]
    texts, to = len(inputs), f"to an error of {error:.0%}: "
    ratio = median_ratio(seconds["theirs"], seconds["ours"])
    most = median_ratio(seconds["theirs"], seconds["bare"])
    fewest_nodes = median_ratio(seconds["theirs"], seconds["fewest"])
    evaluations = float(numpy.mean([one.n_evaluations for one in found]))
    within = float(numpy.mean([value <= error for value in errors]))
    return [
        figure(
            to + "times faster",
            ratio,
            "x",
            texts,
            note=f"a bare pass: {most.value:.3g}×; of the fewest nodes: {fewest_nodes.value:.3g}×",
        ),
        figure(to + "reading, indexing and one bare pass alone: times faster", most, "x", texts),
        figure(
            to + "the same with the fewest nodes, found beforehand: times faster",
            fewest_nodes,
            "x",
            texts,
        ),
        figure(to + "the fewest nodes, median", float(numpy.median(fewest)), "", texts),
        figure(to + "ours", 1000 * float(numpy.median(seconds["ours"])), "ms", texts),
        figure(to + "AllenNLP's rule", 1000 * float(numpy.median(seconds["theirs"])), "ms", texts),
        figure(to + "our evaluations, mean", evaluations, "", texts),
        figure(to + "its steps, median", float(numpy.median(steps)), "", texts),
        figure(to + "its steps, 95th percentile", float(numpy.percentile(steps, 95)), "", texts),
        figure(to + "our texts within it", within, "%", texts),
        figure(to + "our largest error", max(errors), "%", texts),
    ]


PART = Part(
    "target-error",
    "Time to a given error, against AllenNLP's rule",
    "The objective is AllenNLP's own, the loss. Ours has the given error as its `tolerance`. "
    "AllenNLP's interpreter takes as many steps as each text needs to reach this error. This "
    "number is found beforehand and not timed. A bare pass is reading, indexing and one pass over "
    "as many points as ours evaluates. The fewest nodes are the text itself and as many "
    "Gauss-Legendre nodes as just reach the error. They too are found beforehand.",
    ("lstm", "cnn", "minilm"),
    run,
)
