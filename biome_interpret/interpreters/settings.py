"""What an interpreter's options come to."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, List, Optional, Union

from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.objectives.inference_modes import InferenceMode


@dataclass(frozen=True)
class Settings:
    """
    See `PathInterpreter`.

    # Parameters

    method : `str`
        The interpreter's registered name.
    path_measure : `Callable[[int], Union[PathMeasure, AdaptiveMeasure]]`
        Which points of which paths to look at, for a number of background texts.
    """

    method: str
    path_measure: Callable[[int], Union[PathMeasure, AdaptiveMeasure]]
    baseline: Baseline
    background: Optional[List[Any]]
    hold_special_tokens: bool
    mode: InferenceMode
    input_x_gradient: bool
    reduction: str
    granularity: str
    strategy: str
    batch_size: Optional[int]
    autocast: bool

    @property
    def adds_up(self) -> bool:
        """Whether the scores add up to the difference that they explain."""
        return self.input_x_gradient and self.reduction == "sum"

    # Not found out with the settings, when the interpreter is not yet whole.
    @cached_property
    def measure(self) -> Union[PathMeasure, AdaptiveMeasure]:
        return self.path_measure(len(self.background or []))

    @cached_property
    def first_points(self) -> PathMeasure:
        """All points, or those that a refined measure begins with."""
        measure = self.measure
        return measure.initial if isinstance(measure, AdaptiveMeasure) else measure
