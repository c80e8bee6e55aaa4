"""A corpus and single texts on a GPU, against the bare passes of the same model."""

import gc
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Sequence

import numpy
import torch
from allennlp.common import JsonDict
from allennlp.predictors import Predictor

from benchmarks.bare import frozen
from benchmarks.bench import Bench, Part
from benchmarks.errors import relative_error, signed_scores
from benchmarks.estimates import median_ratio
from benchmarks.figures import Figure, Outcome, at_least, at_most, figure
from benchmarks.parts.floor import floor_pass
from benchmarks.parts.throughput import TEXTS_PER_PREDICTION, chunks, corpus_floor
from benchmarks.progress import say
from benchmarks.timing import side_by_side
from biome_interpret import GradientShap, IntegratedGradient
from biome_interpret.stack import exact_float32, float32_flags, set_flags

# The size of a pass of the floor, in positions: 1,024 rows of 25, and 4,096 rows for the biLSTM.
_POSITIONS = {"lstm": 100_000, "minilm": 25_000, "bert": 25_000}

# The least share of what prediction and floor alone would reach one after the other.
_LEAST_SHARE = {"minilm": 0.6, "bert": 0.75}

# The values of the flags that switch it on.
_TF32 = {"allow_tf32": True, "precision": "high", "fp32_precision": "tf32"}

Results = List[Any]


def run(bench: Bench) -> Outcome:
    if not torch.cuda.is_available():
        return Outcome([figure("a corpus by default", None, "texts/s", note="needs a GPU")])
    with _rounding_to_tf32(False):
        return _measured(bench)


