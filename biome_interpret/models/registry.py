"""The classes that are registered under a base class."""

from typing import Any, Tuple

from allennlp.common import Registrable


def latest_first(base: Any) -> Tuple[Any, ...]:
    """
    The registered classes, so that a user's own goes before ours. (`Registrable.by_name` finds the
    same classes, but logs each look-up, which takes longer than a small model's prediction.)

    # Parameters

    base : `Any`
        A direct child of `Registrable`.
    """
    return tuple(cls for cls, _ in reversed(tuple(Registrable._registry[base].values())))


def by_priority(base: Any) -> Tuple[Any, ...]:
    """
    The registered classes, those with the highest `priority` first; among equals, the latest first.
    Priorities are not inherited: a class that sets none has 0. Ours are negative.
    """
    return tuple(sorted(latest_first(base), key=_priority, reverse=True))


def _priority(cls: type) -> int:
    return vars(cls).get("priority", 0)
