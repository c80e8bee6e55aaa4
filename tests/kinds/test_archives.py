"""Old archives are loaded with the predictor that they choose, and the scores add up."""

import pytest

from biome_interpret import IntegratedGradient
from tests.kinds.archives import ARCHIVES, load
from tests.kinds.measure import relative_delta


@pytest.mark.parametrize("name", [*ARCHIVES])
def test_adds_up(name: str) -> None:
    archived = ARCHIVES[name]
    predictor = load(archived)
    results = IntegratedGradient(predictor, n_steps=500).interpret_json(archived.inputs)
    assert results
    for result in results:
        assert relative_delta(result) < 1e-3
        # Of alternatives it is the chosen one alone that matters.
        assert any(any(field.scores) for field in result.fields.values())
        for field in result.fields.values():
            assert len(field.tokens) == len(field.scores)
