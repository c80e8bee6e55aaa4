"""The predictor and the interpreters that the arguments ask for."""

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

Settings = Dict[str, Any]


def interpreter_settings(arguments: Namespace) -> List[Settings]:
    """
    The parameters of each interpreter, with what other arguments say of them.

    # Raises

    `ConfigurationError`
        If there is no such interpreter, or it gives no full results, or an argument is of no use
        to any.
    """
    found = [
        interpreter_params(given).as_dict(quiet=True)
        for given in arguments.interpreter or [DEFAULT_INTERPRETER]
    ]
    for settings in found:
        _class_of(settings)
    _put(found, "granularity", arguments.granularity)
    _put(found, "tolerance", arguments.tolerance)
    return found


def load_predictor(arguments: Namespace) -> Predictor:
    """
    The archive's, as `allennlp predict` loads it.

    # Raises

    `ConfigurationError`
        If that fails.
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


def make_interpreters(found: List[Settings], predictor: Predictor) -> List[NamedInterpreter]:
    """
    # Raises

    `ConfigurationError`
        For an option that an interpreter does not have, or a value that it does not take.
    """
    names = [settings["type"] for settings in found]
    made = []
    for position, settings in enumerate(found):
        name = settings["type"]
        interpreter = SaliencyInterpreter.from_params(Params(dict(settings)), predictor=predictor)
        assert isinstance(interpreter, PathInterpreter)
        occurrence = names[: position + 1].count(name)
        method = f"{name} #{occurrence}" if names.count(name) > 1 else None
        made.append(NamedInterpreter(interpreter, method, settings.get("target")))
    return made


def _class_of(settings: Settings) -> Type[PathInterpreter]:
    name = settings.get("type")
    if name is None:
        raise ConfigurationError(f"an interpreter's parameters must name its 'type': {settings}")
    kind, _ = SaliencyInterpreter.resolve_class_name(name)
    if not issubclass(kind, PathInterpreter):
        raise ConfigurationError(
            f"interpreter {name!r} gives shares only, no signed scores: use one of "
            f"biome_interpret's, or `allennlp predict --predictor saliency`"
        )
    return kind


def _put(found: List[Settings], option: str, value: Any) -> None:
    if value is None:
        return
    taking = [settings for settings in found if option in infer_params(_class_of(settings))]
    if not taking:
        names = " and ".join(sorted({settings["type"] for settings in found}))
        raise ConfigurationError(f"--{option} is given, but {names} takes none")
    for settings in taking:
        settings[option] = value


def _predictor_args(text: str) -> Dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is no object")
        return found
    except ValueError as error:
        raise ConfigurationError(f"--predictor-args must be a JSON object: {error}") from error
