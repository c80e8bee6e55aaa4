"""Ten evaluations of one text, against AllenNLP's own interpreter at its ten steps."""

from typing import List

import numpy
from allennlp.common import JsonDict
from allennlp.interpret.saliency_interpreters import IntegratedGradient as AllenNLPs
from allennlp.predictors import Predictor

from benchmarks.bare import frozen, interpreted, label
from benchmarks.bench import Bench, Part
from benchmarks.competitors import AllenNLPSteps
from benchmarks.errors import relative_error, signed_scores
from benchmarks.estimates import median_ratio
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.objectives import logits_of
from benchmarks.progress import following
from benchmarks.timing import side_by_side
from biome_interpret import IntegratedGradient

SPANS = 5
NODES = 10


def run(bench: Bench) -> Outcome:
    predictor = bench.predictor()
    if bench.model.name == "tagger":
        inputs = texts_with_spans(bench, predictor)
        names = f"texts with {SPANS} or more labelled instances: "
        return Outcome(_times(bench, predictor, inputs, names))
    inputs = bench.inputs("allennlp")
    bare = _bare(bench, inputs)
    times = _times(bench, predictor, inputs, "", f"a bare pass: {bare.value:.3g}×")
    return Outcome([*times, bare, *_errors(bench, predictor, inputs)])


def _times(
    bench: Bench,
    predictor: Predictor,
    inputs: List[JsonDict],
    names: str,
    note: str = "",
) -> List[Figure]:
    if not inputs:
        return [figure(f"{names}times faster", None, "x", note="there are none")]
    competitors = {
        "ours": IntegratedGradient(predictor, n_steps=NODES).saliency_interpret_from_json,
        "ours, on the loss": IntegratedGradient(
            predictor, n_steps=NODES, inference_mode="loss"
        ).saliency_interpret_from_json,
        "theirs": AllenNLPs(bench.predictor()).saliency_interpret_from_json,
    }
    label = f"{bench.model.title} against AllenNLP"
    seconds, _ = side_by_side(competitors, inputs, bench.repeats, label=label)
    texts = len(inputs)
    ratio = median_ratio(seconds["theirs"], seconds["ours"])
    on_loss = median_ratio(seconds["theirs"], seconds["ours, on the loss"])
    return [
        figure(f"{names}times faster, 10 evaluations", ratio, "x", texts, note=note),
        figure(f"{names}the same with ours on the loss, as theirs is", on_loss, "x", texts),
        figure(f"{names}ours", 1000 * float(numpy.median(seconds["ours"])), "ms", texts),
        figure(f"{names}AllenNLP's", 1000 * float(numpy.median(seconds["theirs"])), "ms", texts),
    ]


def _bare(bench: Bench, inputs: List[JsonDict]) -> Figure:
    predictor, logits = frozen(bench.predictor()), logits_of(bench.model)
    competitors = {
        # The text as it is, which tells the label, is one of the nodes.
        "bare": lambda one: interpreted(predictor, one, NODES, logits),
        "theirs": AllenNLPs(bench.predictor()).saliency_interpret_from_json,
    }
    label = f"{bench.model.title}, a bare pass against AllenNLP"
    seconds, _ = side_by_side(competitors, inputs, bench.repeats, label=label)
    ratio = median_ratio(seconds["theirs"], seconds["bare"])
    name = "reading, indexing and one bare pass alone: times faster"
    return figure(name, ratio, "x", len(inputs))


def _errors(bench: Bench, predictor: Predictor, inputs: List[JsonDict]) -> List[Figure]:
    """All on AllenNLP's objective, the loss."""
    references = bench.references(predictor, "loss")
    references.of_all(inputs)
    own = AllenNLPSteps(bench.predictor(), 10)
    fixed = IntegratedGradient(predictor, n_steps=NODES, inference_mode="loss")
    adaptive = IntegratedGradient(predictor, inference_mode="loss")
    errors = {"AllenNLP's 10 steps": [], "our 10 nodes": [], "our default tolerance": []}
    for one in following(f"{bench.model.title}, errors", inputs):
        [reference, *_] = references.of(one)
        scores = own.signed_scores(label(own.predictor, one)[0])
        errors["AllenNLP's 10 steps"].append(relative_error(scores, reference))
        for name, interpreter in (("our 10 nodes", fixed), ("our default tolerance", adaptive)):
            found = signed_scores(interpreter.interpret_json(one)[0])
            errors[name].append(relative_error(found, reference))
    figures = []
    for name, values in errors.items():
        middle, high = float(numpy.median(values)), float(numpy.percentile(values, 95))
        figures.append(figure(f"error of {name} on the loss, median", middle, "%", len(values)))
        figures.append(figure(f"... 95th percentile ({name})", high, "%", len(values)))
    return figures


def texts_with_spans(bench: Bench, predictor: Predictor) -> List[JsonDict]:
    """
    Dev sentences one after another, those in which the tagger finds nothing left out, put together
    to texts in which it finds enough.
    """
    wanted = bench.settings.texts("spans", bench.model.is_transformer)
    found: List[JsonDict] = []
    parts: List[str] = []
    for one in bench.model.inputs():
        if len(found) == wanted:
            break
        if not predictor.json_to_labeled_instances(one):
            continue
        parts.append(one["sentence"])
        text = {"sentence": " ".join(parts)}
        if len(predictor.json_to_labeled_instances(text)) >= SPANS:
            found.append(text)
            parts = []
    return found


PART = Part(
    "allennlp",
    "Against AllenNLP's own interpreter",
    "`IntegratedGradient(predictor, n_steps=10)` against AllenNLP's interpreter, which always "
    "takes 10 steps. Both explain each text in turn, from JSON to shares. Ratios are medians of "
    "the texts' own ratios. The errors are on AllenNLP's objective, the loss. In a bare pass the "
    "text is read and indexed, and its ten nodes go through the model once. One of the nodes is "
    "the text itself. A bare pass does nothing else. The tagger's texts are dev sentences in "
    f"which it finds something. They are joined until it finds {SPANS} spans or more.",
    ("lstm", "cnn", "esim", "tagger", "minilm"),
    run,
)
