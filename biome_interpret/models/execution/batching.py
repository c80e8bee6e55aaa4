"""Decides which texts share a pass and how many rows it has. Shrinks it if memory runs out."""

from collections import defaultdict
from dataclasses import replace
from typing import (
    Any,
    Callable,
    DefaultDict,
    Dict,
    Hashable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

import torch

from biome_interpret.errors import is_out_of_memory
from biome_interpret.models.execution.comparison import HeldPasses
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.probing import ProbeResult, probe, relative_size
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import Objective

Item = TypeVar("Item")
Result = TypeVar("Result")

# For embeddings of at most this dimension, starting an operation takes longer than running it. The
# size of a pass is then given in positions.
_NARROW_DIMENSION = 128


class PassSizes(NamedTuple):
    """
    What depends on the kind of device. Larger passes were hardly faster there.

    # Parameters

    numbers : `int`
        How many numbers the embeddings of a pass have in all.
    narrow_positions : `int`
        The positions of a pass if embeddings are narrow.
    prediction_positions : `int`
        The positions of a prediction pass, whose texts are explained together.
    window : `int`
        Among how many texts those of similar length are looked for.
    groups_at_once : `int`
        How many groups of texts are under way at once. A GPU works by itself: meanwhile the CPU
        goes on with another group.
    """

    numbers: int
    narrow_positions: int
    prediction_positions: int
    window: int
    groups_at_once: int


SIZES = {
    "cpu": PassSizes(400_000, 16_384, 1024, 1024, 1),
    "cuda": PassSizes(8_000_000, 131_072, 4096, 512, 2),
}

_CPU = torch.device("cpu")

# The share of a GPU's memory that the passes of all groups may take.
_MEMORY_SHARE = 0.2

# If probing fails on this many texts, it is the model that takes one row only.
_FAILED_PROBES = 3

# The largest factor by which padding may lengthen the texts of a pass, in all.
_PADDING_FACTOR = 1.15


class BatchPlanner:
    """
    Decides which texts share a pass. It remembers whether the rows of the model's batches are
    independent. This is probed when it is first needed.

    # Parameters

    embedding_dim : `int`
        The largest dimension of the model's embeddings.
    batch_size : `int`, optional
        The number of rows in a pass, if the user gives one.
    device : `torch.device`, optional (default = the CPU)
        Where the model is. It may be moved.
    needs_gradients : `bool`, optional (default = `True`)
        Whether passes take gradients, which are probed then.
    """

    def __init__(
        self,
        embedding_dim: int,
        batch_size: Optional[int],
        device: torch.device = _CPU,
        needs_gradients: bool = True,
    ) -> None:
        self._embedding_dim = embedding_dim
        self._batch_size = batch_size
        self.device = device
        self._needs_gradients = needs_gradients
        # By `Objective.type_key`.
        self._known: Dict[Hashable, ProbeResult] = {}
        self._num_failed: DefaultDict[Hashable, int] = defaultdict(int)
        self._held: DefaultDict[Hashable, HeldPasses] = defaultdict(HeldPasses)
        # The prediction passes, and whether texts were found to influence one another there.
        self.held_texts = HeldPasses()
        self.texts_mix = False

    @property
    def sizes(self) -> PassSizes:
        return SIZES.get(self.device.type, SIZES["cpu"])

    @property
    def has_probed(self) -> bool:
        return bool(self._known)

    @property
    def learnt(self) -> Tuple[Any, ...]:
        """What is remembered of the model. It is equal to another one if nothing was added."""
        held = {key: held.compared for key, held in self._held.items()}
        texts = self.held_texts.compared, self.texts_mix
        return dict(self._known), dict(self._num_failed), held, texts

    def probed(self, objective: Objective, make_batch: Callable[[], ExplainedBatch]) -> ProbeResult:
        """
        # Parameters

        make_batch : `Callable[[], ExplainedBatch]`
            Makes a batch to probe. Called if this type of objective is new.
        """
        key = objective.type_key
        if key not in self._known:
            self._known[key] = probe(make_batch(), self._needs_gradients)
            self._num_failed[key] += self._known[key].failed
        return self._known[key]

    def forget_failed_probes(self) -> None:
        """Lets the next text be probed if it may have been the text that failed, not the model."""
        self._known = {
            key: known
            for key, known in self._known.items()
            if not known.failed or self._num_failed[key] >= _FAILED_PROBES
        }

    def held_passes(self, objective: Objective) -> HeldPasses:
        return self._held[objective.type_key]

    def record_mixing(self, objective: Objective) -> None:
        """Rows of a pass were found to mix: from now on each row is run alone."""
        key = objective.type_key
        self._known[key] = replace(self._known[key], loss_reduction=None)

    def groups(self, texts: Sequence[InputText]) -> List[List[int]]:
        """The indices of the texts of each pass. These are of similar length: little is padded."""
        known = self._known.values()
        if self.texts_mix or not known or not all(one.instances_may_share for one in known):
            return [[i] for i in range(len(texts))]
        only_equal = not all(one.may_pad for one in known)
        most = self.sizes.prediction_positions
        groups: List[_Group] = []
        for i in sorted(range(len(texts)), key=lambda i: texts[i].lengths):
            if not groups or not groups[-1].add(i, texts[i], only_equal, most):
                groups.append(_Group(i, texts[i]))
        return [group.members for group in groups]

    def rows_per_pass(self, length: int, objective: Optional[Objective] = None) -> int:
        """
        The number of rows in a pass over texts of this length, in positions. It depends on lengths,
        options and the kind of device only, so that a run can be repeated exactly.
        """
        if self._batch_size is not None:
            return self._batch_size
        sizes, size = self.sizes, relative_size(length)
        positions = (
            sizes.narrow_positions
            if self._embedding_dim <= _NARROW_DIMENSION
            else sizes.numbers // self._embedding_dim
        )
        known = None if objective is None else self._known.get(objective.type_key)
        bytes_per_position = None if known is None else known.bytes_per_position
        # The model may have been moved since.
        if bytes_per_position is not None and self.device.type == "cuda":
            memory = torch.cuda.get_device_properties(self.device).total_memory
            share = _MEMORY_SHARE * memory / sizes.groups_at_once
            positions = min(positions, int(share / bytes_per_position))
        return max(1, int(positions / size))


class _Group:
    """The indices of texts that share a pass."""

    def __init__(self, first: int, text: InputText) -> None:
        self.members = [first]
        self._is_closed = bool(text.empty_fields)
        self._padding = text.padding_lengths
        self._longest = text.lengths
        self._total = sum(text.lengths)

    def add(self, index: int, text: InputText, only_equal: bool, most_positions: int) -> bool:
        """
        Adds the text if it fits. Returns whether it does.

        # Parameters

        only_equal : `bool`
            Whether a text fits only if neither it nor the group is padded.
        most_positions : `int`
            The largest size of the group.
        """
        lengths = text.lengths
        if self._is_closed or text.empty_fields or len(lengths) != len(self._longest):
            return False
        if only_equal and text.padding_lengths != self._padding:
            return False
        longest = [max(pair) for pair in zip(lengths, self._longest)]
        total = self._total + sum(lengths)
        size = (len(self.members) + 1) * sum(longest)
        if size > _PADDING_FACTOR * total or size > most_positions:
            return False
        self.members.append(index)
        self._longest, self._total = longest, total
        return True


def run_in_passes(
    rows: Sequence[Item], rows_per_pass: int, run: Callable[[List[Item]], Result]
) -> List[Result]:
    """
    The result of `run` for the rows of each pass. If memory runs out, passes are halved.
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
            if len(chunk) == 1 or not is_out_of_memory(error):
                raise
        # Here, outside the handler, the tensors of the failed pass are free.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        rows_per_pass = (len(chunk) + 1) // 2
    return found
