"""
Files and folders on a disk or at a URL. This needs pyarrow, which the extra `ray` brings. Modules
that declare arguments import it, so it imports AllenNLP inside its functions.
"""

import os
import sys
from typing import TYPE_CHECKING, Any, List, NamedTuple

from biome_interpret.errors import reason_of

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_INSTALL = "pip install 'biome-interpret[ray]'"
if sys.version_info < (3, 10):
    _INSTALL += ", with Python 3.10 or newer"


class Place(NamedTuple):
    """A path in a file system of pyarrow. On a disk it is absolute."""

    files: "FileSystem"
    path: str


def require(*modules: str) -> None:
    """Raises `ConfigurationError` if a module of the extra `ray` is not installed."""
    for module in modules:
        try:
            __import__(module)
        except ImportError as error:
            raise _refusal(f"{module} is needed: {_INSTALL}") from error


def is_url(name: str) -> bool:
    return "://" in name


def full_name(name: str) -> str:
    """The same name for every process: a path becomes absolute, a URL stays."""
    return name if is_url(name) else os.path.abspath(name)


def lies_in(name: str, folder: str) -> bool:
    """Whether a name is that of a folder, or of something inside it, at any depth."""
    inside = os.path.join(full_name(folder), "")
    return os.path.join(full_name(name), "").startswith(inside)


def place(name: str) -> Place:
    """Raises `ConfigurationError` if no installed package knows the kind of URL."""
    require("pyarrow", "fsspec")
    import fsspec
    from pyarrow import ArrowInvalid, fs

    if not is_url(name):
        return Place(fs.LocalFileSystem(), full_name(name))
    try:
        return Place(*fs.FileSystem.from_uri(name))
    except ArrowInvalid:  # It is not of a kind that pyarrow knows, such as https://.
        pass
    except OSError as error:
        raise _refusal(f"{name}: {reason_of(error)}") from error
    try:
        handler, path = fsspec.core.url_to_fs(name)
    except (ImportError, ValueError) as error:
        raise _refusal(f"{name}: {reason_of(error)}") from error
    return Place(fs.PyFileSystem(fs.FSSpecHandler(handler)), path)


def files_in(name: str) -> "List[FileInfo]":
    """The file of this name, or all files below the folder, sorted. None if there is nothing."""
    from pyarrow.fs import FileSelector, FileType

    where = place(name)
    try:
        [found] = where.files.get_file_info([where.path])
        if found.type == FileType.File:
            return [found]
        selector = FileSelector(where.path, recursive=True, allow_not_found=True)
        inside = where.files.get_file_info(selector)
    except OSError as error:
        raise _refusal(f"{name} cannot be read: {reason_of(error)}") from error
    return sorted((one for one in inside if one.type == FileType.File), key=_path)


def _refusal(message: str) -> Exception:
    """A `ConfigurationError`. A process that only reads imports AllenNLP for it alone."""
    from allennlp.common.checks import ConfigurationError

    return ConfigurationError(message)


def _path(info: Any) -> str:
    return str(info.path)
