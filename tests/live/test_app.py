"""The addresses of the server, with the shipped model."""

import argparse
import gc
import json
import os
import random
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Optional
from unittest import mock
from xml.etree import ElementTree

import pytest

from biome_interpret import GradientShap, IntegratedGradient, Interpretation, Occlusion
from biome_interpret.live.answers.archives import Loading, ServedArchive
from biome_interpret.live.answers.explaining import Limits
from biome_interpret.live.answers.options import MOST_POINTS
from biome_interpret.live.answers.requests import MOST_EXPLANATIONS
from biome_interpret.live.answers.service import Service
from biome_interpret.live.arguments import add_arguments
from tests.live.servers import (
    GRADIENT,
    INPUTS,
    NAME,
    ROOT,
    SHAP,
    Client,
    make_service,
    question,
    request,
    running,
    shipped_predictor,
)

PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
HOSTILE = "<script>alert(1)</script> film \u202e\x00 </title>"


def interpretations(explanation: Dict[str, Any]) -> List[Interpretation]:
    return [Interpretation.from_json(one["interpretation"]) for one in explanation["results"]]


class TestPage:
    def test_its_files_are_whole(self, client: Client) -> None:
        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        names = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
        assert {"page.js", "page.css"} <= {*names}
        for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
            file = client.get(f"/{name}")
            assert file.status == 200
            assert file.headers["content-type"] == f"{kind}; charset=utf-8"
            assert b"{%" not in file.content and b"{{" not in file.content

    def test_the_shades_are_those_of_the_report(self, client: Client) -> None:
        assert b".f12" in client.get("/page.css").content


class TestSetup:
    def test_it_says_what_may_be_asked(self, client: Client) -> None:
        setup = client.get("/api/setup").json
        [archive] = setup["archives"]
        assert archive == {
            "name": NAME,
            "model": "BasicClassifier",
            "predictor": "TextClassifierPredictor",
            "fields": [{"name": "sentence", "kind": "text", "required": True}],
            "complete": True,
            "labels": ["negative", "positive"],
            "baselines": ["zero", "padding", "unknown", "mean"],
            "mask": {"text": "xxunk", "kind": "unknown"},
        }
        assert [one["name"] for one in setup["interpreters"]] == [
            *[GRADIENT, SHAP, "biome-smooth-gradient", "biome-occlusion", "biome-shapley-sampling"]
        ]
        tolerance = setup["interpreters"][0]["options"]["tolerance"]
        assert (tolerance["least"], tolerance["most"], tolerance["default"]) == (1e-4, 0.5, 0.01)
        assert setup["limits"]["tokens"] == 512
        assert setup["num_examples"] == 1 and setup["gold"]

    def test_examples(self, client: Client) -> None:
        [example] = client.get("/api/examples").json["examples"]
        assert example == {"inputs": {"sentence": "Dull."}, "gold": "negative"}


