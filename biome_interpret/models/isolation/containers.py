"""What modules hold in plain containers, at any depth."""

from collections import deque
from typing import Any, Collection, List, Set, Tuple

from allennlp.training.metrics import Metric

# Values that hold more items in all are taken for data that never changes.
_LARGEST = 10_000

_Changing = (dict, list, set, deque)
_Found = (*_Changing, tuple, frozenset, Metric)


class HeldContents:
    """
    The containers and metrics that some values are or hold. Tensors, modules and other objects are
    not looked into.

    # Parameters

    values : `Collection[Any]`
        For each of these, outer containers count before inner ones and small ones before large
        ones, until they have 10,000 items.
    """

    def __init__(self, values: Collection[Any]) -> None:
        self.metrics: List[Metric] = []
        # With a copy of what each of them holds.
        self._containers: List[Tuple[Any, Any]] = []
        # The ids of containers and metrics. What holds them keeps them alive: no two have one id.
        self._seen: Set[int] = set()
        for container in self._new(values):
            level, left = [container], _LARGEST
            while level:
                level, left = self._inside(level, left)

    def restore(self) -> None:
        """May be called again, also if it was interrupted at any line."""
        for container, saved in self._containers:
            if not _same_items(container, saved):
                _refill(container, saved)

    def _inside(self, level: List[Any], left: int) -> Tuple[List[Any], int]:
        """The containers inside those of a level, and how many items may still follow."""
        inside: List[Any] = []
        for container in sorted(level, key=len):
            if len(container) > left:
                return inside, 0
            # Other threads may change it meanwhile: the copy is made in one step.
            saved = _copy(container)
            if isinstance(container, _Changing):
                self._containers.append((container, saved))
            left -= len(saved)
            inside += self._new(saved.values() if isinstance(saved, dict) else saved)
        return inside, left

    def _new(self, items: Collection[Any]) -> List[Any]:
        """The containers among some items that were not seen before. Metrics are kept."""
        containers: List[Any] = []
        # Most items are numbers or words: their types are compared once.
        types = {kind for kind in set(map(type, items)) if issubclass(kind, _Found)}
        for item in items if types else ():
            if type(item) in types and id(item) not in self._seen:
                self._seen.add(id(item))
                (self.metrics if isinstance(item, Metric) else containers).append(item)
        return containers


def _copy(container: Any) -> Any:
    if isinstance(container, dict):
        return dict(container)
    return set(container) if isinstance(container, set) else list(container)


def _same_items(container: Any, saved: Any) -> bool:
    if len(container) != len(saved):
        return False
    if isinstance(container, dict):
        return all(container.get(key, saved) is value for key, value in saved.items())
    if isinstance(container, set):
        return bool(container == saved)
    return all(one is other for one, other in zip(container, saved))


def _refill(container: Any, saved: Any) -> None:
    """Lists, dicts and sets are never empty meanwhile: other threads may read them."""
    if isinstance(container, list):
        container[:] = saved
    elif isinstance(container, deque):
        container.clear()
        container.extend(saved)
    elif isinstance(container, dict):
        for key, value in saved.items():  # The `update` of a `Counter` would add.
            container[key] = value
        for key in [key for key in [*container] if key not in saved]:
            container.pop(key, None)
    else:
        container |= saved
        container &= saved
