"""How much is measured: in full, or as a smoke run."""

from dataclasses import dataclass
from typing import Dict, Tuple

# Texts for the small models and for the transformer, by what they are for. Sized so that all takes
# about 45 minutes on two cores, once models and references are there.
_FULL: Dict[str, Tuple[int, int]] = {
    "allennlp": (60, 20),
    "spans": (20, 20),
    "default": (100, 100),
    "target-error": (50, 20),
    "captum": (100, 100),
    "floor": (100, 30),
    "throughput": (872, 150),
    "shap": (20, 4),
    "shap-timing": (40, 10),
    # Captum's takes many seconds for each on the biLSTM.
    "shap-equal-error": (4, 4),
    "curves": (20, 5),
    "levels": (20, 20),
    "stacks": (40, 10),
    "gpu": (872, 872),
    "evaluation": (300, 300),
}
_QUICK: Dict[str, Tuple[int, int]] = {name: (4, 2) for name in _FULL}
_QUICK["throughput"] = (40, 6)
_QUICK["evaluation"] = (20, 20)


@dataclass(frozen=True)
class Settings:
    """
    # Parameters

    quick : `bool`
        A smoke run: few texts, coarse references. Its numbers mean nothing.
    """

    quick: bool = False

    def texts(self, purpose: str, is_transformer: bool) -> int:
        return (_QUICK if self.quick else _FULL)[purpose][is_transformer]

    def repeats(self, is_transformer: bool) -> int:
        """How often each text is timed."""
        return 1 if self.quick or is_transformer else 3

    @property
    def reference_nodes(self) -> int:
        return 128 if self.quick else 512

    @property
    def reference_samples(self) -> int:
        """Of GradientSHAP."""
        return 400 if self.quick else 20_000

    @property
    def seeds(self) -> int:
        """Runs over which GradientSHAP's errors are taken."""
        return 4 if self.quick else 25

    @property
    def name(self) -> str:
        return "quick" if self.quick else "full"
