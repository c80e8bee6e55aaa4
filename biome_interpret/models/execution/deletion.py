"""Texts with some of their tokens left out, and what a model says of them."""

import math
from typing import Any, Callable, Dict, Hashable, List, Mapping, Sequence, Set

import torch
from allennlp.data import Instance, Token, Vocabulary
from allennlp.data.fields import Field, ListField, TextField
from allennlp.models import Model

from biome_interpret.attribution.coalitions import Answer, answers_of
from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.special_tokens import unknown_text
from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.execution.batching import run_in_passes
from biome_interpret.models.execution.row_values import RowsMixed, check_finite
from biome_interpret.models.objectives import Objective, forward_arguments
from biome_interpret.models.tensors import to_tensors

# The largest length of a text in a pass, in units of the smallest.
_MOST_PADDING = 1.25


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
    changed = [instance[name] for name in fields if fields[name] is not instance[name]]
    for name, field in instance.fields.items():
        # The field that it refers to may be a copy.
        tokens = getattr(getattr(field, "sequence_field", None), "tokens", None)
        if tokens is not None and any(tokens == getattr(one, "tokens", None) for one in changed):
            raise InterpretationError(
                f"no token can be left out of the text, since the field '{name}' refers to its "
                f"tokens: remove words by a baseline instead, such as 'unknown'"
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
            f"{type(field).__name__}: remove words by a baseline instead, such as 'unknown'"
        )
    kept = [token for index, token in enumerate(field.tokens) if index not in removed[name]]
    return TextField(kept or [Token(unknown_text(field, vocabulary))], field._token_indexers)


def run_texts(
    model: Model,
    objective: Objective,
    instances: Sequence[Instance],
    texts_per_pass: Callable[[int], int],
    may_pad: bool,
) -> List[Answer]:
    """
    f of each labelled instance, and the model's probability for its target.

    # Parameters

    texts_per_pass : `Callable[[int], int]`
        For the length of the longest, in tokens.
    may_pad : `bool`
        Whether texts of different lengths may share a pass.
    """
    lengths = [_num_tokens(instance) for instance in instances]
    found: Dict[int, Answer] = {}

    def run(places: List[int]) -> None:
        own = [instances[place] for place in places]
        found.update(zip(places, _run(model, objective, own)))

    groups: Dict[Hashable, List[int]] = {}
    for place in sorted(range(len(instances)), key=lambda place: lengths[place]):
        if may_pad:
            key: Hashable = int(math.log(max(1, lengths[place]), _MOST_PADDING))
        else:
            key = str(instances[place].get_padding_lengths())
        groups.setdefault(key, []).append(place)
    for places in groups.values():
        size = 1 if objective.needs_loss else texts_per_pass(max(1, lengths[places[-1]]))
        run_in_passes(places, size, run)
    return [found[place] for place in range(len(instances))]


def _run(model: Model, objective: Objective, instances: Sequence[Instance]) -> List[Answer]:
    tensors = to_tensors(instances, model)
    with torch.no_grad():
        outputs = objective.run(forward_arguments(objective, tensors))
        values = objective.values(outputs, tensors).double()
        probabilities = objective.probabilities(outputs, tensors)
    if values.shape != (len(instances),):
        raise RowsMixed
    check_finite(values)
    return answers_of(values.tolist(), probabilities)


def _num_tokens(instance: Instance) -> int:
    texts = (text for name in instance.fields for text in texts_of(instance, name))
    return sum(len(text.field.tokens) for text in texts)
