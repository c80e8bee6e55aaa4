"""Puts points of the embedding space in place of the embeddings of a pass."""

from typing import Dict, Mapping, Optional, Sequence, Set

import torch

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.call_matching import VIEW, CallMatcher, Match
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.embedding.id_positions import by_row


class PointsLost(InterpretationError):
    """The points of a pass did not reach the model as they should."""


class PointPlacer:
    """
    Replaces each traced call of a pass by its points, exactly once.

    # Parameters

    calls : `Sequence[SiteCall]`
        As traced.
    points : `Mapping[CallKey, torch.Tensor]`
        For each of the calls, a point for each row. Shape: (rows, positions, dim).
    rows : `Sequence[int]`
        The traced instance of each row.
    matcher : `CallMatcher`
        For the arguments of the pass.
    """

    def __init__(
        self,
        calls: Sequence[SiteCall],
        points: Mapping[CallKey, torch.Tensor],
        rows: Sequence[int],
        matcher: CallMatcher,
    ) -> None:
        self._calls: Dict[CallKey, SiteCall] = {call.key: call for call in calls}
        self._points = points
        self._rows = torch.tensor(rows)
        self._matcher = matcher
        self._placed: Set[CallKey] = set()

    def replace(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        """
        The points in the shape of the output; `None` for a call that was not traced.

        # Raises

        `PointsLost`
            If the model calls the site in another way than when it was traced.
        """
        match = self._matcher.match(site, given)
        if match is None:
            return None
        call, field = self._calls.get(match.key), match.key.field
        if call is None:
            # Fields of a label are not explained, and other ids may look like those of the text.
            if match.how != VIEW or all(key.field != field for key in self._calls):
                return None
            raise PointsLost(f"the model embeds field '{field}' more often than before")
        points = self._in_given_order(match, call)
        if points is None or points.numel() != output.numel():
            raise PointsLost(
                f"the model embeds the tokens of field '{field}' in another order or number than "
                f"before"
            )
        self._placed.add(match.key)
        return points.reshape(output.shape)

    def _in_given_order(self, match: Match, call: SiteCall) -> Optional[torch.Tensor]:
        """Flattened, if they were given in another order. A copy: the model may write into it."""
        found = by_row(match.positions, match.ids, len(self._rows))
        if found is None or not torch.equal(found.positions, call.positions[self._rows]):
            return None
        points = self._points[match.key]
        if found.order is None:
            return points.clone()
        if found.order.numel() != points.size(0) * points.size(1):
            return None
        return points.flatten(0, 1)[found.order.argsort().to(points.device)]

    def check(self) -> None:
        """
        # Raises

        `PointsLost`
            If a traced call was not made in this pass.
        """
        for key, call in self._calls.items():
            if key not in self._placed:
                raise PointsLost(
                    f"the model does not call {call.site.name} again for field '{key.field}', so "
                    f"that the points of the path do not reach it. If it keeps the embeddings of "
                    f"texts that it saw, switch that off"
                )
