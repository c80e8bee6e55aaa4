"""Where records go: a file of JSON lines, or people at a terminal."""

import io
import os
import stat
import sys
from pathlib import Path
from typing import List, Optional

from biome_interpret.commands.jobs.records import Record
from biome_interpret.visualization import terminal


class Sink:
    """Takes records, in the order of their lines."""

    # Whether a line once begun is there to stay, and so must be ended.
    keeps_lines = False

    def write(self, records: List[Record]) -> None:
        """
        # Raises

        `WriteError`
            If they cannot be written.
        """
        raise NotImplementedError


class WriteError(Exception):
    """
    A full disk, a closed pipe and the like.

    # Parameters

    name : `str`
        Of what could not be written.
    cause : `OSError`
    """

    def __init__(self, name: str, cause: OSError) -> None:
        super().__init__(f"cannot write {name}: {cause.strerror or cause}")
        self.is_closed_pipe = isinstance(cause, BrokenPipeError)


class RecordFile(Sink):
    """
    A file of one record a line, at whose end there is never less than a whole line but after a
    sudden death.

    # Parameters

    path : `Path`
    size : `int`, optional
        How much of it is kept, in bytes; it is begun anew if not given.
    """

    def __init__(self, path: Path, size: Optional[int] = None) -> None:
        self._path = path
        try:
            # Unbuffered, so that nothing of a line that could not be written is tried again later.
            self._file = path.open("wb" if size is None else "r+b", buffering=0)
            self.keeps_lines = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
            if size is not None and self._file.seek(0, os.SEEK_END) > size:
                self._file.truncate(size)
                self._file.seek(size)
        except OSError as error:
            raise WriteError(str(path), error) from error
        self._size = size or 0

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
        # Tokens may hold what the stream's encoding, or any, has no bytes for.
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
        # Drawn in memory first, since rich answers a closed pipe in its own way.
        self._drawn = io.StringIO()
        self._console = terminal.make_console(sys.stdout, self._drawn)
        self._has_legend = False

    def write(self, records: List[Record]) -> None:
        if not self._has_legend:
            self._console.print(terminal.legend())
            self._console.print()
            self._has_legend = True
        for record in records:
            self._show(record)
        try:
            sys.stdout.write(self._drawn.getvalue())
            sys.stdout.flush()
        except OSError as error:
            self._give_up()
            raise WriteError("standard output", error) from error
        self._drawn.seek(0)
        self._drawn.truncate()

    def _show(self, record: Record) -> None:
        heading = f"line {record.line}"
        if record.error is not None:
            self._console.print(f"{heading}  failed: {terminal.clean(record.error)}", end="\n\n")
        elif not record.interpretations:
            self._console.print(f"{heading}  the model labels nothing here", end="\n\n")
        with_method = len({one.method for one in record.interpretations}) > 1
        for interpretation in record.interpretations:
            self._console.print(terminal.render(interpretation, heading, with_method))
            self._console.print()

    def _give_up(self) -> None:
        """Python flushes standard output once more when it ends, and would complain."""
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError):  # No stream of the system's.
            pass
