"""Writes records to a file of JSON lines, or to the terminal."""

import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import List

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.messages import discard
from biome_interpret.commands.jobs.records import Record
from biome_interpret.models.alignment.source_text import strings_in
from biome_interpret.visualization import terminal
from biome_interpret.visualization.files import lock


class WriteError(Exception):
    """Records cannot be written, for example to a full disk or a closed pipe."""

    def __init__(self, name: str, cause: OSError) -> None:
        super().__init__(f"cannot write {name}: {cause.strerror or cause}")
        self.is_closed_pipe = isinstance(cause, BrokenPipeError)


class Sink:
    # Whether it is an ordinary file, which must not end within a line.
    keeps_lines = False

    def write(self, records: List[Record]) -> None:
        """Writes the records in order, or raises `WriteError`."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises `WriteError` if what was written is no longer there."""


class RecordFile(Sink):
    """
    A file with one record in each line. After a failed write it still ends with a whole line. Only
    one job writes to it: `ConfigurationError` if another one does. Call `cut` before `write`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        try:
            # Unbuffered: a buffer would write the rest of a failed line later. Appending leaves no
            # gap of null bytes, whatever another program does to the file.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise WriteError(str(path), error) from error
        self.keeps_lines = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        if self.keeps_lines and lock(self._file) is False:
            self._file.close()
            raise ConfigurationError(
                f"another job is writing to {path}: wait until it ends, or name another file"
            )

    def cut(self, size: int = 0) -> None:
        """Keeps the first bytes only. New records come after them."""
        self._size = size
        if self.keeps_lines and os.fstat(self._file.fileno()).st_size != size:
            try:
                self._file.truncate(size)
            except OSError as error:
                raise WriteError(str(self._path), error) from error

    def check(self) -> None:
        if not self.keeps_lines:
            return
        opened = os.fstat(self._file.fileno())
        try:
            is_there = os.path.samestat(opened, os.stat(self._path))
        except FileNotFoundError:
            is_there = False
        except OSError as error:
            raise WriteError(str(self._path), error) from error
        if not is_there:
            raise WriteError(str(self._path), OSError("the file was removed or replaced meanwhile"))
        if opened.st_size != self._size:
            change = f"it has {opened.st_size} bytes, and {self._size} were written"
            raise WriteError(str(self._path), OSError(f"another program changed it: {change}"))

    def write(self, records: List[Record]) -> None:
        self.check()
        rest = memoryview(b"".join(record.json for record in records))
        size = self._size + len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if self.keeps_lines:
                self._file.truncate(self._size)
            raise WriteError(str(self._path), error) from error
        self._size = size

    def close(self) -> None:
        self._file.close()


class TerminalView(Sink):
    """Standard output, for people."""

    def __init__(self) -> None:
        # Tokens may hold characters that the stream cannot encode.
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
        # Drawn in memory first: recent versions of rich exit by themselves at a closed pipe.
        self._drawn = io.StringIO()
        self._console = terminal.make_console(sys.stdout, self._drawn)
        self._has_legend = False

    def write(self, records: List[Record]) -> None:
        if not self._has_legend:
            self._console.print(terminal.legend())
            self._console.print()
            self._has_legend = True
        for record in records:
            self._draw(record)
        try:
            sys.stdout.write(self._drawn.getvalue())
            sys.stdout.flush()
        except OSError as error:
            discard(sys.stdout)
            raise WriteError("standard output", error) from error
        self._drawn.seek(0)
        self._drawn.truncate()

    def _draw(self, record: Record) -> None:
        heading = f"line {record.line}"
        if record.error is not None:
            self._console.print(f"{heading}  failed: {terminal.clean(record.error)}", end="\n\n")
        elif not record.interpretations:
            self._console.print(f"{heading}  the model labels nothing here", end="\n\n")
        with_method = len({one.method for one in record.interpretations}) > 1
        texts = [*strings_in(json.loads(record.json).get("inputs"))]
        for interpretation in record.interpretations:
            self._console.print(terminal.render(interpretation, heading, with_method, texts))
            self._console.print()
