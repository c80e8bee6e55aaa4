"""How long `biome-interpret evaluate` takes: six methods, all texts side by side."""

import json
import time
from typing import Any, Dict, List

from benchmarks.bench import Bench, Part
from benchmarks.figures import Outcome, at_most, figure
from benchmarks.progress import say
from biome_interpret import (
    GradientShap,
    IntegratedGradient,
    Occlusion,
    SmoothGradient,
)
from biome_interpret.evaluation import METRICS
from biome_interpret.evaluation.inquiries import Settings
from biome_interpret.evaluation.methods import OwnRow, RandomRow, Row
from biome_interpret.evaluation.studies.gathering import Gathered
from biome_interpret.evaluation.studies.lines import line_of
from biome_interpret.evaluation.studies.results import Case
from biome_interpret.evaluation.studies.study import Study
from biome_interpret.evaluation.studies.summary import summary_of
from biome_interpret.interpreters.perturber import Perturber

# Two cores: so many minutes for so many texts.
MOST_MINUTES, TEXTS = 10, 300
WINDOW = 50
FIGURES = ["comprehensiveness", "sufficiency", "tau_loo", "sign_violations", "infidelity_scaled"]


def run(bench: Bench) -> Outcome:
    inputs = bench.inputs("evaluation")
    study = _study(bench)
    start = time.perf_counter()
    gathered = Gathered([row.name for row in study.rows])
    cases = [Case(line, one) for line, one in enumerate(inputs, start=1)]
    study.prepare(cases[:WINDOW])
    prepared = time.perf_counter() - start
    for first in range(0, len(cases), WINDOW):
        say(f"    {bench.model.title}, evaluation: {first} of {len(cases)} texts")
        for results in study.results(cases[first : first + WINDOW]):
            gathered.add([json.loads(line_of(one, [])) for one in results])
    asked = time.perf_counter() - start - prepared
    summary_of(gathered, {}, {}, [], seed=0)
    summed_up = time.perf_counter() - start - prepared - asked
    texts = len(cases)
    minutes = (prepared + asked * TEXTS / texts + summed_up) / 60
    return Outcome(
        [
            figure(f"minutes for {TEXTS} texts", minutes, "", texts, at_most(MOST_MINUTES)),
            figure("texts per second", texts / asked, "texts/s", texts),
            figure("seconds for intervals and comparisons", summed_up, "s", texts),
        ]
    )


def _study(bench: Bench) -> Study:
    predictor = bench.predictor()
    options: Dict[str, Any] = {"granularity": "word"}
    sums: Dict[str, Any] = {**options, "granularity_aggregation_strategy": "sum"}
    rows: List[Row] = [
        RandomRow(seed=0, num_seeds=1),
        OwnRow("leave-one-out", Occlusion(predictor, removal="delete", **options)),
        OwnRow("occlusion", Occlusion(predictor, **options)),
        OwnRow("integrated gradient", IntegratedGradient(predictor, **sums)),
        OwnRow("gradient SHAP", GradientShap(predictor, **sums)),
        OwnRow("SmoothGrad", SmoothGradient(predictor, **sums)),
    ]
    return Study(
        rows=rows,
        removals={"delete": Perturber(predictor)},
        settings=Settings(num_subsets=20),
        metrics={name: METRICS[name] for name in FIGURES},
        most_words=0,
        has_oracle=False,
    )


PART = Part(
    "evaluation",
    "Comparing methods: `biome-interpret evaluate`",
    "Six methods with their default options: random scores, leave-one-out, occlusion, Integrated "
    "Gradients, GradientSHAP and SmoothGrad. The only removal is deletion. The figures are "
    f"{', '.join(FIGURES)}. The model is asked only once for each subset of a text's words, even "
    "if several methods need it.",
    ("minilm",),
    run,
)
