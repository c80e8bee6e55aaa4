"""The page on the architecture names what is there, and its picture is drawn from today's code."""

import ast
import re
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Iterator, List, Set, Tuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "biome_interpret"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

_COUNT = re.compile(r"([\d,]+) lines")


@lru_cache(maxsize=None)
def script() -> Any:
    spec = spec_from_file_location("architecture", ROOT / "scripts" / "docs" / "architecture.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(title: str) -> str:
    [found] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return found


def line_counts(picture: str) -> List[int]:
    return [int(count.replace(",", "")) for count in _COUNT.findall(picture)]


def test_the_picture_is_the_one_that_the_script_draws() -> None:
    kept, drawn = script().PICTURE.read_text(encoding="utf-8"), script().draw()
    assert _COUNT.sub("", kept) == _COUNT.sub("", drawn), "`make pictures` draws it again"
    # A picture need not be drawn again for each line that is written.
    assert line_counts(kept) == pytest.approx(line_counts(drawn), rel=0.15, abs=30)


def test_the_picture_shows_every_room_and_arrows_go_down_only() -> None:
    rooms = script().rooms()
    picture = script().draw()
    for room in rooms:
        assert f">{room}</text>" in picture
    floors = script().floors({name: room.imports for name, room in rooms.items()})
    for name, room in rooms.items():
        for other in room.imports:
            assert floors[name] > floors[other]


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    imports = {"roof": {"floor", "cellar"}, "floor": {"cellar"}, "cellar": set()}
    assert script().arrows(imports) == [("floor", "cellar"), ("roof", "floor")]
    imports["cellar"] = {"roof"}
    with pytest.raises(ValueError, match="circle"):
        script().refuse_circles(imports)


def test_the_page_has_a_row_for_each_room_with_its_question() -> None:
    table = section("The rooms").replace("\\*", "*")
    rows = dict(re.findall(r"^\| ([\w/.*]+) \| ([^|]+) \|", table, re.MULTILINE))
    assert rows.pop("room") == "question"
    assert rows == {name: script().QUESTIONS[name] for name in script().rooms()}


def places() -> List[Tuple[str, str]]:
    return re.findall(r"`([\w/]+\.py)::([\w.:]+)`", PAGE)


def test_every_place_and_test_that_the_page_names_is_there() -> None:
    assert [f"{file}::{name}" for file, name in places() if not is_there(file, name)] == []


def test_every_invariant_has_a_place_and_a_test() -> None:
    invariants = re.findall(r"^- \*\*(\d+)\.\*\*", section("The invariants"), re.MULTILINE)
    assert [int(number) for number in invariants] == [*range(1, len(invariants) + 1)]
    entry = r"- \*\*\d+\.\*\* [^`]*(?:`[^`:]+`[^`]*)*\n    - `(?!tests/)\S+`\n    - `tests/\S+`\n"
    assert len(re.findall(entry, section("The invariants"))) == len(invariants)


def test_the_glossary_is_in_order() -> None:
    terms = re.findall(r"^- \*\*(.+?)\*\*:", section("Glossary"), re.MULTILINE)
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.lower)


def is_there(file: str, name: str) -> bool:
    path = (ROOT if file.startswith("tests/") else PACKAGE) / file
    return path.is_file() and name.replace("::", ".") in names_in(path)


@lru_cache(maxsize=None)
def names_in(path: Path) -> Set[str]:
    """Functions, classes, constants, and the members of classes as `Class.member`."""
    return set(_defined(ast.parse(path.read_text(encoding="utf-8")), ""))


def _defined(node: Any, prefix: str) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from _defined(child, f"{prefix}{child.name}.")
        targets = child.targets if isinstance(child, ast.Assign) else []
        if isinstance(child, ast.AnnAssign):
            targets = [child.target]
        yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))
