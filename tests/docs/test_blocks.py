"""Every Python block of a page runs when the blocks are pasted in order."""

import os
import re
import subprocess
import sys
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_run_in_order(page: Path, tmp_path: Path) -> None:
    if any("import ray" in code for _, code in blocks(page)):
        pytest.importorskip("ray", reason="ray is not installed")
    # What a page reads, in a folder in which it may write.
    for name in ("fixtures", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = [f"import sys; sys.path.insert(0, {str(ROOT)!r}); names = {{'__name__': 'pasted'}}"]
    for line, code in blocks(page):
        placed = "\n" * (line - 1) + code  # A traceback has the lines of the page.
        script.append(f"exec(compile({placed!r}, {page.name!r}, 'exec'), names)")
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(script)]
    quiet = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_pages_of_a_newcomer_have_blocks() -> None:
    names = {page.name for page in PAGES}
    assert {"README.md", "index.md", "recipes.md", "reading.md", "extending.md"} <= names
