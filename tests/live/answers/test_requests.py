"""What may be asked: each part of a request is checked."""

import json
from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import infer_params
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from biome_interpret import GradientShap
from biome_interpret.live.answers.options import BASELINES, OPTIONS
from biome_interpret.live.answers.refusals import Refused
from biome_interpret.live.answers.requests import read_json
from biome_interpret.models.baselines import Baseline
from tests.live.servers import (
    GRADIENT,
    INPUTS,
    NAME,
    SHAP,
    Client,
    make_service,
    question,
    request,
    running,
    shipped_predictor,
)

CLASSES: Dict[str, Any] = {name: SaliencyInterpreter.by_name(name) for name in OPTIONS}
OCCLUSION = "biome-occlusion"
MENU = make_service(own={"mine": {"type": GRADIENT, "granularity": "word"}}).menu


def asking(**options: Any) -> Dict[str, Any]:
    return request(question(options=options))


def test_without_explanations_only_the_prediction_is_asked_for() -> None:
    asked = MENU.request({"inputs": INPUTS})
    assert asked == MENU.request({"inputs": INPUTS, "explanations": []})
    assert asked.questions == []


class TestRefused:
    @pytest.mark.parametrize(
        "body, where",
        [
            ([], None),
            ("text", None),
            (None, None),
            ({}, "inputs"),
            ({"inputs": INPUTS, "explanations": None}, "explanations"),
            ({"inputs": [INPUTS], "explanations": []}, "inputs"),
            ({"inputs": "text", "explanations": []}, "inputs"),
            ({**request(), "more": 1}, "more"),
            ({**request(), "overrides": "{}"}, "overrides"),
            ({**request(), "gold": {"label": "positive"}}, "gold"),
            ({**request(), "archive": "/etc/passwd"}, "archive"),
            ({**request(), "archive": "../model.tar.gz"}, "archive"),
            ({**request(), "archive": "https://example.org/model.tar.gz"}, "archive"),
            ({**request(), "archive": 0}, "archive"),
            ({**request(), "archive": {"path": NAME}}, "archive"),
            ({**request(), "explanations": {}}, "explanations"),
            (request(*[question()] * 13), "explanations"),
            ({**request(), "explanations": ["x"]}, "explanations[0]"),
            (request({}), "explanations[0].interpreter"),
            # Registered, but not on the list.
            (request(question("integrated-gradient")), "explanations[0].interpreter"),
            (request(question("simple-gradient")), "explanations[0].interpreter"),
            (request(question("smooth-gradient")), "explanations[0].interpreter"),
            (request(question({"type": GRADIENT})), "explanations[0].interpreter"),
            (request(question('{"type": "x"}')), "explanations[0].interpreter"),
            (request(question("configs/gradient_shap.jsonnet")), "explanations[0].interpreter"),
            (request(question(), question("x")), "explanations[1].interpreter"),
            (request(question(target=1.5)), "explanations[0].target"),
            (request(question(target=True)), "explanations[0].target"),
            (request(question(target=-1)), "explanations[0].target"),
            (request(question(target=10**20)), "explanations[0].target"),
            (request(question(target=["positive"])), "explanations[0].target"),
            (request(question(options=[])), "explanations[0].options"),
            (request(question(options="x")), "explanations[0].options"),
            (request({**question(), "type": SHAP}), "explanations[0].type"),
            (request({**question(), "x" * 999: 1}), f"explanations[0].{'x' * 80}…"),
        ],
    )
    def test_what_is_wrong_is_named(self, body: Any, where: Any) -> None:
        with pytest.raises(Refused) as refused:
            MENU.request(body)
        assert refused.value.status == 400
        assert refused.value.where == where

    @pytest.mark.parametrize(
        "option, value",
        [
            ("type", SHAP),
            ("predictor", NAME),
            ("device", "cuda:0"),
            ("batch_size", 10**6),
            ("background", ["A film."]),
            ("background", "/etc/passwd"),
            ("output", "logits"),
            ("autocast", True),
            ("target", "positive"),
            ("seed", 1),
            ("baseline", "constant"),
            ("baseline", 0.5),
            ("baseline", [0.0]),
            ("baseline", {"type": "mean"}),
            ("baseline", "MEAN"),
            ("inference_mode", "function"),
            ("inference_mode", {"type": "logits"}),
            ("granularity", "paragraph"),
            ("reduction", "max"),
            ("hold_special_tokens", 1),
            ("hold_special_tokens", "true"),
            ("input_x_gradient", 0),
            ("tolerance", 0),
            ("tolerance", 1e-9),
            ("tolerance", 1),
            ("tolerance", "0.1"),
            ("tolerance", True),
            ("tolerance", float("nan")),
            ("tolerance", float("inf")),
            ("n_steps", 0),
            ("n_steps", -1),
            ("n_steps", 513),
            ("n_steps", 10**30),
            ("n_steps", 5.0),
            ("n_steps", "5"),
            ("max_evaluations", 2),
            ("max_evaluations", 513),
            ("quadrature", "simpson"),
            ("__class__", "x"),
        ],
    )
    def test_an_option_that_is_not_on_the_list(self, option: str, value: Any) -> None:
        with pytest.raises(Refused) as refused:
            MENU.request(asking(**{option: value}))
        assert refused.value.status == 400
        assert refused.value.where is not None
        assert refused.value.where == f"explanations[0].options.{option}"

    def test_its_bounds_are_written_in_full(self) -> None:
        with pytest.raises(Refused, match="must be an integer from 0 to 2147483647$"):
            MENU.request(request(question(SHAP, options={"seed": -1})))
        with pytest.raises(Refused, match=r"must be a number from 0\.0001 to 0\.5$"):
            MENU.request(asking(tolerance=1))

    def test_several_requests(self) -> None:
        good = request(question())
        for body, where in (
            ({"requests": []}, "requests"),
            ({"requests": [good] * 9}, "requests"),
            ({"requests": [good], "title": 1}, "title"),
            ({"requests": [good], "title": "x" * 201}, "title"),
            ({"requests": [good], "path": "/tmp/x"}, "path"),
            ([good], None),
            ({"requests": [good, [good]]}, "requests[1]"),
            ({"requests": [{**good, "more": 1}]}, "requests[0].more"),
            ({"requests": [good, {**good, "gold": {"a": 1}}]}, "requests[1].gold"),
            ({"requests": [{**good, "gold": [["B-PER"]]}]}, "requests[0].gold"),
            ({"requests": [good, request()]}, "requests[1].explanations"),
            (
                {"requests": [good, request(question("x"))]},
                "requests[1].explanations[0].interpreter",
            ),
        ):
            with pytest.raises(Refused) as refused:
                MENU.several(body)
            assert refused.value.where == where
        assert len(MENU.several({"requests": [good], "title": "x"}).requests) == 1

    def test_a_single_one(self) -> None:
        for questions in ([], [question()] * 2):
            with pytest.raises(Refused, match="one entry"):
                MENU.single(request(*questions))

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"\xff", b"[1,]", b'{"a": NaN}', b'{"a": -Infinity}', b"[" * 60_000, b"1e999"],
    )
    def test_what_is_not_json(self, body: bytes) -> None:
        with pytest.raises(Refused) as refused:
            read_json(body)
        assert refused.value.status == 400

    def test_no_message_repeats_a_long_value(self, client: Client) -> None:
        long = "x" * 60_000
        for body in (
            request(question(long)),
            request(question(options={long: 1})),
            asking(granularity=long),
            {**request(), "archive": long},
            {**request(), long: 1},
        ):
            answered = client.post("/api/explain", body)
            assert answered.status == 400
            assert len(answered.content) < 1500