def _measured(bench: Bench) -> Outcome:
    predictor = bench.predictor()
    predictor._model.cuda()
    inputs = bench.inputs("gpu")
    few = inputs[: max(1, len(inputs) // 4)]
    bar = at_least(_LEAST_SHARE[bench.model.name]) if bench.model.name in _LEAST_SHARE else None
    IntegratedGradient(predictor).interpret_batch_json(inputs[:64])

    torch.cuda.reset_peak_memory_stats()
    default, found = _texts_per_second(lambda: IntegratedGradient(predictor), inputs, 2)
    memory = torch.cuda.max_memory_allocated() / torch.cuda.get_device_properties(0).total_memory
    run_floor = corpus_floor(bench, frozen(predictor), inputs, found, _POSITIONS[bench.model.name])
    floor = _seconds(run_floor)
    with _rounding_to_tf32(True):
        coarse_floor = _seconds(run_floor)
    predict = _seconds(lambda: _predict(predictor, inputs))
    together = len(inputs) / (floor + predict)
    counts = [results[0].n_evaluations for results in found]
    figures = [
        figure("a corpus by default", default, "texts/s", len(inputs)),
        figure("the floor", len(inputs) / floor, "texts/s", len(inputs)),
        figure("the floor", sum(counts) / floor, "evaluations/s", len(inputs)),
        figure("the floor in TF32, times faster", floor / coarse_floor, "x", len(inputs)),
        figure("`predict_batch_json`", len(inputs) / predict, "texts/s", len(inputs)),
        figure("default, share of prediction and floor", default / together, "x", len(inputs), bar),
        figure("default, peak memory", memory, "%", len(inputs), at_most(25)),
        figure("evaluations, mean", float(numpy.mean(counts)), "", len(inputs)),
    ]
    for name, make in _variants(predictor).items():
        speed, _ = _texts_per_second(make, few, 1)
        figures.append(figure(name, speed, "texts/s", len(few)))
    return Outcome(
        [
            *figures,
            *_in_half_precision(predictor, few),
            *_one_text(bench, predictor, inputs[:20], counts),
            _against_cpu(bench, inputs[:20], found),
        ]
    )


def _variants(predictor: Predictor) -> Dict[str, Callable[[], Any]]:
    return {
        "`batch_size` 256": lambda: IntegratedGradient(predictor, batch_size=256),
        "`batch_size` 2048": lambda: IntegratedGradient(predictor, batch_size=2048),
        "GradientSHAP, 20 samples": lambda: GradientShap(predictor, n_perturbations=20),
    }


def _in_half_precision(predictor: Predictor, inputs: Sequence[JsonDict]) -> List[Figure]:
    """`autocast` against float32."""
    exact, found = _texts_per_second(lambda: IntegratedGradient(predictor), inputs, 2)
    half, rounded = _texts_per_second(
        lambda: IntegratedGradient(predictor, autocast=True), inputs, 2
    )
    texts = len(inputs)
    return [
        figure("`autocast`, times faster", half / exact, "x", texts, at_least(1.5)),
        figure("`autocast`, error, median", _error(rounded, found), "%", texts, at_most(1)),
        figure("`autocast`, evaluations, mean", _mean_evaluations(rounded), "", texts),
    ]


def _one_text(
    bench: Bench, predictor: Predictor, inputs: Sequence[JsonDict], counts: Sequence[int]
) -> List[Figure]:
    interpreter = IntegratedGradient(predictor)
    shap = GradientShap(predictor, n_perturbations=20)
    floors = [
        floor_pass(bench, frozen(predictor), one, [count], from_json=True)
        for one, count in zip(inputs, counts)
    ]
    seconds, _ = side_by_side(
        {
            "ours": lambda index: _waited(lambda: interpreter.interpret_json(inputs[index])),
            "least": lambda index: _waited(floors[index]),
            "shap": lambda index: _waited(lambda: shap.interpret_json(inputs[index])),
        },
        range(len(inputs)),
        3,
        label=f"{bench.model.title}, one text",
    )
    texts = len(inputs)
    ratio = median_ratio(seconds["ours"], seconds["least"])
    milliseconds = {name: 1000 * float(numpy.median(taken)) for name, taken in seconds.items()}
    return [
        figure(
            "one text, in units of prediction and one bare pass", ratio, "x", texts, at_most(1.2)
        ),
        figure("one text", milliseconds["ours"], "ms", texts),
        figure("prediction and one bare pass", milliseconds["least"], "ms", texts),
        figure("one text, GradientSHAP, 20 samples", milliseconds["shap"], "ms", texts),
    ]


def _against_cpu(bench: Bench, inputs: Sequence[JsonDict], found: Sequence[Results]) -> Figure:
    on_cpu = IntegratedGradient(bench.predictor()).interpret_batch_json([*inputs])
    return figure("difference from the CPU, largest", _error(found, on_cpu, max), "%", len(inputs))


def _error(
    found: Sequence[Results], expected: Sequence[Results], choose: Any = numpy.median
) -> float:
    return float(
        choose(
            [
                relative_error(signed_scores(own[0]), signed_scores(other[0]))
                for own, other in zip(found, expected)
            ]
        )
    )


def _mean_evaluations(found: Sequence[Results]) -> float:
    return float(numpy.mean([results[0].n_evaluations for results in found]))


def _texts_per_second(make: Callable[[], Any], inputs: Sequence[JsonDict], repeats: int) -> Any:
    """The best of some runs, and what the last one found."""
    interpreter = make()
    interpreter.interpret_batch_json(inputs[:8])
    best, found = 0.0, []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        found = interpreter.interpret_batch_json([*inputs])
        best = max(best, len(inputs) / (time.perf_counter() - start))
    say(f"    {best:.1f} texts/s")
    return best, found


def _predict(predictor: Predictor, inputs: Sequence[JsonDict]) -> None:
    for chosen in chunks(inputs, TEXTS_PER_PREDICTION):
        predictor.predict_batch_json([*chosen])


def _seconds(function: Callable[[], Any]) -> float:
    """The least of two runs."""
    taken = []
    for _ in range(2):
        gc.collect()
        start = time.perf_counter()
        _waited(function)
        taken.append(time.perf_counter() - start)
    return min(taken)


def _waited(function: Callable[[], Any]) -> Any:
    """The GPU is at work still when a bare pass returns."""
    result = function()
    torch.cuda.synchronize()
    return result


@contextmanager
def _rounding_to_tf32(is_on: bool) -> Iterator[None]:
    """Of all products. By default, PyTorch rounds those of recurrent layers alone."""
    before = float32_flags()
    rounding = [(owner, name, _TF32[name]) for owner, name, _ in before]
    set_flags(rounding if is_on else exact_float32(before))
    try:
        yield
    finally:
        set_flags(before)


PART = Part(
    "gpu",
    "On a GPU",
    "The SST-2 dev sentences with `interpret_batch_json`, in float32. The floor predicts the "
    "texts. It also takes as many points of each text as ours evaluated forward and backward, in "
    "passes of about 1,024 rows (4,096 for the biLSTM). One text is compared with `predict_json` "
    "and one bare pass over as many points.",
    ("lstm", "minilm", "bert"),
    run,
)
