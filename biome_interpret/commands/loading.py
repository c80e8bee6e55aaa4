"""Loads the predictor and the interpreters that the arguments name."""

import json
import lzma
import os
import re
import tarfile
import zlib
from argparse import Namespace
from typing import Any, Dict, List, Optional, Type

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import infer_params
from allennlp.common.params import parse_overrides
from allennlp.models.archival import load_archive
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.predictors import Predictor

from biome_interpret.commands.description import method_names
from biome_interpret.commands.jobs.explaining import NamedInterpreter
from biome_interpret.errors import reason_of
from biome_interpret.interpreters import PlannedInterpreter
from biome_interpret.predictors.saliency_predictor import (
    interpreter_class,
    interpreter_params,
    make_interpreter,
)

DEFAULT_INTERPRETER = "biome-integrated-gradient"

InterpreterConfig = Dict[str, Any]

# A model with fewer parameters, embeddings left out, gains little by several threads. On a busy
# machine it loses much: threads wait for each other at each operation.
_SMALL = 5_000_000


def interpreter_configs(arguments: Namespace) -> List[InterpreterConfig]:
    """
    The parameters of each interpreter, completed by `--output`, `--granularity` and `--tolerance`.
    Raises `ConfigurationError` if an interpreter cannot be used here, or if none has a given
    option.
    """
    configs = [
        interpreter_params(given).as_dict(quiet=True)
        for given in arguments.interpreter or [DEFAULT_INTERPRETER]
    ]
    options = [set(infer_params(_class_of(config))) for config in configs]
    for option in ("output", "granularity", "tolerance"):
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


def check_archive(arguments: Namespace) -> None:
    """Raises `ConfigurationError` if the archive is something else, or if the input is one."""
    archive, texts = arguments.archive_file, arguments.input_file
    if _is_archive(texts) and not arguments.use_dataset_reader:
        if not _is_archive(archive):
            raise ConfigurationError(
                f"ARCHIVE and INPUT are swapped: give {texts} first, and then {archive}"
            )
        raise ConfigurationError(f"INPUT {texts} is a model; it must be a file of texts")
    check_is_archive(archive)


def check_is_archive(archive: str) -> None:
    """Raises `ConfigurationError` if a file on this machine is something else."""
    if os.path.exists(archive) and not _is_archive(archive):
        raise ConfigurationError(
            f"ARCHIVE {archive} is not a model: give a model.tar.gz, as `allennlp train` writes "
            f"it, or the folder that it was written to"
        )


def _is_archive(path: str) -> bool:
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "config.json"))
    try:
        return os.path.isfile(path) and tarfile.is_tarfile(path)
    # It cannot be read, is cut short, or its name holds a null character.
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return False


def load_predictor(arguments: Namespace) -> Predictor:
    """Loads the archive's predictor like `allennlp predict`, or raises `ConfigurationError`."""
    extra_args = predictor_args(arguments)
    _check_device(arguments.cuda_device)
    _check_overrides(arguments.overrides)
    try:
        archive = load_archive(
            arguments.archive_file,
            weights_file=arguments.weights_file,
            cuda_device=arguments.cuda_device,
            overrides=arguments.overrides,
        )
    except (Exception, SystemExit) as error:
        message = f"the archive {arguments.archive_file} cannot be loaded: {_reason(error)}"
        raise ConfigurationError(message) from error
    try:
        return Predictor.from_archive(
            archive,
            arguments.predictor,
            dataset_reader_to_load=arguments.dataset_reader_choice,
            extra_args=extra_args,
        )
    except (Exception, SystemExit) as error:
        message = f"the archive's predictor cannot be made: {_reason(error)}"
        raise ConfigurationError(message) from error


def predictor_args(arguments: Namespace) -> Dict[str, Any]:
    """The value of `--predictor-args`. `ConfigurationError` if it is no object."""
    try:
        found = json.loads(arguments.predictor_args.strip() or "{}")
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except ValueError as error:
        raise ConfigurationError(f"--predictor-args must be a JSON object: {error}") from error
    return found


def _check_overrides(jsonnet: str) -> None:
    try:
        found = parse_overrides(jsonnet)
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"--overrides must be an object in JSON or Jsonnet, such as "
            f"'{{\"model.dropout\": 0.1}}': {reason}"
        ) from error


def _check_device(index: int) -> None:
    number = torch.cuda.device_count()
    if not -1 <= index < number:
        found = f"the GPUs are 0 to {number - 1}" if number else "PyTorch finds no GPU here"
        raise ConfigurationError(f"--cuda-device is {index}, but {found}; -1 is the CPU")


def _reason(error: BaseException) -> str:
    """Why something cannot be loaded. If a model of spaCy is missing, how to get it."""
    cause: Optional[BaseException] = error
    # AllenNLP tries to download it, which fails with another error, or exits.
    while cause is not None:
        missing = re.search(r"\[E050\] Can't find model '(.+?)'", str(cause))
        if missing:
            return (
                f"it needs the model '{missing[1]}' of spaCy, which is not installed. Install it "
                f"(python -m spacy download {missing[1]}), or name one that is installed: for a "
                f'predictor with --predictor-args \'{{"language": "..."}}\', for a tokenizer '
                f"with --overrides"
            )
        cause = cause.__cause__ or cause.__context__
    return reason_of(error)


def make_interpreters(
    configs: List[InterpreterConfig], predictor: Predictor
) -> List[NamedInterpreter]:
    """Raises `ConfigurationError` if a name or a value of a parameter is wrong."""
    made = []
    for name, config in zip(method_names(configs), configs):
        interpreter = make_interpreter(Params(dict(config)), predictor)
        assert isinstance(interpreter, PlannedInterpreter)
        method = None if name == config["type"] else name
        made.append(NamedInterpreter(interpreter, method, config.get("target")))
    return made


def _class_of(config: InterpreterConfig) -> Type[PlannedInterpreter]:
    cls = interpreter_class(Params(config))
    if not issubclass(cls, PlannedInterpreter):
        raise ConfigurationError(
            f"interpreter {config['type']!r} gives no signed scores: use one of biome_interpret's, "
            f"or `allennlp predict --predictor saliency`"
        )
    return cls


def set_threads(model: torch.nn.Module, wanted: Optional[int]) -> None:
    """Sets the number to `wanted`, or to 1 if the model is small and nothing else is asked for."""
    if wanted is not None:
        torch.set_num_threads(wanted)
    elif "OMP_NUM_THREADS" not in os.environ and _is_small(model):
        torch.set_num_threads(1)


def _is_small(model: torch.nn.Module) -> bool:
    # Those of AllenNLP are no `torch.nn.Embedding`.
    embeddings = (torch.nn.Embedding, TokenEmbedder)
    return (
        sum(
            parameter.numel()
            for module in model.modules()
            if not isinstance(module, embeddings)
            for parameter in module.parameters(recurse=False)
        )
        < _SMALL
    )
