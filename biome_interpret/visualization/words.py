"""The words that count most for a label, over many texts."""

import math
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, NamedTuple, Optional

from biome_interpret.visualization.characters import is_word

_NUM_WORDS = 8
_NUM_EXAMPLES = 3
# In this many texts or more, a word has to be seen several times to be among the common words.
_MANY_TEXTS = 50
_LEAST_COUNT = 3

# Stop words of English. Negations and words of degree are none: they change what is said.
_STOP_WORDS = frozenset(
    "a an the this that these those here there i me my mine myself we us our ours ourselves you "
    "your yours yourself he him his himself she her hers herself it its itself they them their "
    "theirs themselves who whom whose which what where when why how am is are was were be been "
    "being do does did doing have has had having will would shall should can could may might must "
    "and or if then than as because while since until unless although though whether of at by "
    "for with about against between into through during before after above below to from up down "
    "in out on off over under again further once also s t d m re ve ll".split()
)


class Example(NamedTuple):
    """A line that contains a word, and the score of the word there."""

    line: int
    score: float


@dataclass
class Word:
    """The scores of one word for one label, over all its occurrences."""

    text: str
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    examples: List[Example] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return self.total / self.count

    def standard_error(self, typical: float) -> float:
        """
        Of the mean. A score of `typical` size counts as one more deviation: a word that was seen
        once or twice would seem exact without it.
        """
        deviations = max(self.squares - self.total**2 / self.count, 0.0)
        return math.sqrt(deviations + typical**2) / self.count

    def add(self, line: int, score: float, is_shown: bool = True) -> None:
        """`is_shown` tells whether the page shows the line, so that it can be an example."""
        self.count += 1
        self.total += score
        self.squares += score**2
        if not is_shown:
            return
        is_full = len(self.examples) == _NUM_EXAMPLES
        if is_full and abs(score) <= abs(self.examples[-1].score):
            return
        # Each line once, largest score first.
        ranked = sorted([*self.examples, Example(line, score)], key=lambda one: -abs(one.score))
        lines = [one.line for one in ranked]
        unique = [one for i, one in enumerate(ranked) if one.line not in lines[:i]]
        self.examples = unique[:_NUM_EXAMPLES]


class RankedWord(NamedTuple):
    """A word, and the standard error of its mean score."""

    word: Word
    error: float


class Sides(NamedTuple):
    """Words for a label and against it, those with the surest large means first."""

    speak_for: List[RankedWord]
    speak_against: List[RankedWord]


class LabelWords(NamedTuple):
    """
    label, method : `method` is `None` if there is only one.
    num_results : the number of results that the words come from.
    common : without stop words and words that occur fewer than `least_count` times.
    all : with these words.
    """

    label: str
    method: Optional[str]
    num_results: int
    least_count: int
    common: Sides
    all: Sides


def label_words(
    label: str, method: Optional[str], num_results: int, words: Dict[str, Word]
) -> LabelWords:
    least_count = _LEAST_COUNT if num_results >= _MANY_TEXTS else 1
    found = [word for word in words.values() if is_word(word.text)]
    occurrences = sum(word.count for word in found)
    squares = math.fsum(word.squares for word in found)
    typical = math.sqrt(squares / occurrences) if occurrences else 0.0
    common = [w for w in found if w.count >= least_count and w.text not in _STOP_WORDS]
    sides = _sides(common, typical), _sides(found, typical)
    return LabelWords(label, method, num_results, least_count, *sides)


def _sides(words: Iterable[Word], typical: float) -> Sides:
    ranked = [RankedWord(word, word.standard_error(typical)) for word in words]
    return Sides(_strongest(ranked, 1), _strongest(ranked, -1))


def _strongest(ranked: List[RankedWord], sign: int) -> List[RankedWord]:
    """By the lower bound of the mean's size: the mean less its standard error."""
    found = [one for one in ranked if sign * one.word.mean > 0]
    found.sort(key=lambda one: (one.error - sign * one.word.mean, one.word.text))
    return found[:_NUM_WORDS]
