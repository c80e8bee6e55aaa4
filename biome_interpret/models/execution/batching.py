"""Which texts share a pass, how many rows a pass has, and what to do if memory runs out."""

from typing import Callable, Dict, Hashable, List, Optional, Sequence, TypeVar

import torch

from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.row_independence import (
    RowIndependence,
    probe_row_independence,
)
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import Objective

Item = TypeVar("Item")
Result = TypeVar("Result")

# The size of a pass in numbers of the embeddings. Larger passes were hardly faster.
_NUMBERS_PER_PASS = 400_000

# Up to this embedding dimension starting an operation takes longer than the operation itself: the
# size of a pass is given in positions instead.
_NARROW_DIMENSION = 128
_NARROW_POSITIONS_PER_PASS = 16_384

# The length at which attention, quadratic in the length, takes as much memory as everything else.
_ATTENTION_LENGTH = 256

# The size of a prediction pass, in positions.
_POSITIONS_PER_PREDICTION = 1024

# Texts share a pass if padding makes them no longer than this factor in all.
_PADDING_FACTOR = 1.15


class BatchPlanner:
    """
    Decides which texts share a pass. It knows how the rows of the model's batches relate, which is
    probed when it is first needed.

    # Parameters

    embedding_dim : `int`
        The largest dimension of the model's embeddings.
    batch_size : `int`, optional
        Rows in one pass, if the user gives a number.
    """

    def __init__(self, embedding_dim: int, batch_size: Optional[int]) -> None:
        self._embedding_dim = embedding_dim
        self._batch_size = batch_size
        # By kind of objective.
        self._found: Dict[Hashable, RowIndependence] = {}

    @property
    def has_probed(self) -> bool:
        return bool(self._found)

    def row_independence(
        self, objective: Objective, batch: Callable[[], ExplainedBatch]
    ) -> RowIndependence:
        """
        # Parameters

        batch : `Callable[[], ExplainedBatch]`
            Makes a batch to probe, if this kind of objective is new.
        """
        kind = objective.type_key
        if kind not in self._found:
            self._found[kind] = probe_row_independence(batch())
        return self._found[kind]

    def run_row_by_row(self, objective: Objective) -> None:
        """From now on, because the rows of a pass were found to mix."""
        self._found[objective.type_key] = self._found[objective.type_key].row_by_row()

    def groups(self, texts: Sequence[InputText]) -> List[List[int]]:
        """Groups texts of similar length, as indices, so that little is padded."""
        known = self._found.values()
        if len(texts) < 2 or not known or not all(one.rows_are_shared for one in known):
            return [[i] for i in range(len(texts))]
        only_equal = any(one.padding_matters for one in known)
        groups: List[_Group] = []
        for i in sorted(range(len(texts)), key=lambda i: texts[i].lengths):
            if not groups or not groups[-1].takes(i, texts[i], only_equal):
                groups.append(_Group(i, texts[i]))
        return [group.members for group in groups]

    def rows_per_pass(self, length: int) -> int:
        """
        For texts of so many positions. It depends on lengths and options only, so that a run can
        be repeated.
        """
        if self._batch_size is not None:
            return self._batch_size
        positions = (
            _NARROW_POSITIONS_PER_PASS
            if self._embedding_dim <= _NARROW_DIMENSION
            else _NUMBERS_PER_PASS // self._embedding_dim
        )
        return max(1, int(positions / (length * (1 + length / _ATTENTION_LENGTH))))


class _Group:
    """Texts that share a pass, as indices."""

    def __init__(self, first: int, text: InputText) -> None:
        self.members = [first]
        self._is_closed = bool(text.empty_fields)
        self._padding = text.padding_lengths
        self._longest = text.lengths
        self._total = sum(text.lengths)

    def takes(self, index: int, text: InputText, only_equal: bool) -> bool:
        """
        Adds the text, if it fits.

        # Parameters

        only_equal : `bool`
            Accept only a text that needs no padding in this group.
        """
        lengths = text.lengths
        if self._is_closed or text.empty_fields or len(lengths) != len(self._longest):
            return False
        if only_equal and text.padding_lengths != self._padding:
            return False
        longest = [max(pair) for pair in zip(lengths, self._longest)]
        total = self._total + sum(lengths)
        size = (len(self.members) + 1) * sum(longest)
        if size > _PADDING_FACTOR * total or size > _POSITIONS_PER_PREDICTION:
            return False
        self.members.append(index)
        self._longest, self._total = longest, total
        return True


def run_in_passes(
    rows: Sequence[Item], rows_per_pass: int, run: Callable[[List[Item]], Result]
) -> List[Result]:
    """
    The results of `run` for the rows of each pass. Passes are halved if memory runs out.
    """
    found: List[Result] = []
    start = 0
    while start < len(rows):
        chunk = list(rows[start : start + rows_per_pass])
        try:
            found.append(run(chunk))
            start += len(chunk)
            continue
        except (RuntimeError, MemoryError) as error:
            if len(chunk) == 1 or not _is_out_of_memory(error):
                raise
        # Out here nothing of the failed pass is referenced any more.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        rows_per_pass = (len(chunk) + 1) // 2
    return found


def _is_out_of_memory(error: BaseException) -> bool:
    """By the messages of CUDA and of the CPU allocator: not every release has a class for them."""
    message = str(error).lower()
    is_message = "out of memory" in message or "can't allocate" in message
    return isinstance(error, MemoryError) or is_message
