"""Statistics over many interpretations, gathered one record at a time in little memory."""

import math
import re
from typing import Any, Counter, Dict, List, NamedTuple, Optional, Tuple

from biome_interpret.interpretation import Interpretation
from biome_interpret.visualization.captions import predicted_in
from biome_interpret.visualization.characters import visible, without_mark
from biome_interpret.visualization.spans import gold_spans, predicted_spans, type_of
from biome_interpret.visualization.words import LabelWords, Word, label_words

# The usual keys of the label in an input.
_GOLD_NAMES = ("label", "gold_label", "gold")

# The name of an interpreter, and what its options are if there are several of the name.
_METHOD = re.compile(r"(.+?) \((.+)\)", re.DOTALL)
_NUM_ERRORS = 8
_LONGEST_WORD = 100
_LARGEST_SCORE = 1e150
_NUMBER = re.compile(r"\d[\d.,]*(e[+-]?\d+)?")
# The bars of the relative delta lie between 10^-7 and 10^0.
_LEAST_DECADE, _LARGEST_DECADE = -7, 0


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
    """The texts with a predicted label, and how many are right (`None` if unknown)."""

    label: str
    predicted: int
    right: Optional[int]


class Gold(NamedTuple):
    """A text's own label as it is shown, and whether the model predicts it."""

    text: str
    is_right: bool


class Corpus:
    """
    Statistics over all added records. Memory grows with the vocabulary, not with the texts.

    `is_shown` tells whether the page shows the next record. It links to no other.
    `explains_predictions` tells whether the targets are what the model predicts.
    """

    def __init__(self, explains_predictions: bool = True) -> None:
        self.is_shown = True
        self.explains_predictions = explains_predictions
        self.num_texts = 0
        self.num_shown = 0
        self.num_errors = 0
        self.errors: List[Tuple[int, str]] = []
        self.methods: Counter[Optional[str]] = Counter()
        self.output_names: Counter[str] = Counter()
        # Alike but for their numbers: the first of them, and how many texts have one.
        self._notes: Dict[str, Tuple[str, int]] = {}
        self.deltas: Dict[Optional[str], Deltas] = {}
        self.num_gold = 0
        self.num_right = 0
        self.num_unknown_gold = 0
        self.labels_spans = False
        self._predicted: Counter[str] = Counter()
        self._right: Counter[Optional[str]] = Counter()
        self._explained: Counter[Tuple[str, Optional[str]]] = Counter()
        self._words: Dict[Tuple[str, Optional[str]], Dict[str, Word]] = {}

    def add_error(self, line: int, reason: str) -> None:
        self.num_texts += 1
        self.num_shown += self.is_shown
        self.num_errors += 1
        if self.is_shown and len(self.errors) < _NUM_ERRORS:
            self.errors.append((line, visible(reason)))

    def add(self, line: int, found: List[Interpretation], gold: Optional[Gold]) -> None:
        """Adds the interpretations of one text, and the text's own label if it is known."""
        self.num_texts += 1
        self.num_shown += self.is_shown
        predicted = predicted_labels(found, self.explains_predictions)
        self._predicted.update(predicted)
        if gold is not None:
            self.num_gold += 1
            self.num_right += gold.is_right
            self._right.update(label for label in predicted if gold.is_right)
        self._add_notes(found)
        for one in found:
            self.methods[one.method] += 1
            self.labels_spans |= one.target.words is not None
            if one.output_name is not None:
                self.output_names[one.output_name] += 1
            relative = relative_delta(one)
            if relative is not None:
                self.deltas.setdefault(one.method, Deltas()).add(relative)
            self._add_words(line, one)

    @property
    def notes(self) -> List[Tuple[str, int]]:
        """Notes, and how many texts have one like it but for its numbers. Most frequent first."""
        return sorted(self._notes.values(), key=lambda note: -note[1])

    def column(self, method: str) -> str:
        """What tells a method from others: "baseline: unknown" of "name (baseline: unknown)"."""
        found = [_METHOD.fullmatch(name or "") for name in self.methods]
        names = {match[1] if match else None for match in found}
        own = _METHOD.fullmatch(method)
        is_enough = own is not None and len(found) > 1 and len(names) == 1
        return own[2] if own is not None and is_enough else method

    def labels(self) -> List[LabelCount]:
        """The predicted labels, most frequent first."""
        has_gold = self.num_gold > 0 and not self.labels_spans
        return [
            LabelCount(label, count, self._right[label] if has_gold else None)
            for label, count in sorted(self._predicted.items(), key=lambda pair: (-pair[1], pair))
        ]

    def words(self) -> List[LabelWords]:
        """The words of each explained label, most frequent label first."""
        several = len(self.methods) > 1
        ranked = []
        for key in sorted(self._words, key=lambda key: (-self._explained[key], str(key))):
            label, method = key
            shown = method if several else None
            ranked.append(label_words(label, shown, self._explained[key], self._words[key]))
        return ranked

    def _add_notes(self, found: List[Interpretation]) -> None:
        for kind, note in {_NUMBER.sub("…", n): n for one in found for n in one.notes}.items():
            first, count = self._notes.get(kind, (note, 0))
            self._notes[kind] = first, count + 1

    def _add_words(self, line: int, one: Interpretation) -> None:
        label = type_of(one.target)
        if label is None:
            return
        key = (label, one.method)
        self._explained[key] += 1
        words = self._words.setdefault(key, {})
        for scores in one.fields.values():
            for token, score in zip(scores.tokens, scores.scores):
                text = without_mark(token)[:_LONGEST_WORD].lower()
                # The squares of larger ones would overflow.
                if score is not None and abs(score) < _LARGEST_SCORE:
                    words.setdefault(text, Word(text)).add(line, score, self.is_shown)


