"""Answers as files: the self-contained report, and a picture."""

import io
import tempfile
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import torch

from biome_interpret import __version__
from biome_interpret.commands.description import method_names
from biome_interpret.live.answers.archives import ServedArchive
from biome_interpret.live.answers.explaining import Answer
from biome_interpret.live.answers.refusals import Refused
from biome_interpret.visualization.report import write_report


def report(
    answers: Sequence[Answer], archives: Mapping[str, ServedArchive], title: Optional[str]
) -> bytes:
    """
    The page that `interpret --html` writes, with a record for each answer. It leaves out
    explanations that failed, unless all of them did.
    """
    answers = _with_results(answers)
    configs: List[Dict[str, Any]] = []
    for question in (one.question for answer in answers for one in answer.explained):
        if question.config not in configs:
            configs.append(question.config)
    names = method_names(configs)
    used = [archives[name] for name in dict.fromkeys(one.request.archive for one in answers)]
    about = {
        "Archive": ", ".join(one.name for one in used),
        "Model": ", ".join(type(one.predictor._model).__name__ for one in used),
        "Predictor": ", ".join(type(one.predictor).__name__ for one in used),
        "Interpreter": "; ".join(names),
        "Version": f"biome_interpret {__version__}, PyTorch {torch.__version__}",
        "Date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }
    records = [
        {
            "line": i,
            "inputs": answer.request.inputs,
            "gold": answer.request.gold,
            "interpretations": [
                replace(found, method=names[configs.index(one.question.config)]).to_json()
                for one in answer.explained
                for found in one.found
            ],
        }
        for i, answer in enumerate(answers, start=1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_report(records, page, title, about)
        return page.read_bytes()


def figure(answer: Answer, thing: int) -> bytes:
    """A bar chart of one result, as SVG. It needs matplotlib."""
    [explained] = answer.explained
    if explained.error is not None:
        raise Refused(422, explained.error, "explanations[0]")
    if thing >= len(explained.found):
        number = len(explained.found)
        message = f"there are {number} results: thing must be below" if number else "nothing is"
        raise Refused(400, f"{message} {number or 'predicted for this text'}", "thing")
    stream = io.BytesIO()
    try:
        explained.found[thing].plot().savefig(stream, format="svg", metadata={"Date": None})
    except ImportError as error:
        raise Refused(501, str(error)) from error
    return stream.getvalue()


def _with_results(answers: Sequence[Answer]) -> List[Answer]:
    found = [
        answer._replace(explained=[one for one in answer.explained if one.error is None])
        for answer in answers
    ]
    if not any(answer.explained for answer in found):
        raise Refused(422, str(answers[0].explained[0].error), "requests[0].explanations[0]")
    return [answer for answer in found if answer.explained]