class TestExplain:
    def test_the_results_are_those_of_the_interpreters(self, client: Client) -> None:
        answered = client.post(
            "/api/explain",
            request(
                question(options={"granularity": "word"}),
                question(SHAP, target="negative", options={"baseline": "unknown", "seed": 3}),
                question(target=1, options={"inference_mode": "softmax", "n_steps": 20}),
                question("biome-occlusion", options={"granularity": "word", "removal": "delete"}),
            ),
        )
        assert answered.status == 200
        predictor = shipped_predictor()
        expected = [
            IntegratedGradient(predictor, granularity="word").interpret_json(INPUTS),
            GradientShap(predictor, baseline="unknown", seed=3).interpret_json(INPUTS, "negative"),
            IntegratedGradient(predictor, inference_mode="softmax", n_steps=20).interpret_json(
                INPUTS, 1
            ),
            Occlusion(predictor, granularity="word", removal="delete").interpret_json(INPUTS),
        ]
        assert list(map(interpretations, answered.json["explanations"])) == expected
        probabilities = expected[0][0].probabilities or {}
        labels = answered.json["prediction"]["labels"]
        assert {one["label"]: one["probability"] for one in labels} == probabilities
        assert answered.json["prediction"]["label"] == max(probabilities, key=probabilities.get)
        assert answered.json["inputs"] == INPUTS
        assert answered.json["num_tokens"] == 6

    def test_a_prediction_alone(self, client: Client) -> None:
        answered = client.post("/api/explain", request()).json
        assert answered["explanations"] == []
        [thing] = answered["prediction"]["things"]
        assert thing["label"] == answered["prediction"]["label"] == "positive"
        assert thing["words"] is None

    def test_whether_the_gold_label_is_predicted(self, client: Client) -> None:
        for gold, found in (
            ("positive", {"text": "positive", "is_right": True}),
            ("negative", {"text": "negative", "is_right": False}),
            ("other", None),
            (None, None),
        ):
            answered = client.post("/api/explain", {**request(), "gold": gold}).json
            assert answered["prediction"]["gold"] == found

    def test_one_explanation_may_fail(self, client: Client) -> None:
        answered = client.post(
            "/api/explain",
            request(
                question(options={"baseline": "mask"}),
                question(target="neutral"),
                question(options={"tolerance": 0.1, "n_steps": 3}),
                question(target="negative"),
            ),
        )
        assert answered.status == 200
        mask, neutral, both, negative = answered.json["explanations"]
        assert "'mask' needs a mask token" in mask["error"] and "results" not in mask
        assert "'neutral'" in neutral["error"]
        assert "exclude each other" in both["error"]
        assert interpretations(negative)[0].target.label == "negative"

    def test_each_token_is_found_in_the_text(self, client: Client) -> None:
        text = "Isn't it 😀 İyi, naïve?"
        body = request(question(options={"granularity": "word"}), inputs={"sentence": text})
        [explanation] = client.post("/api/explain", body).json["explanations"]
        [result] = explanation["results"]
        [field] = result["fields"]
        tokens = result["interpretation"]["fields"][field["name"]]["tokens"]
        assert field["strings"] == [["sentence"]]
        units = text.encode("utf-16-le")
        found = [units[2 * start : 2 * end].decode("utf-16-le") for _, start, end in field["spans"]]
        assert found == tokens == ["Isn't", "it", "😀", "İyi", ",", "naïve", "?"]
        assert field["pieces"] == ["Isn't", " it", " 😀", " İyi", ",", " naïve", "?"]

    @pytest.mark.parametrize(
        "inputs, message",
        [
            ({}, "sentence"),
            ({"text": "A film."}, "does not take this input, which has 'text'"),
            ({"sentence": ["A", "film"]}, "does not take this input"),
            ({"sentence": None}, "does not take this input"),
            ({"sentence": ""}, "no tokens"),
            ({"sentence": " \t "}, "no tokens"),
        ],
    )
    def test_a_text_that_cannot_be_read(
        self, client: Client, inputs: Dict[str, Any], message: str
    ) -> None:
        answered = client.post("/api/explain", request(question(), inputs=inputs))
        assert answered.status == 422
        assert message in answered.error
        assert answered.json["where"] == "inputs"

    def test_a_lone_surrogate_is_answered(self, client: Client) -> None:
        body = json.dumps(request(question(), inputs={"sentence": "a film \ud800 !"})).encode()
        assert b"\\ud800" in body
        answered = client.post("/api/explain", body)
        assert answered.status == 200
        assert answered.json["inputs"] == {"sentence": "a film \ud800 !"}

    def test_a_long_text_is_refused(self) -> None:
        with running(make_service(tokens=20)) as server:
            body = request(question(), inputs={"sentence": "good " * 20})
            assert server.client.post("/api/explain", body).status == 200
            body = request(question(), inputs={"sentence": "good " * 21})
            answered = server.client.post("/api/explain", body)
            assert answered.status == 413
            assert "21 tokens, and 20 are allowed" in answered.error

    def test_a_request_that_takes_too_much_is_refused(self) -> None:
        with running(make_service(evaluations=100)) as server:
            for questions, evaluations in (
                ([question()], 257),
                ([question(options={"n_steps": 101})], 101),
                ([question(options={"n_steps": 90}), question(SHAP)], 0),
                ([question(options={"n_steps": 90}), question(SHAP)] + [question(SHAP)], 110),
                ([question(SHAP, options={"tolerance": 0.1, "max_evaluations": 99})], 0),
                ([question("biome-occlusion", options={"removal": "delete"})], 0),
            ):
                answered = server.client.post("/api/explain", request(*questions))
                assert answered.status == (413 if evaluations else 200)
                if evaluations:
                    assert f"may take {evaluations} evaluations, and 100" in answered.error


