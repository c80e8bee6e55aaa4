"""The pages of the documentation, as far as they can be checked without building them."""

import html
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from allennlp.common.from_params import infer_params

from biome_interpret import (
    GradientShap,
    IntegratedGradient,
    Occlusion,
    ShapleySampling,
    SmoothGradient,
)

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def script(name: str) -> Any:
    spec = spec_from_file_location(name, ROOT / "scripts" / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


METHODS = [IntegratedGradient, GradientShap, SmoothGradient, Occlusion, ShapleySampling]


@pytest.mark.parametrize("interpreter", METHODS)
def test_every_option_has_a_heading_of_its_own(interpreter: type) -> None:
    headings = re.findall(r"^### .*$", (DOCS / "options.md").read_text(encoding="utf-8"), re.M)
    described = re.findall(r"`(\w+)`", "\n".join(headings))
    options = set(infer_params(interpreter)) - {"self", "predictor", "kwargs", "unknown"}
    assert options - set(described) == set()


def test_pictures_are_those_that_the_script_makes() -> None:
    for name, picture in script("pictures").pictures():
        kept = (DOCS / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
        assert text_without_digits(kept) == text_without_digits(picture), (
            f"{name}.svg: `make pictures` makes them anew"
        )


def test_every_picture_is_shown() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    for picture in [*DOCS.glob("pictures/*.svg"), *DOCS.glob("images/*")]:
        assert f"{picture.parent.name}/{picture.name}" in pages


def test_every_example_is_written_in_a_page() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    for example in DOCS.glob("examples/*.py"):
        code = example.read_text(encoding="utf-8")
        assert re.search(rf"^```python.*\n{re.escape(code)}```$", pages, re.M), example.name


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))])
def test_pages_read_well_in_the_repository(page: Path) -> None:
    # Marks of extensions that the site has and the repository has not.
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert "--8<--" not in text and "{ #" not in text


def test_docstrings_become_definitions() -> None:
    pytest.importorskip("griffe")
    converted = script("docstrings").converted(
        "What it does:\n\n    code\n\n"
        "# Parameters\n\nfirst : `int`\nsecond : `str`, optional\n    What it is,\n    at length.\n"
        "**kwargs\n    The rest.\n\n# Returns\n\n`int`\n    A number.\n"
    )
    assert re.sub(r"\n{2,}", "\n\n", converted) == (
        "What it does:\n\n    code\n\n"
        "**Parameters**\n\n`first` : `int`\n\n`second` : `str`, optional\n"
        ":   What it is,\n    at length.\n\n`**kwargs`\n:   The rest.\n\n"
        "**Returns**\n\n`int`\n:   A number."
    )


def text_without_digits(picture: str) -> str:
    """What another machine's last digits do not change."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", picture))
    return " ".join(re.sub(r"[−+-]?\d[\d.,]*(e[−-]?\d+)?%?", "0", text).split())
