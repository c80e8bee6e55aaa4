"""Which texts share a pass, how many rows it has, and what happens if memory runs out."""

from dataclasses import replace
from typing import List

import pytest
import torch
from allennlp.models import BasicClassifier

from biome_interpret.models.execution.batching import BatchPlanner, run_in_passes
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.probing import (
    bytes_per_position,
    graph_bytes,
    relative_size,
)
from tests.models.execution.batches import batch_of, text_of
from tests.models.execution.test_probing import CountsPositions, MixesRows, as_kind
from tests.tiny_models import build_predictor


def probed_planner(model_class: type) -> BatchPlanner:
    planner = BatchPlanner(embedding_dim=8, batch_size=None)
    batch = batch_of(as_kind(model_class), ["a dull film"])
    planner.probed(batch.objective, lambda: batch)
    return planner


def grouped_lengths(planner: BatchPlanner, lengths: List[int]) -> List[List[int]]:
    """The lengths of the texts in each group."""
    predictor = as_kind(BasicClassifier)
    texts = [text_of(predictor, " ".join(["film"] * length)) for length in lengths]
    groups = planner.groups(texts)
    assert sorted(i for group in groups for i in group) == list(range(len(texts)))
    return [[lengths[i] for i in group] for group in groups]


class TestGroups:
    def test_texts_of_similar_length_share_a_pass(self) -> None:
        groups = grouped_lengths(probed_planner(BasicClassifier), [12, 3, 11, 12, 3])
        assert groups == [[3, 3], [11, 12, 12]]

    @pytest.mark.parametrize("short, num_groups", [(9, 1), (8, 2)])
    def test_padding_may_add_fifteen_percent(self, short: int, num_groups: int) -> None:
        """9 + 12 positions become 24, which is 14 % more; 8 + 12 become 24, which is 20 % more."""
        groups = grouped_lengths(probed_planner(BasicClassifier), [short, 12])
        assert len(groups) == num_groups

    def test_a_group_has_at_most_1024_positions(self) -> None:
        groups = grouped_lengths(probed_planner(BasicClassifier), [12] * 86)
        assert [len(group) for group in groups] == [85, 1]

    def test_a_text_without_tokens_is_alone(self) -> None:
        assert grouped_lengths(probed_planner(BasicClassifier), [0, 0, 1]) == [[0], [0], [1]]

    def test_only_equal_lengths_share_a_pass_if_padding_matters(self) -> None:
        groups = grouped_lengths(probed_planner(CountsPositions), [12, 11, 12])
        assert groups == [[11], [12, 12]]

    def test_each_text_is_alone_if_rows_depend_on_each_other(self) -> None:
        assert grouped_lengths(probed_planner(MixesRows), [3, 3]) == [[3], [3]]

    def test_each_text_is_alone_before_the_model_was_probed(self) -> None:
        assert grouped_lengths(BatchPlanner(8, None), [3, 3]) == [[3], [3]]

    def test_each_text_is_alone_after_rows_were_found_to_mix(self) -> None:
        planner = probed_planner(BasicClassifier)
        planner.record_mixing(batch_of(as_kind(BasicClassifier), ["dull"]).objective)
        assert grouped_lengths(planner, [3, 3]) == [[3], [3]]


def test_each_kind_of_objective_is_probed_once() -> None:
    predictor, planner = as_kind(BasicClassifier), BatchPlanner(8, None)
    probed: List[str] = []
    for mode in ("logits", "loss", "logits"):

        def batch(mode: str = mode) -> ExplainedBatch:
            probed.append(mode)
            return batch_of(predictor, ["a dull film"], mode=mode)

        objective = batch_of(predictor, ["a dull film"], mode=mode).objective
        planner.probed(objective, batch)
    assert probed == ["logits", "loss"]


