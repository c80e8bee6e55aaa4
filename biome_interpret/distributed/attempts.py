"""
Remembers what was under way when a process died. Ray starts another process, which explains the
same texts again, and a text that takes too much memory would kill this one too.
"""

import hashlib
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, Iterator, List, Sequence, Set

# The number of deaths after which a text is given up: one with other texts, and two alone.
_MOST_DEATHS = 3
GIVEN_UP = (
    f"the process died {_MOST_DEATHS} times while it explained this text: it may need more memory"
)
# The number of texts that are given up one after the other before the job ends.
_MOST_GIVEN_UP = 5


class Attempts:
    """An actor of Ray. A text that was begun and not ended was under way when a process died."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        # Those that ended, or were given up, after a process had died with them.
        self._known: Set[str] = set()
        # The places of those that were given up one after the other.
        self._given_up: List[str] = []

    def begin(self, texts: Sequence[str]) -> int:
        """
        How often one of the texts was under way when a process died. If it was, the others are not
        begun with it.
        """
        deaths = max((self._begun[text] for text in texts), default=0)
        if deaths == 0 or len(texts) == 1:
            self._begun.update({*texts})
        return deaths

    def end(self, texts: Sequence[str]) -> None:
        # A task that is repeated ends its first texts again.
        if not self._known.issuperset(texts):
            self._given_up = []
        self._known.update(text for text in texts if self._begun.pop(text, 0) > 1)

    def give_up(self, text: str, place: str) -> List[str]:
        """The places of the texts that were given up one after the other."""
        if text not in self._known:
            self._known.add(text)
            self._given_up.append(place)
        return self._given_up

    def forget(self, other: str) -> None:
        """The process has done what is not a text."""
        self._begun.pop(other, None)


def new_attempts() -> Any:
    import ray

    with by_value(sys.modules[__name__]):
        return ray.remote(num_cpus=0, max_restarts=-1)(Attempts).remote()


@contextmanager
def by_value(*modules: ModuleType) -> Iterator[None]:
    """
    Inside the block, Ray sends the classes and functions of these modules whole, in place of their
    names. A process that only reads or counts then does not import this package and AllenNLP, which
    takes seconds and some hundred MB. What is sent so must not use other modules of this package.
    """
    from ray import cloudpickle

    known = cloudpickle.list_registry_pickle_by_value()
    new = [module for module in modules if module.__name__ not in known]
    for module in new:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in new:
            cloudpickle.unregister_pickle_by_value(module)


class Watch:
    """
    What a process asks and tells an actor of `Attempts`. It knows the process and its texts by
    Ray's task, which stays the same if the process dies. Without the actor, nothing has died.
    """

    def __init__(self, attempts: Any) -> None:
        self._attempts = attempts

    @contextmanager
    def over(self, act: str) -> Iterator[None]:
        """
        `act` says what is done inside the block: "loaded the model". Raises `RuntimeError` if the
        process died several times there.
        """
        acts = [act.encode()]
        if self._deaths(acts) >= _MOST_DEATHS:
            raise RuntimeError(
                f"the process died {_MOST_DEATHS} times while it {act}: it may need more memory"
            )
        yield
        if self._attempts is not None:
            self._attempts.forget.remote(*_names(acts))

    def begins(self, texts: Sequence[bytes]) -> bool:
        """
        Whether the texts may be explained. If not, several have to be begun alone, and a single one
        has to be given up.
        """
        deaths = self._deaths(texts)
        return deaths == 0 or (len(texts) == 1 and deaths < _MOST_DEATHS)

    def _deaths(self, texts: Sequence[bytes]) -> int:
        if self._attempts is None:
            return 0
        deaths: int = _answer(self._attempts.begin.remote(_names(texts)), 0)
        return deaths

    def end(self, texts: Sequence[bytes]) -> None:
        if self._attempts is not None:
            self._attempts.end.remote(_names(texts))

    def give_up(self, text: bytes, place: str) -> None:
        """Raises `RuntimeError` if many texts were given up: then they are not to blame."""
        places: List[str] = _answer(self._attempts.give_up.remote(*_names([text]), place), [])
        if len(places) >= _MOST_GIVEN_UP:
            raise RuntimeError(
                f"the process died {_MOST_DEATHS} times with each of {len(places)} texts in a row "
                f"({', '.join(places)}): it may need more memory"
            )


def _answer(asked: Any, default: Any) -> Any:
    """The default if the actor is lost. Ray starts it again, and it knows nothing."""
    import ray

    with suppress(ray.exceptions.RayError):
        return ray.get(asked)
    return default


def _names(texts: Sequence[bytes]) -> List[str]:
    import ray

    task = ray.get_runtime_context().get_task_id()
    return [f"{task} {hashlib.sha256(text).hexdigest()}" for text in texts]
