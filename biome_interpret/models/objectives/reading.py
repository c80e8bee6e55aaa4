"""
Which of a model's outputs holds the logits of a label, and what they mean.

The name of an output and its shape say little. What is read has to agree with the names of the
labels, with what the model itself says of a text, and with its loss.
"""

from dataclasses import dataclass
from typing import Any, Collection, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.errors import InterpretationError

# What logits mean: one for each label, one for the second of two labels, or a value that stands
# for no label.
EACH, SECOND, VALUE = "each", "second", "value"

# Whether the logits are as many as there are labels.
SMALLER, LARGER, FITS = 0, 1, 2

# A relative difference of at most this is rounding.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Reading:
    """
    How the logits of a label are read from a model's output.

    # Parameters

    logits : `str`, optional
        The name of the output; `None` if there is none that fits.
    meaning : `str`
        `EACH`, `SECOND` or `VALUE`.
    sign : `int`
        -1 if the logit speaks for the first of two labels.
    num_classes : `int`
        The number of labels that the logits are of.
    namespace : `str`, optional
        Where the vocabulary has the names of the labels; `None` if it has none that fit.
    probabilities : `str`, optional
        The output with the model's own probabilities, if they are not the usual function of the
        logits (their softmax or sigmoid).
    is_of_first : `bool`
        Whether these are one number, that of the first of two labels, and not of the second.
    makes_probabilities : `bool`
        Whether these are made with the readable output, and `forward` does not give them.
    usual_probabilities : `str`, optional
        The output with the model's own probabilities, if they are that function.
    label_key : `str`, optional
        Where the model's readable output has the name of its label.
    rivals : `Tuple[str, ...]`
        Other namespaces with as many names, if nothing says which one has those of the labels.
    trained_alike : `Tuple[str, ...]`
        Other outputs that the loss speaks for as well.
    gives_probability : `bool`
        False if the model gives no probability, and its loss is not that of the usual one: a single
        logit is trained in another way than by cross-entropy, several in another way than by a
        softmax, or the tags of a text are scored together in a way that is not known.
    random_field : `str`, optional
        The module that scores the tags of a text together.
    """

    logits: Optional[str]
    meaning: str = EACH
    sign: int = 1
    num_classes: int = 0
    namespace: Optional[str] = None
    probabilities: Optional[str] = None
    is_of_first: bool = False
    makes_probabilities: bool = False
    usual_probabilities: Optional[str] = None
    label_key: Optional[str] = None
    rivals: Tuple[str, ...] = ()
    trained_alike: Tuple[str, ...] = ()
    gives_probability: bool = True
    random_field: Optional[str] = None


class Candidate(NamedTuple):
    """
    An output that may hold the logits, and what speaks for it. `None` means: nothing is known.

    # Parameters

    name : `str`
    is_called_logits : `bool`
    size : `int`
        `FITS`, `LARGER` or `SMALLER`. `LARGER` is possible: some labels may have no name.
    lowers_loss : `bool`, optional
        Whether the loss falls if the explained logit rises.
    gives_probabilities : `bool`, optional
        Whether the model's own probabilities are its softmax or sigmoid. False if they follow from
        more than these logits.
    gives_label : `bool`, optional
        Whether the model's own label has the largest logit.
    above : `Tuple[str, ...]`
        The candidates that the model computes from it.
    is_squeezed : `bool`
        Whether it fits only because one of its dimensions has the size 1, in this text.
    """

    name: str
    is_called_logits: bool
    size: int
    lowers_loss: Optional[bool]
    gives_probabilities: Optional[bool]
    gives_label: Optional[bool]
    above: Tuple[str, ...] = ()
    is_squeezed: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether nothing speaks against it."""
        if self.size == SMALLER or False in (self.lowers_loss, self.gives_probabilities):
            return False
        if self.lowers_loss or self.gives_probabilities or self.gives_label:
            return True
        return self.is_called_logits and self.gives_label is not False

    @property
    def evidence(self) -> Tuple[int, ...]:
        # Another output's largest number may be that of the label by luck. A model may be trained
        # on another output than it is read from.
        loss_and_label = bool(self.lowers_loss) + bool(self.gives_label)
        return bool(self.gives_probabilities), loss_and_label, self.size


def choose(candidates: Sequence[Candidate], model: str) -> Optional[str]:
    """
    The name of the output that holds the logits; `None` if none fits.

    # Raises

    `InterpretationError`
        If the evidence for several is the same.
    """
    possible = [one for one in candidates if one.is_possible]
    if not possible:
        return None
    # Logits of the parts of a text look like its own if it has one part. So do their probabilities.
    if any(one.gives_probabilities and not one.is_squeezed for one in possible):
        possible = [one for one in possible if not one.is_squeezed]
    most = max(one.evidence for one in possible)
    best = [one for one in possible if one.evidence == most]
    names = {one.name for one in best}
    # If the model computes one from the other, the label is read from the last.
    best = [one for one in best if not names & set(one.above)] or best
    # A name decides only if the loss and the label say the same of all, and the label is of one.
    is_of_none = len(best) > 1 and all(one.gives_label is False for one in best)
    said = {(bool(one.lowers_loss), bool(one.gives_label)) for one in best}
    if len(said) == 1 and not is_of_none:
        best = [one for one in best if one.is_called_logits] or best
    if len(best) == 1:
        return best[0].name
    listed = ", ".join(repr(one.name) for one in best)
    raise InterpretationError(
        f"it is not certain which output of {model} holds the logits of the explained label: "
        f"{listed} fit alike. Name one with the option `output`, or register an `Objective`"
    )


def trained_alike(candidates: Sequence[Candidate], chosen: Optional[str]) -> Tuple[str, ...]:
    """
    Other possible outputs that the loss speaks for as it does for the chosen one. Empty if the
    probabilities decided, or for those that the chosen one is computed from.
    """
    best = next((one for one in candidates if one.name == chosen), None)
    if best is None or best.gives_probabilities or not best.lowers_loss:
        return ()
    return tuple(
        one.name
        for one in candidates
        if one is not best
        and one.is_possible
        and one.lowers_loss
        and one.size == best.size
        and best.name not in one.above
    )


def named_output(outputs: Mapping[str, Any], name: str, model: str) -> str:
    """
    # Raises

    `InterpretationError`
        If none of the outputs has that name.
    """
    if isinstance(outputs.get(name), torch.Tensor):
        return name
    known = ", ".join(repr(n) for n, v in outputs.items() if isinstance(v, torch.Tensor))
    raise InterpretationError(
        f"output is {name!r}, but {model} has no such output with the dimensions of logits: give "
        f"one of {known}"
    )


def with_dimensions(value: torch.Tensor, count: int) -> Optional[torch.Tensor]:
    """
    The tensor with `count` dimensions. A number for each row may become a vector of one. Dimensions
    of size 1 after the first are dropped. `None` if there are still others.
    """
    if value.dim() == 1 and count == 2:
        return value.unsqueeze(1)
    while value.dim() > count and 1 in value.shape[1:]:
        value = value.squeeze(1 + list(value.shape[1:]).index(1))
    return value if value.dim() == count else None


def as_logits(outputs: Mapping[str, Any], name: str, dims: Optional[int]) -> Optional[torch.Tensor]:
    """The output of that name with the dimensions of logits; `None` if it has others."""
    value = outputs.get(name)
    if name == "loss" or dims is None or not isinstance(value, torch.Tensor):
        return None
    if not value.is_floating_point() or not value.numel() or not value.dim() or len(value) != 1:
        return None
    # The CPU has no softmax in half precision.
    value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    return with_dimensions(value, dims)


def fit_of(size: int, expected: int, sizes: Collection[int]) -> int:
    """How a number of logits fits: one namespace has `expected` labels, and all have `sizes`."""
    if size == 1 or not expected or size in sizes:
        return FITS
    return LARGER if size > expected else SMALLER


def agree(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two tensors of probabilities are equal up to rounding."""
    return found.shape == expected.shape and torch.allclose(
        found.double(), expected.double(), rtol=_ROUNDING, atol=_ROUNDING
    )


