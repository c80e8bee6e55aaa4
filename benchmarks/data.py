"""Where the data is, and the dev texts that are interpreted."""

import json
import os
import random
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, TypeVar

from allennlp.common import JsonDict

VARIABLE = "BIOME_INTERPRET_DATA"

T = TypeVar("T")


class NoData(Exception):
    """The data is not where it should be."""


def folder() -> Path:
    """
    # Raises

    `NoData`
        If the environment variable names no folder with the data in it.
    """
    path = Path(os.environ.get(VARIABLE, ""))
    wanted = [path / part for part in ("sst2/dev.jsonl", "nli/dev.jsonl", "ner/dev.txt")]
    if VARIABLE not in os.environ or not all(file.is_file() for file in wanted):
        raise NoData(
            f"{VARIABLE} does not name a folder that holds sst2/, nli/ and ner/ with the files "
            f"train and dev: the benchmark's models are trained on them. See benchmarks/README.md"
        )
    return path


def sample(items: Sequence[T], number: int, seed: int = 13) -> List[T]:
    """So many of them, drawn without replacement and left in their order; all, if they are few."""
    if number >= len(items):
        return list(items)
    chosen = random.Random(seed).sample(range(len(items)), number)
    return [items[index] for index in sorted(chosen)]


def sentences() -> List[JsonDict]:
    """The SST-2 dev sentences, as predictor inputs."""
    return [{"sentence": row["text"]} for row in rows(folder() / "sst2" / "dev.jsonl")]


def pairs() -> List[JsonDict]:
    """The NLI dev pairs, as predictor inputs."""
    return [
        {"premise": row["sentence1"], "hypothesis": row["sentence2"]}
        for row in rows(folder() / "nli" / "dev.jsonl")
    ]


def tweets() -> List[JsonDict]:
    """The WNUT-17 dev sentences, their tokens set apart by spaces, as predictor inputs."""
    return [{"sentence": " ".join(words)} for words in _blocks(folder() / "ner" / "dev.txt")]


def rows(path: Path) -> List[Dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _blocks(path: Path) -> Iterator[List[str]]:
    words: List[str] = []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            words.append(line.split(" ")[0])
        elif words:
            yield words
            words = []