class TestReport:
    def test_it_holds_all_requests(self, client: Client) -> None:
        other = {"sentence": HOSTILE}
        first = request(question(), question(options={"baseline": "unknown"}))
        body = {"title": "Two <b>", "requests": [first, request(question(), inputs=other)]}
        answered = client.post("/api/report", body)
        assert answered.status == 200
        assert answered.headers["content-type"] == "text/html; charset=utf-8"
        assert answered.headers["content-disposition"].startswith("attachment;")
        page = answered.content.decode()
        assert "Two &lt;b&gt;" in page and "<script>alert" not in page
        data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
        assert data is not None
        records = json.loads(data[1])
        assert [len(record["results"]) for record in records] == [2, 1]
        methods = [one["method"] for one in records[0]["results"]]
        assert methods == [f"{GRADIENT} (baseline: default)", f"{GRADIENT} (baseline: unknown)"]
        assert NAME in page

    def test_it_shows_the_gold_labels(self, client: Client) -> None:
        golds = ("negative", "other", 1, ["positive"], None)
        requests = [{**request(question()), "gold": gold} for gold in golds]
        page = client.post("/api/report", {"requests": requests}).content.decode()
        data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
        assert data is not None
        shown = [(one.get("gold"), one.get("right")) for one in json.loads(data[1])]
        assert shown == [("negative", False), *[(None, None)] * 2, ("positive", True), (None, None)]
        assert "2 gold labels are not among the labels of the model." in page

    def test_two_targets_of_one_interpreter(self, client: Client) -> None:
        both = [question(target=label) for label in ("positive", "negative")]
        page = client.post("/api/report", {"requests": [request(*both)]}).content.decode()
        data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
        assert data is not None
        [record] = json.loads(data[1])
        found = [(one["target"], one["method"]) for one in record["results"]]
        assert found == [("positive", GRADIENT), ("negative", GRADIENT)]

    def test_of_many_archives_before_and_after_edits(self) -> None:
        names = [f"model {i}" for i in range(5)]
        archives = [ServedArchive(name, Loading(name), shipped_predictor()) for name in names]
        with running(Service(archives, {}, Limits(), [])) as server:
            asked = [{**request(question()), "archive": name} for name in names * 2]
            assert server.client.post("/api/report", {"requests": asked}).status == 200
            answered = server.client.post("/api/report", {"requests": [*asked, asked[0]]})
            assert "requests must be a list of 1 to 10 objects" in answered.error
            assert server.client.get("/api/setup").json["limits"]["requests"] == 10

    def test_it_leaves_out_what_fails(self, client: Client) -> None:
        fails = question(options={"baseline": "mask"})
        requests = [request(fails), request(fails, question(SHAP))]
        page = client.post("/api/report", {"requests": requests}).content.decode()
        data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
        assert data is not None
        [record] = json.loads(data[1])
        assert [one["method"] for one in record["results"]] == [SHAP]
        assert "mask" not in page.split("</dl>")[0].split("<dl")[1]

    def test_if_everything_fails_it_is_the_error(self, client: Client) -> None:
        fails = request(question(options={"baseline": "mask"}))
        for address, body, where in (
            ("report", {"requests": [fails, fails]}, "requests[0].explanations[0]"),
            ("figure", fails, "explanations[0]"),
        ):
            answered = client.post(f"/api/{address}", body)
            assert answered.status == 422
            assert "mask token" in answered.error
            assert answered.json["where"] == where


