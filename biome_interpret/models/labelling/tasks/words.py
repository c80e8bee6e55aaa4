"""Predicted words of language models."""

from typing import Any, List

from allennlp.data import Instance, Token
from allennlp.data.fields import TextField
from allennlp.predictors import Predictor

from biome_interpret.models.labelling.base import Labelling, labels_nothing, with_fields
from biome_interpret.models.objectives.base import has_class_named
from biome_interpret.models.objectives.inference_modes import Outputs


@Labelling.register("next_word")
class NextWordLabelling(Labelling):
    """
    The most probable next word, or the first of the most probable next words. (AllenNLP 2.10 takes
    its first letter only.)
    """

    priority = -20
    replaces = ("NextTokenLMPredictor",)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        text: Any = instance["tokens"]
        best = str(output["top_tokens"][0][0])
        label = TextField([Token(best)], text.token_indexers)
        return [with_fields(predictor, instance, target_ids=label)]


@Labelling.register("own_text")
class OwnTextLabelling(Labelling):
    """A language model, which takes its text as its label: the instance as it is."""

    priority = -10

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labels_nothing(predictor) and has_class_named(predictor._model, "LanguageModel")

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        return [instance]
