"""Each snippet is run, and gives the numbers of the page."""

import ast
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.predictors import Predictor

from biome_interpret import Interpretation
from biome_interpret.commands.main import main
from biome_interpret.live.answers.archives import ServedArchive
from biome_interpret.live.answers.explaining import Limits
from biome_interpret.live.answers.service import Service
from tests.live.servers import (
    ARCHIVE,
    GRADIENT,
    ROOT,
    SHAP,
    Client,
    question,
    request,
    served,
    shipped_predictor,
)

ODD = {"sentence": "It's a \"film\" \\n of $HOME `ls` 'é' 😀\n{{ end }} ${x} -"}
REQUESTS = [
    request(question()),
    # It is not what the model predicts.
    request(question(target="negative")),
    request(question(options={"granularity": "word"}), inputs=ODD),
    request(question(SHAP, target=1, options={"baseline": "unknown", "noise_relative": True})),
    request(question("mine", options={"hold_special_tokens": True}), inputs=ODD),
]
OWN: Dict[str, Dict[str, Any]] = {
    "mine": {"type": SHAP, "seed": 5, "background": [{"sentence": "It's."}]}
}


def service(archive: ServedArchive) -> Service:
    return Service([archive], OWN, Limits(), [])


def snippets(body: Any, **loading: Any) -> Dict[str, str]:
    one = service(served(**loading))
    return one.snippets(one.menu.single(body))


def expected(body: Any) -> List[Interpretation]:
    one = service(served())
    answered = one.explain(one.menu.request(body), lambda: False)
    [explanation] = answered["explanations"]
    return [Interpretation.from_json(each["interpretation"]) for each in explanation["results"]]


def scores(found: List[Interpretation]) -> List[Any]:
    return [(one.target.label, one.scores) for one in found]


@pytest.mark.parametrize("body", REQUESTS)
def test_python(body: Any) -> None:
    code = snippets(body)["python"]
    names: Dict[str, Any] = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    assert "output" in printed.getvalue()
    [call] = [node.iter for node in ast.walk(ast.parse(code)) if isinstance(node, ast.For)]
    found = eval(ast.unparse(call) if sys.version_info >= (3, 9) else "[result]", names)
    assert scores(found) == scores(expected(body))


@pytest.mark.parametrize("body", REQUESTS)
def test_the_command(body: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The shell gives the words of the command to a program that writes them down.
    fake = tmp_path / "biome-interpret"
    given = tmp_path / "given"
    fake.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"given = [sys.argv[1:], sys.stdin.buffer.read().decode()]\n"
        f"json.dump(given, open({str(given)!r}, 'w'))\n"
    )
    fake.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-c", snippets(body)["command"]], check=True, env={**os.environ, "PATH": path}
    )
    arguments, text = json.loads(given.read_text())
    assert json.loads(text) == body["inputs"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    out = tmp_path / "out.jsonl"
    main([*arguments, "--output-file", str(out), "--silent"])
    record = json.loads(out.read_text())
    found = [Interpretation.from_json(one) for one in record["interpretations"]]
    assert scores(found) == scores(expected(body))


@pytest.mark.parametrize("body", REQUESTS)
def test_the_jsonnet(body: Any, tmp_path: Path) -> None:
    config = tmp_path / "interpreter.jsonnet"
    config.write_text(snippets(body)["jsonnet"], encoding="utf-8")
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps(body["inputs"]) + "\n")
    out = tmp_path / "out.jsonl"
    main(
        ["interpret", str(ARCHIVE), str(texts), "--interpreter", str(config)]
        + ["--output-file", str(out), "--silent"]
    )
    record = json.loads(out.read_text())
    found = [Interpretation.from_json(one) for one in record["interpretations"]]
    assert scores(found) == scores(expected(body))


LOADING = {
    "predictor": "text_classifier",
    "overrides": '{"model.dropout": 0.1}',
    "reader": "train",
    "packages": ["json"],
}


@pytest.mark.parametrize("weights", [False, True])
def test_how_the_archive_was_loaded(weights: bool, tmp_path: Path) -> None:
    loading: Dict[str, Any] = dict(LOADING)
    if weights:
        import torch

        file = tmp_path / "weights.th"
        torch.save({k: 0 * v for k, v in shipped_predictor()._model.state_dict().items()}, file)
        loading["weights_file"] = str(file)
    found = snippets(request(question()), **loading)
    names: Dict[str, Any] = {}
    with redirect_stdout(io.StringIO()):
        exec(found["python"], names)
    predictor = names["predictor"]
    assert isinstance(predictor, Predictor)
    [result] = names["interpreter"].interpret_json({"sentence": "A film."})
    assert (result.output == 0) == weights
    for flag in ("--predictor=text_classifier", "--dataset-reader-choice=train"):
        assert flag in found["command"]
    assert "--include-package=json" in found["command"]
    assert "--overrides=" in found["command"]
    assert ("--weights-file=" in found["command"]) == weights


def test_over_the_network(client: Client) -> None:
    answered = client.post("/api/snippets", request(question()))
    assert answered.status == 200
    assert {*answered.json} == {"python", "jsonnet", "command"}
    assert json.loads(answered.json["jsonnet"]) == {"type": GRADIENT}
    assert str(ARCHIVE.relative_to(ROOT)) in answered.json["python"]
