"""What many interpretations say together: gathered one record at a time, in little memory."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from biome_interpret.interpretation import Interpretation
from biome_interpret.visualization.characters import is_word, visible, without_mark

# Under which names an input commonly holds its own label.
_GOLD_NAMES = ("label", "gold_label", "gold")

_NUM_WORDS = 12
_NUM_EXAMPLES = 3
_NUM_ERRORS = 100
_LONGEST_WORD = 100
# Decades of the relative delta that have a bar of their own.
_LEAST_DECADE, _LARGEST_DECADE = -7, 0


class Example(NamedTuple):
    """Where a word stands: the line, and its score there."""

    line: int
    score: float


@dataclass
class Word:
    """How a word speaks for or against a label, over all its places."""

    text: str
    count: int = 0
    total: float = 0.0
    examples: List[Example] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def weight(self) -> float:
        """
        Mean score times the square root of the count: a word seen once has to speak louder than
        one that always says the same, and one that says next to nothing stays behind, however
        often it does.
        """
        return self.total / math.sqrt(self.count)

    def add(self, line: int, score: float) -> None:
        self.count += 1
        self.total += score
        # Loudest first, and each line once.
        is_full = len(self.examples) == _NUM_EXAMPLES
        if is_full and abs(score) <= abs(self.examples[-1].score):
            return
        others = [example for example in self.examples if example.line != line]
        same = [example for example in self.examples if example.line == line]
        loudest = max([*same, Example(line, score)], key=lambda example: abs(example.score))
        examples = sorted([*others, loudest], key=lambda example: -abs(example.score))
        self.examples = examples[:_NUM_EXAMPLES]


class LabelWords(NamedTuple):
    """The words that count most for a label, and those that count most against it."""

    label: str
    method: Optional[str]
    num_texts: int
    speak_for: List[Word]
    speak_against: List[Word]


class Bar(NamedTuple):
    """How many texts fall below `limit` (and not below the one before)."""

    limit: Optional[float]
    num_texts: int


@dataclass
class Deltas:
    """Relative deltas, |f(x) − f(x') − Σ scores| / |f(x) − f(x')|, by decade."""

    counts: Counter = field(default_factory=Counter)

    def add(self, relative: float) -> None:
        decade = math.floor(math.log10(relative)) + 1 if relative > 0 else _LEAST_DECADE
        self.counts[min(max(decade, _LEAST_DECADE), _LARGEST_DECADE + 1)] += 1

    def bars(self) -> List[Bar]:
        """From the least to the largest; the last one has no limit."""
        decades = [*range(_LEAST_DECADE, _LARGEST_DECADE + 1)]
        bars = [Bar(10.0**decade, self.counts[decade]) for decade in decades]
        return [*bars, Bar(None, self.counts[_LARGEST_DECADE + 1])]


class LabelCount(NamedTuple):
    """How often a label was predicted, and how often rightly where that is known."""

    label: str
    predicted: int
    right: Optional[int]


class Corpus:
    """
    Reads records, such as `write_report` takes, one after the other; at any time its attributes
    and methods tell of those read so far. Its memory grows with the vocabulary only.
    """

    def __init__(self) -> None:
        self.num_texts = 0
        self.num_interpretations = 0
        self.num_errors = 0
        self.errors: List[Tuple[int, str]] = []
        self.methods: Counter = Counter()
        self.notes: Counter = Counter()
        self.deltas: Dict[Optional[str], Deltas] = {}
        self.num_gold = 0
        self.num_right = 0
        self._predicted: Counter = Counter()
        self._right: Counter = Counter()
        self._explained: Counter = Counter()
        self._words: Dict[Tuple[str, Optional[str]], Dict[str, Word]] = {}

    def add_error(self, line: int, reason: str) -> None:
        self.num_texts += 1
        self.num_errors += 1
        if len(self.errors) < _NUM_ERRORS:
            self.errors.append((line, visible(reason)))

    def add(self, line: int, found: List[Interpretation], gold: Optional[str]) -> None:
        """
        # Parameters

        line : `int`
        found : `List[Interpretation]`
            The text's.
        gold : `str`, optional
            Its own label, where it is known.
        """
        self.num_texts += 1
        self.num_interpretations += len(found)
        predicted = prediction(found)
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
        gold_known = self.num_gold > 0
        return [
            LabelCount(label, count, self._right[label] if gold_known else None)
            for label, count in sorted(self._predicted.items(), key=lambda pair: (-pair[1], pair))
        ]

    def words(self) -> List[LabelWords]:
        """For each explained label, most frequent first."""
        several = len(self.methods) > 1
        return [
            LabelWords(
                key[0],
                key[1] if several else None,
                self._explained[key],
                _strongest(self._words[key].values(), 1),
                _strongest(self._words[key].values(), -1),
            )
            for key in sorted(self._words, key=lambda key: (-self._explained[key], str(key)))
        ]

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


def prediction(found: List[Interpretation]) -> Optional[str]:
    """The label that the model gives to the text, where it gives one."""
    probabilities = next((one.probabilities for one in found if one.probabilities), None)
    return None if probabilities is None else next(iter(probabilities))


def gold_label(inputs: Any, found: List[Interpretation]) -> Optional[str]:
    """The text's own label, where the input has one that is a label of the model's."""
    known = {label for one in found for label in one.probabilities or {}}
    if not isinstance(inputs, dict):
        return None
    values = [str(inputs[name]) for name in _GOLD_NAMES if name in inputs]
    return next((value for value in values if value in known), None)


def relative_delta(one: Interpretation) -> Optional[float]:
    """|delta| / |f(x) − f(x')|; `None` where there is no delta or nothing to explain."""
    if one.convergence_delta is None or one.baseline_output is None:
        return None
    difference = abs(one.output - one.baseline_output)
    relative = abs(one.convergence_delta) / difference if difference else math.nan
    return relative if math.isfinite(relative) else None


def _strongest(words: Iterable[Word], sign: int) -> List[Word]:
    speaking = [word for word in words if sign * word.total > 0 and is_word(word.text)]
    return sorted(speaking, key=lambda word: (-sign * word.weight, word.text))[:_NUM_WORDS]
