"""How far a job is."""

from typing import Any, List, Optional

from allennlp.common import Tqdm

from biome_interpret.commands.jobs.records import Record


class ProgressBar:
    """
    AllenNLP's own, on standard error: texts, texts per second and, where their number is known, the
    time left.

    # Parameters

    total : `int`, optional
        How many texts there are.
    done : `int`
        How many of them were done before.
    shown : `bool`
        Whether there is anything to see.
    """

    def __init__(self, total: Optional[int], done: int, shown: bool) -> None:
        self._bar: Any = Tqdm.tqdm(
            total=total, initial=done, unit="text", desc="interpreting", disable=not shown
        )
        self._failed = 0

    def close(self) -> None:
        self._bar.close()

    def advance(self, records: List[Record]) -> None:
        self._failed += sum(record.error is not None for record in records)
        if self._failed:
            self._bar.set_postfix(failed=self._failed, refresh=False)
        self._bar.update(len(records))
