"""The classes that are registered under a base class."""

from functools import lru_cache
from typing import Any, Tuple, Type, TypeVar

from allennlp.common import Registrable

_Base = TypeVar("_Base")


def latest_first(base: Type[_Base]) -> Tuple[Type[_Base], ...]:
    """The classes that are registered under `base`. A user's own come before ours."""
    # `Registrable.by_name` logs each look-up, which takes longer than a small model's prediction.
    entries: Any = Registrable._registry[base].values()
    return tuple(cls for cls, _ in reversed(tuple(entries)))


def by_priority(base: Type[_Base]) -> Tuple[Type[_Base], ...]:
    """
    The registered classes, those with the highest `priority` first; among equals, the latest first.
    Priorities are not inherited: a class that sets none has 0. Ours are negative.
    """
    return _sorted_by_priority(latest_first(base))


# Several look-ups for each text would take a tenth of a small model's time.
@lru_cache(maxsize=64)
def _sorted_by_priority(classes: Tuple[Any, ...]) -> Tuple[Any, ...]:
    return tuple(sorted(classes, key=lambda cls: vars(cls).get("priority", 0), reverse=True))