def namespaces_of_labels(vocabulary: Any, first: str) -> List[str]:
    """The namespaces that may hold the names of labels: those for labels before others."""
    known = list(vocabulary._index_to_token)
    usual = [name for name in known if name.endswith(("labels", "tags"))]
    return list(dict.fromkeys([*([first] if first in known else []), *usual, *known]))


def own_names(said: Mapping[str, Any], key: Optional[str]) -> List[str]:
    """What a model calls its label, or its labels, under this key of its readable output."""
    value = said.get(key) if key is not None else None
    names = [value] if isinstance(value, str) else value
    is_names = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    return [*names] if is_names else []  # type: ignore[misc]


def keys_of_labels(label_name: str, logits: str) -> List[str]:
    """
    Under which keys a model may name its labels: that of the label, that of the logits ("tone" for
    "tone_logits"), "label" or "labels".
    """
    stem = logits.rpartition("_logits")[0]
    return list(dict.fromkeys(key for key in (label_name, stem, "label", "labels") if key))


def are_probabilities(name: str, value: torch.Tensor) -> bool:
    """By their values: in [0, 1], with a sum of 1 for each choice or a name that says so."""
    numbers = value.detach()
    is_named = name.endswith(("prob", "probs", "probability", "probabilities"))
    if not numbers.isfinite().all():
        return is_named
    if not bool(((numbers >= 0) & (numbers <= 1)).all()):
        return False
    totals = numbers.sum(dim=-1)
    is_sum = value.dim() > 1 and value.size(-1) > 1 and agree(totals, torch.ones_like(totals))
    return is_sum or is_named


def name_of_probabilities(logits: str, outputs: Mapping[str, torch.Tensor]) -> Optional[str]:
    """Which output has a model's own probabilities for the logits of this name."""
    names = [name for name, value in outputs.items() if are_probabilities(name, value)]
    stem = logits.rpartition("logits")[0]
    same = [one for one in names if one.partition("prob")[0] == stem]
    # Those of another head have another stem.
    plain = [one for one in names if one.partition("prob")[0] in ("", "class_", "label_")]
    return next(iter([*same, *(plain if len(names) == 1 else [])]), None)


def usual_probabilities(logits: torch.Tensor, is_single: bool) -> List[torch.Tensor]:
    """What models make of logits. `is_single` if they choose one label. Shape: (rows, labels)."""
    if logits.size(-1) > 1:
        return [logits.softmax(dim=-1)] if is_single else [logits.sigmoid()]
    second = logits.sigmoid()
    both = torch.cat([1 - second, second], dim=-1)
    return [second, both, 1 - second, both.flip(-1)]


def rivals_of(vocabulary: Any, namespace: Optional[str], size: int) -> Tuple[str, ...]:
    """The other namespaces without padding that have this many names, but not the same ones."""
    found = []
    for name in vocabulary._index_to_token:
        names = vocabulary.get_index_to_token_vocabulary(name)
        is_padded = vocabulary._padding_token in names.values()
        if name != namespace and len(names) == size and not is_padded:
            if namespace is not None and names != vocabulary._index_to_token[namespace]:
                found.append(name)
    return tuple(found)