@pytest.mark.parametrize(
    "embedding_dim, length, expected",
    [
        (8, 128, 85),  # 16,384 / (128 · 1.5)
        (8, 256, 32),  # 16,384 / (256 · 2)
        (1000, 4, 98),  # 400 / (4 · 1.015625)
        (1000, 10_000, 1),
    ],
)
def test_longer_texts_and_wider_embeddings_get_fewer_rows(
    embedding_dim: int, length: int, expected: int
) -> None:
    assert BatchPlanner(embedding_dim, None).rows_per_pass(length) == expected


def test_a_given_batch_size_is_the_number_of_rows() -> None:
    assert BatchPlanner(8, 5).rows_per_pass(10_000) == 5


class TestMemory:
    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
            RuntimeError("FIND was unable to find an engine to execute this computation"),
            MemoryError(),
        ],
    )
    def test_passes_are_halved_and_stay_small(self, error: Exception) -> None:
        sizes: List[int] = []

        def run(rows: List[int]) -> List[int]:
            sizes.append(len(rows))
            if len(rows) > 3:
                raise error
            return rows

        passes = run_in_passes(range(12), 10, run)
        assert sizes == [10, 5, 3, 3, 3, 3]
        assert [row for rows in passes for row in rows] == list(range(12))

    @pytest.mark.parametrize(
        "rows, error", [([1, 2], ValueError("out of memory")), ([1, 2], RuntimeError("no shape"))]
    )
    def test_another_error_is_raised_at_once(self, rows: List[int], error: Exception) -> None:
        sizes: List[int] = []

        def run(rows: List[int]) -> None:
            sizes.append(len(rows))
            raise error

        with pytest.raises(type(error), match=str(error)):
            run_in_passes(rows, 2, run)
        assert sizes == [2]

    def test_one_row_that_does_not_fit_is_an_error(self) -> None:
        sizes: List[int] = []

        def run(rows: List[int]) -> None:
            sizes.append(len(rows))
            raise RuntimeError("out of memory")

        with pytest.raises(RuntimeError, match="out of memory"):
            run_in_passes([1, 2], 2, run)
        assert sizes == [2, 1]


class SmallGpu:
    total_memory = 2**30


def test_memory_bounds_the_rows_of_a_pass_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SmallGpu)
    planner = BatchPlanner(8, None, torch.device("cuda"))
    batch = batch_of(as_kind(BasicClassifier), ["a dull film"])
    objective = batch.given_objective
    found = planner.probed(objective, lambda: batch)
    assert found.bytes_per_position is None  # On the CPU it does not bound a pass.
    unbounded = planner.rows_per_pass(20, objective)
    for size in (2**10, 2**20):
        planner._known[objective.type_key] = replace(found, bytes_per_position=size)
        rows = planner.rows_per_pass(20, objective)
        assert 0 < rows <= unbounded
        # Two groups are under way at once. Both together take a quarter of the memory at most.
        assert 2 * rows * 20 * size <= SmallGpu.total_memory / 4
    assert rows < unbounded


def test_a_model_that_has_left_its_gpu_is_not_bounded_by_it() -> None:
    planner = BatchPlanner(8, None, torch.device("cpu"))
    batch = batch_of(as_kind(BasicClassifier), ["a dull film"])
    objective = batch.given_objective
    known = replace(planner.probed(objective, lambda: batch), bytes_per_position=2**20)
    unbounded = planner.rows_per_pass(20, objective)
    planner._known[objective.type_key] = known
    assert planner.rows_per_pass(20, objective) == unbounded


@pytest.mark.parametrize("name", ["lstm", "cnn", "bert"])
def test_the_memory_of_a_pass_is_foretold(name: str) -> None:
    predictor = build_predictor(name)
    foretold = bytes_per_position(batch_of(predictor, ["a dull film"]))
    batch = batch_of(predictor, ["the story is fun and the acting was not bad but surprising"])
    length = max(call.embedded.size(1) for call in batch.calls)
    probes = [0.1 * (row + 1) for row in range(30)]
    held = graph_bytes(batch, probes) - graph_bytes(batch, probes[:10])
    # It is half as much again as the graph holds, and then rounded up to a power of two.
    assert 1 <= 20 * relative_size(length) * foretold / held <= 4