class TestFigure:
    def test_it_is_svg(self, client: Client) -> None:
        pytest.importorskip("matplotlib")
        body = request(question(), inputs={"sentence": HOSTILE})
        answered = client.post("/api/figure", body)
        assert answered.status == 200
        assert answered.headers["content-type"] == "image/svg+xml"
        assert answered.headers["content-disposition"].startswith("attachment;")
        root = ElementTree.fromstring(answered.content)
        assert root.tag.endswith("svg")
        assert not [one for one in root.iter() if one.tag.endswith("script")]

    def test_without_matplotlib_it_says_what_to_install(self, client: Client) -> None:
        missing: Any = {"matplotlib": None, "matplotlib.figure": None}
        with mock.patch.dict(sys.modules, missing):
            answered = client.post("/api/figure", request(question()))
            assert answered.status == 501
            assert "pip install 'biome-interpret[plot]'" in answered.error
            assert not make_service().setup()["figure"]

    def test_a_result_that_is_not_there(self, client: Client) -> None:
        answered = client.post("/api/figure", {**request(question()), "thing": 1})
        assert answered.status == 400
        assert answered.json["where"] == "thing"


class TestDocumentation:
    def test_its_request_is_answered(self, client: Client) -> None:
        [body] = re.findall(r"/api/explain -d '(.+?)'\n```", PAGE, re.DOTALL)
        answered = client.post("/api/explain", body.encode())
        assert answered.status == 200
        assert [len(one["results"]) for one in answered.json["explanations"]] == [1, 1]

    def test_it_names_every_option(self) -> None:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        flags = {flag for one in parser._actions for flag in one.option_strings[-1:]}
        of_interpret = "--predictor-args --weights-file --dataset-reader-choice --threads"
        left_out = {*of_interpret.split(), "--include-package", "--help"}
        assert {flag for flag in flags if flag not in PAGE} == left_out

    def test_it_has_the_limits(self) -> None:
        limits = Limits()
        for number in (limits.tokens, limits.evaluations, MOST_EXPLANATIONS, MOST_POINTS):
            assert f"| {number:,} |" in PAGE


def memory() -> int:
    """In bytes, of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class TestManyClients:
    def test_five_hundred_requests_of_twenty_clients(self) -> None:
        texts = [f"A {word} film." for word in ("warm", "dull", "clever", "thin", "moving")]
        options = [{}, {"granularity": "word"}, {"baseline": "unknown"}]
        predictor = shipped_predictor()
        expected = {
            (text, i): IntegratedGradient(predictor, **chosen).interpret_json({"sentence": text})
            for text in texts
            for i, chosen in enumerate(options)
        }
        broken = [
            (b"{", None, 400),
            (b"\xff\xfe", None, 400),
            (b"[" * 20_000, None, 400),
            (b"[]", None, 400),
            (request(question("biome-nothing")), None, 400),
            (request(question(options={"n_steps": 10**9})), None, 400),
            (request(question(), inputs={"nothing": 1}), None, 422),
            (request(question(), inputs={"sentence": "film " * 600}), None, 413),
            (b" " * 70_000, None, 413),
            (request(), "text/plain", 415),
        ]
        with running(make_service(), most_waiting=64) as server:

            def ask(number: int) -> Optional[str]:
                choose = random.Random(number)
                if number % 3 == 0:
                    body, kind, status = broken[number % len(broken)]
                    headers = {} if kind is None else {"content_type": kind}
                    answered = server.client.post("/api/explain", body, **headers)
                    return None if answered.status == status else f"{status}: {answered}"
                text, i = choose.choice(texts), choose.randrange(len(options))
                body = request(question(options=options[i]), inputs={"sentence": text})
                answered = server.client.post("/api/explain", body)
                if answered.status != 200:
                    return str(answered)
                [explanation] = answered.json["explanations"]
                is_right = interpretations(explanation) == expected[text, i]
                return None if is_right else f"wrong: {text} {options[i]}"

            with ThreadPoolExecutor(20) as clients:
                assert [one for one in clients.map(ask, range(500)) if one] == []
                gc.collect()
                before, threads = memory(), threading.active_count()
                assert [one for one in clients.map(ask, range(500, 1000)) if one] == []
            gc.collect()
            assert memory() - before < 30e6
            assert threading.active_count() <= threads