class TestOptions:
    @pytest.mark.parametrize("name", [*OPTIONS])
    def test_each_is_one_of_the_interpreter(self, name: str) -> None:
        assert {*OPTIONS[name]} <= {*infer_params(CLASSES[name])}

    @pytest.mark.parametrize("name", [*OPTIONS])
    def test_the_defaults_are_those_of_the_interpreter(self, name: str) -> None:
        defaults = {
            key: one.default for key, one in OPTIONS[name].items() if one.default is not None
        }
        defaults["baseline"] = None
        cls, predictor = CLASSES[name], shipped_predictor()
        assert cls(predictor, **defaults).interpret_json(INPUTS) == cls(predictor).interpret_json(
            INPUTS
        )

    def test_every_choice_and_bound_is_taken_by_the_interpreter(self) -> None:
        for name, options in OPTIONS.items():
            for key, one in options.items():
                values = one.choices or ([True, False] if one.type == "flag" else [])
                for value in values or [one.least, one.most]:
                    given = None if value == "zero" else value
                    more = {"tolerance": 0.1} if key == "max_evaluations" else {}
                    CLASSES[name](shipped_predictor(), **{key: given}, **more)

    def test_an_option_that_means_nothing_is_refused_by_the_interpreter(self) -> None:
        """So the page does not send it."""
        for name, options in OPTIONS.items():
            for key, one in options.items():
                for other in [*one.needs, *one.without]:
                    value = options[other].least or (options[other].choices or [None])[0]
                    beside = {other: value} if other in one.without else {}
                    with pytest.raises(ConfigurationError, match=key):
                        CLASSES[name](shipped_predictor(), **{key: one.least}, **beside)

    def test_the_baselines_are_registered(self) -> None:
        assert {*BASELINES} - {"zero"} <= {*Baseline.list_available()}

    def test_defaults_are_left_out(self) -> None:
        [found] = MENU.request(asking(baseline="zero", tolerance=0.01, reduction=None)).questions
        assert found.config == {"type": GRADIENT}
        assert found.options == {"baseline": "zero", "tolerance": 0.01}

    def test_they_replace_those_of_an_interpreter_of_the_user(self) -> None:
        for options, granularity in (({}, "word"), ({"granularity": "all_tokens"}, "all_tokens")):
            [found] = MENU.request(request(question("mine", options=options))).questions
            assert found.config == {"type": GRADIENT, "granularity": granularity}


