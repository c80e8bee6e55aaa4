"""What a model says of a text with other words."""

from itertools import combinations
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    Iterator,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
)

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.models.embedding.other_words import other_words, with_ids
from biome_interpret.models.isolation.lookups import checked_lookups
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.readable import as_numbers
from biome_interpret.models.objectives.reading import own_names
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import TensorDict, device_of, fresh

# Each pair is two texts of other words. With three labels, another output agrees with the model's
# label on seven texts by luck once in two thousand times.
_NUM_PAIRS = 3


class SaidText(NamedTuple):
    """
    # Parameters

    outputs : `Mapping[str, Any]`
        The model's output for one text.
    said : `Mapping[str, Any]`
        The same, made readable and divided as `forward_on_instances` does.
    readable : `Mapping[str, Any]`
        The same, not divided. Empty if that is not known.
    """

    outputs: Mapping[str, Any]
    said: Mapping[str, Any]
    readable: Mapping[str, Any] = {}


def said_of_other_words(
    model: Model, instance: Instance, tensors: TensorDict, label_names: Sequence[str]
) -> Iterator[SaidText]:
    """For six texts. One with which the model fails is left out."""
    accepts = forward_signature(model).accepts
    arguments = {n: v for n, v in tensors.items() if accepts(n) and n not in label_names}
    for number in range(_NUM_PAIRS):
        words = other_words([instance], arguments, model.vocab, label_names, offset=7 * number)
        for ids in ("first", "second"):
            new = {name: getattr(one, ids) for name, one in words.items()}
            if not new:
                return
            try:
                yield _said(model, with_ids(arguments, new))
            except Exception:  # The words may not be a text that the model takes.
                continue


def are_named(
    texts: Iterable[SaidText],
    key: str,
    predicted: Callable[[Mapping[str, Any]], Sequence[Optional[str]]],
    names: Collection[str],
) -> bool:
    """
    Whether the model's own names, under this key of its readable output, are those that are
    predicted from its outputs. A single name that is none of `names` says nothing.
    """
    is_equal = []
    for text in texts:
        own = own_names(text.said, key)
        if len(own) == 1 and own[0] not in names:
            continue
        found = predicted(text.outputs)
        # Of the tags of a batch, those of padding may be missing or there.
        count = min(len(found), len(own))
        is_equal.append(count > 0 and [*found[:count]] == own[:count])
    return bool(is_equal) and all(is_equal)


def lie_in_unit_interval(texts: Sequence[SaidText], name: str) -> bool:
    """Whether the output of that name lies in [0, 1] for each text, as probabilities do."""
    values = [text.outputs[name].detach() for text in texts if name in text.outputs]
    return len(values) > _NUM_PAIRS and all(bool(((v >= 0) & (v <= 1)).all()) for v in values)


def fall_against(texts: Sequence[SaidText], name: str, other: str, model: Model) -> bool:
    """Whether a single number, made readable, is smaller where a single output is larger."""
    points = []
    for text in texts:
        number = as_numbers(text.readable.get(name, text.said.get(name)), model)
        output = text.outputs.get(other)
        if number is not None and output is not None and number.numel() == output.numel() == 1:
            points.append((float(number), float(output.detach())))
    return sum((a - c) * (b - d) for (a, b), (c, d) in combinations(points, 2)) < 0


def _said(model: Model, arguments: TensorDict) -> SaidText:
    with torch.no_grad(), checked_lookups(device_of(model)):
        outputs: Outputs = model(**fresh(arguments))
        readable: Dict[str, Any] = model.make_output_human_readable(dict(outputs))
    # Only names are read from it.
    lists = {n: v for n, v in readable.items() if isinstance(v, (list, tuple)) and len(v) == 1}
    return SaidText(outputs, {name: value[0] for name, value in lists.items()}, readable)
