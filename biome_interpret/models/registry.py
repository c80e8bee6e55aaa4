"""The classes that are registered under a base class."""

from typing import Any, Dict, Tuple, Type, TypeVar

from allennlp.common import Registrable

_Base = TypeVar("_Base")


def latest_first(base: Type[_Base]) -> Tuple[Type[_Base], ...]:
    """The classes that are registered under `base`. A user's own come before ours."""
    # `Registrable.by_name` logs each look-up, which takes longer than a small model's prediction.
    registered: Dict[str, Any] = Registrable._registry[base]
    return tuple(cls for cls, _ in reversed(tuple(registered.values())))


def by_priority(base: Type[_Base]) -> Tuple[Type[_Base], ...]:
    """
    The registered classes, those with the highest `priority` first; among equals, the latest first.
    Priorities are not inherited: a class that sets none has 0. Ours are negative.
    """
    classes = latest_first(base)
    return tuple(sorted(classes, key=lambda cls: vars(cls).get("priority", 0), reverse=True))
