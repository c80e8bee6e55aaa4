"""What an actor makes of a batch. It needs no Ray."""

from typing import Any, List

import pytest

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


def test_rows_of_one_text_are_never_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ray Data divides blocks of more than 128 MB.
    monkeypatch.setattr(actor, "_LARGE_BATCH", 1)
    found = tables(targets=["positive", "negative"])
    assert [{*table["id"].to_pylist()} for table in found] == [{0}, {1}, {2}]
