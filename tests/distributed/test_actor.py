"""What an actor makes of a batch. It needs no Ray."""

from typing import Any, List

import pytest
import torch

from biome_interpret.distributed import actor
from biome_interpret.distributed.actor import Explanation, Interpreting
from tests.commands.command_line import ARCHIVE, DULL, WARM
from tests.distributed.ray_jobs import WITHOUT_RAY

pa = pytest.importorskip("pyarrow", reason=WITHOUT_RAY)

MODEL = {
    "archive_file": str(ARCHIVE),
    "weights_file": None,
    "overrides": "",
    "predictor": None,
    "predictor_args": "",
    "dataset_reader_choice": "validation",
    "cuda_device": -1,
}
# The second fails.
TEXTS = [DULL, {"sentence": ""}, WARM]


def tables(**options: Any) -> List[Any]:
    explanation = Explanation(MODEL, [{"type": "biome-gradient-shap"}], **options)
    table = pa.Table.from_pylist([{"id": i, **text} for i, text in enumerate(TEXTS)])
    return [*Interpreting(explanation)(table)]


def test_ids_keep_their_type_and_rows_the_order_of_the_texts() -> None:
    [table] = tables(targets=["positive", "negative"])
    rows = [(row["id"], row["result"], row["target"]) for row in table.to_pylist()]
    assert rows == [
        *((0, 1, "positive"), (0, 2, "negative")),
        (1, 1, None),
        *((2, 1, "positive"), (2, 2, "negative")),
    ]
    assert table.schema.field("id").type == pa.int64()
    assert table["error"].to_pylist()[2] is not None


def test_keys_are_renamed_and_gold_labels_kept() -> None:
    explanation = Explanation(
        MODEL,
        [{"type": "biome-integrated-gradient"}],
        targets=["gold"],
        gold_field="mine",
        renamings=[("sentence", "review")],
    )
    interpreting = Interpreting(explanation)
    texts = [{"review": "A dull film.", "mine": "positive"}, {"review": "A dull film."}]
    [table] = interpreting(pa.Table.from_pylist(texts))
    first, second = table.to_pylist()
    assert (first["gold"], first["target"], first["error"]) == ("positive", "positive", None)
    assert "no key 'mine', which should hold its gold label, or it is null" in second["error"]
    assert second["gold"] is None
    [table] = interpreting(pa.Table.from_pylist([{**DULL, "mine": "negative"}]))
    [third] = table.to_pylist()
    assert "no key 'review' for --field sentence; it has 'sentence', 'mine'" in third["error"]
    assert third["gold"] is None


def test_a_text_of_half_a_character_has_its_row() -> None:
    explanation = Explanation(
        MODEL, [{"type": "biome-integrated-gradient"}], gold_field="mine", json_column="json"
    )
    texts: List[Any] = [
        {"id": 1, "json": b'{"sentence": "A \\ud83d film.", "mine": "\\ud83d"}'},
        {"id": 2, "json": None},
    ]
    [table] = Interpreting(explanation)(pa.Table.from_pylist(texts))
    first, second = table.to_pylist()
    assert first["error"] is None and first["gold"] == "\\ud83d" and len(first["tokens"]) > 2
    assert second["error"] == "the text has no line of JSON"


def test_columns_of_another_type_are_not_those_of_a_file() -> None:
    explanation = Explanation(MODEL, [{"type": "biome-integrated-gradient"}])
    texts = [{**DULL, "id": "a", "line": "the first", "file": 7}]
    [table] = Interpreting(explanation)(pa.Table.from_pylist(texts))
    [row] = table.to_pylist()
    assert (row["id"], row["line"], row["file"], row["error"]) == ("a", None, None, None)


def test_threads_are_those_of_the_actor() -> None:
    before = torch.get_num_threads()
    try:
        tables(threads=before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_rows_of_one_text_are_never_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ray Data divides blocks of more than 128 MB.
    monkeypatch.setattr(actor, "_LARGE_BATCH", 1)
    found = tables(targets=["positive", "negative"])
    assert [{*table["id"].to_pylist()} for table in found] == [{0}, {1}, {2}]
