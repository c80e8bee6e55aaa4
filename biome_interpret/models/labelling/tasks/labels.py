"""Predicted labels of a text as a whole: one, several, or an alternative."""

from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy
import torch
from allennlp.data import Instance
from allennlp.data.fields import (
    Field,
    IndexField,
    LabelField,
    ListField,
    MultiLabelField,
    SequenceLabelField,
    TensorField,
)
from allennlp.predictors import Predictor
from numpy.typing import NDArray

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import (
    Labelling,
    NotLabelled,
    labels_nothing,
    takes,
    with_fields,
)
from biome_interpret.models.labelling.labels_by_loss import label_by_loss, labels_by_loss
from biome_interpret.models.labelling.tasks.tags import split_by_span, tags_said
from biome_interpret.models.objectives.base import namespace_of
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.reading import namespaces_of_labels
from biome_interpret.models.signatures import forward_signature

_LABELS = ("label", "labels")
_ENDINGS = ("logits", "probs", "probabilities")
_SCORES = ("logits", "label_logits", "probs", "label_probs", "class_probabilities")

# Predictors that fail if a model's scores or label have another name than they expect.
LABEL_PREDICTORS = (
    "TextClassifierPredictor",
    "TextualEntailmentPredictor",
    "VilbertVqaPredictor",
    "VisualEntailmentPredictor",
    "Nlvr2Predictor",
)


@Labelling.register("label")
class LabelLabelling(Labelling):
    """
    The label with the highest score. If each label has a probability of its own (the sigmoid of its
    logit), one instance for each label that is more probable than not, or for the most probable.
    If the model tags each token: as `TagsLabelling`.
    """

    priority = -150
    replaces = LABEL_PREDICTORS

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        if labels_nothing(predictor):
            return takes(predictor._model, "label") or takes(predictor._model, "labels")
        return super().fits(predictor)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        name = self._label_name(predictor, instance)
        tags = tags_said(predictor, instance, output, name)
        if tags is not None:
            return split_by_span(predictor, instance, tags, name)
        own = instance.fields.get(name) or _kind_of_label(predictor, instance, name, output)
        labels = predicted_labels(predictor._model, own, output)
        return [self._with_label(predictor, instance, one) for one in labels]

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        name = self._label_name(predictor, instance)
        own: Any = instance[name]
        if isinstance(own, SequenceLabelField):
            return split_by_span(predictor, instance, [str(tag) for tag in own.labels], name)
        labels: List[Field[Any]] = [own]
        if isinstance(own, MultiLabelField):
            # Shape: (labels,)
            chosen, namespace = own.as_tensor({}), own._label_namespace
            labels = [
                MultiLabelField([i], namespace, skip_indexing=True, num_labels=len(chosen))
                for i in chosen.nonzero().flatten().tolist()
            ]
        elif isinstance(own, ListField):
            labels = [ListField([one]) for one in own]
        return [self._with_label(predictor, instance, one) for one in labels]

    def _label_name(self, predictor: Predictor, instance: Instance) -> str:
        model = predictor._model
        return "labels" if takes(model, "labels") and not takes(model, "label") else "label"

    def _with_label(self, predictor: Predictor, instance: Instance, label: Field[Any]) -> Instance:
        fields = {self._label_name(predictor, instance): label}
        if takes(predictor._model, "label_weights"):
            fields["label_weights"] = TensorField(torch.ones(1))
        return with_fields(predictor, instance, **fields)


