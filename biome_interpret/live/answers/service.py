"""Everything that is served: the archives, what may be asked of them, and the examples."""

import platform
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Callable, Dict, List, Mapping, Sequence

import torch
from allennlp.common import Params
from allennlp.common.from_params import infer_params

from biome_interpret import __version__
from biome_interpret.live.answers import sharing
from biome_interpret.live.answers.archives import ServedArchive
from biome_interpret.live.answers.explaining import Answer, Limits, answer, to_json
from biome_interpret.live.answers.options import OPTIONS, PATH, TITLES, Option
from biome_interpret.live.answers.requests import (
    MOST_EXPLANATIONS,
    Menu,
    Method,
    Request,
    Several,
)
from biome_interpret.live.answers.snippets import snippets
from biome_interpret.predictors.saliency_predictor import interpreter_class

IsCancelled = Callable[[], bool]

_FIXED, _ADAPTIVE = ("n_steps", "quadrature"), ("tolerance", "max_evaluations")
# Parameters, and the options that an interpreter does not take beside them.
_INSTEAD_OF = {
    "baseline": ("removal",),  # There is no baseline if words are left out.
    "background": ("baseline", "removal"),
    **dict.fromkeys(_FIXED, _ADAPTIVE),
    **dict.fromkeys(_ADAPTIVE, _FIXED),
}


class Service:
    """
    # Parameters

    archives : `Sequence[ServedArchive]`
    own : `Mapping[str, Mapping[str, Any]]`
        The parameters of further interpreters, by their names on the page.
    limits : `Limits`
    examples : `List[Dict[str, Any]]`
        Each with `inputs`, and with `gold` if it is known.
    """

    def __init__(
        self,
        archives: Sequence[ServedArchive],
        own: Mapping[str, Mapping[str, Any]],
        limits: Limits,
        examples: List[Dict[str, Any]],
    ) -> None:
        self._archives = {archive.name: archive for archive in archives}
        self._limits = limits
        self.menu = Menu([*self._archives], _methods(own))
        self.examples = examples

    def setup(self) -> Dict[str, Any]:
        """What the page needs to know at its start."""
        return {
            "version": {
                "biome_interpret": __version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
            },
            "archives": [archive.to_json() for archive in self._archives.values()],
            "interpreters": [
                {
                    "name": name,
                    "title": method.title,
                    "options": {key: one.to_json() for key, one in method.options.items()},
                }
                for name, method in self.menu.methods.items()
            ],
            "limits": {
                "tokens": self._limits.tokens,
                "evaluations": self._limits.evaluations,
                "explanations": MOST_EXPLANATIONS,
                "requests": self.menu.most_requests,
            },
            "gold": any("gold" in one for one in self.examples),
            "num_examples": len(self.examples),
            "figure": find_spec("matplotlib") is not None,
        }

    def explain(self, request: Request, is_cancelled: IsCancelled) -> Dict[str, Any]:
        return to_json(self._answer(request, is_cancelled))

    def report(self, several: Several, is_cancelled: IsCancelled) -> bytes:
        answers = [self._answer(request, is_cancelled) for request in several.requests]
        return sharing.report(answers, self._archives, several.title)

    def figure(self, request: Request, thing: int, is_cancelled: IsCancelled) -> bytes:
        return sharing.figure(self._answer(request, is_cancelled), thing)

    def snippets(self, request: Request) -> Dict[str, str]:
        return snippets(request, self._archives[request.archive])

    def _answer(self, request: Request, is_cancelled: IsCancelled) -> Answer:
        return answer(request, self._archives[request.archive], self._limits, is_cancelled)


def _methods(own: Mapping[str, Mapping[str, Any]]) -> Dict[str, Method]:
    """The interpreters of this package with all their options, and those of the user."""
    found = {
        name: Method(TITLES[name], {"type": name}, options) for name, options in OPTIONS.items()
    }
    for name, config in own.items():
        known = infer_params(interpreter_class(Params(dict(config))))
        options = OPTIONS.get(config["type"], PATH)
        allowed = {key: one for key, one in options.items() if key in known}
        found[name] = Method(name, config, _configured(allowed, config))
    return found


def _configured(options: Mapping[str, Option], config: Mapping[str, Any]) -> Dict[str, Option]:
    """
    The options with the parameters as their defaults. Those that cannot be shown as an option, or
    leave no room for one, stay as they are.
    """
    given = {name: value for name, value in config.items() if value is not None}
    left_out = {other for name in given for other in _INSTEAD_OF.get(name, ())}
    return {
        name: replace(
            one,
            default=given.get(name, one.default),
            needs=[other for other in one.needs if other not in given],
        )
        for name, one in options.items()
        if name not in left_out and (name not in given or one.takes(given[name]))
    }
