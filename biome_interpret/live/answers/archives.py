"""The archives that are served: their predictors, and what the page needs to know of each."""

import json
from collections import OrderedDict
from functools import cached_property
from pathlib import PurePath
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from allennlp.common import Params
from allennlp.predictors import Predictor

from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters import PlannedInterpreter
from biome_interpret.live.answers.input_fields import InputFields
from biome_interpret.live.answers.masks import Mask, mask_of
from biome_interpret.live.answers.options import BASELINES, ZERO
from biome_interpret.predictors.saliency_predictor import make_interpreter

# Interpreters are kept: each has found out how the model is read.
_MOST_INTERPRETERS = 32


class Loading(NamedTuple):
    """How an archive was loaded: what was given on the command line."""

    path: str
    predictor: Optional[str] = None
    predictor_args: Dict[str, Any] = {}
    overrides: str = ""
    weights_file: Optional[str] = None
    cuda_device: int = -1
    reader: str = "validation"
    packages: Sequence[str] = ()


class ServedArchive:
    """
    # Parameters

    name : `str`
        Its name on the page.
    loading : `Loading`
    predictor : `Predictor`
    """

    def __init__(self, name: str, loading: Loading, predictor: Predictor) -> None:
        self.name = name
        self.loading = loading
        self.predictor = predictor
        self.fields = InputFields.of(predictor)
        self._example: Optional[Dict[str, Any]] = None
        self._interpreters: OrderedDict[str, PlannedInterpreter] = OrderedDict()

    def add_example(self, inputs: Dict[str, Any]) -> None:
        """An input that helps if the predictor's own keys could not be found."""
        self.fields = self.fields.with_example(inputs)
        self._example = None if self.fields.complete else inputs

    def interpreter(self, config: Mapping[str, Any]) -> PlannedInterpreter:
        """`ConfigurationError` if the archive cannot have it."""
        key = json.dumps(config, sort_keys=True)
        if key not in self._interpreters:
            made = make_interpreter(Params(dict(config)), self.predictor)
            assert isinstance(made, PlannedInterpreter)
            self._interpreters[key] = made
            if len(self._interpreters) > _MOST_INTERPRETERS:
                self._interpreters.popitem(last=False)
        self._interpreters.move_to_end(key)
        return self._interpreters[key]

    @cached_property
    def mask(self) -> Optional[Mask]:
        return mask_of(self.predictor, self.fields)

    @cached_property
    def labels(self) -> Optional[List[str]]:
        """The labels of a whole text, as the model gives them for a sample; `None` without any."""
        found = self._sample({})
        probabilities = found[0].probabilities if found else None
        return sorted(probabilities) if probabilities else None

    @cached_property
    def baselines(self) -> List[str]:
        """Those that the model has. All of them if the sample is not for this model."""
        if self._sample({}) is None:
            return [*BASELINES]
        return [
            name
            for name in BASELINES
            if name == ZERO or self._sample({"baseline": name}) is not None
        ]

    def _sample(self, options: Mapping[str, Any]) -> Optional[List[Interpretation]]:
        """The results for a text that a model of any kind may read; `None` if this one fails."""
        config = {"type": "biome-integrated-gradient", "n_steps": 1, **options}
        try:
            interpreter = self.interpreter(config)
            return interpreter.interpret_json(self._example or self.fields.sample())
        except Exception:  # The predictor may want other values than those of the sample.
            return None

    def to_json(self) -> Dict[str, Any]:
        return {
            "name": self.name,
            "model": type(self.predictor._model).__name__,
            "predictor": type(self.predictor).__name__,
            "fields": [one._asdict() for one in self.fields.fields],
            "complete": self.fields.complete,
            "labels": self.labels,
            "baselines": self.baselines,
            "mask": self.mask and self.mask._asdict(),
        }


def archive_names(paths: Sequence[str]) -> List[str]:
    """The end of each path, as long as it takes to tell them apart."""
    parts = [PurePath(path).parts or (path,) for path in paths]
    for length in range(2, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len({*names}) == len(names):
            return names
    return ["/".join(one[-2:]) for one in parts]
