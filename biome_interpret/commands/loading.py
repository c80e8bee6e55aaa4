"""Makes the predictor and the interpreters that the arguments name."""

import json
from argparse import Namespace
from typing import Any, Dict, List, Type

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.from_params import infer_params
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from biome_interpret.commands.jobs.explaining import NamedInterpreter
from biome_interpret.commands.jobs.records import reason_of
from biome_interpret.interpreters import PathInterpreter
from biome_interpret.predictors.saliency_predictor import interpreter_params

DEFAULT_INTERPRETER = "biome-integrated-gradient"

InterpreterConfig = Dict[str, Any]


def interpreter_configs(arguments: Namespace) -> List[InterpreterConfig]:
    """
    The parameters of each interpreter, with `--granularity` and `--tolerance` put in.

    # Raises

    `ConfigurationError`
        If an interpreter does not exist or gives no full results, or if no interpreter has one of
        these options.
    """
    configs = [
        interpreter_params(given).as_dict(quiet=True)
        for given in arguments.interpreter or [DEFAULT_INTERPRETER]
    ]
    options = [set(infer_params(_class_of(config))) for config in configs]
    for option in ("granularity", "tolerance"):
        value = getattr(arguments, option)
        if value is None:
            continue
        takers = [config for config, known in zip(configs, options) if option in known]
        if not takers:
            names = " and ".join(sorted({config["type"] for config in configs}))
            raise ConfigurationError(f"--{option} is given, but {names} has no such option")
        for config in takers:
            config[option] = value
    return configs


def load_predictor(arguments: Namespace) -> Predictor:
    """
    The archive's predictor, loaded as `allennlp predict` loads it.

    # Raises

    `ConfigurationError`
        If it cannot be loaded.
    """
    extra_args = _predictor_args(arguments.predictor_args)
    try:
        check_for_gpu(arguments.cuda_device)
        archive = load_archive(
            arguments.archive_file,
            weights_file=arguments.weights_file,
            cuda_device=arguments.cuda_device,
            overrides=arguments.overrides,
        )
    except Exception as error:
        raise ConfigurationError(
            f"the archive {arguments.archive_file} cannot be loaded: {reason_of(error)}"
        ) from error
    try:
        return Predictor.from_archive(
            archive,
            arguments.predictor,
            dataset_reader_to_load=arguments.dataset_reader_choice,
            extra_args=extra_args,
        )
    except Exception as error:
        raise ConfigurationError(
            f"the archive's predictor cannot be made: {reason_of(error)}"
        ) from error


def make_interpreters(
    configs: List[InterpreterConfig], predictor: Predictor
) -> List[NamedInterpreter]:
    """
    # Raises

    `ConfigurationError`
        If an interpreter does not have an option, or does not take its value.
    """
    names = [config["type"] for config in configs]
    made = []
    for position, (name, config) in enumerate(zip(names, configs)):
        interpreter = SaliencyInterpreter.from_params(Params(dict(config)), predictor=predictor)
        assert isinstance(interpreter, PathInterpreter)
        occurrence = names[: position + 1].count(name)
        method = f"{name} #{occurrence}" if names.count(name) > 1 else None
        made.append(NamedInterpreter(interpreter, method, config.get("target")))
    return made


def _class_of(config: InterpreterConfig) -> Type[PathInterpreter]:
    name = config.get("type")
    if name is None:
        raise ConfigurationError(f"an interpreter's parameters must name its 'type': {config}")
    cls, _ = SaliencyInterpreter.resolve_class_name(name)
    if not issubclass(cls, PathInterpreter):
        raise ConfigurationError(
            f"interpreter {name!r} gives no signed scores: use one of biome_interpret's, or "
            f"`allennlp predict --predictor saliency`"
        )
    return cls


def _predictor_args(text: str) -> Dict[str, Any]:
    if not text.strip():
        return {}
    try:
        arguments = json.loads(text)
        if not isinstance(arguments, dict):
            raise ValueError("it is not an object")
        return arguments
    except ValueError as error:
        raise ConfigurationError(f"--predictor-args must be a JSON object: {error}") from error
