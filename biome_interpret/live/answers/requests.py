"""Reads the bodies of requests. Everything in them is checked against what may be asked."""

import json
import math
from dataclasses import dataclass
from typing import Any, Collection, Dict, List, Mapping, NoReturn, Optional, Sequence

from biome_interpret.errors import shown
from biome_interpret.live.answers.options import ZERO, Option
from biome_interpret.live.answers.refusals import Refused
from biome_interpret.models.labelling import TargetSpec

MOST_EXPLANATIONS = 12
_MOST_REQUESTS = 8
_LONGEST_TITLE = 200
_LONGEST_KEY = 80
_LARGEST_INDEX = 2**31 - 1


@dataclass(frozen=True)
class Method:
    """
    An interpreter that may be asked for.

    config : the parameters that it has in any case, with its `type`.
    options : those that a request may set.
    """

    title: str
    config: Mapping[str, Any]
    options: Mapping[str, Option]


@dataclass(frozen=True)
class Question:
    """
    One explanation that is asked for.

    method : the name of the interpreter in the set-up.
    options : as they were given.
    config : all parameters of the interpreter, with its `type`.
    """

    method: str
    target: TargetSpec
    options: Dict[str, Any]
    config: Dict[str, Any]


@dataclass(frozen=True)
class Request:
    """`gold` is the text's own label, if it is known: see `is_gold`."""

    archive: str
    inputs: Dict[str, Any]
    questions: List[Question]
    gold: Any = None


@dataclass(frozen=True)
class Menu:
    """What may be asked: the names of the archives, and the interpreters by name."""

    archives: Sequence[str]
    methods: Mapping[str, Method]

    @property
    def most_requests(self) -> int:
        """Of a report. That of the page has one for each archive, and one more after edits."""
        return max(_MOST_REQUESTS, 2 * len(self.archives))

    def request(self, body: Any, where: str = "", extra: Collection[str] = ()) -> Request:
        """
        `where` is the place of the body, with a dot after it. `extra` are further keys that the
        body may have.
        """
        known = {"archive", "inputs", "explanations", "gold", *extra}
        _object(body, where[:-1])
        _refuse_unknown(body, known, where)
        inputs = body.get("inputs")
        if not isinstance(inputs, dict):
            place = f"{where}inputs"
            raise Refused(
                400, f"{place} must be an object, as the predictor takes it: {shown(inputs)}", place
            )
        asked = _list(body, "explanations", where, 0, MOST_EXPLANATIONS)
        questions = [
            self._question(one, f"{where}explanations[{i}]") for i, one in enumerate(asked)
        ]
        archive, gold = self._archive(body.get("archive"), where), body.get("gold")
        if gold is not None and not is_gold(gold):
            place = f"{where}gold"
            message = f"{place} is {shown(gold)}; it must be a label, or a list of labels or tags"
            raise Refused(400, message, place)
        return Request(archive, inputs, questions, gold)

    def single(self, body: Any) -> Request:
        """A request with one explanation."""
        request = self.request(body, extra=("thing",))
        if len(request.questions) != 1:
            raise Refused(400, "explanations must have one entry here", "explanations")
        return request

    def several(self, body: Any) -> "Several":
        _object(body, "")
        _refuse_unknown(body, {"title", "requests"}, "")
        title = body.get("title")
        if title is not None and not (isinstance(title, str) and len(title) <= _LONGEST_TITLE):
            raise Refused(
                400, f"title must be a string of {_LONGEST_TITLE} characters at most", "title"
            )
        given = _list(body, "requests", "", 1, self.most_requests)
        requests = [self.request(one, f"requests[{i}].") for i, one in enumerate(given)]
        for i, request in enumerate(requests):
            if not request.questions:
                place = f"requests[{i}].explanations"
                raise Refused(400, f"{place} is empty: ask for one or more", place)
        return Several(title, requests)

    def _archive(self, name: Any, where: str) -> str:
        if name is None and len(self.archives) == 1:
            return self.archives[0]
        if not isinstance(name, str) or name not in self.archives:
            place = f"{where}archive"
            known = ", ".join(map(repr, self.archives))
            raise Refused(400, f"{place} is {shown(name)}; it must be one of {known}", place)
        return name

    def _question(self, body: Any, where: str) -> Question:
        _object(body, where)
        _refuse_unknown(body, {"interpreter", "target", "options"}, f"{where}.")
        name = body.get("interpreter")
        if not isinstance(name, str) or name not in self.methods:
            place, known = f"{where}.interpreter", ", ".join(map(repr, self.methods))
            raise Refused(400, f"{place} is {shown(name)}; it must be one of {known}", place)
        options = body.get("options", {})
        _object(options, f"{where}.options")
        method = self.methods[name]
        _refuse_unknown(options, method.options, f"{where}.options.")
        given = {
            option: method.options[option].checked(f"{where}.options.{option}", value)
            for option, value in options.items()
            if value is not None
        }
        target = _target(body.get("target"), f"{where}.target")
        return Question(name, target, given, _config(method, given))


@dataclass(frozen=True)
class Several:
    title: Optional[str]
    requests: List[Request]


def is_gold(value: Any) -> bool:
    """Whether it can be shown: a label (a string or a number), or a list of labels or tags."""
    labels = value if isinstance(value, list) else [value]
    return all(isinstance(one, (str, int, float)) for one in labels)


def read_json(body: bytes) -> Any:
    """The body as JSON, or a `Refused`."""
    try:
        text = body.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, f"the body must be JSON in UTF-8: {reason}") from error


def thing_in(body: Any) -> int:
    """The result that is asked for, by its number from 0."""
    return int(Option("integer", "", least=0, most=999).checked("thing", body.get("thing", 0)))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text[:40])


def _config(method: Method, given: Mapping[str, Any]) -> Dict[str, Any]:
    """A default is left out."""
    changed = {
        name: None if value == ZERO else value
        for name, value in given.items()
        if value != method.options[name].default
    }
    return {**method.config, **changed}


def _target(value: Any, where: str) -> TargetSpec:
    is_index = isinstance(value, int) and not isinstance(value, bool)
    if value is None or isinstance(value, str) or (is_index and 0 <= value <= _LARGEST_INDEX):
        target: TargetSpec = value
        return target
    raise Refused(400, f"{where} must be a label, its index, or null for the prediction", where)


def _object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        message = f"{where or 'the request'} must be a JSON object, not {shown(value)}"
        raise Refused(400, message, where or None)


def _list(body: Mapping[str, Any], key: str, where: str, least: int, most: int) -> List[Any]:
    value, place = body.get(key, []), f"{where}{key}"
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Refused(400, f"{place} must be a list of {least} to {most} objects", place)
    return value


def _refuse_unknown(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for name in given:
        if name not in known:
            allowed = ", ".join(sorted(known))
            place = f"{where}{name if len(name) <= _LONGEST_KEY else name[:_LONGEST_KEY] + '…'}"
            raise Refused(400, f"{place} is unknown: there are {allowed}", place)
