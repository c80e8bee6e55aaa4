"""Where the ids that a site was given stand in a field's tensor of ids."""

from typing import Iterator, NamedTuple, Optional, Tuple

import torch

from biome_interpret.stack import storage_address

# The positions of ids that are not in the field's tensor: padding, and other ids that the model
# adds to a text, such as a beginning and an end.
NOWHERE, ADDED = -1, -2

# How many ids may be added before a text; if negative, how many are cut off.
_SHIFTS = (0, 1, -1, 2, -2)


def is_view(ids: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether a tensor is the field's own or a view of it."""
    return (
        ids.dtype == given.dtype
        and (ids.numel() > 0 or ids.shape == given.shape)
        and storage_address(ids) == storage_address(given)
    )


def positions_in_view(ids: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """The index of each id of a view in the field's flattened tensor. Shape: the view's."""
    offset = given.storage_offset() - ids.storage_offset()
    return torch.arange(ids.numel()).as_strided(given.size(), given.stride(), offset)


class RowPositions(NamedTuple):
    """
    Positions, row by row.

    # Parameters

    positions : `torch.LongTensor`
        The index of each id in its row of the field's tensor. Shape: (rows, positions).
    order : `torch.LongTensor`, optional
        For each of the positions above, flattened, its index in the given tensor; `None` if they
        are given in that order.
    """

    positions: torch.Tensor
    order: Optional[torch.Tensor]


def by_row(positions: torch.Tensor, ids: torch.Tensor, num_rows: int) -> Optional[RowPositions]:
    """
    Which of the given ids belong to each row. The rows may be anywhere in the given tensor, as in
    one with the positions first. `None` if they do not have as many ids each.
    """
    flat = positions.reshape(-1)
    if flat.numel() % num_rows:
        return None
    size, is_real = ids.numel() // num_rows, flat >= 0
    if flat.numel() == ids.numel() and torch.equal(flat, torch.arange(flat.numel())):
        return RowPositions(torch.arange(size).expand(num_rows, size), None)
    rows = torch.div(flat, max(size, 1), rounding_mode="floor")
    blocks = torch.arange(num_rows).repeat_interleave(flat.numel() // num_rows)
    order = None
    if not bool(((rows == blocks) | ~is_real).all()):
        if not is_real.all() or not torch.equal(rows.sort().values, blocks):
            return None
        order = rows.sort(stable=True).indices
        flat = flat[order]
    relative = torch.where(flat >= 0, flat - size * blocks, flat)
    return RowPositions(relative.reshape(num_rows, -1), order)


def positions_by_value(
    ids: torch.Tensor, given: torch.Tensor, num_rows: int
) -> Optional[torch.Tensor]:
    """
    The same for a tensor that the model made from the field's: copied, folded into other
    dimensions, cut, padded, repeated, or with ids added before or after each text. The positions
    are `NOWHERE` for padding and `ADDED` for other ids that are not the field's. `None` if the
    tensor was not made from the field's, or if this is uncertain, as for one id for each text.
    """
    if ids.dtype != given.dtype or not ids.numel() or not given.numel():
        return None
    if ids.numel() == given.numel() and given.size(0) % num_rows == 0:
        if torch.equal(ids.reshape(-1), given.reshape(-1)):
            return torch.arange(ids.numel()).reshape(given.size())
    # A match without cuts and additions is better than others.
    for exact in (True, False):
        for own_texts, given_texts in _as_texts(ids, given, num_rows):
            found = _positions_in_texts(own_texts, given_texts, exact)
            if found is not None:
                return found.reshape(given.size())
    return None


def _as_texts(
    ids: torch.Tensor, given: torch.Tensor, num_rows: int
) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
    """
    The ways in which both may be the same texts. Shapes: (texts, length, ids of a token) and
    (texts, repetitions, given length, ids of a token).
    """
    num_texts = ids.numel() // ids.size(-1)
    if ids.dim() == 2 and given.numel() % num_rows == 0:
        # Long texts are folded into rows.
        yield ids.unsqueeze(-1), given.reshape(num_rows, 1, -1, 1)
    if given.dim() > 1 and given.numel() // given.size(-1) % num_texts == 0:
        yield ids.reshape(num_texts, -1, 1), given.reshape(num_texts, -1, given.size(-1), 1)
    if ids.dim() > 2 and given.dim() > 1 and ids.size(-1) == given.size(-1):
        # Ids of characters. The texts may be folded together.
        length, size = ids.shape[-2:]
        if given.numel() // size % (num_texts // length) == 0:
            texts = ids.reshape(-1, length, size)
            yield texts, given.reshape(len(texts), 1, -1, size)
    if ids.dim() > 2 and given.numel() % num_texts == 0:
        # Each of several long texts is folded into rows.
        yield ids.reshape(num_texts, -1, 1), given.reshape(num_texts, 1, -1, 1)


def _positions_in_texts(
    own: torch.Tensor, given: torch.Tensor, exact: bool
) -> Optional[torch.Tensor]:
    """Shape: the given tensor's."""
    length, given_length = own.size(1), given.size(2)
    if given_length == 1:
        return None
    for shift in _SHIFTS:
        start, end = max(0, shift), min(given_length, length + shift)
        if end - start < min(2, length):
            continue
        own_part = own[:, None, start - shift : end - shift]
        given_part = given[:, :, start:end]
        contained = _contained(own, given, own_part, given_part)
        if not (all(contained) if exact else any(contained)):
            continue
        positions = torch.full(given.shape, NOWHERE)
        positions[given.cpu() != 0] = ADDED
        indices = torch.arange(own.numel()).reshape(own.shape)
        indices = indices[:, None, start - shift : end - shift].expand_as(given_part)
        is_own = _is_real(own_part).unsqueeze(-1).cpu().expand_as(indices)
        positions[:, :, start:end] = torch.where(is_own, indices, positions[:, :, start:end])
        return positions
    return None


def _contained(
    own: torch.Tensor, given: torch.Tensor, own_part: torch.Tensor, given_part: torch.Tensor
) -> Tuple[bool, bool]:
    """Whether the given texts contain all of the field's, and the other way round."""
    own_real, given_real = _is_real(own_part), _is_real(given_part)
    same = (own_part == given_part).all(dim=-1)
    if not own_real.any() or not bool((same | ~(own_real & given_real)).all()):
        return False, False
    has_own = not (own_real & ~given_real).any() and _is_real(own).sum() == own_real.sum()
    has_given = not (given_real & ~own_real).any() and _is_real(given).sum() == given_real.sum()
    return bool(has_own), bool(has_given)


def _is_real(ids: torch.Tensor) -> torch.Tensor:
    """Whether each position holds more than zeros."""
    return (ids != 0).any(dim=-1)
