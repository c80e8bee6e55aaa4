"""Texts with some of their tokens left out, and what a model says of them."""

import math
from typing import Any, Callable, Dict, Hashable, List, Mapping, Sequence, Set, Tuple

import torch
from allennlp.data import Instance, Token, Vocabulary
from allennlp.data.fields import Field, ListField, NamespaceSwappingField, TextField
from allennlp.models import Model

from biome_interpret.errors import InterpretationError, is_out_of_memory, reason_of
from biome_interpret.models.alignment.special_tokens import unknown_text
from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.execution.batching import run_in_passes
from biome_interpret.models.execution.comparison import HeldPasses, close, size_of
from biome_interpret.models.execution.row_values import Evaluation, RowsMixed
from biome_interpret.models.objectives import Objective, forward_arguments
from biome_interpret.models.tensors import to_tensors

# The largest length of a text in a pass, in units of the smallest.
_MOST_PADDING = 1.25

_INSTEAD = "remove words by a baseline instead, such as 'unknown'"


def without_tokens(
    instance: Instance, removed: Mapping[str, Set[int]], vocabulary: Vocabulary
) -> Instance:
    """
    The instance without some tokens. A text that loses all its tokens becomes one unknown word.

    # Parameters

    removed : `Mapping[str, Set[int]]`
        The indices of the tokens to leave out, by the name of the text (see `FieldText`).

    # Raises

    `InterpretationError`
        If tokens cannot be left out: other fields refer to them, or the field holds ids only.
    """
    fields: Dict[str, Field[Any]] = {}
    for name, field in instance.fields.items():
        fields[name] = _without(name, field, removed, vocabulary)
    changed = [
        text.field
        for name in fields
        if fields[name] is not instance[name]
        for text in texts_of(instance, name)
        if removed.get(text.name)
    ]
    for name, field in instance.fields.items():
        if changed and _refers_to(field, changed):
            raise InterpretationError(
                f"no token can be left out of the text, since the field '{name}' refers to its "
                f"tokens: {_INSTEAD}"
            )
    shorter = Instance(fields)
    shorter.index_fields(vocabulary)
    return shorter


def _without(
    name: str, field: Field[Any], removed: Mapping[str, Set[int]], vocabulary: Vocabulary
) -> Field[Any]:
    """The field itself if nothing is removed from it."""
    if isinstance(field, ListField):
        inner = [
            _without(f"{name}[{place}]", one, removed, vocabulary)
            for place, one in enumerate(field.field_list)
        ]
        is_same = all(new is old for new, old in zip(inner, field.field_list))
        return field if is_same else ListField(inner)
    if not removed.get(name):
        return field
    if not isinstance(field, TextField):
        raise InterpretationError(
            f"no token can be left out of the field '{name}', which is a "
            f"{type(field).__name__}: {_INSTEAD}"
        )
    kept = [token for index, token in enumerate(field.tokens) if index not in removed[name]]
    return TextField(kept or [Token(unknown_text(field, vocabulary))], field._token_indexers)


def _refers_to(field: Field[Any], texts: Sequence[TextField]) -> bool:
    """Whether a field has something for each token of one of the texts, or points to its tokens."""
    if isinstance(field, ListField):
        return any(_refers_to(inner, texts) for inner in field.field_list)
    if isinstance(field, NamespaceSwappingField):  # For a part of the tokens.
        return True
    sequence = getattr(field, "sequence_field", None)
    # A predictor's labels may refer to a copy of the text.
    return isinstance(sequence, TextField) and any(sequence.tokens == t.tokens for t in texts)


def launch_texts(
    model: Model,
    objective: Objective,
    instances: Sequence[Instance],
    texts_per_pass: Callable[[int], int],
    may_pad: bool,
    held: HeldPasses,
) -> List[Tuple[List[int], Evaluation]]:
    """
    Starts passes of f of each labelled instance, and of the model's probability for its target.
    Their results stay on the device.

    # Parameters

    texts_per_pass : `Callable[[int], int]`
        For the length of the longest, in tokens.
    may_pad : `bool`
        Whether texts of different lengths may share a pass.
    held : `HeldPasses`
        Of the model and the type of objective.

    # Returns

    `List[Tuple[List[int], Evaluation]]`
        For each pass the indices of its instances, and what it gives.

    # Raises

    `RowsMixed`
        If texts that were run alone too give something else.
    `InterpretationError`
        If the model fails.
    """
    lengths = [_num_tokens(instance) for instance in instances]

    def launch(places: List[int]) -> Tuple[List[int], Evaluation]:
        own = [instances[place] for place in places]
        evaluation = _launch(model, objective, own)
        if held.is_due(len(own), len(own)):
            size = size_of(evaluation.values, objective)
            for index in {len(own) // 2, len(own) - 1}:
                alone = _launch(model, objective, [own[index]])
                if not close(alone.values[0], evaluation.values[index], size):
                    raise RowsMixed
        return places, evaluation

    groups: Dict[Hashable, List[int]] = {}
    for place in sorted(range(len(instances)), key=lambda place: lengths[place]):
        if may_pad:
            key: Hashable = int(math.log(max(1, lengths[place]), _MOST_PADDING))
        else:
            key = str(instances[place].get_padding_lengths())
        groups.setdefault(key, []).append(place)
    passes: List[Tuple[List[int], Evaluation]] = []
    for places in groups.values():
        size = 1 if objective.needs_loss else texts_per_pass(max(1, lengths[places[-1]]))
        passes += run_in_passes(places, size, launch)
    return passes


def _launch(model: Model, objective: Objective, instances: Sequence[Instance]) -> Evaluation:
    try:
        tensors = to_tensors(instances, model)
        with torch.no_grad():
            outputs = objective.run(forward_arguments(objective, tensors))
            values = objective.values(outputs, tensors).double()
            probabilities = objective.probabilities(outputs, tensors)
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, InterpretationError):
            raise
        raise InterpretationError(
            f"{type(model).__name__} fails on the text with words left out ({reason_of(error)}): "
            f"{_INSTEAD}"
        ) from error
    if values.shape != (len(instances),):
        raise RowsMixed
    return Evaluation(values, {}, probabilities)


def _num_tokens(instance: Instance) -> int:
    texts = (text for name in instance.fields for text in texts_of(instance, name))
    return sum(len(text.field.tokens) for text in texts)
