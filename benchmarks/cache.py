"""What is kept between runs: trained models, references and whatever else took long to make."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "benchmarks"


def digest(*parts: Any) -> str:
    """Twelve characters that change with any of the parts, which are plain JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


class Store:
    """
    A growing file of results by key, in JSON Lines: each is there as soon as it is computed, so
    that a run that is interrupted goes on where it was.

    # Parameters

    name : `str`
        The file's name under the cache's `results/`, without suffix.
    """

    def __init__(self, name: str) -> None:
        self._path = CACHE / "results" / f"{name}.jsonl"
        self._known: Dict[str, Any] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    key, value = json.loads(line)
                except ValueError:  # The last line of a run that was killed.
                    continue
                self._known[key] = value

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._known[key] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, value]) + "\n")
