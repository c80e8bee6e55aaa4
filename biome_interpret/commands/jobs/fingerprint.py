"""What a job's output depends on, kept beside it, so that only the same job goes on with it."""

import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from biome_interpret.commands.jobs.sources import digest_of

Fingerprint = Dict[str, Any]

_ENDING = ".job.json"
# What of a serialization directory goes into a model.
_MODEL_FILES = ("config.json", "weights.th", "best.th", "vocabulary/*")


def job_file(output_file: Path) -> Path:
    return output_file.with_name(output_file.name + _ENDING)


def save(fingerprint: Fingerprint, output_file: Path) -> None:
    """Whole or not at all, whenever the process is killed."""
    path = job_file(output_file)
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(fingerprint, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, path)


def forget(output_file: Path) -> None:
    """An output that cannot be gone on with has no job."""
    try:
        job_file(output_file).unlink()
    except FileNotFoundError:
        pass


def check(fingerprint: Fingerprint, output_file: Path) -> None:
    """
    # Raises

    `ConfigurationError`
        If the output was begun by another job; it says what differs.
    """
    path = job_file(output_file)
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot resume: {path}, which says how {output_file} was begun, cannot be read"
        ) from error
    # Through JSON and back, as the other went.
    now = json.loads(json.dumps(fingerprint))
    differences = [
        _difference(part, before.get(part), now.get(part))
        for part in {**before, **now}
        if before.get(part) != now.get(part)
    ]
    if differences:
        raise ConfigurationError(
            f"cannot resume {output_file}: {'; '.join(differences)}. Undo that, or begin anew "
            f"without --resume"
        )


def digest_of_archive(archive_file: str) -> Any:
    """Of an archive's bytes; of a serialization directory, those of the files of its model."""
    path = Path(cached_path(archive_file))
    if path.is_file():
        return {"sha256": digest_of(path)}
    files = [file for pattern in _MODEL_FILES for file in sorted(path.glob(pattern))]
    return {"sha256": {str(f.relative_to(path)): digest_of(f) for f in files if f.is_file()}}


def digests_of_files_in(value: Any) -> Dict[str, str]:
    """Of all files that are named anywhere in some parameters."""
    return {path: digest_of(Path(path)) for path in _strings(value) if _is_file(path)}


def versions() -> Dict[str, str]:
    from biome_interpret import __version__

    return {"biome_interpret": __version__, "torch": torch.__version__}


def _difference(part: str, before: Any, now: Any) -> str:
    if isinstance(now, dict) and "sha256" in now or isinstance(before, dict) and "sha256" in before:
        return f"the {part} is not what it was then"
    return f"{part} was {json.dumps(before)} and is {json.dumps(now)}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _is_file(path: str) -> bool:
    try:
        return os.path.isfile(path)
    except ValueError:  # It holds a null character.
        return False
