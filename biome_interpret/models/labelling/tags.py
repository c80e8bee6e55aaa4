"""Predicted tags: an instance for each span of them, or for each predicate."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import (
    Field,
    FlagField,
    MetadataField,
    SequenceLabelField,
    TextField,
)
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import Labelling, Output, labelled_by, takes, with_fields
from biome_interpret.models.objectives.base import is_kind, namespace_of

OUTSIDE = "O"
_BEGIN, _CONTINUE, _CLOSE = "BUS", "ILME", "LEUS"


@Labelling.register("tags")
class TagsLabelling(Labelling):
    """
    One instance for each span of tags, all other tokens being labelled "O": as AllenNLP's own for
    well-formed BIOUL tags, and for tags of any other scheme, well-formed or not. Tags without a
    scheme make a span where they stand side by side; where there is no "O" among them, as with
    parts of speech, one instance holds the tags of all tokens.
    """

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        kind = labelled_by(predictor)
        unlabelled = kind == "Predictor" and takes(predictor._model, "tags")
        return kind == "SentenceTaggerPredictor" or unlabelled

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        return self._of_spans(predictor, instance, [str(tag) for tag in output["tags"]])

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        return self._of_spans(predictor, instance, own_tags(instance))

    def _of_spans(
        self, predictor: Predictor, instance: Instance, tags: List[str]
    ) -> List[Instance]:
        namespace = namespace_of(predictor._model, None)
        known = predictor._model.vocab.get_token_to_index_vocabulary(namespace)
        if OUTSIDE not in known:
            return [tagged(predictor, instance, tags)]
        names = [tag for tag in known if not tag.startswith("@@")]
        spans = spans_of(tags) if has_scheme(names) else runs_of(tags)
        return [tagged(predictor, instance, only(tags, *span)) for span in spans]


def tagged(predictor: Predictor, instance: Instance, tags: List[str]) -> Instance:
    """The instance with these tags, of which only those count that are not "O"."""
    vocabulary, namespace = predictor._model.vocab, namespace_of(predictor._model, None)
    text = _text_of_length(instance, len(tags))
    fields: Dict[str, Field] = {"tags": SequenceLabelField(tags, text, namespace)}
    if OUTSIDE in vocabulary.get_token_to_index_vocabulary(namespace):
        fields["ignore_loss_on_o_tags"] = FlagField(True)
    return with_fields(predictor, instance, **fields)


def own_tags(instance: Instance) -> List[str]:
    """Those that a dataset reader gave the instance."""
    return [str(tag) for tag in instance["tags"].labels]  # type: ignore[attr-defined]


def only(tags: Sequence[str], first: int, last: int) -> List[str]:
    return [tag if first <= i <= last else OUTSIDE for i, tag in enumerate(tags)]


def has_scheme(tags: Sequence[str]) -> bool:
    """Whether tags say by a prefix where in a span they stand."""
    prefixes = {tag.partition("-")[0] for tag in tags if tag != OUTSIDE}
    return prefixes <= set(_BEGIN + _CONTINUE)


def spans_of(tags: Sequence[str]) -> List[Tuple[int, int]]:
    """
    First and last token of each span of tags in the schemes IOB1, IOB2, BIOUL and BMES. A span
    that is not finished ends where it stops, and one that is not begun begins where it is.
    """
    spans: List[Tuple[int, int]] = []
    opened: Optional[str] = None
    for position, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if tag == OUTSIDE:
            opened = None
            continue
        if prefix in _CONTINUE and opened == kind:
            spans[-1] = (spans[-1][0], position)
        else:
            spans.append((position, position))
        opened = None if prefix in _CLOSE else kind
    return spans


def runs_of(tags: Sequence[str]) -> List[Tuple[int, int]]:
    """First and last token of each run of one tag that is not "O"."""
    spans: List[Tuple[int, int]] = []
    for position, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        if spans and spans[-1][1] == position - 1 and tags[position - 1] == tag:
            spans[-1] = (spans[-1][0], position)
        else:
            spans.append((position, position))
    return spans


def _text_of_length(instance: Instance, length: int) -> TextField:
    texts = [field for field in instance.fields.values() if isinstance(field, TextField)]
    for text in texts:
        if text.sequence_length() == length:
            return text
    raise InterpretationError(f"no text of the instance has the {length} tokens that are tagged")


@Labelling.register("frames")
class FrameLabelling(Labelling):
    """Semantic roles: one instance for each predicate that fills any, labelled with its roles."""

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        unlabelled = labelled_by(predictor) == "Predictor"
        return unlabelled and hasattr(predictor, "_sentence_to_srl_instances")

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        return predictor._sentence_to_srl_instances(inputs)  # type: ignore[attr-defined]

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        # A model of word pieces is explained for the tags of the pieces, which is what it predicts.
        tags = [str(tag) for tag in output.get("wordpiece_tags", output["tags"])]
        if all(tag == OUTSIDE for tag in tags):
            return []
        new = tagged(predictor, instance, tags)
        # What the model's metric asks for, as soon as there are tags.
        metadata: Any = instance["metadata"]
        gold = {"gold_tags": list(output["tags"])}
        return [with_fields(predictor, new, metadata=MetadataField({**metadata.metadata, **gold}))]

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        tags = own_tags(instance)
        return [tagged(predictor, instance, tags)] if {*tags} - {OUTSIDE} else []


@Labelling.register("extractions")
class ExtractionLabelling(FrameLabelling):
    """Open information extraction: the same, with the predicates that the predictor looks for."""

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labelled_by(predictor) == "Predictor" and is_kind(predictor, "OpenIePredictor")

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        tokens = predictor._tokenizer.tokenize(inputs["sentence"])  # type: ignore[attr-defined]
        english = predictor._language.startswith("en_")  # type: ignore[attr-defined]
        predicates = ("VERB", "AUX") if english else ("VERB",)
        return [
            predictor._json_to_instance({"sentence": tokens, "predicate_index": i})
            for i, token in enumerate(tokens)
            if token.pos_ in predicates
        ]