class TestConfigured:
    """What an interpreter of the user may be asked, beside its own parameters."""

    @pytest.mark.parametrize(
        "config, defaults, left_out",
        [
            ({"baseline": "unknown", "tolerance": 0.1}, {"baseline": "unknown"}, "n_steps"),
            ({"tolerance": 0.1}, {"tolerance": 0.1, "max_evaluations": 257}, "quadrature"),
            ({"n_steps": 90}, {"n_steps": 90, "baseline": "zero"}, "tolerance"),
            ({"quadrature": "trapezoid"}, {"quadrature": "trapezoid"}, "max_evaluations"),
            ({"quadrature": "trapezoid", "n_steps": 900}, {}, "n_steps"),
            ({"baseline": {"type": "mean"}}, {"tolerance": 0.01}, "baseline"),
            ({"background": [INPUTS]}, {}, "baseline"),
            ({"baseline": None}, {"baseline": "zero"}, "nothing"),
            # Words that are left out have no baseline.
            ({"type": OCCLUSION, "baseline": "unknown"}, {"baseline": "unknown"}, "removal"),
            ({"type": OCCLUSION, "background": [INPUTS]}, {}, "removal"),
        ],
    )
    def test_the_defaults_are_the_parameters(
        self, config: Dict[str, Any], defaults: Dict[str, Any], left_out: str
    ) -> None:
        service = make_service(own={"mine": {"type": GRADIENT, **config}})
        offered = service.setup()["interpreters"][-1]["options"]
        assert {name: offered[name]["default"] for name in defaults} == defaults
        assert left_out not in offered
        for name, value in (("n_steps", 5), ("tolerance", 0.2), ("baseline", "mean")):
            if name in offered:
                body = request(question("mine", options={name: value}))
                answered = service.explain(service.menu.request(body), lambda: False)
                assert answered["explanations"][0]["results"]

    def test_what_an_option_needs_may_be_among_them(self) -> None:
        for config, needs in (({}, ["tolerance"]), ({"tolerance": 0.9}, None)):
            offered = make_service(own={"mine": {"type": SHAP, **config}}).setup()
            assert offered["interpreters"][-1]["options"]["max_evaluations"].get("needs") == needs

    def test_a_baseline_takes_the_place_of_theirs(self) -> None:
        menu = make_service(own={"mine": {"type": GRADIENT, "baseline": "unknown"}}).menu
        for options, baseline in (
            ({}, "unknown"),
            ({"baseline": "zero"}, None),
            ({"baseline": "mean"}, "mean"),
        ):
            [found] = menu.request(request(question("mine", options=options))).questions
            assert found.config == {"type": GRADIENT, "baseline": baseline}


def test_an_interpreter_of_the_user_may_be_asked() -> None:
    background = [{"sentence": "A film."}]
    own = {"mine": {"type": SHAP, "background": background, "seed": 5}}
    with running(make_service(own=own)) as server:
        offered = server.client.get("/api/setup").json["interpreters"][-1]
        assert offered["name"] == "mine"
        answered = server.client.post("/api/explain", request(question("mine")))
        [explanation] = answered.json["explanations"]
        [expected] = GradientShap(
            shipped_predictor(), background=background, seed=5
        ).interpret_json(INPUTS)
        [result] = explanation["results"]
        assert result["interpretation"]["fields"] == json.loads(
            json.dumps(expected.to_json()["fields"])
        )
        assert result["interpretation"]["method"] == "mine"
