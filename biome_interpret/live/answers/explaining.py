"""Answers a request: the prediction, and each explanation that is asked for."""

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.models import Model

from biome_interpret.errors import InterpretationError, reason_of
from biome_interpret.interpretation import Interpretation
from biome_interpret.live.answers.archives import ServedArchive
from biome_interpret.live.answers.places import places_of
from biome_interpret.live.answers.refusals import Refused
from biome_interpret.live.answers.requests import Question, Request
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.visualization.corpus import gold_of, relative_delta
from biome_interpret.visualization.spans import places, type_of

# With one point on each path, which is enough for the prediction.
_PREDICTING = {"type": "biome-integrated-gradient", "n_steps": 1}


# The engine goes on after an `Exception`: it explains the text in another way. As after Ctrl-C, it
# must not here.
class Cancelled(BaseException):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Limits:
    """Of one request."""

    tokens: int = 512
    evaluations: int = 20_000


class Explained(NamedTuple):
    """What one question gave: results, or the reason why there are none."""

    question: Question
    found: List[Interpretation]
    seconds: float
    error: Optional[str] = None


class Answer(NamedTuple):
    request: Request
    num_tokens: int
    predicted: List[Interpretation]
    explained: List[Explained]
    seconds: float


def answer(
    request: Request,
    archive: ServedArchive,
    limits: Limits,
    is_cancelled: Callable[[], bool],
) -> Answer:
    """
    Raises `Refused` if the text cannot be interpreted at all or takes too much, and `Cancelled`
    before the next pass of the model.
    """
    with _cancelled_before_passes(archive.predictor._model, is_cancelled):
        return _answer(request, archive, limits)


@contextmanager
def _cancelled_before_passes(model: Model, is_cancelled: Callable[[], bool]) -> Iterator[None]:
    def check(*_: Any) -> None:
        if is_cancelled():
            raise Cancelled

    hook = model.register_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()


def _answer(request: Request, archive: ServedArchive, limits: Limits) -> Answer:
    started = time.monotonic()
    num_tokens = _num_tokens(request, archive)
    if num_tokens > limits.tokens:
        raise Refused(
            413,
            f"the text has {num_tokens} tokens, and {limits.tokens} are allowed: shorten it, or "
            f"start the server with a larger --max-tokens",
            "inputs",
        )
    try:
        predicted = archive.interpreter(_PREDICTING).interpret_json(request.inputs)
    except (InterpretationError, ConfigurationError) as error:
        raise Refused(422, str(error), "inputs") from error
    things = max(1, len(predicted))
    _refuse_too_many_evaluations(request, archive, limits, things, num_tokens)
    explained = [_explained(one, archive, request.inputs) for one in request.questions]
    return Answer(request, num_tokens, predicted, explained, time.monotonic() - started)


def _num_tokens(request: Request, archive: ServedArchive) -> int:
    try:
        texts = InputText.read(archive.predictor, request.inputs)
    except (InterpretationError, ConfigurationError) as error:
        raise Refused(422, str(error), "inputs") from error
    return sum(sum(text.lengths) for text in texts)


def _refuse_too_many_evaluations(
    request: Request, archive: ServedArchive, limits: Limits, num_things: int, num_tokens: int
) -> None:
    total = 0
    for question in request.questions:
        try:
            interpreter = archive.interpreter(question.config)
        except ConfigurationError:  # It becomes the error of this explanation.
            continue
        total += num_things * interpreter.most_evaluations(num_tokens)
    if total > limits.evaluations:
        raise Refused(
            413,
            f"the request may take {total:,} evaluations, and {limits.evaluations:,} are allowed: "
            f"ask for fewer explanations, or set max_evaluations, n_steps, n_perturbations or "
            f"n_permutations",
            "explanations",
        )


def _explained(question: Question, archive: ServedArchive, inputs: JsonDict) -> Explained:
    started = time.monotonic()
    found: List[Interpretation] = []
    error = None
    try:
        interpreter = archive.interpreter(question.config)
        results = interpreter.interpret_json(inputs, question.target)
        found = [replace(one, method=question.method) for one in results]
    except Exception as failure:  # The other explanations may succeed.
        is_clear = isinstance(failure, (InterpretationError, ConfigurationError))
        error = str(failure) if is_clear else reason_of(failure)
    return Explained(question, found, time.monotonic() - started, error)


def to_json(given: Answer) -> Dict[str, Any]:
    """As docs/serve.md describes it. Numbers that are not finite become null."""
    found = {
        "archive": given.request.archive,
        "inputs": given.request.inputs,
        "num_tokens": given.num_tokens,
        "prediction": {**_prediction(given.predicted), "gold": _gold(given)},
        "explanations": [_explanation(one, given.request.inputs) for one in given.explained],
        "seconds": given.seconds,
    }
    return {name: value if name == "inputs" else _finite(value) for name, value in found.items()}


def _prediction(predicted: Sequence[Interpretation]) -> Dict[str, Any]:
    probabilities: Mapping[str, float] = (predicted[0].probabilities or {}) if predicted else {}
    labels = [{"label": label, "probability": p} for label, p in probabilities.items()]
    things = [
        {
            "label": one.target.label,
            "type": type_of(one.target),
            "words": one.target.words,
            "probability": one.target.probability,
        }
        for one in predicted
    ]
    return {"label": labels[0]["label"] if labels else None, "labels": labels, "things": things}


def _gold(given: Answer) -> Optional[Dict[str, Any]]:
    """The text's own label, and whether it is predicted; `None` if it cannot be compared."""
    gold = given.request.gold
    found = None if gold is None else gold_of(gold, given.request.inputs, given.predicted)
    return None if found is None else found._asdict()


def _explanation(one: Explained, inputs: Any) -> Dict[str, Any]:
    question = one.question
    asked = {
        "interpreter": question.method,
        "target": question.target,
        "options": question.options,
        "seconds": one.seconds,
    }
    if one.error is not None:
        return {**asked, "error": one.error}
    results = [
        {
            "interpretation": found.to_json(),
            "relative_delta": relative_delta(found),
            "type": type_of(found.target),
            "place": place and list(place),
            "fields": [
                {"name": name, **places_of(field.tokens, inputs, name).to_json()}
                for name, field in found.fields.items()
            ],
        }
        for found, place in zip(one.found, places(one.found))
    ]
    evaluations = sum(found.n_evaluations for found in one.found)
    return {**asked, "evaluations": evaluations, "results": results}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
