"""Writes a file so that it appears only when it is complete."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Iterator


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """
    Opens a draft that replaces the file at the end of the block. After an error, or if the process
    is killed, the file is unchanged. A link stays: the file that it points to is replaced. A device
    or a pipe is written directly.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    path = Path(os.path.realpath(path))
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
