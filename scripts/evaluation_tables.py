"""
Makes the tables of docs/evaluation.md: which method explains which model best.

    python scripts/evaluation_tables.py run minilm sst2 --limit 100
    python scripts/evaluation_tables.py run --all
    python scripts/evaluation_tables.py render

`run` needs the data (`BIOME_INTERPRET_DATA`, see benchmarks/README.md). It evaluates one model on
one dataset, or each of `RUNS` in turn. Its raw records stay in .cache/evaluation/, where a run that
was cut short goes on. What the page shows of its summary goes into benchmarks/evaluation.json.
That file holds no texts. `render` writes the tables into the page.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import data  # noqa: E402
from benchmarks.cache import CACHE  # noqa: E402
from biome_interpret.evaluation import METRICS  # noqa: E402

SUMMARIES = ROOT / "benchmarks" / "evaluation.json"
PAGE = ROOT / "docs" / "evaluation.md"
RECORDS = CACHE.parent / "evaluation"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

# Of the figures of removals, what benchmarks/evaluation.json holds.
_KEPT = ["comprehensiveness", "sufficiency", "naopc_comprehensiveness", "deletion", "insertion"]
_KEPT += ["tau_loo", "sign_violations", "infidelity_scaled"]

INTERPRETERS = [
    "biome-integrated-gradient",
    "biome-gradient-shap",
    "biome-smooth-gradient",
    "biome-occlusion",
    "biome-shapley-sampling",
]


class Dataset(NamedTuple):
    """
    title : as in the page.
    file : makes the path of its JSON lines.
    options : how `evaluate` reads it.
    """

    title: str
    file: Callable[[], Path]
    options: List[str]


class Run(NamedTuple):
    """
    baselines : those of the interpreters, besides their own.
    removals : the last one may be missing in a model.
    limit : the number of texts, unless another is given.
    """

    model: str
    dataset: str
    baselines: List[str]
    removals: List[str]
    limit: int


def _rationales(name: str) -> Path:
    return data.folder() / "rationales" / f"{name}.jsonl"


def _tweets() -> Path:
    path = RECORDS / "tweets.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in data.tweets()), encoding="utf-8")
    return path


_ONE_TEXT = ["--field", "sentence=text", "--rationales", "rationale"]
_PAIR = ["--field", "premise=sentence1", "--field", "hypothesis=sentence2"]
_PAIR += ["--rationales", "rationale1=premise", "--rationales", "rationale2=hypothesis"]

DATASETS = {
    "sst2": Dataset("SST-2 dev", lambda: _rationales("sst_words_dev"), _ONE_TEXT),
    "movies": Dataset(
        "ERASER movie sentences", lambda: _rationales("eraser_movies_val_sentences"), _ONE_TEXT
    ),
    "snli": Dataset("SNLI with human edits", lambda: _rationales("cad_nli_edits"), _PAIR),
    "wnut": Dataset("WNUT-17 dev", _tweets, []),
}

_WORDS, _PIECES = ["unknown", "padding", "mean"], ["unknown", "mask"]
RUNS = [
    Run("shipped", "sst2", _WORDS, ["delete", "unknown", "padding", "0"], 300),
    Run("shipped", "movies", _WORDS, ["delete", "unknown", "padding", "0"], 150),
    Run("cnn", "sst2", _WORDS, ["delete", "unknown", "padding", "0"], 150),
    Run("cnn", "movies", _WORDS, ["delete", "unknown", "padding", "0"], 150),
    Run("esim", "snli", _WORDS, ["delete", "unknown", "padding", "0"], 100),
    Run("tagger", "wnut", _WORDS, ["unknown", "padding", "0"], 150),
    Run("minilm", "sst2", _PIECES, ["delete", "mask"], 25),
    Run("minilm", "movies", _PIECES, ["delete", "mask"], 25),
]
TITLES = {
    "shipped": "the shipped biLSTM",
    "cnn": "the CNN",
    "esim": "ESIM",
    "tagger": "the biLSTM-CRF tagger",
    "minilm": "MiniLM",
}


def main() -> int:
    options = _parser().parse_args()
    if options.command == "render":
        render()
        return 0
    wanted = [
        run
        for run in RUNS
        if options.all or (run.model, run.dataset) == (options.model, options.dataset)
    ]
    if not wanted:
        known = ", ".join(f"{run.model} {run.dataset}" for run in RUNS)
        print(f"give --all, or one of: {known}", file=sys.stderr)
        return 2
    try:
        data.folder()
    except data.NoData as error:
        print(error, file=sys.stderr)
        return 1
    return max(evaluate(run, options.limit or run.limit) for run in wanted)


def evaluate(run: Run, limit: int) -> int:
    """Runs the command, and keeps its summary. Returns its exit status."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    name = f"{run.model}-{run.dataset}"
    records, summary = RECORDS / f"{name}-{limit}.jsonl", RECORDS / f"{name}-{limit}.json"
    dataset = DATASETS[run.dataset]
    command = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "evaluate"]
    command += [*_model(run.model), str(dataset.file()), *dataset.options, "--limit", str(limit)]
    for interpreter in INTERPRETERS:
        command += ["--interpreter", interpreter]
    for baseline in run.baselines:
        command += ["--baseline", baseline]
    for removal in run.removals:
        command += ["--removal", removal]
    command += ["--output-file", str(records), "--summary-file", str(summary), "--batch-size", "25"]
    command += ["--resume"] * records.exists()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    status = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode
    # 1: some texts failed, or a row does not suit the model. The summary says so.
    if status in (0, 1) and summary.exists():
        known = _summaries()
        known[f"{run.model} {run.dataset}"] = _shortened(summary)
        SUMMARIES.write_text(_lines_of(known), encoding="utf-8")
        return 0
    return status


