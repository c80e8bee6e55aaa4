"""
Whether an installed package gives the numbers of the README: its Python and its command line.

Run in the root of the repository, with the Python of the environment to be checked.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parent.parent


def numbers(text: str) -> List[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def check_python() -> None:
    """A line of the README that has its value below it, as a comment, gives that value."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    names: Dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(block, names)
        for line, comment in re.findall(r"^(\w.*)\n# (.*)$", block, re.MULTILINE):
            found, expected = numbers(repr(eval(line, names))), numbers(comment)
            if len(found) != len(expected) or any(
                abs(a - b) > 1e-4 for a, b in zip(found, expected)
            ):
                sys.exit(f"{line}\n  README has {expected}\n  this environment has {found}")


def check_command() -> None:
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder, "results.jsonl")
        inputs = ["fixtures/sst2_bilstm/model.tar.gz", "fixtures/reviews.jsonl"]
        outputs = ["--output-file", str(records), "--html", str(Path(folder, "report.html"))]
        command = [str(Path(sysconfig.get_path("scripts"), "biome-interpret")), "interpret"]
        done = subprocess.run([*command, *inputs, *outputs], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"biome-interpret ended with status {done.returncode}:\n{done.stderr}")
        lines = records.read_text(encoding="utf-8").splitlines()
        if len(lines) != 12 or any("interpretations" not in line for line in lines):
            sys.exit(f"biome-interpret wrote {len(lines)} records: {lines}")


def main() -> None:
    import biome_interpret

    if ROOT in Path(biome_interpret.__file__).parents:
        sys.exit(f"biome_interpret is imported from {ROOT}, it is not installed")
    check_python()
    check_command()
    import torch
    import transformers

    python = ".".join(map(str, sys.version_info[:3]))
    print(
        f"Python {python}, torch {torch.__version__}, transformers {transformers.__version__}: "
        "the README's numbers"
    )


if __name__ == "__main__":
    main()
