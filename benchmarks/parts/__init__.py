"""The comparisons, one module each: a `Part` says what it compares and on which models."""

from benchmarks.bench import Part, by_name
from benchmarks.parts import (
    allennlp,
    captum,
    curves,
    default,
    evaluation,
    floor,
    gpu,
    interpreto,
    levels,
    memory,
    shap,
    stacks,
    target_error,
    throughput,
)

PARTS = by_name(
    [
        allennlp.PART,
        target_error.PART,
        default.PART,
        levels.PART,
        captum.PART,
        floor.PART,
        throughput.PART,
        shap.PART,
        interpreto.PART,
        memory.PART,
        stacks.PART,
        gpu.PART,
        evaluation.PART,
        curves.PART,
    ]
)

__all__ = ["PARTS", "Part"]
