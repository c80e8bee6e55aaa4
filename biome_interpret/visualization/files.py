"""Writes a file so that it appears only when it is complete."""

import glob
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Iterator, Optional

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """
    Opens a draft that replaces the file at the end of the block. After an error, or if the process
    is killed, the file is unchanged. The next call removes the draft of a killed process. A link
    stays: the file that it points to is replaced. A device or a pipe is written directly.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    path = Path(os.path.realpath(path))
    _remove_abandoned_drafts(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            lock(file)
            yield file
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def lock(file: IO[Any]) -> Optional[bool]:
    """
    Locks an open file against other processes that call this, until it is closed. `False` if
    another process has locked it, `None` if the system or the disk has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_abandoned_drafts(path: Path) -> None:
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), draft.open("rb") as file:
            if lock(file):
                draft.unlink()
