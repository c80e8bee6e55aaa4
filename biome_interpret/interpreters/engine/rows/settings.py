"""The options of an interpreter, checked."""

from dataclasses import dataclass
from typing import Any, List, Optional

from biome_interpret.models.baselines import Baseline
from biome_interpret.models.objectives.inference_modes import InferenceMode


@dataclass(frozen=True)
class Settings:
    """
    See `PlannedInterpreter` and `PathInterpreter`.

    # Parameters

    method : `str`
        The registered name of the interpreter.
    is_complete : `bool`
        Whether the scores of the method add up to f(x) − f(x').
    """

    method: str
    baseline: Baseline
    background: Optional[List[Any]]
    hold_special_tokens: bool
    mode: InferenceMode
    output: Optional[str]
    granularity: str
    batch_size: Optional[int]
    input_x_gradient: bool = True
    reduction: str = "sum"
    strategy: str = "mean"
    autocast: bool = False
    is_complete: bool = True

    @property
    def adds_up(self) -> bool:
        """Whether the scores add up to f(x) − f(x')."""
        return self.is_complete and self.input_x_gradient and self.reduction == "sum"
