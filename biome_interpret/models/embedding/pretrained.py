"""Models that have a pretrained transformer in them."""

import torch
from transformers import PreTrainedModel


def has_pretrained_transformer(model: torch.nn.Module) -> bool:
    return any(isinstance(module, PreTrainedModel) for module in model.modules())
