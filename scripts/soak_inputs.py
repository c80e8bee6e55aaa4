"""Odd inputs and targets for `soak.py`, drawn at random."""

import random
from typing import Any, Dict, Iterable, List

WORDS = "the film is not boring , but a clever and surprising story ! Mary Smith New York".split()
ODD_WORDS = [
    "@@PADDING@@",
    "@@UNKNOWN@@",
    "[MASK]",
    "<s>",
    "😀",
    "👩‍👩‍👧",
    "שלום",
    "مرحبا",
    "\u202e",
]
ODD_WORDS += ["\x00", "\x1b[2J", "\u2028", "\n", "é", "e\u0301", "\ud800", "x" * 300, "<b>", "."]


def text_of(rng: random.Random) -> Any:
    """A value where a predictor expects a text."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(1, 15))]
    odd = [rng.choice(ODD_WORDS + WORDS) for _ in range(rng.randint(1, 6))]
    ways: List[Any] = [*[" ".join(words)] * 20, *[" ".join(odd)] * 12]
    ways += ["", " ", "\t\n", rng.choice(WORDS), rng.choice(ODD_WORDS), "qwx zzyq vvrk"]
    ways += [" ".join(words + words[::-1]), " ".join(words[:1] * rng.randint(2, 9))]
    ways += [" ".join(rng.choice(WORDS) for _ in range(200))]
    ways += [7, -1.5, True, None, [], words, {"a": "b"}, nested(rng.choice([3, 300, 3000]))]
    return rng.choice(ways)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def input_of(rng: random.Random, keys: Iterable[str]) -> Any:
    """An input of a predictor that takes these keys, right or wrong."""
    inputs: Dict[Any, Any] = {key: text_of(rng) for key in keys}
    key = rng.choice([*inputs])
    way = rng.randrange(30)
    if way == 0:
        inputs[rng.choice(["text", "Sentence", "", "a\nb", "é", key + " "])] = inputs.pop(key)
    elif way == 1:
        del inputs[key]
    elif way == 2:
        inputs[rng.choice(["label", "more", 5])] = text_of(rng)
    elif way == 3:
        return rng.choice([None, "a text", 5, [inputs], [], {}, True, 1.5, ("a", "b"), b"bytes"])
    return inputs


def target_of(rng: random.Random) -> Any:
    wrong = ["no such label", 99, -1, "", "\x1b[2J", [0, "no such label"]]
    return rng.choice([*[None] * 60, 0, 1, [0, 1], [1, None], "positive", "gold", *wrong])
