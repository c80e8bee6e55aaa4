"""Against the passes themselves with nothing around them."""

from typing import Callable, List, Sequence

import numpy
import torch
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from benchmarks.bare import BareText, Output, frozen, label
from benchmarks.bench import Bench, Part
from benchmarks.estimates import median_ratio
from benchmarks.figures import Figure, Outcome, at_most, figure
from benchmarks.objectives import logit
from benchmarks.parts.default import labelled_inputs
from benchmarks.timing import side_by_side
from biome_interpret import IntegratedGradient

FIXED = 10

# Our time may be so many times that of the floor, for one text and for a corpus.
MOST_FLOORS = {"lstm": 1.6, "tagger": 1.6, "esim": 1.6, "cnn": 2.5, "minilm": 1.15}


def run(bench: Bench) -> Outcome:
    number = bench.settings.texts("floor", bench.model.is_transformer)
    inputs = labelled_inputs(bench)[:number]
    predictor = bench.predictor()
    adaptive = IntegratedGradient(predictor)
    counts = [[found.n_evaluations for found in adaptive.interpret_json(one)] for one in inputs]
    # The baseline is among the nodes of the default configuration, not of a fixed number of them.
    fixed = [[FIXED + 1] * len(count) for count in counts]
    return Outcome(
        [
            *_compared(bench, "default configuration", adaptive, inputs, counts),
            *_compared(
                bench,
                f"{FIXED} fixed nodes",
                IntegratedGradient(predictor, n_steps=FIXED),
                inputs,
                fixed,
            ),
        ]
    )


def _compared(
    bench: Bench,
    name: str,
    interpreter: IntegratedGradient,
    inputs: Sequence[JsonDict],
    counts: Sequence[Sequence[int]],
) -> List[Figure]:
    predictor = frozen(bench.predictor())
    floors = [floor_pass(bench, predictor, one, count) for one, count in zip(inputs, counts)]
    seconds, _ = side_by_side(
        {
            "ours": lambda index: interpreter.saliency_interpret_from_json(inputs[index]),
            "floor": lambda index: floors[index](),
        },
        range(len(inputs)),
        bench.repeats,
        label=f"{bench.model.title} against the floor, {name}",
    )
    bar = at_most(MOST_FLOORS[bench.model.name])
    ratio, texts = median_ratio(seconds["ours"], seconds["floor"]), len(inputs)
    return [
        figure(f"{name}: our time in units of the floor", ratio, "x", texts, bar),
        figure(f"{name}: ours", 1000 * float(numpy.median(seconds["ours"])), "ms", texts),
        figure(f"{name}: floor", 1000 * float(numpy.median(seconds["floor"])), "ms", texts),
    ]


def floor_pass(
    bench: Bench,
    predictor: Predictor,
    inputs: JsonDict,
    counts: Sequence[int],
    from_json: bool = False,
) -> Callable[[], List[torch.Tensor]]:
    """
    One text: its prediction, and one pass forward and backward for the rows of all its labelled
    instances. What is read, indexed and labelled is ready before, unless the prediction is made
    `from_json`.
    """
    instances = label(predictor, inputs)
    alone = BareText(predictor, instances[:1])
    all_rows = BareText(predictor, instances)
    output = output_of_rows(bench, predictor, instances, counts)
    rows, points = rows_and_points(all_rows, counts)

    def run_floor() -> List[torch.Tensor]:
        if from_json:
            predictor.predict_json(inputs)
        else:
            alone.predict()
        return all_rows.gradients(points, output, rows)

    return run_floor


def rows_and_points(text: BareText, counts: Sequence[int]):
    """
    So many points for each row of a batch, equally far apart on the way from zero, both ends among
    them: the rows that they belong to, and the points for each call of the embedding layer.
    """
    rows = [row for row, count in enumerate(counts) for _ in range(count)]
    alphas = torch.cat([torch.linspace(0, 1, count) for count in counts]).reshape(-1, 1, 1)
    return rows, [alphas.to(embedded) * embedded[rows] for embedded in text.embedded]


def output_of_rows(
    bench: Bench, predictor: Predictor, instances: Sequence[Instance], counts: Sequence[int]
) -> Output:
    """The outputs of rows of several instances, each row by its own instance's label."""
    outputs = [logit(bench.model, predictor, instance) for instance in instances]

    def output(model_outputs):
        tensors = {
            name: value
            for name, value in model_outputs.items()
            if isinstance(value, torch.Tensor) and value.dim() > 1
        }
        parts, start = [], 0
        for one, count in zip(outputs, counts):
            parts.append(one({k: v[start : start + count] for k, v in tensors.items()}))
            start += count
        return torch.cat(parts)

    return output


PART = Part(
    "floor",
    "Against the floor",
    "The floor is the prediction pass, and one forward and backward pass over as many points as "
    "ours evaluates. The points include both ends of the path. The backward pass ends at the "
    "embeddings, and parameters are frozen. The floor leaves out reading, indexing, labelling, "
    "scores and checks. Ours is everything, from JSON to shares.",
    ("lstm", "cnn", "esim", "tagger", "minilm"),
    run,
)
