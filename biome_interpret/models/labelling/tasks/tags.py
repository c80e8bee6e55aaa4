"""Predicted tags: one instance for each span of tags, or for each predicate."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import Field, FlagField, MetadataField, SequenceLabelField, TextField
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import Labelling, labels_nothing, with_fields
from biome_interpret.models.objectives.base import has_class_named, namespace_of
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.reading import namespaces_of_labels

OUTSIDE = "O"
_BEGIN, _CONTINUE, _CLOSE = "BUS", "ILME", "LEUS"


@Labelling.register("tags")
class TagsLabelling(Labelling):
    """
    One instance for each span of tags; all other tokens are labelled "O". AllenNLP does the same
    for well-formed BIOUL tags. Here, tags may be of any scheme, and malformed. Without a scheme,
    equal neighbours form a span. If the model has no tag "O", as for parts of speech, one instance
    holds the tags of all tokens.
    """

    priority = -70
    model_arguments = ("tags",)
    replaces = ("SentenceTaggerPredictor",)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        model = predictor._model
        names = model.vocab.get_index_to_token_vocabulary(namespace_of(model, None))
        if any(isinstance(tag, (list, tuple)) for tag in output["tags"]):
            raise InterpretationError(
                f"{type(model).__name__} gives each token several tags: have the predictor label "
                f"them, or register a `Labelling`"
            )
        # Some models say the indices of their tags.
        tags = [tag if isinstance(tag, str) else names.get(tag, str(tag)) for tag in output["tags"]]
        return split_by_span(predictor, instance, tags)

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        return split_by_span(predictor, instance, _own_tags(instance))


def split_by_span(
    predictor: Predictor, instance: Instance, tags: Sequence[str], field_name: str = "tags"
) -> List[Instance]:
    """
    One instance for each span of tags. There may be more tags than tokens: some models tag the
    padding of a batch too.
    """
    tags = tags[: _num_tagged(instance, len(tags))]
    known = _tag_indices(predictor, tags)
    if OUTSIDE not in known:
        return [_tagged(predictor, instance, tags, field_name)]
    # Padding and unknown tags start with "@@".
    names = [tag for tag in known if not tag.startswith("@@")]
    found = []
    for first, last in spans_of(tags) if has_scheme(names) else runs_of(tags):
        span = [tag if first <= i <= last else OUTSIDE for i, tag in enumerate(tags)]
        found.append(_tagged(predictor, instance, span, field_name))
    return found


def tags_said(
    predictor: Predictor, instance: Instance, output: Outputs, field_name: str
) -> Optional[List[str]]:
    """
    The tags of the tokens, if the model says such under "tags" or the name of its label; `None` if
    it labels the text.
    """
    vocabulary = predictor._model.vocab
    if isinstance(output.get(field_name), str):
        return None
    lengths = [f.sequence_length() for f in instance.fields.values() if isinstance(f, TextField)]
    shapes = [value.shape for value in output.values() if getattr(value, "ndim", 0) == 2]
    for key in ("tags", field_name):
        tags = output.get(key)
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            continue
        num_tags = _num_tagged(instance, len(tags))
        size = vocabulary.get_vocab_size(_namespace(predictor, tags))
        # A text may have as many labels as it has tokens.
        is_scored = num_tags > 1 and any(a >= num_tags and b == size for a, b in shapes)
        if num_tags in lengths and (key == "tags" or is_scored):
            return tags
    return None


@Labelling.register("frames")
class FrameLabelling(Labelling):
    """Semantic roles: one instance for each predicate that has roles, labelled with them."""

    priority = -60

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labels_nothing(predictor) and hasattr(predictor, "_sentence_to_srl_instances")

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        own: Any = predictor
        found: List[Instance] = own._sentence_to_srl_instances(inputs)
        return found

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        # If the model reads word pieces, the predicted tags are those of the pieces.
        said: Any = output.get("wordpiece_tags", output["tags"])
        tags = [str(tag) for tag in said]
        if not {*tags} - {OUTSIDE}:
            return []
        new = _tagged(predictor, instance, tags)
        # The model's metric needs `gold_tags` if there are tags.
        metadata: Any = instance["metadata"]
        gold = {"gold_tags": list(output["tags"])}
        return [with_fields(predictor, new, metadata=MetadataField({**metadata.metadata, **gold}))]

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        tags = _own_tags(instance)
        return [_tagged(predictor, instance, tags)] if {*tags} - {OUTSIDE} else []


@Labelling.register("extractions")
class ExtractionLabelling(FrameLabelling):
    """Open information extraction. The predicates are those of the predictor."""

    priority = -50

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labels_nothing(predictor) and has_class_named(predictor, "OpenIePredictor")

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        tokens = predictor._tokenizer.tokenize(inputs["sentence"])  # type: ignore[attr-defined]
        english = predictor._language.startswith("en_")  # type: ignore[attr-defined]
        predicates = ("VERB", "AUX") if english else ("VERB",)
        return [
            predictor._json_to_instance({"sentence": tokens, "predicate_index": i})
            for i, token in enumerate(tokens)
            if token.pos_ in predicates
        ]


def _tagged(
    predictor: Predictor, instance: Instance, tags: Sequence[str], field_name: str = "tags"
) -> Instance:
    """The instance with these tags. Tags "O" do not count."""
    texts = [field for field in instance.fields.values() if isinstance(field, TextField)]
    text = next((text for text in texts if text.sequence_length() == len(tags)), None)
    if text is None:
        raise InterpretationError(f"the instance has {len(tags)} tags, but no text of that length")
    label = SequenceLabelField([*tags], text, _namespace(predictor, tags))
    fields: Dict[str, Field[Any]] = {field_name: label}
    if OUTSIDE in _tag_indices(predictor, tags):
        fields["ignore_loss_on_o_tags"] = FlagField(True)
    return with_fields(predictor, instance, **fields)


def _tag_indices(predictor: Predictor, tags: Sequence[str]) -> Dict[str, int]:
    vocabulary = predictor._model.vocab
    return vocabulary.get_token_to_index_vocabulary(_namespace(predictor, tags))


def _namespace(predictor: Predictor, tags: Sequence[str]) -> str:
    """That of the model, or the first one that has all the tags."""
    model = predictor._model
    given = namespace_of(model, None)
    for space in namespaces_of_labels(model.vocab, given):
        if {*tags} <= model.vocab.get_token_to_index_vocabulary(space).keys():
            return space
    return given


def _own_tags(instance: Instance) -> List[str]:
    return [str(tag) for tag in instance["tags"].labels]  # type: ignore[attr-defined]


def has_scheme(tags: Sequence[str]) -> bool:
    """Whether a prefix of each tag gives its place in a span, as in "B-PER"."""
    prefixes = {tag.partition("-")[0] for tag in tags if tag != OUTSIDE}
    return prefixes <= set(_BEGIN + _CONTINUE)


def spans_of(tags: Sequence[str]) -> List[Tuple[int, int]]:
    """
    First and last token of each span of tags in the schemes IOB1, IOB2, BIOUL and BMES. A span
    without a begin or end tag starts at its first tag and ends at its last.
    """
    spans: List[Tuple[int, int]] = []
    opened: Optional[str] = None
    for position, tag in enumerate(tags):
        if tag == OUTSIDE:
            opened = None
            continue
        prefix, _, name = tag.partition("-")
        if prefix in _CONTINUE and opened == name:
            spans[-1] = (spans[-1][0], position)
        else:
            spans.append((position, position))
        opened = None if prefix in _CLOSE else name
    return spans


def runs_of(tags: Sequence[str]) -> List[Tuple[int, int]]:
    """First and last token of each run of one tag that is not "O"."""
    return spans_of([tag if tag == OUTSIDE else f"I-{tag}" for tag in tags])


def _num_tagged(instance: Instance, num_tags: int) -> int:
    """The length of the tagged text."""
    lengths = {f.sequence_length() for f in instance.fields.values() if isinstance(f, TextField)}
    is_padded = len(lengths) == 1 and max(lengths) < num_tags
    return max(lengths) if is_padded else num_tags
