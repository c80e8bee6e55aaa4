"""The options of an interpreter, checked."""

from dataclasses import dataclass
from typing import Any, List, Optional

from biome_interpret.models.baselines import Baseline
from biome_interpret.models.objectives.inference_modes import InferenceMode


@dataclass(frozen=True)
class Settings:
    """
    See `PathInterpreter`.

    # Parameters

    method : `str`
        The registered name of the interpreter.
    """

    method: str
    baseline: Baseline
    background: Optional[List[Any]]
    hold_special_tokens: bool
    mode: InferenceMode
    output: Optional[str]
    input_x_gradient: bool
    reduction: str
    granularity: str
    strategy: str
    batch_size: Optional[int]
    autocast: bool

    @property
    def adds_up(self) -> bool:
        """Whether the scores add up to f(x) − f(x')."""
        return self.input_x_gradient and self.reduction == "sum"
