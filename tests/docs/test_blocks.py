"""Every Python block of a page runs when the blocks are pasted in order."""

import multiprocessing
import os
import re
import warnings
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import List, Tuple

import pytest

ROOT = Path(__file__).parent.parent.parent
# A block with a title is a file of its own, which `test_examples.py` runs.
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> List[Tuple[int, str]]:
    """The first line of each block, and its code."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, b.start(1)) + 1, b[1]) for b in _BLOCK.finditer(text)]


PAGES = [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))) if blocks(page)]


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    """Of a process that has imported AllenNLP: else each page would take the time for that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["biome_interpret"])
    return context


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_run_in_order(page: Path, tmp_path: Path, forks: ForkServerContext) -> None:
    if any("import ray" in code for _, code in blocks(page)):
        pytest.importorskip("ray", reason="ray is not installed")
    # What a page reads, in a folder in which it may write.
    for name in ("fixtures", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    process = forks.Process(target=run_blocks, args=(page, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == 0, (tmp_path / "said").read_text(encoding="utf-8")


def run_blocks(page: Path, folder: Path) -> None:
    """In the folder. What they print is in its file "said"."""
    os.chdir(folder)
    warnings.simplefilter("ignore")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    said = os.open("said", os.O_CREAT | os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(said, stream)
    names = {"__name__": "pasted"}
    for line, code in blocks(page):
        placed = "\n" * (line - 1) + code  # A traceback has the lines of the page.
        exec(compile(placed, page.name, "exec"), names)


def test_the_pages_of_a_newcomer_have_blocks() -> None:
    names = {page.name for page in PAGES}
    assert {"README.md", "index.md", "recipes.md", "reading.md", "extending.md"} <= names
