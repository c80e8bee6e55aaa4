"""Texts per second over a corpus: one by one, in batches, and the floor of the same passes."""

import gc
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy
from allennlp.common import JsonDict
from allennlp.data.batch import Batch
from allennlp.predictors import Predictor

from benchmarks.bare import BareText, frozen, label
from benchmarks.bench import Bench, Part
from benchmarks.figures import Outcome, at_most, figure
from benchmarks.parts.floor import MOST_FLOORS, output_of_rows, rows_and_points
from benchmarks.progress import say
from biome_interpret import IntegratedGradient, Interpretation

# Of the floor: so many positions go through in one pass, and so many texts are predicted in one.
POSITIONS_PER_PASS, TEXTS_PER_PREDICTION = 4096, 64


def run(bench: Bench) -> Outcome:
    inputs = bench.inputs("throughput")
    predictor = bench.predictor()
    interpreter = IntegratedGradient(predictor)
    interpreter.interpret_batch_json(inputs[:4])
    seconds: Dict[str, List[float]] = {"one by one": [], "batches": [], "floor": [], "reading": []}
    small = bench.model.name in ("lstm", "cnn")
    # The best of some runs counts: of more where one takes a second, which anything disturbs.
    for repeat in range(1 if bench.repeats == 1 else 6 if small else 2):
        say(f"    {bench.model.title}, {len(inputs)} texts, run {repeat + 1}")
        taken, _ = _timed(lambda: [interpreter.interpret_json(one) for one in inputs])
        seconds["one by one"].append(taken)
        taken, found = _timed(lambda: interpreter.interpret_batch_json(inputs))
        seconds["batches"].append(taken)
        if repeat == 0:
            floor = corpus_floor(bench, frozen(bench.predictor()), inputs, found)
        taken, _ = _timed(floor)
        seconds["floor"].append(taken)
        taken, _ = _timed(lambda: _read(predictor, inputs))
        seconds["reading"].append(taken)
    best = {name: min(values) for name, values in seconds.items()}
    texts = len(inputs)
    faster = best["one by one"] / best["batches"]
    least = best["floor"] + best["reading"]
    faster_at_most, least_ratio = best["one by one"] / least, least / best["floor"]
    return Outcome(
        [
            figure(
                "batches, times faster than one by one",
                faster,
                "x",
                texts,
                note=f"reading and the floor: {faster_at_most:.3g}×",
            ),
            figure(
                "batches, time in units of the floor",
                best["batches"] / best["floor"],
                "x",
                texts,
                at_most(MOST_FLOORS[bench.model.name]),
                f"reading and the floor: {least_ratio:.3g}×",
            ),
            figure("reading and the floor alone: times faster", faster_at_most, "x", texts),
            figure("reading and the floor alone, in its units", least_ratio, "x", texts),
            figure("one by one", texts / best["one by one"], "texts/s", texts),
            figure("batches", texts / best["batches"], "texts/s", texts),
            figure("floor", texts / best["floor"], "texts/s", texts),
            figure("evaluations, mean", _mean_evaluations(found), "", texts),
        ]
    )


def _read(predictor: Predictor, inputs: Sequence[JsonDict]) -> None:
    """What the floor leaves out and no interpreter can: from JSON to the model's tensors."""
    for chosen in chunks(inputs, TEXTS_PER_PREDICTION):
        instances = [predictor._json_to_instance(one) for one in chosen]
        for instance in instances:
            predictor._dataset_reader.apply_token_indexers(instance)
        batch = Batch(instances)
        batch.index_instances(predictor._model.vocab)
        batch.as_tensor_dict()


def _timed(function: Callable[[], Any]) -> Tuple[float, Any]:
    # A look through all that the process holds takes a sixth of the shortest run, and would fall to
    # one or the other by chance.
    gc.collect()
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def _mean_evaluations(found: Sequence[Sequence[Interpretation]]) -> float:
    return float(numpy.mean([one.n_evaluations for results in found for one in results]))


def corpus_floor(
    bench: Bench,
    predictor: Predictor,
    inputs: Sequence[JsonDict],
    found: Sequence[Sequence[Interpretation]],
    positions_per_pass: int = POSITIONS_PER_PASS,
) -> Callable[[], None]:
    """
    The texts by length: predicted many together, and as many points of each as ours evaluated sent
    forward and backward in passes of so many positions.
    """
    counts = [results[0].n_evaluations for results in found]
    lengths = [sum(len(f.tokens) for f in results[0].fields.values()) for results in found]
    order = sorted(range(len(inputs)), key=lambda index: (lengths[index], index))
    instances = {index: label(predictor, inputs[index])[0] for index in order}
    predictions = [
        BareText(predictor, [instances[i] for i in chosen])
        for chosen in chunks(order, TEXTS_PER_PREDICTION)
    ]
    passes = []
    for bucket in _buckets(order, counts, lengths, positions_per_pass):
        chosen = [instances[index] for index in bucket]
        evaluations = [counts[index] for index in bucket]
        passes.append(
            (
                BareText(predictor, chosen),
                evaluations,
                output_of_rows(bench, predictor, chosen, evaluations),
            )
        )

    def run_floor() -> None:
        for prediction in predictions:
            prediction.predict()
        for text, evaluations, output in passes:
            rows, points = rows_and_points(text, evaluations)
            text.gradients(points, output, rows)

    return run_floor


def chunks(items: Sequence[Any], size: int) -> List[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _buckets(
    order: Sequence[int], counts: Sequence[int], lengths: Sequence[int], positions_per_pass: int
) -> List[List[int]]:
    buckets: List[List[int]] = [[]]
    rows = 0
    for index in order:
        if buckets[-1] and (rows + counts[index]) * lengths[index] > positions_per_pass:
            buckets.append([])
            rows = 0
        buckets[-1].append(index)
        rows += counts[index]
    return buckets


PART = Part(
    "throughput",
    "A corpus",
    "The SST-2 dev sentences (ESIM: NLI dev pairs), explained one by one with `interpret_json`, "
    "and together with `interpret_batch_json`. The floor predicts the same texts, sorted by "
    f"length, {TEXTS_PER_PREDICTION} together. It also takes as many points of each text as ours "
    f"evaluated forward and backward, in passes of {POSITIONS_PER_PASS} positions. It does nothing "
    "else. Reading is the way from JSON to indexed tensors, which the floor leaves out. On MiniLM "
    "the points of one text fill a pass, so texts gain little by sharing passes. The time of "
    "reading and the floor alone shows how little.",
    ("lstm", "cnn", "esim", "minilm"),
    run,
)
