"""Which texts share passes, with each other and with points of their own paths."""

from typing import Callable, Dict, Hashable, List, Sequence, Tuple

from biome_interpret.interpreters.points import RowSet
from biome_interpret.interpreters.settings import Settings
from biome_interpret.models.execution.batching import grouped
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.row_independence import Verdict, find_verdict
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import Objective

# What goes through the model in one pass, in numbers of the texts' embeddings, where the user does
# not say how many rows. More were hardly any faster.
_NUMBERS_PER_PASS = 400_000

# The same in positions, where rows are cheap, and where embeddings are no wider than this: what it
# takes to start an operation is more there than the operation itself.
_NARROW = 128
_NARROW_POSITIONS_PER_PASS = 16384

# The length at which attention, which grows with the square of it, takes as much memory as all
# else does.
_ATTENTION_LENGTH = 256

# So many positions of texts are predicted together, where nothing goes along with them.
_POSITIONS_PER_PREDICTION = 1024


class Company:
    """
    What is known of how the rows of a model's batches relate, found out when first needed.

    # Parameters

    settings : `Settings`
    rows_are_cheap : `bool`
        Whether a pass takes time for its length rather than for its rows, as narrow recurrent
        layers make it.
    embedding_dim : `int`
        Of the widest of the model's embeddings.
    """

    def __init__(self, settings: Settings, rows_are_cheap: bool, embedding_dim: int) -> None:
        self._settings = settings
        self.rows_are_cheap = rows_are_cheap
        self._embedding_dim = embedding_dim
        # By kind of objective.
        self._verdicts: Dict[Hashable, Verdict] = {}
        self._row_sets: Dict[Tuple[int, bool], RowSet] = {}

    @property
    def is_known(self) -> bool:
        return bool(self._verdicts)

    def verdict(self, objective: Objective, batch: Callable[[], ExplainedBatch]) -> Verdict:
        """The verdict for a kind of objective; by a batch that is made where it is not known."""
        kind = objective.type_key
        if kind not in self._verdicts:
            self._verdicts[kind] = find_verdict(batch())
        return self._verdicts[kind]

    def run_row_by_row(self, objective: Objective) -> None:
        """From here on, since the rows of a pass were found to mix."""
        self._verdicts[objective.type_key] = self._verdicts[objective.type_key].row_by_row()

    def groups(self, texts: Sequence[InputText]) -> List[List[int]]:
        """Which texts share passes, as indices: those of like length, where rows are shared."""
        verdicts = self._verdicts.values()
        if len(texts) < 2 or not verdicts or not all(v.rows_are_shared for v in verdicts):
            return [[i] for i in range(len(texts))]
        only_equal = any(verdict.padding_matters for verdict in verdicts)
        fits = self._fits_with_points if self._points_go_along else _fits_alone
        return grouped(texts, only_equal, fits)

    def may_go_along(self, texts: Sequence[InputText]) -> bool:
        """Whether the first points of texts may go through the model with their prediction."""
        # A model that is given labels puts out a loss, which must not be one of points.
        if not self._points_go_along or not all(text.is_unlabelled for text in texts):
            return False
        lengths = [max(sizes) for sizes in zip(*(text.lengths for text in texts))]
        return self._fits_with_points(len(texts), lengths)

    @property
    def _points_go_along(self) -> bool:
        settings = self._settings
        if not settings.adds_up or settings.autocast or settings.first_points.strata:
            return False
        return bool(self._verdicts) and all(
            verdict.rows_are_shared and verdict.goes_with_prediction
            for verdict in self._verdicts.values()
        )

    def rows_along(self, num_texts: int, with_origins: bool) -> RowSet:
        """What goes through the model as so many texts are predicted, the texts among it."""
        key = num_texts, with_origins
        if key not in self._row_sets:
            paths = self._settings.first_points.paths
            self._row_sets[key] = RowSet.along(paths, num_texts, with_origins)
        return self._row_sets[key]

    def rows_per_pass(self, length: int) -> int:
        """For texts of so many positions: by lengths alone, so that a run can be repeated."""
        if self._settings.batch_size is not None:
            return self._settings.batch_size
        if self.rows_are_cheap:
            return max(1, _NARROW_POSITIONS_PER_PASS // length)
        positions = (
            _NARROW_POSITIONS_PER_PASS
            if self._embedding_dim <= _NARROW
            else _NUMBERS_PER_PASS // self._embedding_dim
        )
        return max(1, int(positions / (length * (1 + length / _ATTENTION_LENGTH))))

    def _fits_with_points(self, size: int, lengths: Sequence[int]) -> bool:
        longest = max(lengths, default=0)
        rows = size * len(self.rows_along(1, with_origins=True))
        return longest > 0 and rows <= self.rows_per_pass(longest)


def _fits_alone(size: int, lengths: Sequence[int]) -> bool:
    return size * sum(lengths) <= _POSITIONS_PER_PREDICTION
