"""Whether numbers of several labels of one text differ as the labels' logits do."""

import math
from functools import cached_property
from itertools import combinations
from typing import Callable, List, Optional, Sequence

import torch

from biome_interpret.models.evidence.labelled_pass import LabelledPass, gradient_by
from biome_interpret.models.objectives import Choices
from biome_interpret.models.objectives.reading import agree
from biome_interpret.models.tensors import TensorDict

# How many labels are compared.
_MOST_LABELS = 4

# A slope of at most this share of the largest difference is rounding.
_ROUNDING = 1e-3


class LabelLosses:
    """
    The losses of a model for several labels of one text.

    # Parameters

    first : `LabelledPass`
        With the label that is explained.
    num_labels : `int`
        How many labels the model certainly has.
    choices : `Callable[[str, TensorDict], Optional[Choices]]`
        The choices if the output of that name had the logits, for the tensors of a labelled text.
    """

    def __init__(
        self,
        first: LabelledPass,
        num_labels: int,
        choices: Callable[[str, TensorDict], Optional[Choices]],
    ) -> None:
        self._first = first
        self._num_labels = num_labels
        self._choices = choices

    @cached_property
    def _passes(self) -> List[LabelledPass]:
        others = self._first.with_other_labels(min(self._num_labels, _MOST_LABELS))
        return [self._first, *others]

    def lower_with(self, name: str) -> Optional[bool]:
        """
        Whether the loss falls if the explained logit rises: compared with that of other labels, if
        the model gives it. `None` if that is unknown.
        """
        known = []
        for one in self._passes:
            gradient = one.loss_gradient(name) if name in one.outputs else None
            direction = self._direction(name, one)
            if gradient is not None and direction is not None:
                known.append((gradient, direction))
        if len(known) > 1:
            return tell_apart(*zip(*known))
        slope = self._slope(name)
        return True if slope is not None and slope < 0 else None

    def are_cross_entropy(self, name: str) -> bool:
        """Whether the loss is that of a logit: its slope is minus the other label's probability."""
        slope, choices = self._slope(name), self._choices(name, self._first.tensors)
        if slope is None or choices is None:
            return False
        explained = choices.total_of(choices.logits).detach().sum()
        # The logit may speak for either label.
        expected = [-sign * float(torch.sigmoid(-sign * explained)) for sign in (1, -1)]
        return any(abs(slope - one) <= _ROUNDING * abs(one) for one in expected)

    def may_be_of_a_softmax(self, name: str) -> bool:
        """
        Whether no loss changes if all logits rise by the same, as with the loss of a softmax. That
        of a margin does not either, but it is linear.
        """
        logits = self._first.outputs[name].detach()
        if agree(logits.exp().sum(dim=-1), torch.ones(logits.shape[:-1]).to(logits)):
            return True  # They are the logarithms of probabilities.
        if self._is_linear(name):
            return False
        gradients = [one.loss_gradient(name) for one in self._passes if name in one.outputs]
        # If the model is certain of a label, the gradient of its loss is mostly rounding.
        known = [gradient for gradient in gradients if gradient is not None]
        largest = max(known, key=lambda gradient: float(gradient.abs().max()), default=None)
        return largest is None or adds_up_to_zero(largest)

    def _is_linear(self, name: str) -> bool:
        """Whether each label's loss is linear in its logits, which are not far apart."""
        logits = self._first.outputs[name].detach()
        if float(logits.softmax(dim=-1).max()) > 1 - _ROUNDING:
            return False  # All losses of certain models are flat, or linear.
        found = [one.has_linear_loss(name) for one in self._passes if name in one.outputs]
        return all(one is True for one in found)

    def _slope(self, name: str) -> Optional[float]:
        """How the loss changes with the explained logit; `None` if it does not depend on it."""
        gradient = self._first.loss_gradient(name)
        direction = self._direction(name, self._first)
        if gradient is None or direction is None:
            return None
        slope = float((gradient * direction).sum())
        return slope if slope and math.isfinite(slope) else None

    def _direction(self, name: str, labelled: LabelledPass) -> Optional[torch.Tensor]:
        """The gradient of the label's logit by the output."""
        choices = self._choices(name, labelled.tensors)
        if choices is None:
            return None
        return gradient_by(choices.total_of(choices.logits).sum(), self._first.outputs[name])


