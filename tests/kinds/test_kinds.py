"""The scores of every model add up, its gradient is right, and the table says so."""

import os
from functools import lru_cache
from typing import Dict, List

import pytest
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from tests.kinds import embedders, predictors, table
from tests.kinds.measure import GradientAtTheInput, Measurement, measure
from tests.kinds.registry import ALLENNLPS, TODAYS, Kind

REGISTRIES = [embedders.KINDS, predictors.KINDS]
KINDS: Dict[str, Kind] = {name: kind for part in REGISTRIES for name, kind in part.kinds.items()}
INTERPRETED = [name for name, kind in KINDS.items() if kind.refused is None]
REFUSED = [name for name, kind in KINDS.items() if kind.refused is not None]
PROBED = [name for name in INTERPRETED if KINDS[name].probes]

# Set to anything to write the table instead of comparing it.
WRITE = "BIOME_INTERPRET_WRITE_TABLE"


def kind_of(name: str) -> Kind:
    kind = KINDS[name]
    if kind.missing:
        pytest.skip(f"needs {', '.join(kind.missing)}")
    return kind


@lru_cache(maxsize=None)
def predictor_of(name: str) -> Predictor:
    """Built once: interpreting leaves a predictor as it was."""
    return KINDS[name].build()


@lru_cache(maxsize=None)
def measured(name: str) -> Measurement:
    return measure(KINDS[name], predictor_of(name))


@pytest.mark.parametrize("name", INTERPRETED)
def test_scores_add_up(name: str) -> None:
    kind = kind_of(name)
    assert measured(name).delta <= kind.max_delta


@pytest.mark.parametrize("name", PROBED)
def test_gradient_is_that_of_finite_differences(name: str) -> None:
    kind = kind_of(name)
    gradient = GradientAtTheInput(predictor_of(name), kind)
    scores, slopes = gradient.scores(kind.probes[0]), gradient.slopes()
    assert any(abs(slope) > 1e-4 for slope in slopes)
    assert scores == pytest.approx(slopes, rel=kind.tolerance, abs=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason(name: str) -> None:
    kind = kind_of(name)
    with pytest.raises(Exception, match=kind.refused):
        IntegratedGradient(kind.build(), **kind.options).interpret_json(kind.inputs)


def test_every_model_has_a_probe_or_the_reason_for_none() -> None:
    silent: List[str] = [n for n in INTERPRETED if not KINDS[n].probes and not KINDS[n].no_probe]
    assert not silent


def test_table_in_the_docs_is_what_was_measured() -> None:
    pytest.importorskip("allennlp_models")
    rows: table.Rows = {
        name: table.row_of(measured(name)) if kind.refused is None else None
        for name, kind in KINDS.items()
        if not kind.missing
    }
    if os.environ.get(WRITE):
        table.store(rows)
        table.PAGE.write_text(page(), encoding="utf-8")
    to_write = f"To write it anew: {WRITE}=1 python -m pytest tests/kinds, on both stacks"
    assert table.stored() == rows, f"the rows of this stack are not what was measured. {to_write}"
    assert table.PAGE.read_text(encoding="utf-8") == page(), (
        f"docs/models.md is not what was measured. {to_write}"
    )


def test_a_kind_that_was_measured_on_one_stack_only_has_its_line() -> None:
    today, allennlps = table.stored(TODAYS), table.stored(ALLENNLPS)
    before = table.render(REGISTRIES, today, allennlps)
    del allennlps["`embedding`"]
    after = table.render(REGISTRIES, today, allennlps)
    assert after.count(" | not measured | ") == before.count(" | not measured | ") + 1
    assert after == before.replace("| < 1e-9 | < 1e-9 |", "| < 1e-9 | not measured |", 1)


def page() -> str:
    return table.render(REGISTRIES, table.stored(TODAYS), table.stored(ALLENNLPS))
