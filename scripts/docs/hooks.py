"""What `mkdocs build` does besides: see `hooks` in mkdocs.yml."""

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

# Written by tests and measurements, and in the navigation where they are there.
_MEASURED = {"Models": "models.md", "Accuracy": "accuracy.md", "Benchmarks": "benchmarks.md"}


def on_config(config: Any) -> Any:
    there = [
        {title: page}
        for title, page in _MEASURED.items()
        if (Path(config["docs_dir"]) / page).is_file()
    ]
    nav = [{"Measured": there} if "Measured" in entry else entry for entry in config["nav"]]
    config["nav"] = [entry for entry in nav if entry != {"Measured": []}]
    return config


def on_post_build(config: Any) -> None:
    """The report of the quick start, from results that scripts/docs/pictures.py has kept."""
    warnings.filterwarnings("ignore")
    logging.getLogger("allennlp").setLevel(logging.WARNING)
    sys.path.insert(0, str(ROOT))
    from biome_interpret.visualization.report import write_report
    from scripts.docs.pictures import ABOUT

    lines = (ROOT / "docs" / "pictures" / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    page = Path(config["site_dir"]) / "example-report.html"
    write_report(map(json.loads, lines), page, "Twelve reviews", ABOUT)
