import os
import subprocess
import sys
from pathlib import Path

from biome_interpret.visualization.files import lock, replacing


def test_the_draft_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "page[1].html"
    path.write_text("before")
    script = f"""
import os, signal
from pathlib import Path
from biome_interpret.visualization.files import replacing
with replacing(Path({str(path)!r})) as file:
    file.write("half a page")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script])
    assert len(os.listdir(tmp_path)) == 2 and path.read_text() == "before"
    with replacing(path) as file:
        file.write("after")
    assert os.listdir(tmp_path) == [path.name] and path.read_text() == "after"


def test_the_draft_of_a_running_process_and_other_files_stay(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    running, other = tmp_path / ".page.html.77.part", tmp_path / ".page2.html.77.part"
    other.touch()
    with running.open("w") as draft:
        assert lock(draft)
        with replacing(path) as file:
            file.write("after")
        assert running.exists() and other.exists()
