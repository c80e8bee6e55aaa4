"""The units of the texts of a batch: tokens, words or sentences that are removed together."""

from typing import Dict, List, Optional, Sequence, Set, Tuple

import torch
from allennlp.data.fields import TextField

from biome_interpret.attribution.coalitions import Removed, Units
from biome_interpret.models.alignment.segments import GRANULARITIES, Segment
from biome_interpret.models.alignment.special_tokens import special_tokens
from biome_interpret.models.embedding.calls import CallKey, SiteCall


class BatchUnits:
    """
    # Parameters

    fields : `Dict[str, List[SiteCall]]`
        The calls of each field, in the order in which the model reads the fields.
    source_texts : `Sequence[Sequence[str]]`
        For each instance the strings that its fields may have been made of.
    granularity : `str`
        A key of `GRANULARITIES`.
    """

    def __init__(
        self,
        fields: Dict[str, List[SiteCall]],
        source_texts: Sequence[Sequence[str]],
        granularity: str,
    ) -> None:
        # For each instance the segments of each of its texts, by the text's name.
        self.segments: List[Dict[str, List[Segment]]] = [{} for _ in source_texts]
        # The fields by the same names.
        self._fields: List[Dict[str, TextField]] = [{} for _ in source_texts]
        # For each field and instance the unit of each token, -1 for a token that is in none.
        self._unit_of_token: Dict[str, List[List[int]]] = {name: [] for name in fields}
        for row, sources in enumerate(source_texts):
            num_units = 0
            for name, calls in fields.items():
                owners: List[int] = []
                for text in calls[0].texts[row]:
                    segments = GRANULARITIES[granularity](text.field, sources)
                    self.segments[row][text.name] = segments
                    self._fields[row][text.name] = text.field
                    unit_of = {t: num_units + u for u, s in enumerate(segments) for t in s.tokens}
                    num_units += len(segments)
                    owners += [unit_of.get(t, -1) for t in range(len(text.field.tokens))]
                self._unit_of_token[name].append(owners)
        self._unit_of_position: Dict[CallKey, torch.Tensor] = {}

    def of(self, row: int) -> Units:
        """The units of an instance."""
        return Units(
            {name: [one.text for one in found] for name, found in self.segments[row].items()}
        )

    def tokens(self, row: int, units: Removed) -> Dict[str, Set[int]]:
        """
        The indices of the tokens of some units of an instance, by the name of their text, without
        special tokens.
        """
        found: Dict[str, Set[int]] = {}
        first = 0
        for name, segments in self.segments[row].items():
            special = special_tokens(self._fields[row][name])
            found[name] = {
                token
                for unit, segment in enumerate(segments, start=first)
                if unit in units
                for token in segment.tokens
                if not special[token]
            }
            first += len(segments)
        return found

    def moved(self, call: SiteCall, rows: Sequence[Tuple[int, Optional[Removed]]]) -> torch.Tensor:
        """
        Whether each position is one of the units of its row; all are if these are `None`.

        # Parameters

        rows : `Sequence[Tuple[int, Optional[Removed]]]`
            The instance of each row, and its units.

        # Returns

        `torch.Tensor`
            Shape: (rows, positions).
        """
        most = 1 + max(self.of(row).num for row in range(len(self.segments)))
        # The last column is for positions that are in no unit.
        table = torch.zeros(len(rows), most, dtype=torch.bool)
        for flags, (_, units) in zip(table, rows):
            flags[list(range(most)) if units is None else list(units)] = True
        units_at = self._units_at(call)[torch.tensor([row for row, _ in rows])]
        return table.gather(1, units_at.where(units_at >= 0, torch.tensor(most - 1)))

    def _units_at(self, call: SiteCall) -> torch.Tensor:
        """The unit of each position, -1 if it is in none. Shape: (instances, positions)."""
        if call.key not in self._unit_of_position:
            unit_of_token = self._unit_of_token[call.key.field]
            # Owners below 0 are positions without a token.
            found = [
                [unit_of_token[row][owner] if owner >= 0 else -1 for owner in owners]
                for row, owners in enumerate(call.owners.tolist())
            ]
            self._unit_of_position[call.key] = torch.tensor(found)
        return self._unit_of_position[call.key]
