"""The classes that are registered under a base class."""

from typing import Any, Iterator


def latest_first(base: Any) -> Iterator[Any]:
    """
    So that a user's own goes before what is there. (`by_name` would find the same, and log it:
    several times for each text that takes longer than a small model's prediction.)

    # Parameters

    base : `Any`
        A direct child of `Registrable`.
    """
    names = base.list_available()
    return (base.resolve_class_name(name)[0] for name in reversed(names))