def _shortened(path: Path) -> Dict[str, Any]:
    """A cell is its mean, its interval, and p against the best row."""
    summary = json.loads(path.read_text(encoding="utf-8"))
    tables = []
    for table in summary["tables"]:
        if table["figure"] in METRICS and table["figure"] not in _KEPT:
            continue
        cells = {}
        for row, cell in table["cells"].items():
            found = cell["interval"]
            numbers = [found["mean"], found["low"], found["high"], cell["p_value"]]
            cells[row] = [None if one is None else float(f"{one:.4g}") for one in numbers]
        tables.append({**table, "cells": cells})
    # Overrides say where this machine has the pretrained model.
    about = {name: value for name, value in summary["about"].items() if name != "Overrides"}
    kept = ("rows", "left_out", "num_texts", "errors", "concordance")
    return {"about": about, **{name: summary[name] for name in kept}, "tables": tables}


def _lines_of(known: Dict[str, Any]) -> str:
    """JSON with a line for each table, so that a difference can be read."""
    parts = []
    for name, summary in sorted(known.items()):
        tables = ",\n".join(json.dumps(table) for table in summary["tables"])
        rest = json.dumps({key: one for key, one in summary.items() if key != "tables"})
        parts.append(f'{json.dumps(name)}: {rest[:-1]}, "tables": [\n{tables}\n]}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _model(name: str) -> List[str]:
    """The archive, and the options that load it."""
    if name == "shipped":
        return [str(ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz")]
    from benchmarks import models

    return models.MODELS[name].command_line()


def _summaries() -> Dict[str, Any]:
    return json.loads(SUMMARIES.read_text(encoding="utf-8")) if SUMMARIES.exists() else {}


def render() -> None:
    """Writes the tables of all summaries between the marks of the page."""
    known = _summaries()
    parts = [
        "\n".join(_section(run, known[f"{run.model} {run.dataset}"]))
        for run in RUNS
        if f"{run.model} {run.dataset}" in known
    ]
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    tables = "\n\n".join(parts) or "No tables have been made yet."
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


def _section(run: Run, summary: Dict[str, Any]) -> Iterator[str]:
    from biome_interpret.visualization.comparison.wording import figure_name, number

    yield f"### {DATASETS[run.dataset].title}, {TITLES[run.model]}"
    yield ""
    yield f"{summary['num_texts']} texts. {summary['about']['Version']}."
    yield ""
    yield from _table(_columns(run, summary["tables"]), [*summary["rows"]])
    concordance = ", ".join(
        f"{figure_name(name)} {number(summary['concordance'][name])}"
        for name in ("comprehensiveness", "sufficiency", "tau_loo")
        if summary["concordance"].get(name) is not None
    )
    yield from ["", f"Kendall's W over {', '.join(run.removals)}: {concordance}."]
    for name, reason in summary["left_out"].items():
        yield from ["", f"Left out: {name} ({reason})"]


def _columns(run: Run, tables: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """What the page shows. The rest is in benchmarks/evaluation.json."""
    first, second = run.removals[:2]
    wanted = [
        (first, "comprehensiveness"),
        (second, "comprehensiveness"),
        (first, "sufficiency"),
        (first, "naopc_comprehensiveness"),
        *((one["removal"], "average_precision") for one in tables),
        ("", "evaluations"),
    ]
    found = {(one["removal"], one["figure"]): one for one in tables}
    return [found[key] for key in dict.fromkeys(wanted) if key in found]


def _table(tables: List[Dict[str, Any]], rows: Sequence[str]) -> Iterator[str]:
    """Without the rows of the best and the worst order, which are of other texts."""
    from biome_interpret.visualization.comparison import wording

    arrows = {"higher": " ↑", "lower": " ↓", "": ""}
    heads = [
        ", ".join(filter(None, [wording.figure_name(one["figure"]), one["removal"]]))
        + arrows[one["better"]]
        for one in tables
    ]
    yield f"| row | {' | '.join(heads)} |"
    yield "|---" * (len(tables) + 1) + "|"
    for row in rows:
        cells = [_cell(one, row, wording.number) for one in tables]
        if any(cells) and not row.startswith("oracle"):
            name = row.replace("biome-", "").replace(" (baseline: default)", ", zero")
            name = name.replace(" (baseline: ", ", ").replace(")", "")
            yield f"| {name} | {' | '.join(cells)} |"
    yield f"| *texts* | {' | '.join(str(one['num_texts']) for one in tables)} |"


def _cell(table: Dict[str, Any], row: str, number: Callable[[Optional[float]], str]) -> str:
    """The mean and its interval: bold for the best row, with = for those not told apart."""
    if row not in table["cells"]:
        return ""
    value, low, high, p_value = table["cells"][row]
    mean = number(value)
    if row == table["best"]:
        mean = f"**{mean}**"
    elif p_value is not None and p_value >= 0.05:
        mean += "="
    return (
        f"{mean} [{number(low)}, {number(high)}]" if low is not None and table["better"] else mean
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="evaluate a model on a dataset")
    run.add_argument("model", nargs="?", choices=sorted(TITLES))
    run.add_argument("dataset", nargs="?", choices=sorted(DATASETS))
    run.add_argument("--all", action="store_true", help="each model on each of its datasets")
    run.add_argument("--limit", type=int, help="the number of texts")
    commands.add_parser("render", help="write the tables into docs/evaluation.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
