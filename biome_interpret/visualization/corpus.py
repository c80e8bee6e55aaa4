"""Statistics over many interpretations, gathered one record at a time in little memory."""

import math
from dataclasses import dataclass, field
from typing import Any, Counter, Dict, Iterable, List, NamedTuple, Optional, Tuple

from biome_interpret.interpretation import Interpretation
from biome_interpret.visualization.characters import is_word, visible, without_mark

# The usual keys of the label in an input.
_GOLD_NAMES = ("label", "gold_label", "gold")

_NUM_WORDS = 12
_NUM_EXAMPLES = 3
_NUM_ERRORS = 8
_LONGEST_WORD = 100
# The bars of the relative delta lie between 10^-7 and 10^0.
_LEAST_DECADE, _LARGEST_DECADE = -7, 0


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
    examples: List[Example] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def weight(self) -> float:
        """Mean score × √count: frequent words rank above rare ones with the same mean."""
        return self.total / math.sqrt(self.count)

    def add(self, line: int, score: float) -> None:
        self.count += 1
        self.total += score
        is_full = len(self.examples) == _NUM_EXAMPLES
        if is_full and abs(score) <= abs(self.examples[-1].score):
            return
        # Each line once, largest score first.
        ranked = sorted([*self.examples, Example(line, score)], key=lambda one: -abs(one.score))
        lines = [one.line for one in ranked]
        unique = [one for i, one in enumerate(ranked) if one.line not in lines[:i]]
        self.examples = unique[:_NUM_EXAMPLES]


class LabelWords(NamedTuple):
    """The words with the largest weights for a label and against it."""

    label: str
    method: Optional[str]
    num_texts: int
    speak_for: List[Word]
    speak_against: List[Word]


class Bar(NamedTuple):
    """The number of texts with a value below `limit`, but not below the previous bar's limit."""

    limit: Optional[float]
    num_texts: int


class Deltas(Counter[int]):
    """A histogram of |f(x) − f(x') − Σ scores| / Σ |score| by decade."""

    def add(self, relative: float) -> None:
        decade = math.floor(math.log10(relative)) + 1 if relative > 0 else _LEAST_DECADE
        self[min(max(decade, _LEAST_DECADE), _LARGEST_DECADE + 1)] += 1

    def bars(self) -> List[Bar]:
        """In the order of their limits. The limit of the last bar is `None`."""
        decades = range(_LEAST_DECADE, _LARGEST_DECADE + 1)
        bars = [Bar(10.0**decade, self[decade]) for decade in decades]
        return [*bars, Bar(None, self[_LARGEST_DECADE + 1])]


class LabelCount(NamedTuple):
    """How often a label was predicted, and how often it was right (`None` if unknown)."""

    label: str
    predicted: int
    right: Optional[int]


class Corpus:
    """Statistics over all added records. Memory grows with the vocabulary, not with the texts."""

    def __init__(self) -> None:
        self.num_texts = 0
        self.num_errors = 0
        self.errors: List[Tuple[int, str]] = []
        self.methods: Counter[Optional[str]] = Counter()
        self.notes: Counter[str] = Counter()
        self.deltas: Dict[Optional[str], Deltas] = {}
        self.num_gold = 0
        self.num_right = 0
        self._predicted: Counter[str] = Counter()
        self._right: Counter[Optional[str]] = Counter()
        self._explained: Counter[Tuple[str, Optional[str]]] = Counter()
        self._words: Dict[Tuple[str, Optional[str]], Dict[str, Word]] = {}

    def add_error(self, line: int, reason: str) -> None:
        self.num_texts += 1
        self.num_errors += 1
        if len(self.errors) < _NUM_ERRORS:
            self.errors.append((line, visible(reason)))

    def add(self, line: int, found: List[Interpretation], gold: Optional[str]) -> None:
        """Adds the interpretations of one text, and the text's own label if it is known."""
        self.num_texts += 1
        predicted = next(iter(probabilities_of(found)), None)
        if predicted is not None:
            self._predicted[predicted] += 1
        if gold is not None:
            self.num_gold += 1
            self.num_right += gold == predicted
            self._right[predicted] += gold == predicted
        self.notes.update({note for one in found for note in one.notes})
        for one in found:
            self.methods[one.method] += 1
            relative = relative_delta(one)
            if relative is not None:
                self.deltas.setdefault(one.method, Deltas()).add(relative)
            self._add_words(line, one)

    def labels(self) -> List[LabelCount]:
        """The predicted labels, most frequent first."""
        return [
            LabelCount(label, count, self._right[label] if self.num_gold else None)
            for label, count in sorted(self._predicted.items(), key=lambda pair: (-pair[1], pair))
        ]

    def words(self) -> List[LabelWords]:
        """The words of each explained label, most frequent label first."""
        ranked = []
        for key in sorted(self._words, key=lambda key: (-self._explained[key], str(key))):
            label, method = key
            words = self._words[key].values()
            shown = method if len(self.methods) > 1 else None
            sides = _strongest(words, 1), _strongest(words, -1)
            ranked.append(LabelWords(label, shown, self._explained[key], *sides))
        return ranked

    def _add_words(self, line: int, one: Interpretation) -> None:
        if one.target.label is None:
            return
        key = (one.target.label, one.method)
        self._explained[key] += 1
        words = self._words.setdefault(key, {})
        for scores in one.fields.values():
            for token, score in zip(scores.tokens, scores.scores):
                text = without_mark(token)[:_LONGEST_WORD].lower()
                if score is not None and math.isfinite(score):
                    words.setdefault(text, Word(text)).add(line, score)


def probabilities_of(found: List[Interpretation]) -> Dict[str, float]:
    """The probabilities of the labels, most probable first; empty if the text has no label."""
    return next((one.probabilities for one in found if one.probabilities), {})


def gold_label(inputs: Any, found: List[Interpretation]) -> Optional[str]:
    """The label in the input, if it is a label of the model."""
    known = {label for one in found for label in one.probabilities or {}}
    if not isinstance(inputs, dict):
        return None
    values = [str(inputs[name]) for name in _GOLD_NAMES if name in inputs]
    return next((value for value in values if value in known), None)


def relative_delta(one: Interpretation) -> Optional[float]:
    """
    |delta| / Σ |score|, or `None` if there is no delta or all scores are 0. The difference of the
    outputs would be a poor measure: scores for and against may cancel in it.
    """
    if one.convergence_delta is None:
        return None
    scores = [score for field in one.fields.values() for score in field.scores]
    total = math.fsum(map(abs, [*scores, one.unassigned]))
    relative = abs(one.convergence_delta) / total if total else math.nan
    return relative if math.isfinite(relative) else None


def _strongest(words: Iterable[Word], sign: int) -> List[Word]:
    found = [word for word in words if sign * word.total > 0 and is_word(word.text)]
    return sorted(found, key=lambda word: (-sign * word.weight, word.text))[:_NUM_WORDS]
