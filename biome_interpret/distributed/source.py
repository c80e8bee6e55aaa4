"""
A source of texts for Ray Data. Its own readers give no line numbers, so there would be no ids to
resume by, and one broken line would end a job.
"""

import sys
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Iterator,
    List,
    Optional,
    Sequence,
)

from biome_interpret import errors
from biome_interpret.commands import places
from biome_interpret.distributed import attempts, texts
from biome_interpret.distributed.attempts import Watch, by_value, new_attempts
from biome_interpret.distributed.texts import TextFile, tables_of

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset, ReadTask

try:
    from ray.data import Datasource
except ImportError:  # `interpret_dataset` and the command say what to install.
    Datasource = object


def readers_sent_whole() -> ContextManager[None]:
    """Inside the block, the processes that read need not import this package (see `by_value`)."""
    return by_value(errors, places, attempts, texts, sys.modules[__name__])


def read_texts(files: Sequence[TextFile]) -> "Dataset":
    """
    A row for each text. Blank lines are left out. The job ends if a process dies several times
    while it reads the same file. Ray would read it again for ever.
    """
    import ray.data

    return ray.data.read_datasource(TextSource(files, new_attempts()))


class TextSource(Datasource):  # type: ignore[misc]
    def __init__(self, files: Sequence[TextFile], known: Any) -> None:
        super().__init__()
        self._files = files
        self._attempts = known

    def estimate_inmemory_data_size(self) -> Optional[int]:
        return sum(file.size for file in self._files)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: Optional[int] = None,
        data_context: Any = None,
    ) -> "List[ReadTask]":
        from ray.data import ReadTask
        from ray.data.block import BlockMetadata

        count = max(1, min(parallelism, len(self._files)))
        tasks = []
        for start in range(count):
            files = self._files[start::count]
            names = [file.name for file in files]
            size = sum(file.size for file in files)
            about = BlockMetadata(
                num_rows=None, size_bytes=size, exec_stats=None, input_files=names
            )
            tasks.append(
                ReadTask(
                    _reader(names, self._attempts), about, per_task_row_limit=per_task_row_limit
                )
            )
        return tasks


def _reader(names: List[str], known: Any) -> "Callable[[], Iterator[pyarrow.Table]]":
    def read() -> "Iterator[pyarrow.Table]":
        watch = Watch(known)
        for name in names:
            with watch.over(f"read {name}"):
                yield from tables_of(name)

    return read
