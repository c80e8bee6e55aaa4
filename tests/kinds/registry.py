"""What the table says of a model, and the registries of its parts."""

import sys
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import pytest
from allennlp.common import JsonDict, Params
from allennlp.predictors import Predictor

from tests.tiny_models import build_from_params, build_predictor

# Python 3.11 and newer have today's stack, older ones AllenNLP's own.
TODAYS, ALLENNLPS = "today", "allennlp"
STACK = ALLENNLPS if sys.version_info < (3, 11) else TODAYS


@dataclass(frozen=True)
class Probe:
    """
    Where one token's embedding can be touched by a hook of torch's own, and so without this
    package's code.

    # Parameters

    token : `int`
        Which token of the field.
    positions : `Sequence[int]`
        Where it stands in what the module puts out for one text, counted over all dimensions but
        the last, list dimensions included.
    field : `str`, optional
        The name of the field in the result; `None` for the first.
    module : `str`, optional
        The path of the module in the model; `None` for the first `torch.nn.Embedding` or AllenNLP
        `Embedding` in it.
    call : `int`
        Which of the module's calls in one forward pass.
    counted_in : `str`, optional
        Whose forward pass that is: the path of a module in the model; `None` for the model itself.
    at_input : `bool`
        Whether it is the module's input that is the embedding.
    away_from : `int`, optional
        The id of the word that is the baseline; `None` if that is 0.
    output_key : `Union[int, str]`, optional
        Where the module puts out a dict or a tuple.
    """

    token: int = 2
    positions: Sequence[int] = (2,)
    field: Optional[str] = None
    module: Optional[str] = None
    call: int = 0
    counted_in: Optional[str] = None
    at_input: bool = False
    away_from: Optional[int] = None
    output_key: Union[int, str, None] = None


@dataclass(frozen=True)
class Kind:
    """
    # Parameters

    name : `str`
        What the table calls it.
    build : `Callable[[], Predictor]`
        A new predictor over a new model, in float64 and in evaluation mode.
    inputs : `JsonDict`
        What its `predict_json` takes.
    probes : `Sequence[Probe]`, optional
        All of one token; empty for the reason given in `no_probe`.
    no_probe : `str`, optional
        Why the gradient cannot be checked by finite differences.
    step, tolerance : `float`
        Of the finite differences: larger ones for models that compute in float32 on their way.
    nodes : `int`
        Of the Gauss-Legendre rule, for an error well above rounding.
    max_delta : `float`
        What Σ scores may miss, relative to Σ |scores|.
    options : `Dict[str, Any]`
        Of the interpreter, beside the defaults.
    remark : `str`
        For the table: what a reader has to know.
    refused : `str`, optional
        For a kind that cannot be interpreted: what the error says (a regular expression).
    needs : `Tuple[str, ...]`
        Packages, or parts of them, without which it cannot be built.
    """

    name: str
    build: Callable[[], Predictor]
    inputs: JsonDict
    probes: Sequence[Probe] = (Probe(),)
    no_probe: Optional[str] = None
    step: float = 1e-5
    tolerance: float = 1e-4
    nodes: int = 100
    max_delta: float = 1e-3
    options: Dict[str, Any] = field(default_factory=dict)
    remark: str = ""
    refused: Optional[str] = None
    needs: Tuple[str, ...] = ()

    @property
    def missing(self) -> List[str]:
        """The packages that it needs and that are not there."""
        return [name for name in self.needs if find_spec(name) is None]

    def build_or_skip(self) -> Predictor:
        """Skips the test if packages are missing."""
        if self.missing:
            pytest.skip(f"needs {', '.join(self.missing)}")
        return self.build()


class Registry:
    """The kinds of one part of the table, in its order."""

    def __init__(self, title: str, introduction: str, remarks: str = "") -> None:
        self.title = title
        self.introduction = introduction
        self.remarks = remarks
        self.kinds: Dict[str, Kind] = {}

    def add(self, name: str, build: Callable[[], Predictor], inputs: JsonDict, **rest: Any) -> None:
        if name in self.kinds:
            raise ValueError(f"there are two kinds called {name!r}")
        self.kinds[name] = Kind(name, build, inputs, **rest)


def tiny(name: str, **overrides: Any) -> Callable[[], Predictor]:
    """A builder of one of `tests.tiny_models`."""
    return lambda: build_predictor(name, double=True, **overrides)


def from_config(
    config: Callable[[], Dict[str, Any]], requires: str = "", seed: int = 0, double: bool = True
) -> Callable[[], Predictor]:
    """
    A builder from a config (see `build_from_params`), which is made when it is needed, since the
    folders that it names are.

    # Parameters

    requires : `str`
        Modules to import first, for what they register, with spaces between.
    double : `bool`
        Whether in float64; some decoders compute in float32 whatever their weights are.
    """

    def build() -> Predictor:
        for module in requires.split():
            import_module(module)
        return build_from_params(Params(config()), seed=seed, double=double)

    return build
