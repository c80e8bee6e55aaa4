"""The classes that are registered under a base class."""

from functools import lru_cache
from typing import Any, Tuple

from allennlp.common import Registrable


def latest_first(base: Any) -> Tuple[Any, ...]:
    """
    So that a user's own goes before what is there. (`by_name` would find the same, and log it:
    several times for each text that takes longer than a small model's prediction.)

    # Parameters

    base : `Any`
        A direct child of `Registrable`.
    """
    return _classes(tuple(Registrable._registry[base].values()))


@lru_cache(maxsize=32)
def _classes(entries: Tuple[Tuple[Any, Any], ...]) -> Tuple[Any, ...]:
    return tuple(kind for kind, _ in reversed(entries))