@Labelling.register("other_label")
class OtherLabelLabelling(LabelLabelling):
    """
    The same if the label has another name: that of the only argument that the model may do without
    and the instance lacks. If the instance has all of them, that of its only label.
    """

    priority = -170

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labels_nothing(predictor)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        vocabulary = predictor._model.vocab
        sizes = {vocabulary.get_vocab_size(name) for name in vocabulary._index_to_token}
        is_named = any(isinstance(output.get(name), str) for name in _LABELS)
        if not is_named and not any(
            _as_vector(value).size in sizes
            for value in output.values()
            if isinstance(value, numpy.ndarray)
        ):
            raise NotLabelled(predictor)
        return super().labelled(predictor, instance, output)

    def _label_name(self, predictor: Predictor, instance: Instance) -> str:
        signature, fields = forward_signature(predictor._model), instance.fields
        missing = [n for n in signature.optional if n not in fields and n != "metadata"]
        given = [
            name
            for name, field in fields.items()
            if isinstance(field, (LabelField, MultiLabelField))
            and (name in _LABELS or signature.may_omit(name))
        ]
        names = missing or given
        if len(missing + given) > 1:
            names = labels_by_loss(predictor, instance, missing, given) or names
        if len(names) == 1:
            return names[0]
        listed = ", ".join(map(repr, names))
        raise NotLabelled(predictor, f" (its label may be any of {listed})" if names else "")


def predicted_labels(
    module: Any, own: Optional[Field[Any]], output: Mapping[str, Any]
) -> Iterator[Field[Any]]:
    """
    The labels that a model, or one of its heads, predicts for one instance. The type of `own`, the
    instance's own label, shows whether a text has one label or several.

    # Raises

    `InterpretationError`
        If the output has no scores.
    """
    namespace = namespace_of(module, own)
    one, several = _said(module, namespace, output)
    is_listed = isinstance(own, ListField) or takes(module, "label_weights")
    if isinstance(own, LabelField):
        several = None
    is_several = several is not None or isinstance(own, MultiLabelField)
    if one is not None and not is_listed and not is_several:
        space, [index] = one
        yield LabelField(index, space, skip_indexing=True)
        return
    scores = _scores_of_labels(module, namespace, output, is_named=several is not None)
    if not scores:
        raise InterpretationError(
            f"the output of {type(module).__name__} has no logits or probabilities, one for each "
            f"label: {sorted(output)}. Have it name its 'label' in `make_output_human_readable`, "
            f"or register a `Labelling`"
        )
    first_name, first = scores[0]
    threshold = 0.0 if first_name.endswith("logits") else 0.5
    if first.min() < 0 or first.max() > 1:
        threshold = 0.0
    is_open = not isinstance(own, LabelField) and not is_several and not is_listed
    if is_open and one is None and first.size > 1:
        is_several = _are_sigmoids(dict(scores))
        if first_name.endswith(("probs", "probabilities")) and takes(module, "labels"):
            is_several = abs(float(first.sum()) - 1) > 1e-3
    if not is_listed and not is_several:
        best = int(first.argmax()) if first.size > 1 else int(first[0] > threshold)
        yield LabelField(best, namespace, skip_indexing=True)
        return
    labels = module.vocab.get_index_to_token_vocabulary(namespace)
    # Padding and unknown labels start with "@@".
    real = [i for i in range(len(first)) if not labels.get(i, "").startswith("@@")] or [0]
    probable = [i for i in real if first[i] > threshold]
    if several is not None:
        namespace, probable = several[0], [i for i in several[1] if i < len(first)]
    probable = probable or [max(real, key=lambda i: first[i])]
    own_chances = (s for name, s in scores if not name.endswith("logits") and s.size == first.size)
    ranks = next(own_chances, first)
    for index in sorted(probable, key=lambda i: -ranks[i]):
        if is_listed:
            yield ListField([LabelField(index, namespace, skip_indexing=True)])
        else:
            yield MultiLabelField([index], namespace, skip_indexing=True, num_labels=len(first))


