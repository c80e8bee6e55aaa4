"""The results file: what each part found on each model, the newest run of each."""

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from benchmarks.figures import Figure, Outcome


class Results:
    """
    # Parameters

    path : `Path`
        JSON; read where it exists, so that parts can be run one by one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: Dict[str, Dict[str, Dict[str, Any]]] = {}
        if path.exists():
            self.entries = json.loads(path.read_text(encoding="utf-8"))

    def add(
        self,
        part: str,
        model: str,
        outcome: Outcome,
        environment: Dict[str, Any],
        seconds: float,
        model_metrics: Dict[str, float],
    ) -> None:
        """Takes the place of what was found before, and is written at once."""
        self.entries.setdefault(part, {})[model] = {
            "figures": [one.to_json() for one in outcome.figures],
            "curves": outcome.curves,
            "environment": environment,
            "seconds": round(seconds, 1),
            "model_metrics": model_metrics,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_rounded(self.entries), indent=1, ensure_ascii=False)
        self._path.write_text(text + "\n", encoding="utf-8")

    def figures(self, part: str) -> Iterator[Tuple[str, Figure]]:
        """(model, figure)"""
        for model, entry in self.entries.get(part, {}).items():
            for one in entry["figures"]:
                yield model, Figure.from_json(one)

    def curves(self, part: str) -> Dict[str, List[Dict[str, Any]]]:
        """By model."""
        found = self.entries.get(part, {})
        return {model: entry["curves"] for model, entry in found.items() if entry["curves"]}

    def environments(self) -> List[Dict[str, Any]]:
        """All that differ."""
        found: List[Dict[str, Any]] = []
        for entries in self.entries.values():
            for entry in entries.values():
                if entry["environment"] not in found:
                    found.append(entry["environment"])
        return found


def _rounded(value: Any) -> Any:
    """Six significant digits: more would only be noise between two runs."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
