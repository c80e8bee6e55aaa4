"""Where the tokens of a result stand in the strings of its input."""

from itertools import islice, permutations
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from biome_interpret.visualization.characters import Match, best_match, display_pieces

# The keys and indices that lead to a string inside the input.
Path = Tuple[Union[str, int], ...]

# A field may hold this many strings, in any order.
_MOST_STRINGS = 3
# An input of a thousand strings has too many orders to try all.
_MOST_ORDERS = 300
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


def places_of(tokens: Sequence[str], inputs: Any, field: str) -> Places:
    """`field` is the name of the field, which often is that of its key in the input."""
    found = dict(_strings(inputs, ()))
    match, paths = _match(tokens, found, field)
    pieces = display_pieces(tokens) if match is None else match.pieces
    shown = [" " * piece.spaced + piece.text for piece in pieces]
    places = [piece.place for piece in pieces]
    texts = [found[path] for path in paths]
    return Places(shown, [*paths], [place and _span(place, texts) for place in places])


def _match(
    tokens: Sequence[str], found: Dict[Path, str], field: str
) -> Tuple[Optional[Match], Sequence[Path]]:
    """
    The match, and the strings that it is made of: that of the field's name, or else those of which
    the tokens leave out least. An alternative stands beside a text that all of them share.
    """
    named = [path for path in found if _name(path) == field]
    others = [path for path in found if _name(path) != field]
    for number in range(1, min(_MOST_STRINGS, len(found)) + 1):
        for orders in (_orders_with(named, others, number), permutations(others, number)):
            matches = []
            for paths in islice(orders, _MOST_ORDERS if number > 1 else None):
                match = best_match(tokens, [_BETWEEN.join(found[path] for path in paths)])
                if match is not None:
                    matches.append((_num_left_out(match), match, paths))
            if matches:
                return min(matches, key=lambda one: one[0])[1:]
    return None, []


def _orders_with(
    named: Sequence[Path], others: Sequence[Path], number: int
) -> Iterator[Tuple[Path, ...]]:
    """Orders of so many strings that have the named one at any place."""
    for path in named:
        for rest in permutations(others, number - 1):
            for place in range(number):
                yield (*rest[:place], path, *rest[place:])


def _num_left_out(match: Match) -> int:
    """The number of characters that are in no token."""
    places = [piece.place for piece in match.pieces if piece.place is not None]
    inside = sum(len("".join(match.text[start:end].split())) for start, end in places)
    return len("".join(match.text.split())) - inside


def _name(path: Path) -> str:
    """As that of a field: `sentences[0]`."""
    return "".join(f"[{key}]" if isinstance(key, int) else key for key in path)


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
