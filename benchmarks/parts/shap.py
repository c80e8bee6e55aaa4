"""GradientSHAP: against independent draws at equal samples, and against Captum's."""

import math
from typing import Callable, Dict, List, Sequence

import numpy
import torch
from allennlp.common import JsonDict
from allennlp.predictors import Predictor

from benchmarks.bare import BareText, Output, label
from benchmarks.bench import Bench, Part
from benchmarks.cache import Store, digest
from benchmarks.competitors import CaptumModel, captum_gradient_shap
from benchmarks.errors import signed_scores
from benchmarks.estimates import Estimate, bootstrap, median_ratio
from benchmarks.figures import Figure, Outcome, at_most, figure
from benchmarks.objectives import logit
from benchmarks.progress import following
from benchmarks.timing import side_by_side
from biome_interpret import GradientShap

SAMPLES, NOISE = 20, 0.1
BARS = {"lstm": at_most(0.2), "cnn": at_most(0.6), "minilm": at_most(2 / 3)}
# 20,000 samples of a long text take the transformer minutes.
LONGEST_FOR_TRANSFORMER = 12

Sampler = Callable[[JsonDict, int], List[float]]


def run(bench: Bench) -> Outcome:
    inputs = short_enough(bench, bench.model.inputs())
    inputs = inputs[:: max(1, len(inputs) // bench.settings.texts("shap", hard(bench)))]
    inputs = inputs[: bench.settings.texts("shap", hard(bench))]
    predictor = bench.predictor()
    captum = captum_gradient_shap(CaptumModel(bench.predictor()))
    what = f"{bench.model.title}, GradientSHAP of {bench.settings.reference_samples} samples"
    references = [reference(bench, predictor, one) for one in following(what, inputs)]
    seeds = bench.settings.seeds

    def captums(one: JsonDict, seed: int) -> List[float]:
        torch.manual_seed(seed)
        numpy.random.seed(seed)
        return captum(one, SAMPLES, NOISE)

    samplers: Dict[str, Sampler] = {
        "ours": ours(predictor),
        "independent": ours(predictor, sampling="independent"),
        "captum": captums,
    }
    errors = {
        name: [
            root_mean_square_error(scores_by_seed(sampler, one, seeds), truth)
            for one, truth in zip(following(f"{bench.model.title}, {name}", inputs), references)
        ]
        for name, sampler in samplers.items()
    }
    return Outcome(_against_independent(bench, errors) + _against_captum(bench, predictor, errors))


def hard(bench: Bench) -> bool:
    return bench.model.is_transformer


def short_enough(bench: Bench, inputs: Sequence[JsonDict]) -> List[JsonDict]:
    longest = LONGEST_FOR_TRANSFORMER if hard(bench) else math.inf
    return [one for one in inputs if len(one["sentence"].split()) <= longest]


def ours(predictor: Predictor, n: int = SAMPLES, **options) -> Sampler:
    def scores(one: JsonDict, seed: int) -> List[float]:
        interpreter = GradientShap(
            predictor, n, noise_std=NOISE, noise_relative=True, seed=seed, **options
        )
        return signed_scores(interpreter.interpret_json(one)[0])

    return scores


def scores_by_seed(sampler: Sampler, one: JsonDict, seeds: int) -> numpy.ndarray:
    """Shape: (seeds, tokens)."""
    return numpy.array([sampler(one, 1000 + seed) for seed in range(seeds)])


def root_mean_square_error(scores: numpy.ndarray, truth: Sequence[float]) -> float:
    """Over runs and tokens. Shape of the scores: (seeds, tokens)."""
    return float(numpy.sqrt(((scores - numpy.asarray(truth)) ** 2).mean()))


def spread(scores: numpy.ndarray) -> float:
    """
    The root-mean-square error around the runs' own mean, in units of its mean absolute score: for
    methods whose noise has each a mean of its own.
    """
    return float(numpy.sqrt(scores.var(axis=0, ddof=1).mean()) / numpy.abs(scores.mean(0)).mean())


def reference(bench: Bench, predictor: Predictor, one: JsonDict) -> List[float]:
    """
    The mean over independent samples, drawn and run without `biome_interpret`. Kept on disk.
    """
    n = bench.settings.reference_samples
    store = Store(f"shap-{bench.model.name}-{bench.model.fingerprint}-{n}-{NOISE}")
    key = digest(one)
    if key not in store:
        instance = label(predictor, one)[0]
        text = BareText(predictor, [instance])
        store[key] = sampled(text, logit(bench.model, predictor, instance), n).tolist()
    return store[key]


def sampled(text: BareText, output: Output, n: int, seed: int = 0) -> numpy.ndarray:
    """
    E[∂f/∂x · (x − x')] at x' + α(x − x'), with x' drawn around zero with a standard deviation of
    `NOISE` times the embeddings', and α from [0, 1]. Shape: (positions,).
    """
    generator = torch.Generator().manual_seed(seed)
    [x] = text.embedded
    deviation, size, total = NOISE * x.std(unbiased=False), text.default_rows(), 0.0
    for start in range(0, n, size):
        rows = min(size, n - start)
        origins = deviation * torch.randn(rows, *x.shape[1:], generator=generator)
        alphas = torch.rand(rows, 1, 1, generator=generator)
        [gradient] = text.gradients([origins + alphas * (x - origins)], output)
        total = total + (gradient * (x - origins)).sum(dim=-1).double().sum(dim=0)
    return (total / n).numpy()


def _against_independent(bench: Bench, errors: Dict[str, List[float]]) -> List[Figure]:
    # The reference has an error of its own, known from how independent draws err.
    floor = math.sqrt(SAMPLES / bench.settings.reference_samples)
    texts = len(errors["ours"])
    return [
        figure(
            f"root-mean-square error at {SAMPLES} samples, in units of independent draws'",
            median_ratio(errors["ours"], errors["independent"]),
            "x",
            texts,
            BARS.get(bench.model.name),
            f"{bench.settings.seeds} seeds a text",
        ),
        figure("the reference's own error in the same units, about", floor, "x", texts),
    ]


def _against_captum(
    bench: Bench, predictor: Predictor, errors: Dict[str, List[float]]
) -> List[Figure]:
    ratios = numpy.divide(errors["captum"], errors["ours"])
    # The error of independent samples falls with the root of their number.
    samples = bootstrap(SAMPLES * ratios**2)
    needed = max(1, round(samples.value))
    inputs = short_enough(bench, bench.model.inputs())
    timed = GradientShap(predictor, SAMPLES, noise_std=NOISE, noise_relative=True)
    captum = captum_gradient_shap(CaptumModel(bench.predictor()))

    def ratio(samples: int, purpose: str) -> Estimate:
        seconds, _ = side_by_side(
            {
                "ours": timed.saliency_interpret_from_json,
                "captum": lambda one: captum(one, samples, NOISE),
            },
            inputs[: bench.settings.texts(purpose, hard(bench))],
            bench.repeats,
            label=f"{bench.model.title}, against {samples} samples of Captum's",
        )
        return median_ratio(seconds["captum"], seconds["ours"])

    return [
        figure(
            f"times faster than Captum's at {SAMPLES} samples each",
            ratio(SAMPLES, "shap-timing"),
            "x",
            bench.settings.texts("shap-timing", hard(bench)),
        ),
        figure(
            f"samples with which Captum's error is that of our {SAMPLES}",
            samples,
            "",
            len(ratios),
        ),
        figure(
            "times faster than Captum's at equal error",
            ratio(needed, "shap-equal-error"),
            "x",
            bench.settings.texts("shap-equal-error", hard(bench)),
        ),
    ]


PART = Part(
    "shap",
    "GradientSHAP",
    f"`n_perturbations: {SAMPLES}`, `noise_std: {NOISE}`, `noise_relative: true`. The reference is "
    "the mean of 20,000 independent samples that were drawn and run without this package. Errors "
    "are taken over seeds and tokens. Each text's error is divided by that of `sampling: "
    "independent`. Captum's `GradientShap` gets as many noisy baselines as samples, so that all "
    "methods estimate the same value. The number of samples that it needs follows from its error "
    "by the law 1/√n. Times are from JSON to scores, and the methods explain each text in turn. "
    f"MiniLM's texts have at most {LONGEST_FOR_TRANSFORMER} words.",
    ("lstm", "cnn", "minilm"),
    run,
)
