"""An explanation as code: Python, the Jsonnet of its interpreter, and a command line."""

import json
import shlex
from typing import Any, Dict, List

from biome_interpret.live.answers.archives import Loading, ServedArchive
from biome_interpret.live.answers.requests import Request

_CLASSES = {
    "biome-integrated-gradient": "IntegratedGradient",
    "biome-gradient-shap": "GradientShap",
    "biome-smooth-gradient": "SmoothGradient",
    "biome-occlusion": "Occlusion",
    "biome-shapley-sampling": "ShapleySampling",
}
_PREDICTOR = "from allennlp.predictors import Predictor"


def snippets(request: Request, archive: ServedArchive) -> Dict[str, str]:
    """Of a request with one explanation."""
    [question] = request.questions
    target, config = question.target, question.config
    with_target = config if target is None else {**config, "target": target}
    return {
        "python": _python(request.inputs, config, target, archive.loading),
        "jsonnet": _json(with_target, indent=2) + "\n",
        "command": _command(request.inputs, config, target, archive.loading),
    }


def _python(inputs: Any, config: Dict[str, Any], target: Any, loading: Loading) -> str:
    options = {name: value for name, value in config.items() if name != "type"}
    cls = _CLASSES.get(config["type"])
    imports = [_PREDICTOR]
    if loading.packages:
        imports.append("from allennlp.common.util import import_module_and_submodules")
    if loading.weights_file is not None:
        imports.append("from allennlp.models.archival import load_archive")
    if cls is None:
        imports.append("from allennlp.common import Params")
        own = "import biome_interpret  # registers its interpreters"
        make = f"SaliencyInterpreter.from_params(Params({config!r}), predictor=predictor)"
        imports.append("from allennlp.interpret.saliency_interpreters import SaliencyInterpreter")
    else:
        own = f"from biome_interpret import {cls}"
        make = f"{cls}({_arguments(['predictor'], options)})"
    asked = _arguments([repr(inputs)], {} if target is None else {"target": target})
    lines = [
        *sorted(imports),
        "",
        own,
        "",
        *(f"import_module_and_submodules({package!r})" for package in loading.packages),
        f"predictor = {_loads(loading)}",
        f"interpreter = {make}",
        f"for result in interpreter.interpret_json({asked}):",
        "    result.show()",
        "",
    ]
    return "\n".join(lines)


def _loads(loading: Loading) -> str:
    """The code that loads the predictor, without the arguments that have their default."""
    name = [] if loading.predictor is None else [repr(loading.predictor)]
    device = {} if loading.cuda_device == -1 else {"cuda_device": loading.cuda_device}
    changed = {"overrides": loading.overrides} if loading.overrides else {}
    is_train = loading.reader != "validation"
    reader = {"dataset_reader_to_load": loading.reader} if is_train else {}
    path = repr(loading.path)
    if loading.weights_file is None:
        options = {**device, **reader, **changed, **loading.predictor_args}
        return f"Predictor.from_path({_arguments([path, *name], options)})"
    weights = {"weights_file": loading.weights_file, **device, **changed}
    given = {"extra_args": loading.predictor_args} if loading.predictor_args else {}
    load = f"load_archive({_arguments([path], weights)})"
    return f"Predictor.from_archive({_arguments([load, *name], {**reader, **given})})"


def _arguments(plain: List[str], named: Dict[str, Any]) -> str:
    return ", ".join([*plain, *(f"{name}={value!r}" for name, value in named.items())])


def _command(inputs: Any, config: Dict[str, Any], target: Any, loading: Loading) -> str:
    flags: Dict[str, Any] = {
        "--predictor": loading.predictor,
        "--predictor-args": _json(loading.predictor_args) if loading.predictor_args else None,
        "--overrides": loading.overrides or None,
        "--weights-file": loading.weights_file,
        "--cuda-device": None if loading.cuda_device == -1 else loading.cuda_device,
        "--dataset-reader-choice": None if loading.reader == "validation" else loading.reader,
        "--target": target if isinstance(target, str) else None,
        "--target-index": target if isinstance(target, int) else None,
        "--interpreter": config["type"] if len(config) == 1 else _json(config),
    }
    # A value that begins with a dash is not taken for a flag.
    given = [f"{flag}={value}" for flag, value in flags.items() if value is not None]
    packages = [f"--include-package={package}" for package in loading.packages]
    command = ["biome-interpret", "interpret", loading.path, "-", *packages, *given]
    written = " ".join(map(shlex.quote, command))
    return f"printf '%s\\n' {shlex.quote(_json(inputs))} | {written}\n"


def _json(value: Any, **options: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, **options)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # Lone surrogates can be written as escapes only.
        return json.dumps(value, **options)
    return text
