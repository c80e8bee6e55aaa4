"""Where the numbers that an embedder is given stand in a tensor of the batch."""

from typing import Iterator, Optional, Tuple

import torch

# For numbers that stand nowhere in the batch's tensor: those that only fill up, and those that the
# model adds to a text, such as a beginning and an end.
NOWHERE, ADDED = -1, -2

# How far a text may be moved along: by so many numbers in front of it.
_SHIFTS = (0, 1, -1, 2, -2)


def is_view(leaf: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether a tensor is the batch's own or a view of it."""
    return (
        leaf.dtype == given.dtype
        and (leaf.numel() > 0 or leaf.shape == given.shape)
        and leaf.storage().data_ptr() == given.storage().data_ptr()
    )


def same_layout(leaf: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether a view of a tensor is all of it, as it stands."""
    return (
        leaf.shape == given.shape
        and leaf.stride() == given.stride()
        and leaf.storage_offset() == given.storage_offset()
    )


def positions_in_view(leaf: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """
    # Parameters

    leaf : `torch.Tensor`
        A tensor of the batch, contiguous.
    given : `torch.Tensor`
        A view of it.

    # Returns

    `torch.Tensor`
        Where in the leaf, counted over all its dimensions, each number stands. Shape: the view's.
    """
    offset = given.storage_offset() - leaf.storage_offset()
    return torch.arange(leaf.numel()).as_strided(given.size(), given.stride(), offset)


def positions_by_value(
    leaf: torch.Tensor, given: torch.Tensor, num_rows: int
) -> Optional[torch.Tensor]:
    """
    The same for a tensor that the model made of the batch's: a copy, folded into other dimensions,
    cut, filled up, repeated, or with numbers added in front of it or behind it. `NOWHERE` for
    zeros and `ADDED` for other numbers that are not the leaf's. `None` where it is not made of the
    leaf, or could as well be chance: one number for each text.
    """
    if leaf.dtype != given.dtype or not leaf.numel() or not given.numel():
        return None
    if leaf.numel() == given.numel() and given.size(0) % num_rows == 0:
        if torch.equal(leaf.reshape(-1), given.reshape(-1)):
            return torch.arange(leaf.numel()).reshape(given.size())
    # First of all where nothing is cut and nothing added.
    for exact in (True, False):
        for own, other in _lines(leaf, given, num_rows):
            found = _aligned(own, other, exact)
            if found is not None:
                return found.reshape(given.size())
    return None


def _lines(
    leaf: torch.Tensor, given: torch.Tensor, num_rows: int
) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
    """
    Both as texts side by side. Shapes: (texts, length, numbers for each) and
    (texts, repetitions, other length, numbers for each).
    """
    num_texts = leaf.numel() // leaf.size(-1)
    if leaf.dim() == 2 and given.numel() % num_rows == 0:
        # Long texts are folded into rows.
        yield leaf.unsqueeze(-1), given.reshape(num_rows, 1, -1, 1)
    if given.dim() > 1 and given.numel() // given.size(-1) % num_texts == 0:
        yield (
            leaf.reshape(num_texts, -1, 1),
            given.reshape(num_texts, -1, given.size(-1), 1),
        )
    if leaf.dim() > 2 and given.dim() > 1 and leaf.size(-1) == given.size(-1):
        # Characters; the texts may be folded into one another.
        length, size = leaf.shape[-2:]
        num_texts //= length
        if given.numel() // size % num_texts == 0:
            yield leaf.reshape(num_texts, length, size), given.reshape(num_texts, 1, -1, size)
    num_texts = leaf.numel() // leaf.size(-1)
    if leaf.dim() > 2 and given.numel() % num_texts == 0:
        # Each of several long texts is folded into rows.
        yield leaf.reshape(num_texts, -1, 1), given.reshape(num_texts, 1, -1, 1)


def _aligned(own: torch.Tensor, given: torch.Tensor, exact: bool) -> Optional[torch.Tensor]:
    """Shape: the given tensor's."""
    length, other_length = own.size(1), given.size(2)
    if other_length == 1:
        return None
    for shift in _SHIFTS:
        start, end = max(0, shift), min(other_length, length + shift)
        if end - start < min(2, length):
            continue
        part = own[:, None, start - shift : end - shift]
        wholes = _wholes(own, given, part, given[:, :, start:end])
        if not (all(wholes) if exact else any(wholes)):
            continue
        positions = torch.full(given.shape, NOWHERE)
        positions[given.cpu() != 0] = ADDED
        numbers = torch.arange(own.numel()).reshape(own.shape)
        numbers = numbers[:, None, start - shift : end - shift].expand_as(given[:, :, start:end])
        here = (part != 0).any(dim=-1, keepdim=True).cpu().expand_as(numbers)
        positions[:, :, start:end] = torch.where(here, numbers, positions[:, :, start:end])
        return positions
    return None


def _wholes(
    own: torch.Tensor, given: torch.Tensor, own_part: torch.Tensor, given_part: torch.Tensor
) -> Tuple[bool, bool]:
    """Whether all of the one is in the other, where it should be, and the other way round."""
    own_real, given_real = _real(own_part), _real(given_part)
    same = (own_part == given_part).all(dim=-1)
    if not own_real.any() or not bool((same | ~(own_real & given_real)).all()):
        return False, False
    own_whole = not (own_real & ~given_real).any() and _real(own).sum() == own_real.sum()
    given_whole = not (given_real & ~own_real).any() and _real(given).sum() == given_real.sum()
    return bool(own_whole), bool(given_whole)


def _real(numbers: torch.Tensor) -> torch.Tensor:
    """Whether each position holds anything but zeros."""
    return (numbers != 0).any(dim=-1)
