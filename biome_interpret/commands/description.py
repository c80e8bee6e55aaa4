"""Says in words what a job did: the names of its interpreters, and the head of its report."""

import json
from argparse import Namespace
from datetime import datetime, timezone
from pathlib import PurePath
from typing import Any, Dict, List, Mapping, Sequence

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import infer_params
from allennlp.predictors import Predictor

from biome_interpret import __version__
from biome_interpret.models.labelling import GOLD
from biome_interpret.predictors.saliency_predictor import interpreter_class

InterpreterConfig = Mapping[str, Any]

_LONGEST_VALUE = 80
# What the head of a report says is explained, if that is what the model predicts.
PREDICTED = "the predicted label"


def method_names(configs: Sequence[InterpreterConfig]) -> List[str]:
    """
    A name for each interpreter: its registered one, and what tells it from others of the same type,
    such as "biome-integrated-gradient (baseline: unknown)". Raises `ConfigurationError` if two do
    not differ.
    """
    names = []
    for config in configs:
        same = [other for other in configs if other["type"] == config["type"]]
        options = sorted({option for other in same for option in other})
        defaults = _defaults(config)
        values = [
            f"{option}: {_shown(config.get(option, defaults.get(option)))}"
            for option in options
            if any(other.get(option) != config.get(option) for other in same)
        ]
        names.append(f"{config['type']} ({', '.join(values)})" if values else str(config["type"]))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            f"--interpreter {twice} is given twice: give it once, or with different options"
        )
    return names


def description(
    arguments: Namespace, configs: Sequence[InterpreterConfig], predictor: Predictor
) -> Dict[str, str]:
    """The head of a report: each line's name and its text."""
    now, texts = datetime.now(timezone.utc), [arguments.input_file, *arguments.more_input_files]
    found = {
        "Archive": "/".join(PurePath(arguments.archive_file).parts[-2:]),
        "Weights": arguments.weights_file and PurePath(arguments.weights_file).name,
        "Overrides": arguments.overrides,
        "Model": type(predictor._model).__name__,
        "Predictor": type(predictor).__name__,
        "Texts": "standard input" if texts == ["-"] else ", ".join(PurePath(t).name for t in texts),
        "Interpreter": "; ".join(map(_with_options, configs)),
        "Explained": _explained(arguments, configs),
        "Version": f"biome_interpret {__version__}, PyTorch {torch.__version__}",
        "Date": now.strftime("%Y-%m-%d %H:%M UTC"),
    }
    return {name: text for name, text in found.items() if text}


def _explained(arguments: Namespace, configs: Sequence[InterpreterConfig]) -> str:
    if arguments.target_field is not None:
        return f"the label in the key {arguments.target_field} of each line"
    targets = arguments.targets or [config.get("target") for config in configs]
    names = {None: PREDICTED, GOLD: "the gold label"}
    return ", ".join(dict.fromkeys(str(names.get(target, target)) for target in targets))


def _with_options(config: InterpreterConfig) -> str:
    """For example "biome-gradient-shap (seed: 1)", without the options that have their default."""
    defaults = _defaults(config)
    changed = [
        f"{option}: {_shown(value)}"
        for option, value in config.items()
        # The head names the target apart from the interpreters.
        if option not in ("type", "target") and value != defaults.get(option)
    ]
    return f"{config['type']} ({', '.join(changed)})" if changed else str(config["type"])


def _defaults(config: InterpreterConfig) -> Dict[str, Any]:
    known = infer_params(interpreter_class(Params(dict(config))))
    return {option: parameter.default for option, parameter in known.items()}


def _shown(value: Any) -> str:
    if value is None:
        return "default"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
