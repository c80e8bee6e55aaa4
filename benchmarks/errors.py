"""How far scores are off."""

from typing import List, Sequence

import numpy
from allennlp.common import JsonDict

from biome_interpret import Interpretation


def relative_error(scores: Sequence[float], reference: Sequence[float]) -> float:
    """Σ |score − reference| / Σ |reference| over a text's tokens."""
    difference = numpy.subtract(scores, reference)
    return float(numpy.abs(difference).sum() / numpy.abs(reference).sum())


def signed_scores(interpretation: Interpretation) -> List[float]:
    """The scores of all fields, side by side in the order in which the model reads them."""
    return [score for field in interpretation.fields.values() for score in field.scores]


def shares(saliency: JsonDict, instance: int = 1) -> List[float]:
    """The same of AllenNLP's form, which numbers the fields backwards."""
    fields = saliency[f"instance_{instance}"]
    names = sorted(fields, key=lambda name: -int(name.split("_")[-1]))
    return [share for name in names for share in fields[name]]
