"""The models. Each file has those that differ in one respect."""

from typing import Dict

from tests.kinds.others.models import (
    batches,
    besides,
    choices,
    encoders,
    gradients,
    heads,
    labels,
    lookalikes,
    lookups,
    matrices,
    numbers,
    orders,
    outputs,
    pairs,
    parts,
    predictors,
    refined,
    taggers,
)
from tests.kinds.others.records import Other

_FILES = (
    orders,
    lookups,
    matrices,
    gradients,
    parts,
    heads,
    outputs,
    numbers,
    labels,
    predictors,
    refined,
    pairs,
    besides,
    encoders,
    batches,
    lookalikes,
    taggers,
    choices,
)
_ALL = [kind for file in _FILES for kind in file.KINDS]

KINDS: Dict[str, Other] = {kind.name: kind for kind in _ALL}
assert len(KINDS) == len(_ALL), "two models have one name"