def _scores_of_labels(
    module: Any, namespace: str, output: Mapping[str, Any], is_named: bool
) -> List[Tuple[str, NDArray[Any]]]:
    """
    The outputs with a number for each label. Those with another number, such as one for each token,
    come last, or not at all if the model names its labels.
    """
    vectors = {name: _as_vector(value) for name, value in output.items()}
    vectors = {name: one for name, one in vectors.items() if one.ndim == 1 and one.size}
    spaces = namespaces_of_labels(module.vocab, namespace)
    spaces = [one for one in spaces if one == namespace or one.endswith(("labels", "tags"))]
    sizes = {module.vocab.get_vocab_size(one) for one in spaces}
    # Without a name, a single number may speak for one of two labels.
    sizes = sizes - {1} if is_named else sizes | {1}
    usual = [name for name in _SCORES if name in vectors]
    others = [name for name in vectors if name.endswith(_ENDINGS) and name not in usual]
    fitting = [n for n in ("scores", *others) if n in vectors and vectors[n].size in sizes]
    names = [*usual, *fitting]
    if is_named and not names:
        # Of any name: the model says itself which labels it predicts.
        names = [n for n, v in vectors.items() if v.dtype.kind == "f" and v.size in sizes]
    elif not is_named:
        names += [name for name in others if name not in fitting]
    return [(name, vectors[name]) for name in names]


def _kind_of_label(
    predictor: Predictor, instance: Instance, name: str, output: Mapping[str, Any]
) -> Optional[Field[Any]]:
    """
    A label of the kind that the model predicts, by its loss. `None` if it names a single one, or if
    the loss does not show it. A list of names may be that of the best ones.
    """
    model, namespace = predictor._model, namespace_of(predictor._model, None)
    scores = _scores_of_labels(model, namespace, output, is_named=False)
    is_named = any(isinstance(output.get(key), str) for key in _LABELS)
    if is_named or takes(model, "label_weights") or not scores or scores[0][1].size < 2:
        return None
    return label_by_loss(predictor, instance, name, scores[0][1].size)


def _as_vector(value: Any) -> NDArray[Any]:
    """A number as a vector of one, and without dimensions of size 1."""
    array = numpy.asarray(value)
    return array.reshape([size for size in array.shape if size > 1] or [array.size])


# The namespace and the indices of some labels.
_Known = Tuple[str, List[int]]


def _said(
    module: Any, namespace: str, output: Mapping[str, Any]
) -> Tuple[Optional[_Known], Optional[_Known]]:
    """The one label that the model itself names, and the several ones; `None` for what it lacks."""
    # A model of a single label may also list its best ones.
    is_single = takes(module, "label") and isinstance(output.get("label"), str)
    several = output.get("labels")
    if isinstance(several, (list, tuple)) and not is_single:
        return None, _known(module, namespace, several)
    names = [output.get(key) for key in _LABELS]
    one = [name for name in names if isinstance(name, str)][:1]
    return (_known(module, namespace, one) if one else None), None


def _known(module: Any, namespace: str, names: Sequence[Any]) -> Optional[_Known]:
    """`None` if no namespace has all the names."""
    for space in namespaces_of_labels(module.vocab, namespace):
        indices = module.vocab.get_token_to_index_vocabulary(space)
        if all(isinstance(name, str) and name in indices for name in names):
            return space, [indices[name] for name in names]
    return None


def _are_sigmoids(scores: Mapping[str, NDArray[Any]]) -> bool:
    """Whether the probabilities are the sigmoids of the logits, and not their softmax."""
    logits = next((score for name, score in scores.items() if name.endswith("logits")), None)
    probabilities = next((s for name, s in scores.items() if not name.endswith("logits")), None)
    if logits is None or probabilities is None or logits.shape != probabilities.shape:
        return False
    values, found = torch.tensor(logits).double(), torch.tensor(probabilities).double()

    def is_close(expected: torch.Tensor) -> bool:
        return torch.allclose(expected, found, rtol=0.0, atol=1e-4)

    # A text with scores that are not finite is refused later.
    is_finite = bool(values.max().isfinite())
    return is_finite and not is_close(values.softmax(dim=0)) and is_close(values.sigmoid())


@Labelling.register("alternative")
class AlternativeLabelling(Labelling):
    """The best of the alternatives that the instance lists."""

    priority = -140
    model_arguments = ("correct_alternative",)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        alternatives: Any = instance["alternatives"]
        label = IndexField(int(numpy.asarray(output["logits"]).argmax()), alternatives)
        return [with_fields(predictor, instance, correct_alternative=label)]
