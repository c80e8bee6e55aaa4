"""Finds the keys of a predictor's JSON, by giving it an input that notes what is asked of it."""

from typing import Any, Dict, List, NamedTuple, Optional, Set

from allennlp.predictors import Predictor

from biome_interpret.models.labelling.base import overrides

# What is tried as the value of a key. The last serves as the sample of other JSON.
SAMPLES: Dict[str, Any] = {
    "text": "A good film.",
    "texts": ["A good film.", "A dull one."],
    "json": {},
}
_KINDS = [*SAMPLES]
# Of attempts to find the kinds. Predictors have few keys.
_MOST_ATTEMPTS = 24


class InputField(NamedTuple):
    """
    A key of the predictor's JSON.

    kind : "text", "texts" (a list of strings) or "json" (anything else).
    """

    name: str
    kind: str
    required: bool


def input_fields(predictor: Predictor) -> List[InputField]:
    """In the order in which the predictor asks for them. Empty if nothing could be found."""
    kinds: Dict[str, str] = {}
    required: Set[str] = set()
    for _ in range(_MOST_ATTEMPTS):
        given = _Noting(kinds)
        is_read = _read(predictor, given)
        required |= given.required
        for name in given.asked:
            kinds.setdefault(name, _KINDS[0])
        if is_read:
            break
        # The key that was asked for last is the one whose value was not taken.
        last = given.last_required
        if last is None or kinds[last] == _KINDS[-1]:
            break
        kinds[last] = _KINDS[_KINDS.index(kinds[last]) + 1]
    else:
        is_read = False
    if not is_read:
        kinds = dict.fromkeys(kinds, _KINDS[0])
    return [InputField(name, kind, name in required) for name, kind in kinds.items()]


def sample_inputs(fields: List[InputField]) -> Dict[str, Any]:
    """An input with an example for each field that is required."""
    return {one.name: SAMPLES[one.kind] for one in fields if one.required}


def _read(predictor: Predictor, inputs: "_Noting") -> bool:
    """Whether the predictor makes an instance of the input."""
    readers: List[Any] = [lambda: predictor._json_to_instance(inputs)]
    if overrides(predictor, "_batch_json_to_instances"):
        readers.append(lambda: predictor._batch_json_to_instances([inputs]))
    if overrides(predictor, "json_to_labeled_instances"):
        readers.append(lambda: predictor.json_to_labeled_instances(inputs))
    for read in readers:
        try:
            read()
            return True
        except NotImplementedError:
            continue
        except (Exception, SystemExit):  # Predictors fail in any way on an input of another kind.
            return False
    return False


class _Noting(Dict[str, Any]):
    """A dict that has a sample for each key that it is asked for, and notes the keys."""

    def __init__(self, kinds: Dict[str, str]) -> None:
        super().__init__()
        self._kinds = kinds
        self.asked: Dict[str, None] = {}
        self.required: Set[str] = set()
        self.last_required: Optional[str] = None

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = None
        self.required.add(key)
        self.last_required = key
        return SAMPLES[self._kinds.get(key, _KINDS[0])]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return default

    def pop(self, key: str, *default: Any) -> Any:
        return self.get(key, *default) if default else self[key]

    def __contains__(self, key: object) -> bool:
        self.asked[str(key)] = None
        return False