def probabilities_of(found: List[Interpretation]) -> Dict[str, float]:
    """The probabilities of the labels, most probable first; empty if the text has no label."""
    return next((one.probabilities for one in found if one.probabilities), {})


def predicted_labels(found: List[Interpretation], explains_predictions: bool = True) -> List[str]:
    """The labels of the text, or the types of the spans in it, each once."""
    probabilities = probabilities_of(found)
    if probabilities or not explains_predictions:
        return predicted_in(probabilities)
    types = (type_of(one.target) for one in found if one.target.words is not None)
    return list(dict.fromkeys(name for name in types if name is not None))


def gold_of(
    given: Any, inputs: Any, found: List[Interpretation], explains_predictions: bool = True
) -> Optional[Gold]:
    """
    # Parameters

    given : `Any`
        The record's `gold`: a label, or a list of labels or of the tags of all words. If it is
        `None`, the input may have a label under a usual key.

    # Returns

    `Gold`, optional
        `None` if the text has no label of its own, or one that the model does not know. `None` also
        if the results do not say what the model predicts.
    """
    if isinstance(given, list):
        if not explains_predictions and not probabilities_of(found):
            return None
        return _gold_of_many([str(one) for one in given], found)
    known = {label for one in found for label in one.probabilities or {}}
    names = _GOLD_NAMES if isinstance(inputs, dict) and given is None else ()
    values = [str(inputs[name]) for name in names if name in inputs]
    values = values if given is None else [str(given)]
    label = next((value for value in values if value in known), None)
    return None if label is None else Gold(label, [label] == predicted_labels(found))


def _gold_of_many(gold: List[str], found: List[Interpretation]) -> Optional[Gold]:
    if not any(one.target.words is not None for one in found):
        # Several labels of the whole text; or a tagger that found nothing.
        wanted = sorted({label for label in gold if label != "O"})
        probabilities = probabilities_of(found)
        targets = [str(one.target.label) for one in found]
        predicted = predicted_in(probabilities) if probabilities else targets
        return Gold(", ".join(wanted) or "nothing", {*wanted} == {*predicted})
    [field] = list(found[0].fields.values())[:1]
    if len(gold) != len(field.tokens):  # Of tokens that were joined, the tags are not known.
        return None
    spans = gold_spans(gold, field.tokens)
    is_right = sorted(spans) == sorted(predicted_spans(found))
    return Gold(", ".join(spans) or "nothing", is_right)


def relative_delta(one: Interpretation) -> Optional[float]:
    """
    |delta| / Σ |score|, or `None` if there is no delta or all scores are 0. The difference of the
    outputs would be a poor measure: scores for and against may cancel in it.
    """
    if one.convergence_delta is None:
        return None
    scores = [score for field in one.fields.values() for score in field.scores]
    sizes = [abs(score) for score in [*scores, one.unassigned]]
    largest = max(sizes)
    # Relative to the largest: the sum of huge scores would overflow.
    total = math.fsum(size / largest for size in sizes) if largest else 0.0
    relative = abs(one.convergence_delta) / largest / total if total else math.nan
    return relative if math.isfinite(relative) else None
