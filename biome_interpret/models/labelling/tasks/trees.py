"""Predicted parses."""

from typing import Any, List, Set, Tuple

import numpy
from allennlp.data import Instance
from allennlp.data.fields import SequenceLabelField
from allennlp.predictors import Predictor

from biome_interpret.models.labelling.base import Labelling, with_fields
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.tasks.trees import HEADS, NO_LABEL, TAGS


@Labelling.register("dependencies")
class DependenciesLabelling(Labelling):
    """The predicted head and tag of each word: the parse is one label."""

    priority = -40
    model_arguments = (TAGS, HEADS)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        words: Any = instance["words"]
        tags = [str(tag) for tag in output["predicted_dependencies"]]
        heads = [int(head) for head in output["predicted_heads"]]
        labels = {
            TAGS: SequenceLabelField(tags, words, label_namespace="head_tags"),
            HEADS: SequenceLabelField(heads, words, label_namespace="head_index_tags"),
        }
        return [with_fields(predictor, instance, **labels)]


@Labelling.register("constituents")
class ConstituentsLabelling(Labelling):
    """The constituents of the predicted tree: the tree is one label."""

    priority = -30
    model_arguments = ("span_labels",)

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return super().fits(predictor) and hasattr(predictor._model, "construct_trees")

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        names = predictor._model.vocab.get_index_to_token_vocabulary("labels")
        spans: Any = instance["spans"]
        in_tree = _spans_of_tree(output["trees"])
        labels = []
        for span, scores in zip(spans, output["class_probabilities"]):
            best = names[int(numpy.asarray(scores).argmax())]
            labels.append(best if (span.span_start, span.span_end) in in_tree else NO_LABEL)
        label = SequenceLabelField(labels, spans, label_namespace="labels")
        return [with_fields(predictor, instance, span_labels=label)]


def _spans_of_tree(tree: Any) -> Set[Tuple[int, int]]:
    """First and last word of each constituent above the parts of speech."""
    found: Set[Tuple[int, int]] = set()

    def walk(node: Any, first: int) -> int:
        """Returns the position after the node's last word."""
        if isinstance(node, str):
            return first + 1
        after = first
        for child in node:
            after = walk(child, after)
        is_part_of_speech = len(node) == 1 and isinstance(node[0], str)
        if not is_part_of_speech:
            found.add((first, after - 1))
        return after

    walk(tree, 0)
    return found
