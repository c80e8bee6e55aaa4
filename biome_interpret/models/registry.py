"""The classes that are registered under a base class."""

from typing import Any, Tuple

from allennlp.common import Registrable


def latest_first(base: Any) -> Tuple[Any, ...]:
    """The classes that are registered under `base`. A user's own come before ours."""
    # `Registrable.by_name` logs each look-up, which takes longer than a small model's prediction.
    return tuple(cls for cls, _ in reversed(tuple(Registrable._registry[base].values())))


def by_priority(base: Any) -> Tuple[Any, ...]:
    """
    The registered classes, those with the highest `priority` first; among equals, the latest first.
    Priorities are not inherited: a class that sets none has 0. Ours are negative.
    """
    classes = latest_first(base)
    return tuple(sorted(classes, key=lambda cls: vars(cls).get("priority", 0), reverse=True))
