"""The texts that the page offers to choose from."""

from argparse import Namespace
from pathlib import Path
from typing import Any, Dict, List

import pytest

from biome_interpret.live.examples import read_examples
from tests.commands.command_line import write_lines
from tests.live.servers import served


def read(path: Path, lines: List[Any]) -> List[Dict[str, Any]]:
    given = Namespace(input_format=None, fields=[], gold_field=None)
    given.examples = str(write_lines(path / "examples.jsonl", lines))
    return read_examples(given, [served()])


@pytest.mark.parametrize("number", [500, 501])
def test_the_first_texts_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture, number: int
) -> None:
    found = read(tmp_path, [{"sentence": f"Film {i}."} for i in range(number)])
    assert [one["inputs"]["sentence"] for one in found] == [f"Film {i}." for i in range(500)]
    said = f"the first 500 texts of --examples {tmp_path / 'examples.jsonl'} are taken: it has more"
    assert capsys.readouterr().err.splitlines() == [said] * (number > 500)


@pytest.mark.parametrize("gold", ["positive", 1, 1.5, ["a", "b"], [0, 1]])
def test_a_gold_label(tmp_path: Path, gold: Any) -> None:
    [found] = read(tmp_path, [{"sentence": "Dull.", "label": gold}])
    assert found == {"inputs": {"sentence": "Dull."}, "gold": gold}


def test_a_number_that_json_does_not_have(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    nan = float("nan")
    found = read(tmp_path, [{"sentence": "Dull.", "year": nan}, {"sentence": "Fine."}])
    assert [one["inputs"]["sentence"] for one in found] == ["Fine."]
    assert "1 of the 2 texts of --examples" in capsys.readouterr().err


@pytest.mark.parametrize("gold", [None, {"a": 1}, [["a"]]])
def test_what_is_no_label(tmp_path: Path, gold: Any) -> None:
    """The report could not show it."""
    [found] = read(tmp_path, [{"sentence": "Dull.", "label": gold, "gold": "positive"}])
    assert found == {"inputs": {"sentence": "Dull."}, "gold": "positive"}
