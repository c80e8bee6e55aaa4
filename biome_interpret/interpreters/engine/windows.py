"""Texts that are read together, and then grouped by length."""

from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence, Union

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.interpreters.engine.labelled_items import Ask, Job
from biome_interpret.interpreters.engine.outcomes import Outcome, failed, merged
from biome_interpret.models.labelling.targets import TargetSpec
from biome_interpret.models.labelling.texts import InputText

# A predictor's input.
Input = Union[JsonDict, Instance]


@dataclass
class Window:
    """
    Texts that are grouped by length together.

    # Parameters

    jobs : `List[Job]`
    by_input : `List[Union[range, Outcome]]`
        The indices of each input's jobs, one for each text that the predictor makes of it; or why
        there are none.
    groups : `List[List[int]]`
        The indices of the jobs that share passes.
    """

    jobs: List[Job]
    by_input: List[Union[range, Outcome]]
    groups: List[List[int]] = field(default_factory=list)

    @classmethod
    def read(
        cls,
        predictor: Predictor,
        inputs: Sequence[Input],
        targets: Sequence[List[TargetSpec]],
        asks: Sequence[Optional[Ask]],
    ) -> "Window":
        window = cls([], [])
        for one_input, its_targets, ask in zip(inputs, targets, asks):
            first = len(window.jobs)
            try:
                texts = InputText.read(predictor, one_input)
                window.jobs += [Job(text, its_targets, ask) for text in texts]
                window.by_input.append(range(first, len(window.jobs)))
            except Exception as error:
                window.by_input.append(failed(type(predictor._model).__name__, error))
        return window

    def outcomes(self, by_group: Iterator[List[Outcome]]) -> List[Outcome]:
        """One for each input. Takes the outcomes of its groups from an iterator."""
        found: Dict[int, Outcome] = {}
        for group in self.groups:
            found.update(zip(group, next(by_group)))
        return [
            own if isinstance(own, Outcome) else merged([found[i] for i in own])
            for own in self.by_input
        ]
