"""Where the tokens of a result stand in the strings of its input."""

from itertools import permutations
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from biome_interpret.visualization.characters import Match, best_match, display_pieces

# The keys and indices that lead to a string inside the input.
Path = Tuple[Union[str, int], ...]

# Of as many strings at most, a field may hold several, in any order.
_FEW = 3
_BETWEEN = "\n"


class Places(NamedTuple):
    """
    pieces : each token as it is shown. A leading space stands for the space before it.
    strings : the strings that hold the tokens, by their paths.
    spans : for each token, the index of its string, and where it begins and ends there, as
        JavaScript counts; `None` if it is in none.
    """

    pieces: List[str]
    strings: List[Path]
    spans: List[Optional[Tuple[int, int, int]]]

    def to_json(self) -> Dict[str, Any]:
        return {
            "pieces": self.pieces,
            "strings": [list(path) for path in self.strings],
            "spans": [span and list(span) for span in self.spans],
        }


def places_of(tokens: Sequence[str], inputs: Any) -> Places:
    found = dict(_strings(inputs, ()))
    match, paths = _match(tokens, found)
    pieces = display_pieces(tokens) if match is None else match.pieces
    shown = [" " * piece.spaced + piece.text for piece in pieces]
    places = [piece.place for piece in pieces]
    texts = [found[path] for path in paths]
    return Places(shown, paths, [place and _span(place, texts) for place in places])


def _match(tokens: Sequence[str], found: Dict[Path, str]) -> Tuple[Optional[Match], List[Path]]:
    """The match with the fewest characters between tokens, and the strings that it is made of."""
    for number in range(1, len(found) + 1 if len(found) <= _FEW else 2):
        groups = {
            _BETWEEN.join(found[path] for path in paths): list(paths)
            for paths in reversed([*permutations(found, number)])
        }
        match = best_match(tokens, groups)
        if match is not None:
            return match, groups[match.text]
    return None, []


def _span(place: Tuple[int, int], texts: Sequence[str]) -> Optional[Tuple[int, int, int]]:
    start, end = place
    for i, text in enumerate(texts):
        if end <= len(text):
            return i, _javascript_length(text[:start]), _javascript_length(text[:end])
        start, end = start - len(text) - len(_BETWEEN), end - len(text) - len(_BETWEEN)
        if start < 0:  # It is in two strings.
            return None
    return None


def _javascript_length(text: str) -> int:
    """JavaScript counts a character outside the basic plane as two."""
    return len(text) + sum(character > "\uffff" for character in text)


def _strings(value: Any, path: Path) -> Iterator[Tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _strings(one, (*path, key))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _strings(one, (*path, i))
