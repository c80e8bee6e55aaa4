"""Decides which texts share a forward pass."""

from typing import Callable, List, Sequence

from biome_interpret.models.labelling.texts import InputText

# Texts share a pass if padding makes them at most this much longer in all.
_PADDING_FACTOR = 1.15

# Whether a pass may take this number of texts, padded to these lengths of their fields.
Fits = Callable[[int, Sequence[int]], bool]


def grouped(texts: Sequence[InputText], only_equal: bool, fits: Fits) -> List[List[int]]:
    """
    Groups texts of similar length, so that there is little padding.

    # Parameters

    only_equal : `bool`
        Whether a group must need no padding at all.
    fits : `Fits`

    # Returns

    `List[List[int]]`
        The indices of each group's texts.
    """
    groups: List[_Group] = []
    for i in sorted(range(len(texts)), key=lambda i: texts[i].lengths):
        if not groups or not groups[-1].takes(i, texts[i], only_equal, fits):
            groups.append(_Group(i, texts[i]))
    return [group.members for group in groups]


class _Group:
    """The indices of texts that share a pass."""

    def __init__(self, first: int, text: InputText) -> None:
        self.members = [first]
        self._closed = bool(text.empty_fields)
        self._padding = text.padding_lengths
        self._longest = text.lengths
        self._total = sum(text.lengths)

    def takes(self, index: int, text: InputText, only_equal: bool, fits: Fits) -> bool:
        """Adds the text if it fits; returns whether it does."""
        lengths = text.lengths
        if self._closed or text.empty_fields or len(lengths) != len(self._longest):
            return False
        if only_equal and text.padding_lengths != self._padding:
            return False
        longest = [max(pair) for pair in zip(lengths, self._longest)]
        total = self._total + sum(lengths)
        size = len(self.members) + 1
        if size * sum(longest) > _PADDING_FACTOR * total or not fits(size, longest):
            return False
        self.members.append(index)
        self._longest, self._total = longest, total
        return True
