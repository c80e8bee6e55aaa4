"""
How good is an explanation? The metrics, as inquiries into a text, and their statistics.

A metric is asked about one method's scores of one text. It yields the subsets of words whose
removal it wants answered, and returns a figure. `inquiries.together` makes one inquiry of many.
"""

from typing import Callable, Dict, NamedTuple

from biome_interpret.attribution.coalitions import Inquiry
from biome_interpret.evaluation import limits, removal, scores
from biome_interpret.evaluation.inquiries import Figure, Scores, Settings

HIGHER, LOWER = "higher", "lower"


class Metric(NamedTuple):
    """
    # Parameters

    ask : `Callable[[Scores, Settings], Inquiry[Figure]]`
        Makes the inquiry. Its docstring has the definition and its source.
    better : `str`
        `"higher"` or `"lower"`.
    of : `str`
        The number of an answer that is read: `"probability"` or `"value"`.
    needs_sign : `bool`, optional (default = `False`)
        Whether it says little of scores that have no sign.
    """

    ask: Callable[[Scores, Settings], "Inquiry[Figure]"]
    better: str
    of: str
    needs_sign: bool = False


METRICS: Dict[str, Metric] = {
    "comprehensiveness": Metric(removal.comprehensiveness, HIGHER, "probability"),
    "sufficiency": Metric(removal.sufficiency, LOWER, "probability"),
    "comprehensiveness_deciles": Metric(removal.comprehensiveness_deciles, HIGHER, "probability"),
    "sufficiency_deciles": Metric(removal.sufficiency_deciles, LOWER, "probability"),
    "log_odds": Metric(removal.log_odds, LOWER, "probability"),
    "deletion": Metric(removal.deletion, LOWER, "probability"),
    "insertion": Metric(removal.insertion, HIGHER, "probability"),
    "naopc_comprehensiveness": Metric(limits.naopc_comprehensiveness, HIGHER, "probability"),
    "naopc_sufficiency": Metric(limits.naopc_sufficiency, HIGHER, "probability"),
    "soft_comprehensiveness": Metric(scores.soft_comprehensiveness, HIGHER, "probability"),
    "soft_sufficiency": Metric(scores.soft_sufficiency, LOWER, "probability"),
    "tau_loo": Metric(scores.tau_loo, HIGHER, "value"),
    "sign_violations": Metric(scores.sign_violations, LOWER, "value", needs_sign=True),
    "infidelity": Metric(scores.infidelity, LOWER, "value", needs_sign=True),
    "infidelity_scaled": Metric(scores.infidelity_scaled, LOWER, "value", needs_sign=True),
}
