"""The mutations of `make mutate` fit today's code. Running them takes too long for each commit."""

import sys
from importlib import import_module
from pathlib import Path

import pytest


def test_the_text_and_the_tests_of_every_mutation_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[1] / "scripts"), *sys.path])
    mutate = import_module("mutate")
    assert len(mutate.MUTATIONS) > 100
    assert [line for one in mutate.MUTATIONS for line in mutate.what_is_outdated(one)] == []
