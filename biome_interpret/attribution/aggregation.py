"""From embedding dimensions to one number for each token, and from tokens to words or sentences."""

from typing import Callable, Dict, Sequence

import torch

# Shape: (tokens, embedding_dim) -> (tokens,)
REDUCTIONS: Dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sum": lambda vectors: vectors.sum(dim=-1),
    "l2": lambda vectors: vectors.norm(dim=-1),
    "mean_abs": lambda vectors: vectors.abs().mean(dim=-1),
}


def _one_hot(scores: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(scores).index_fill(0, index, 1.0)


# How a group's score is made of its tokens' scores: as weights, so that whatever is known of the
# tokens (their samples, say) can be carried over to the group in the same way.
# Shape: (tokens,) -> (tokens,)
STRATEGIES: Dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda scores: torch.full_like(scores, 1 / len(scores)),
    "sum": torch.ones_like,
    "max": lambda scores: _one_hot(scores, scores.argmax()),
    "min": lambda scores: _one_hot(scores, scores.argmin()),
    "signed_max": lambda scores: _one_hot(scores, scores.abs().argmax()),
}


def grouping_matrix(
    scores: torch.Tensor, groups: Sequence[Sequence[int]], strategy: str
) -> torch.Tensor:
    """
    The matrix that takes token scores to group scores.

    # Parameters

    scores : `torch.Tensor`
        Signed token scores. Shape: (tokens,).
    groups : `Sequence[Sequence[int]]`
        The token indices of each group.
    strategy : `str`
        A key of `STRATEGIES`.

    # Returns

    `torch.Tensor`
        Shape: (groups, tokens).
    """
    matrix = scores.new_zeros(len(groups), len(scores))
    for row, group in enumerate(groups):
        matrix[row, list(group)] = STRATEGIES[strategy](scores[list(group)])
    return matrix
