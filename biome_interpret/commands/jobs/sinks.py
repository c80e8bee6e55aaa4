"""Writes records to a file of JSON lines, or to the terminal."""

import io
import os
import stat
import sys
from pathlib import Path
from typing import List, Optional

from biome_interpret.commands.jobs.messages import discard
from biome_interpret.commands.jobs.records import Record
from biome_interpret.visualization import terminal


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


class RecordFile(Sink):
    """
    A file with one record in each line. After a failed write it still ends with a whole line. The
    first `size` bytes of an existing file are kept. If `size` is `None`, the file is emptied.
    """

    def __init__(self, path: Path, size: Optional[int] = None) -> None:
        self._path = path
        self._size = size or 0
        try:
            # Unbuffered: a buffer would write the rest of a failed line later.
            self._file = path.open("wb" if size is None else "r+b", buffering=0)
            self.keeps_lines = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
            if size is not None and self._file.seek(0, os.SEEK_END) > size:
                self._file.truncate(size)
                self._file.seek(size)
        except OSError as error:
            raise WriteError(str(path), error) from error

    def write(self, records: List[Record]) -> None:
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
        for interpretation in record.interpretations:
            self._console.print(terminal.render(interpretation, heading, with_method))
            self._console.print()
