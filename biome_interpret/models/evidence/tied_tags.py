"""Whether a model scores the tags of a text together, and by which random field."""

from typing import NamedTuple, Optional

import torch
from allennlp.models import Model
from allennlp.modules.conditional_random_field import ConditionalRandomField

from biome_interpret.models.evidence.labelled_pass import LabelledPass, gradient_by
from biome_interpret.models.objectives import Choices

# A relative difference of gradients of at most this is rounding.
_ROUNDING = 1e-3


class Ties(NamedTuple):
    """
    # Parameters

    random_field : `str`, optional
        The module that scores the tags; `None` if there is none that is known.
    are_known : `bool`
        False if the tags are scored together in another way.
    """

    random_field: Optional[str] = None
    are_known: bool = True


def ties_of(model: Model, labelled: LabelledPass, name: str, choices: Choices) -> Ties:
    """
    # Parameters

    name : `str`
        Of the output with the logits.
    choices : `Choices`
        Of the labelled pass.
    """
    logits = choices.logits.detach()
    fields = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, ConditionalRandomField) and module.num_tags == logits.size(-1)
    }
    known = {path: field for path, field in fields.items() if _is_allennlps(field)}
    gradient = labelled.loss_gradient(name)
    if gradient is None:
        # The loss says nothing.
        return Ties(next(iter(known), None), are_known=len(fields) < 2 and known == fields)
    masks = [choices.mask, torch.ones_like(choices.mask)]
    for path, field in known.items():
        if any(_explains(gradient, field, logits, choices.indices, mask) for mask in masks):
            return Ties(path)
    return Ties(are_known=labelled.mixes_positions(name) is not True)


def _is_allennlps(field: ConditionalRandomField) -> bool:
    """Whether probabilities are those of AllenNLP's own class. A user's may compute others."""
    own = type(field)._input_likelihood is ConditionalRandomField._input_likelihood
    return own and type(field).forward.__module__.startswith("allennlp.")


def _explains(
    gradient: torch.Tensor,
    field: ConditionalRandomField,
    logits: torch.Tensor,
    tags: torch.Tensor,
    mask: torch.Tensor,
) -> bool:
    """Whether a loss with this gradient is that of the random field, up to a factor."""
    if not mask.any():
        return False
    with torch.enable_grad():
        leaf = logits.clone().requires_grad_()
        own = gradient_by(-field(leaf, tags, mask), leaf)
    if own is None or own.numel() != gradient.numel():
        return False
    gradient = gradient.reshape(own.shape)
    factor = (gradient * own).sum() / (own * own).sum().clamp(min=torch.finfo(own.dtype).tiny)
    rest = float((gradient - factor * own).abs().max())
    return bool(factor > 0) and rest <= _ROUNDING * float(gradient.abs().max())
