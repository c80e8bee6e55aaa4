"""The classes that are registered under a base class."""

import sys
from functools import lru_cache
from typing import Any, Callable, Mapping, Tuple, Type, TypeVar

from allennlp.common import FromParams, Params, Registrable
from allennlp.common.checks import ConfigurationError

from biome_interpret.errors import reason_of, shown

_Base = TypeVar("_Base")


def latest_first(base: Type[_Base]) -> Tuple[Type[_Base], ...]:
    """The classes that are registered under `base`. A user's own come before ours."""
    # `Registrable.by_name` logs each look-up, which takes longer than a small model's prediction.
    entries: Any = Registrable._registry[base].values()
    return tuple(cls for cls, _ in reversed(tuple(entries)))


def named_class(base: Type[_Base], option: str, name: Any, besides: str = "") -> Type[_Base]:
    """
    The class with a registered name, or with a dotted one: `package.module.Class`, of a module that
    is imported already. A name in a configuration imports no module and calls no function, unlike
    in `Registrable.by_name`.

    # Parameters

    option : `str`
        The option that is given the name, for messages.
    besides : `str`
        What else the option takes, for messages.

    # Raises

    `ConfigurationError`
        If there is no such class, or if it is not a subclass of `base`.
    """
    registered = Registrable._registry[base]
    if isinstance(name, str) and name in registered:
        return registered[name][0]
    if isinstance(name, str) and "." in name:
        module, _, class_name = name.rpartition(".")
        found = getattr(sys.modules.get(module), "__dict__", {}).get(class_name)
        if isinstance(found, type) and issubclass(found, base):
            return found
        raise ConfigurationError(
            f"{option} {shown(name)} is not a subclass of {base.__name__} in a module that is "
            f"imported: import the module first (on the command line with --include-package)"
        )
    known = ", ".join(map(repr, registered))
    raise ConfigurationError(f"unknown {option} {shown(name)}: give {besides}one of {known}")


def constructed(
    base: Type[_Base],
    option: str,
    params: Mapping[str, Any],
    from_params: Callable[[Params], _Base],
    besides: str = "",
) -> _Base:
    """
    The object of a `type` and its parameters. The class is checked before anything is made.

    # Parameters

    from_params : `Callable[[Params], _Base]`
        Makes it.

    # Raises

    `ConfigurationError`
        As `named_class`, and if the class does not take the parameters.
    """
    if params.get("type") is None:
        raise ConfigurationError(f"{option} is {shown(params)}; it must name its 'type'")
    cls = named_class(base, option, params["type"], besides)
    refuse_code(option, params)
    try:
        return from_params(Params(dict(params)))
    except Exception as error:
        reason = str(error) if isinstance(error, ConfigurationError) else reason_of(error)
        message = f"{option} cannot be made as a {cls.__name__}: {reason}"
        raise ConfigurationError(message) from error


def refuse_code(option: str, value: Any) -> None:
    """
    AllenNLP would load an archive for a parameter `_pretrained`, and import and call the `type` of
    one inside another.
    """
    if isinstance(value, Mapping):
        if "_pretrained" in value:
            raise ConfigurationError(f"{option} loads no archive: leave out '_pretrained'")
        if "." in str(value.get("type")):
            named_class(FromParams, option, value["type"])
        value = list(value.values())
    for item in value if isinstance(value, (list, tuple)) else ():
        refuse_code(option, item)


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
