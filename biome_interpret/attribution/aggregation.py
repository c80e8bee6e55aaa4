"""From embedding dimensions to a score for each token, and from tokens to words or sentences."""

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


# The weights of a group's tokens in its score. As weights they apply to samples of the tokens too.
# Shape: (tokens,) -> (tokens,)
STRATEGIES: Dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda scores: torch.full_like(scores, 1 / len(scores)),
    "sum": torch.ones_like,
    "max": lambda scores: _one_hot(scores, scores.argmax()),
    "min": lambda scores: _one_hot(scores, scores.argmin()),
    "signed_max": lambda scores: _one_hot(scores, scores.abs().argmax()),
}


class Grouping:
    """
    Weighted sums of tokens' scores.

    # Parameters

    scores : `torch.Tensor`
        Signed token scores, by which the strategy weighs the tokens. Shape: (tokens,).
    groups : `Sequence[Sequence[int]]`
        The token indices of each group; no token is in two.
    strategy : `str`
        A key of `STRATEGIES`.
    """

    def __init__(
        self, scores: torch.Tensor, groups: Sequence[Sequence[int]], strategy: str
    ) -> None:
        self._num_groups = len(groups)
        self._tokens = [token for group in groups for token in group]
        # A token alone is its group, by every strategy.
        self._are_tokens = len(self._tokens) == len(groups) and all(groups)
        if not self._are_tokens:
            self._groups = [number for number, group in enumerate(groups) for _ in group]
            weights = [STRATEGIES[strategy](scores[list(group)]) for group in groups]
            self._weights = torch.cat(weights)

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        """(..., tokens) -> (..., groups)"""
        chosen = scores[..., self._tokens]
        if self._are_tokens:
            return chosen
        groups = torch.tensor(self._groups, dtype=torch.long, device=scores.device)
        result = scores.new_zeros(*scores.shape[:-1], self._num_groups)
        return result.index_add(-1, groups, chosen * self._weights)
