"""Predicted sequences of words."""

from typing import Any, Dict, List

import numpy
import torch
from allennlp.data import Instance, Token
from allennlp.data.fields import Field, MetadataField, TensorField, TextField
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import Labelling, with_fields
from biome_interpret.models.objectives.base import has_class_named
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.tasks.sequences import LABEL


@Labelling.register("sequence")
class SequenceLabelling(Labelling):
    """The most probable sequence that the model writes, as its target."""

    priority = -120
    model_arguments = (LABEL,)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        target = TextField(self._tokens(predictor._model, output))
        new = instance.duplicate()
        new.fields[LABEL] = target
        self.apply_indexers(predictor, new)
        target.index(predictor._model.vocab)
        copies = "source_token_ids" in new.fields
        return [with_fields(predictor, new, **_matches(predictor, new)) if copies else new]

    def _tokens(self, model: Any, output: Outputs) -> List[Token]:
        predictions = numpy.asarray(output["predictions"])
        # Shape: (steps,). The best comes first.
        best = (predictions[0] if predictions.ndim == 2 else predictions).tolist()
        if hasattr(model, "t5"):
            return _pieces(model.tokenizer.tokenizer, _up_to(model.t5.eos_token_id, best))
        if has_class_named(model, "Bart"):
            return _pieces(model._indexer._tokenizer, _up_to(model._end_id, best))
        decoder = getattr(model, "_decoder", model)
        needed = ("_target_namespace", "_start_index", "_end_index")
        if not all(hasattr(decoder, name) for name in needed):
            raise InterpretationError(
                f"the words that {type(model).__name__} writes are not known, since it has no "
                f"{', '.join(needed)}: have the predictor label it, or register a `Labelling`"
            )
        namespace, end = decoder._target_namespace, decoder._end_index
        ids = [decoder._start_index, *_up_to(end, best)]
        source = output.get("metadata", {}).get("source_tokens", [])
        size = model.vocab.get_vocab_size(namespace)
        words = [
            # A word beyond the vocabulary was copied from the source.
            source[i - size] if i >= size else model.vocab.get_token_from_index(i, namespace)
            for i in ids
        ]
        return [Token(word) for word in words]


def _pieces(tokenizer: Any, ids: List[int]) -> List[Token]:
    """The word pieces of a pretrained transformer, with their ids."""
    texts = tokenizer.convert_ids_to_tokens(ids)
    return [Token(text, text_id=i, type_id=0) for text, i in zip(texts, ids)]


def _up_to(end: int, ids: List[int]) -> List[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids


def _matches(predictor: Predictor, instance: Instance) -> Dict[str, Field[Any]]:
    """What CopyNet needs, too: equal ids for equal words of the source and the target."""
    fields: Any = instance.fields
    reader: Any = predictor._dataset_reader
    source, target = fields["source_tokens"].tokens, fields[LABEL].tokens
    ids = reader._tokens_to_ids([*source, *target])
    words = {"target_tokens": [token.text for token in target[1:-1]]}
    return {
        "source_token_ids": TensorField(torch.tensor(ids[: len(source)])),
        "target_token_ids": TensorField(torch.tensor(ids[len(source) :])),
        "metadata": MetadataField({**fields["metadata"].metadata, **words}),
    }
