"""The command line: `python -m benchmarks [--only PART ...] [--models MODEL ...] [--quick]`."""

import argparse
import logging
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import List, Optional

# Before AllenNLP is imported: nothing is to ask a model hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch  # noqa: E402

from benchmarks import data, environment, plots, report  # noqa: E402
from benchmarks.bench import Bench  # noqa: E402
from benchmarks.cache import CACHE, ROOT  # noqa: E402
from benchmarks.models import MODELS  # noqa: E402
from benchmarks.parts import PARTS  # noqa: E402
from benchmarks.progress import say  # noqa: E402
from benchmarks.results import Results  # noqa: E402
from benchmarks.settings import Settings  # noqa: E402


class Places:
    """Where the results go: into the tree, or, of a smoke run, beside the cache."""

    def __init__(self, quick: bool) -> None:
        self.results = CACHE / "quick" / "results.json" if quick else _in("benchmarks/results.json")
        self.report = CACHE / "quick" / "benchmarks.md" if quick else _in("docs/benchmarks.md")
        self.image = self.report.parent / "images" / "error-against-cost.png"


def _in(path: str) -> Path:
    return ROOT / path


def main(arguments: Optional[List[str]] = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        data.folder()
    except data.NoData as error:
        print(error, file=sys.stderr)
        return 1
    places = Places(options.quick)
    results = Results(places.results)
    failed = [] if options.report else _measure(options, results)
    write_report(results, places)
    if failed:
        say(f"failed: {', '.join(failed)}; the others are in")
    return 1 if failed else 0


def _measure(options: argparse.Namespace, results: Results) -> List[str]:
    """What failed, by name: one part is no reason to lose the others."""
    torch.set_num_threads(options.threads)
    wanted = [
        (part, model)
        for part in PARTS.values()
        for model in MODELS.values()
        if part.name in (options.only or PARTS) and model.name in (options.models or MODELS)
        if model.name in part.models
        if not (options.missing and model.name in results.entries.get(part.name, {}))
    ]
    for model in dict.fromkeys(model for _, model in wanted):
        model.train()
    failed = []
    for part, model in wanted:
        say(f"{part.title}: {model.title}")
        start = time.monotonic()
        try:
            outcome = part.run(Bench(model, Settings(options.quick)))
        except Exception:
            traceback.print_exc()
            failed.append(f"{part.name} on {model.name}")
            continue
        seconds = time.monotonic() - start
        results.add(
            part.name, model.name, outcome, environment.describe(), seconds, model.metrics()
        )
    return failed


def write_report(results: Results, places: Places) -> None:
    image = None
    curves = results.curves("curves")
    if curves:
        plots.draw(curves, places.image)
        image = f"images/{places.image.name}"
    text = report.markdown(results, PARTS, image)
    places.report.parent.mkdir(parents=True, exist_ok=True)
    places.report.write_text(text, encoding="utf-8")
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts alone")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), help="these models alone")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: its numbers mean nothing"
    )
    parser.add_argument(
        "--missing", action="store_true", help="only what has no results yet: go on with a run"
    )
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch (2)")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing, write the tables and the plot anew"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
