"""The `--output-dir` of a job: which job it belongs to, whether it is finished, what is in it."""

import json
import os
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import IO, Any, Dict, List, Optional, Sequence, Set

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs import fingerprint
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.commands.jobs.sources import Source
from biome_interpret.commands.places import files_in, full_name, is_url, place
from biome_interpret.commands.tables import JOB
from biome_interpret.distributed.texts import TextFile
from biome_interpret.errors import reason_of
from biome_interpret.visualization.files import lock

# Readers of Parquet leave out names that begin with _.
_FINISHED, _CHECKPOINT = "_SUCCESS", "_checkpoint"


class Output:
    """
    A folder on a disk or at a URL. Ray writes the rows and the checkpoint, this class the rest.
    Raises `WriteError` if it cannot be written.
    """

    def __init__(self, name: str) -> None:
        self.name = full_name(name)
        self.checkpoint = f"{self.name.rstrip('/')}/{_CHECKPOINT}"
        self._place = place(name)
        self._locked: Optional[IO[bytes]] = None

    def begin(self, job: Dict[str, Any], resume: bool) -> bool:
        """
        Says whose folder it is. Returns whether the job is finished already. Raises
        `ConfigurationError` if the folder belongs to something else.
        """
        names = self._names()
        if names and JOB not in names:
            raise ConfigurationError(
                f"--output-dir {self.name} is not empty, and no job has written it: name another "
                f"folder"
            )
        self._lock()
        names = self._names()  # Another job may have written meanwhile.
        if not names - {JOB}:  # A job that was refused later leaves nothing else.
            self._write(JOB, json.dumps(job, indent=2) + "\n")
            return False
        if not resume:
            raise ConfigurationError(
                f"--output-dir {self.name} is not empty: add --resume to continue its job, or name "
                f"another folder"
            )
        fingerprint.refuse_another(job, self._job(), self.name, "name another folder")
        return _FINISHED in names

    def finish(self) -> None:
        """From now on there is nothing to resume, so the checkpoint goes."""
        from pyarrow.fs import FileType

        self._write(_FINISHED, "")
        files, checkpoint = self._place.files, self._inside(_CHECKPOINT)
        try:
            [found] = files.get_file_info([checkpoint])
            if found.type == FileType.Directory:
                files.delete_dir(checkpoint)
        except OSError as error:
            raise WriteError(self.checkpoint, error) from error
        if self._locked is not None:
            self._locked.close()

    def _names(self) -> Set[str]:
        return {info.path[len(self._place.path) :].strip("/") for info in files_in(self.name)}

    def _job(self) -> Dict[str, Any]:
        try:
            with self._place.files.open_input_stream(self._inside(JOB)) as file:
                job = json.loads(file.read())
            if not isinstance(job, dict):
                raise ValueError("it is not a JSON object")
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"cannot resume {self.name}: its {JOB} cannot be read ({reason_of(error)}). "
                f"Name another folder"
            ) from error
        return job

    def _write(self, name: str, text: str) -> None:
        try:
            self._place.files.create_dir(self._place.path, recursive=True)
            with self._place.files.open_output_stream(self._inside(name)) as file:
                file.write(text.encode("utf-8"))
        except OSError as error:
            raise WriteError(f"{self.name}/{name}", error) from error

    def _lock(self) -> None:
        """Refuses a folder of this machine that another job is writing to. It makes the folder."""
        if is_url(self.name):
            return
        try:
            os.makedirs(self._place.path, exist_ok=True)
            self._locked = open(self._inside(JOB), "ab")
        except OSError as error:
            raise WriteError(f"{self.name}/{JOB}", error) from error
        if lock(self._locked) is False:
            raise ConfigurationError(
                f"another job is writing to {self.name}: wait until it ends, or name another folder"
            )

    def _inside(self, name: str) -> str:
        return f"{self._place.path.rstrip('/')}/{name}"


def fingerprint_of(
    arguments: Namespace, configs: List[Dict[str, Any]], files: Sequence[TextFile]
) -> Dict[str, Any]:
    """
    All that the rows depend on. A corpus is too long to be read for this: its files are known by
    their names, sizes and times.
    """
    with tempfile.TemporaryDirectory(prefix="biome-interpret-") as folder:
        listing = Path(folder) / "files"
        listing.write_text("".join(f"{file.name}\t{file.state}\n" for file in files), "utf-8")
        return fingerprint.of_job(arguments, configs, Source(listing))
