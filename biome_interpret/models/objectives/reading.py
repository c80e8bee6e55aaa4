"""
Which of a model's outputs holds the logits of a label, and what do they mean?

The name of an output and its shape say little. What is read has to agree with the names of the
labels, with what the model itself says of a text, and with its loss.
"""

from dataclasses import dataclass
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

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
        The output with the model's own probabilities, if they do not follow from the logits.
    """

    logits: Optional[str]
    meaning: str = EACH
    sign: int = 1
    num_classes: int = 0
    namespace: Optional[str] = None
    probabilities: Optional[str] = None


class Candidate(NamedTuple):
    """
    An output that may hold the logits, and what speaks for it. `None` is: nothing is known.

    # Parameters

    name : `str`
    is_called_logits : `bool`
    size : `int`
        `FITS`, `LARGER` or `SMALLER`: a model may have outputs for more labels than have names.
    lowers_loss : `bool`, optional
        Whether the loss falls if the explained logit rises.
    gives_probabilities : `bool`, optional
        Whether the model's own probabilities are its softmax or sigmoid.
    gives_label : `bool`, optional
        Whether the model's own label has the largest logit.
    above : `Tuple[str, ...]`
        The candidates that the model computes from it.
    """

    name: str
    is_called_logits: bool
    size: int
    lowers_loss: Optional[bool]
    gives_probabilities: Optional[bool]
    gives_label: Optional[bool]
    above: Tuple[str, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Whether nothing speaks against it."""
        if self.size == SMALLER or self.lowers_loss is False:
            return False
        if self.lowers_loss or self.gives_probabilities or self.gives_label:
            return True
        is_denied = self.gives_label is False or self.gives_probabilities is False
        return self.is_called_logits and not is_denied

    @property
    def evidence(self) -> Tuple[int, ...]:
        return (
            bool(self.lowers_loss),
            bool(self.gives_probabilities),
            self.size,
            self.is_called_logits,
            bool(self.gives_label),
        )


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
    most = max(one.evidence for one in possible)
    best = [one for one in possible if one.evidence == most]
    names = {one.name for one in best}
    # Of two that lower the loss, the one below is not what the label is read from.
    last = [one for one in best if not names & set(one.above)]
    if len(last) == 1:
        return last[0].name
    listed = ", ".join(repr(one.name) for one in best)
    raise InterpretationError(
        f"it is not certain which output of {model} holds the logits of the explained label: "
        f"{listed} fit alike. Name one with the option `output`, or register an `Objective`"
    )


def named_output(outputs: Mapping[str, Any], name: str, model: str) -> str:
    """
    # Raises

    `InterpretationError`
        If the model has no output with that name.
    """
    if isinstance(outputs.get(name), torch.Tensor):
        return name
    known = ", ".join(repr(n) for n, v in outputs.items() if isinstance(v, torch.Tensor))
    raise InterpretationError(
        f"output is {name!r}, but {model} has no such output; its outputs are {known}"
    )


def with_dimensions(value: torch.Tensor, count: int) -> Optional[torch.Tensor]:
    """
    The same with `count` dimensions: a number for each row may become a vector of one, and
    dimensions of size 1 after the first are dropped. `None` if it has others.
    """
    if value.dim() == 1 and count == 2:
        return value.unsqueeze(1)
    while value.dim() > count and 1 in value.shape[1:]:
        value = value.squeeze(1 + list(value.shape[1:]).index(1))
    return value if value.dim() == count else None


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


def own_names(said: Mapping[str, Any], label_name: str, logits: Optional[str]) -> List[str]:
    """
    What a model calls its labels, in its readable output; empty if it does not say. It may say so
    under the name of the label, or under that of the logits: "tone" for "tone_logits".
    """
    stem = (logits or "").rpartition("_logits")[0]
    for key in (label_name, stem, "label"):
        value = said.get(key)
        names = [value] if isinstance(value, str) else value
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            return list(names)
    return []
