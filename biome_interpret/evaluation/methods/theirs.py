"""AllenNLP's own interpreters, with the words of this package."""

from typing import Dict, List, Optional, Sequence

import torch
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import SequenceLabelField
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.evaluation.methods.base import Outcome, Row, Scores, Text, one_by_one
from biome_interpret.models.alignment.segments import words
from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.isolation.random_states import RandomStates
from biome_interpret.models.labelling import Labelling, labelled_instances
from biome_interpret.models.labelling.tasks.tags import TagsLabelling
from biome_interpret.models.tensors import device_of

# How often each runs the model: constants of its code.
EVALUATIONS = {"simple-gradient": 1, "integrated-gradient": 10, "smooth-gradient": 10}

NOTE = "AllenNLP's own: absolute values, without a sign"


class AllenNLPRow(Row):
    """
    An interpreter of AllenNLP. It gives the tokens of each field absolute scores that add up to 1,
    special tokens too. The score of a word is the sum of its tokens'. It explains the predicted
    label only.

    # Parameters

    name : `str`
        A registered name, one of `EVALUATIONS`.
    predictor : `Predictor`
        Of a copy of the model: these interpreters leave gradients behind.
    seed : `int`
        Of the noise of "smooth-gradient".
    """

    def __init__(self, name: str, predictor: Predictor, seed: int) -> None:
        super().__init__(name, NOTE, is_signed=False, takes_target=False)
        self._predictor = predictor
        self._seed = seed
        self._interpreter = SaliencyInterpreter.by_name(name)(predictor)

    def scores(self, texts: Sequence[Text]) -> List[Outcome]:
        return one_by_one(texts, self._of)

    def _of(self, text: Text) -> Scores:
        if text.target is not None:
            raise InterpretationError(f"{self.name} explains the predicted label only")
        if isinstance(text.inputs, Instance):
            raise InterpretationError(f"{self.name} takes JSON only")
        by_key = self._interpreted(text.inputs, self._seed * 1_000_003 + text.line)
        instance = self._predictor._json_to_instance(dict(text.inputs))
        self._predictor._dataset_reader.apply_token_indexers(instance)
        self._refuse_another_span(instance)
        scores: List[float] = []
        for key, name in zip(_keys(text), text.units.fields):
            scores += words_of_tokens(instance, name, by_key.get(key), text.units.fields[name])
        return Scores([scores], EVALUATIONS[self.name])

    def _refuse_another_span(self, instance: Instance) -> None:
        """AllenNLP knows no spans of malformed tags. It explains the first span that it knows."""
        predictor = self._predictor
        if not isinstance(Labelling.of(predictor), TagsLabelling):
            return
        output = predictor._model.forward_on_instance(instance)
        ours = labelled_instances(predictor, instance, output)
        theirs = predictor.predictions_to_labeled_instances(instance, output)
        if ours and theirs and _tags(ours[0]) != _tags(theirs[0]):
            raise InterpretationError(f"{self.name} explains another span of this text")

    def _interpreted(self, inputs: JsonDict, seed: int) -> Dict[str, List[float]]:
        """The scores of each field of the first labelled instance, by their keys."""
        states = RandomStates(device_of(self._predictor._model))
        torch.manual_seed(seed)
        try:
            # A copy, since some predictors remove items from it.
            found = self._interpreter.saliency_interpret_from_json(dict(inputs))
        finally:
            states.restore()
        if "instance_1" not in found:
            raise InterpretationError("the model labels nothing in this text")
        scores: Dict[str, List[float]] = found["instance_1"]
        return scores


def _tags(instance: Instance) -> List[List[str]]:
    """The tags of its words; none if it labels no words."""
    fields = instance.fields.values()
    return [[*map(str, one.labels)] for one in fields if isinstance(one, SequenceLabelField)]


def _keys(text: Text) -> List[str]:
    """The key of each field. AllenNLP numbers fields backwards, as gradients reach them."""
    number = len(text.units.fields)
    return [f"grad_input_{number - position}" for position in range(number)]


def words_of_tokens(
    instance: Instance, name: str, scores: Optional[Sequence[float]], units: Sequence[str]
) -> List[float]:
    """
    The sums over the tokens of each word of a field.

    # Raises

    `InterpretationError`
        If the scores do not belong to the tokens of the field, or its words are not the `units`.
    """
    texts = [
        text for field in instance.fields for text in texts_of(instance, field) if text.name == name
    ]
    if not texts or scores is None or len(scores) != len(texts[0].field.tokens):
        raise InterpretationError(f"the method gives no score to each token of the field '{name}'")
    segments = words(texts[0].field, [])
    if len(segments) != len(units):
        raise InterpretationError("the method has other words than those that are removed")
    return [float(sum(scores[token] for token in segment.tokens)) for segment in segments]
