"""Finds the keys of a predictor's JSON, by giving it an input that notes what is asked of it."""

from typing import Any, Dict, List, NamedTuple, Optional, Set

from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.labelling import Labelling
from biome_interpret.models.labelling.base import overrides

TEXT, TEXTS, JSON = "text", "texts", "json"
# What is tried as the value of a key, in this order.
SAMPLES: Dict[str, Any] = {
    TEXT: "A good film.",
    TEXTS: ["A good film.", "A dull one."],
    JSON: {},
}
_KINDS = [*SAMPLES]
_ONE_MORE = [*SAMPLES[TEXTS], "A third."]
# Predictors have few keys.
_MOST_ATTEMPTS = 24


class InputField(NamedTuple):
    """
    A key of the predictor's JSON.

    kind : `TEXT`, `TEXTS` (a list of strings) or `JSON` (anything else).
    """

    name: str
    kind: str
    required: bool


class InputFields(NamedTuple):
    """
    fields : in the order in which the predictor asks for them.
    complete : whether the predictor takes the sample of these. If not, it may have further keys.
    """

    fields: List[InputField]
    complete: bool

    @classmethod
    def of(cls, predictor: Predictor) -> "InputFields":
        kinds: Dict[str, str] = {}
        required: Set[str] = set()
        found = None
        for _ in range(_MOST_ATTEMPTS):
            given = _Noting(kinds)
            found = _instances(predictor, given)
            required |= given.required
            for name in given.asked:
                kinds.setdefault(name, TEXT)
            # The key that was asked for last is the one whose value was not taken.
            last = given.last_required
            if found is not None or last is None:
                break
            if kinds[last] == _KINDS[-1]:
                kinds[last] = TEXT  # The most likely, although the sample will not do.
                break
            kinds[last] = _KINDS[_KINDS.index(kinds[last]) + 1]
        if found is not None:
            for name in required:
                if kinds[name] == TEXT and _takes_several(predictor, kinds, name):
                    kinds[name] = TEXTS
        fields = [InputField(name, kind, name in required) for name, kind in kinds.items()]
        return cls(fields, found is not None)

    def with_example(self, inputs: Dict[str, Any]) -> "InputFields":
        """If they are not complete, with the keys of an input that the user has given."""
        if self.complete:
            return self
        named = {one.name for one in self.fields}
        more = [
            InputField(name, TEXT if isinstance(value, str) else JSON, False)
            for name, value in inputs.items()
            if name not in named
        ]
        return InputFields([*self.fields, *more], False)

    def sample(self) -> Dict[str, Any]:
        """An input with a value for each field that is required."""
        return {one.name: SAMPLES[one.kind] for one in self.fields if one.required}


def _takes_several(predictor: Predictor, kinds: Dict[str, str], name: str) -> bool:
    """Whether the predictor makes one more text if the list under this key is longer."""
    counts = []
    for value in (SAMPLES[TEXTS], _ONE_MORE):
        found = _instances(predictor, _Noting(kinds, {name: value}))
        counts.append(None if found is None else sum(map(_num_texts, found)))
    two, three = counts
    return two is not None and three is not None and three == two + 1


def _num_texts(instance: Instance) -> int:
    return sum(len(texts_of(instance, name)) for name in instance.fields)


def _instances(predictor: Predictor, inputs: "_Noting") -> Optional[List[Instance]]:
    """What the predictor makes of the input; `None` if it does not take it."""
    given: Any = predictor
    try:
        labelling = Labelling.of(predictor)
        if type(labelling).instances is not Labelling.instances:
            return labelling.instances(predictor, inputs)
        if overrides(predictor, "_json_to_instance"):
            return [predictor._json_to_instance(inputs)]
        if overrides(predictor, "_batch_json_to_instances"):
            return predictor._batch_json_to_instances([inputs])
        found: List[Instance] = given.json_to_labeled_instances(inputs)
        return found
    except (Exception, SystemExit):  # Predictors fail in any way on an input of another kind.
        return None


class _Noting(Dict[str, Any]):
    """A dict that has a sample for each key that it is asked for, and notes the keys."""

    def __init__(self, kinds: Dict[str, str], values: Optional[Dict[str, Any]] = None) -> None:
        super().__init__()
        self._kinds = kinds
        self._values = values or {}
        self.asked: Dict[str, None] = {}
        self.required: Set[str] = set()
        self.last_required: Optional[str] = None

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = None
        self.required.add(key)
        self.last_required = key
        return self._values[key] if key in self._values else SAMPLES[self._kinds.get(key, TEXT)]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return default

    def pop(self, key: str, *default: Any) -> Any:
        return self.get(key, *default) if default else self[key]

    def __contains__(self, key: object) -> bool:
        self.asked[str(key)] = None
        return False
