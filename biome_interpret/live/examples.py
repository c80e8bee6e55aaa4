"""The texts that the page offers to choose from."""

import json
from argparse import Namespace
from itertools import islice
from typing import Any, Dict, List, Optional, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.explaining import advice_on
from biome_interpret.commands.jobs.messages import say
from biome_interpret.commands.jobs.sources import SourceError, SourceLine
from biome_interpret.commands.jobs.text_files import TextFile, text_file
from biome_interpret.errors import reason_of
from biome_interpret.live.answers.archives import ServedArchive
from biome_interpret.live.answers.input_fields import InputFields
from biome_interpret.live.answers.requests import is_gold

_MOST_EXAMPLES = 500
# Of one example as JSON. A longer one could not be sent back.
_LONGEST = 30_000
_GOLD_NAMES = ("label", "gold_label", "gold")


def read_examples(arguments: Namespace, archives: Sequence[ServedArchive]) -> List[Dict[str, Any]]:
    """
    Each with its `inputs`, and with `gold`, the text's own label, if it has one. Says how many
    texts are left out. Raises `ConfigurationError` if there are none in the file.
    """
    path: Optional[str] = arguments.examples
    if path is None:
        _refuse_without_file(arguments)
        return []
    source, lines = _read(arguments, path, archives[0])
    known = {one.name for archive in archives for one in archive.fields.fields}
    found: List[Dict[str, Any]] = []
    reasons: List[str] = []
    keys: Dict[str, None] = {}
    for line in lines:
        inputs = None
        try:
            inputs = source.inputs(line)
            keys.update(dict.fromkeys(inputs))
            example = _example(inputs, arguments.gold_field, known)
            _refuse_unusable(example, archives)
            found.append(example)
        except Exception as error:  # The others can be used.
            reasons.append(f"line {line.number}: {reason_of(error, inputs)}")
    if arguments.gold_field is not None and keys and arguments.gold_field not in keys:
        raise ConfigurationError(
            f"--gold-field {arguments.gold_field}: no text has this key; the keys are "
            f"{', '.join(map(repr, keys))}"
        )
    if not found:
        reason = reasons[0] if reasons else "it is empty"
        advice = advice_on(reason, source, has_reader=False)
        raise ConfigurationError(
            f"--examples {path} has no text to choose from: {advice or reason}"
        )
    if reasons:
        say(
            f"{len(reasons)} of the {len(lines)} texts of --examples {path} cannot be chosen. The "
            f"first: {reasons[0]}"
        )
    return found


def _refuse_without_file(arguments: Namespace) -> None:
    given = {
        "--input-format": arguments.input_format,
        "--field": arguments.fields,
        "--gold-field": arguments.gold_field,
    }
    for flag, value in given.items():
        if value:
            raise ConfigurationError(f"{flag} is for --examples: give --examples FILE too")


def _read(
    arguments: Namespace, path: str, archive: ServedArchive
) -> Tuple[TextFile, List[SourceLine]]:
    try:
        source = text_file(archive.predictor, path, arguments.input_format, arguments.fields)
        lines = list(islice(source.readable_lines(), _MOST_EXAMPLES + 1))
        source.refuse_another_format(lines[:2], len(lines))
    except ConfigurationError as error:
        # `interpret` calls the file INPUT.
        message = str(error).replace(f"INPUT {path}", f"--examples {path}")
        raise ConfigurationError(message) from error
    except (OSError, SourceError) as error:
        raise ConfigurationError(f"--examples {path} cannot be read: {error}") from error
    if len(lines) > _MOST_EXAMPLES:
        say(f"the first {_MOST_EXAMPLES} texts of --examples {path} are taken: it has more")
    return source, lines[:_MOST_EXAMPLES]


def _example(inputs: Dict[str, Any], gold_field: Optional[str], known: Any) -> Dict[str, Any]:
    names = [gold_field] if gold_field else [one for one in _GOLD_NAMES if one not in known]
    gold = next((inputs[name] for name in names if is_gold(inputs.get(name))), None)
    rest = {name: value for name, value in inputs.items() if name not in names}
    return {"inputs": rest} if gold is None else {"inputs": rest, "gold": gold}


def _refuse_unusable(example: Dict[str, Any], archives: Sequence[ServedArchive]) -> None:
    """Raises an `Exception` if the page could ask no archive about it."""
    length = len(json.dumps(example, allow_nan=False))
    if length > _LONGEST:
        raise ValueError(f"it has {length:,} characters as JSON, and {_LONGEST:,} are allowed")
    first, *others = [_lack(example["inputs"], archive.fields) for archive in archives]
    if first is not None and None not in others:
        raise first


def _lack(inputs: Dict[str, Any], fields: InputFields) -> Optional[Exception]:
    """The error about a field that is required, but is missing or blank."""
    for one in fields.fields if fields.complete else []:
        value = inputs.get(one.name)
        if one.required and value is None:
            return KeyError(one.name)
        if one.required and isinstance(value, str) and not value.strip():
            return ValueError(f"{one.name!r} is blank")
    return None