def adds_up_to_zero(gradient: torch.Tensor) -> bool:
    """Up to the rounding of its precision, as the gradient of a softmax does."""
    rounding = max(_ROUNDING, 8 * torch.finfo(gradient.dtype).eps)
    return abs(float(gradient.sum())) <= rounding * float(gradient.abs().max())


def tell_apart(
    gradients: Sequence[torch.Tensor], directions: Sequence[torch.Tensor]
) -> Optional[bool]:
    """
    Whether, for each two labels, the loss of one falls against that of the other if its own logit
    rises, and rises with the other's logit. What is the same for every label drops out of the
    difference, such as label smoothing or a penalty.

    # Parameters

    gradients : `Sequence[torch.Tensor]`
        Of each label's loss, by an output of the model.
    directions : `Sequence[torch.Tensor]`
        Of each label's logit, by the same output.

    # Returns

    `Optional[bool]`
        `None` if the losses do not depend on the output, or hardly.
    """
    size = max(float(gradient.abs().max()) for gradient in gradients)
    precision = torch.finfo(gradients[0].dtype).eps
    is_finite = all(gradient.isfinite().all() for gradient in gradients)
    if size <= precision or not is_finite:  # Or the loss is flat here.
        return None
    # What is the same for every label may be much larger than the differences.
    noise = 8 * precision * size
    pairs, largest = [], 0.0
    for (one, its_logit), (other, other_logit) in combinations(zip(gradients, directions), 2):
        difference = one - other
        if float(difference.abs().max()) > noise:
            largest = max(largest, float(difference.abs().max()))
            slopes = (difference * its_logit).sum(), -(difference * other_logit).sum()
            pairs.append([float(slope) for slope in slopes])
    bound = _ROUNDING * largest
    # Some probabilities may be so small that the model cuts them off.
    is_right = [max(slopes) < -bound for slopes in pairs]
    return any(is_right) and all(max(slopes) <= bound for slopes in pairs)


def rise_with(
    probabilities: torch.Tensor, logits: torch.Tensor, output: torch.Tensor
) -> Optional[bool]:
    """
    Whether the probability of each label rises against those of others with its own logit. Only the
    first labels are compared. `output` is the model's output that the logits are read from.
    `None` if the probabilities do not depend on it.
    """
    if probabilities.shape != logits.shape or logits.dim() != 2 or logits.size(-1) < 2:
        return None
    labels = range(min(logits.size(-1), _MOST_LABELS))
    falls = [gradient_by(-probabilities[0, label].log(), output) for label in labels]
    directions = [gradient_by(logits[0, label], output) for label in labels]
    known = [(f, d) for f, d in zip(falls, directions) if f is not None and d is not None]
    return tell_apart(*zip(*known)) if len(known) > 1 else None


def falls_with(
    probability: torch.Tensor, logit: torch.Tensor, output: torch.Tensor
) -> Optional[bool]:
    """
    Whether a single probability falls as a single logit rises. `output` is the model's output that
    the logit is read from. `None` if the model cuts the gradient off, or rounds.
    """
    slopes = [gradient_by(value.sum(), output) for value in (probability, logit)]
    slope = math.prod(0.0 if one is None else float(one.sum()) for one in slopes)
    return slope < 0 if slope else None


def are_in_order(probabilities: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether they rise with the logits. Those that are rounded to one number have no order."""
    ordered = probabilities.detach().gather(-1, logits.argsort(dim=-1))
    return bool((ordered.diff(dim=-1) >= 0).all())
