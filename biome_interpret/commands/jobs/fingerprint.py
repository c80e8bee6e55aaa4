"""All that a job's output depends on. It is kept beside the output: only the same job resumes."""

import hashlib
import json
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from biome_interpret import __version__
from biome_interpret.commands.jobs.files import job_file, model_files, named_files
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.commands.jobs.sources import Source
from biome_interpret.visualization.files import replacing

Fingerprint = Dict[str, Any]

# The part that describes the job for its report. Runs of one job may differ in it, by their date.
ABOUT = "about"
# The part with the first lines of the batches that showed something about the model.
LEARNT = "learnt"

_CHUNK = 1 << 20
# The most characters of a value in a message.
_LONGEST = 1000


def of_job(arguments: Namespace, configs: List[Dict[str, Any]], source: Source) -> Fingerprint:
    """The fingerprint of a job with a repeatable source. `configs` describe its interpreters."""
    assert source.path is not None
    weights = arguments.weights_file
    return {
        "archive": _archive(Path(cached_path(arguments.archive_file))),
        "--weights-file": weights and {"sha256": _digest(Path(cached_path(weights)))},
        "input": {"sha256": _digest(source.path)},
        "--input-format": source.format,
        "--field": arguments.fields or None,
        "--use-dataset-reader": arguments.use_dataset_reader,
        "--dataset-reader-choice": arguments.dataset_reader_choice,
        "--multitask-head": arguments.multitask_head,
        "--overrides": arguments.overrides,
        "--predictor": arguments.predictor,
        "--predictor-args": arguments.predictor_args,
        "--interpreter": configs,
        "file named by an interpreter": {
            "sha256": {text: _digest(Path(text)) for text in named_files(configs)}
        },
        "--target": arguments.targets,
        "--target-field": arguments.target_field,
        "--gold-field": arguments.gold_field,
        "--batch-size": arguments.batch_size,
        "--cuda-device": arguments.cuda_device,
        "--threads": arguments.threads,
        "version": {"biome_interpret": __version__, "torch": torch.__version__},
    }


@contextmanager
def saved(fingerprint: Fingerprint, output_file: Path) -> Iterator[None]:
    """Saves the fingerprint at the end of the block. A full disk is noticed before the block."""
    path = job_file(output_file)
    try:
        with replacing(path) as file:
            file.write(json.dumps(fingerprint, indent=2) + "\n")
            file.flush()
            yield
    except OSError as error:
        raise WriteError(str(path), error) from error


def forget(output_file: Path) -> None:
    path = job_file(output_file)
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise WriteError(str(path), error) from error


def check(fingerprint: Fingerprint, output_file: Path) -> Fingerprint:
    """
    The saved fingerprint. Raises a `ConfigurationError` that names the differences, if another job
    began the output.
    """
    path = job_file(output_file)
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(before, dict):
            raise ValueError("it is not a JSON object")
        before[LEARNT] = [int(line) for line in before.get(LEARNT, [])]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(
            f"cannot resume {output_file}: its job file {path} cannot be read"
        ) from error
    advice = "give --overwrite in place of --resume to start again"
    refuse_another(fingerprint, before, output_file, advice)
    return before


def refuse_another(
    fingerprint: Fingerprint, before: Fingerprint, output: Union[str, Path], advice: str
) -> None:
    """
    Raises a `ConfigurationError` that names the differences, if another job began the output. The
    `advice` says what to do if they are wanted.
    """
    # JSON changes tuples to lists, as it did in the saved fingerprint.
    now = json.loads(json.dumps(fingerprint))
    differences = [
        _difference(part, before.get(part), now.get(part))
        for part in {**before, **now}
        if part not in (ABOUT, LEARNT) and before.get(part) != now.get(part)
    ]
    if differences:
        raise ConfigurationError(
            f"cannot resume {output}: {'; '.join(differences)}. Undo that, or {advice}"
        )


def described(output_file: Path) -> Dict[str, str]:
    """What the job file of an output says of the job, for its report; empty without one."""
    try:
        return described_in(job_file(output_file).read_bytes())
    except OSError:
        return {}


def described_in(job: bytes) -> Dict[str, str]:
    """The same for the content of a job file."""
    try:
        about = json.loads(job.decode("utf-8"))[ABOUT]
        return {str(name): str(text) for name, text in about.items()}
    # It is an older file, or one of something else.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _difference(part: str, before: Any, now: Any) -> str:
    if any(isinstance(value, dict) and "sha256" in value for value in (before, now)):
        return f"the {part} has changed"
    return f"{part} was {_shown(before)} and is {_shown(now)}"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        return "nested too deeply"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _archive(path: Path) -> Any:
    if path.is_file():
        return {"sha256": _digest(path)}
    return {"sha256": {str(file.relative_to(path)): _digest(file) for file in model_files(path)}}


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()
