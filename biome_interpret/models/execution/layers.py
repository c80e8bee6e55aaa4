"""Layers of which the gradient is wanted: the same numbers by ways that are fast backwards."""

from contextlib import ExitStack, contextmanager
from typing import Iterator, Optional

import torch
from allennlp.modules.seq2vec_encoders import CnnEncoder

from biome_interpret.models.execution import convolution, recurrent
from biome_interpret.models.execution.lines import Lines


@contextmanager
def fast_backward(model: torch.nn.Module, lines: Optional[Lines] = None) -> Iterator[None]:
    """
    Recurrent and convolutional layers go their fast ways. Other threads that run the model
    meanwhile get what they would have got.

    # Parameters

    lines : `Lines`, optional
        On which the rows of a pass stand as they leave their embedding, where that is known.
    """
    with ExitStack() as changes:
        for module in model.modules():
            if isinstance(module, torch.nn.RNNBase):
                changes.enter_context(recurrent.fast_way(module))
            elif isinstance(module, CnnEncoder):
                changes.enter_context(convolution.fast_way(module, lines))
        yield
