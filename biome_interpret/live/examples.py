"""The texts that the page offers to choose from."""

import json
from argparse import Namespace
from itertools import islice
from typing import Any, Dict, List, Optional

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.sources import SourceError
from biome_interpret.commands.jobs.text_files import text_file
from biome_interpret.errors import reason_of
from biome_interpret.live.answers.archives import ServedArchive

_MOST_EXAMPLES = 500
# Of one example as JSON. A longer one could not be sent back.
_LONGEST = 30_000
_GOLD_NAMES = ("label", "gold_label", "gold")


def read_examples(arguments: Namespace, archive: ServedArchive) -> List[Dict[str, Any]]:
    """
    Each with its `inputs`, and with `gold`, the text's own label, if it has one. Raises
    `ConfigurationError` if there are none in the file.
    """
    path: Optional[str] = arguments.examples
    if path is None:
        return []
    try:
        source = text_file(archive.predictor, path, arguments.input_format, arguments.fields)
        lines = list(islice(source.readable_lines(), _MOST_EXAMPLES))
        source.refuse_another_format(lines[:2], len(lines))
    except ConfigurationError as error:
        # `interpret` calls the file INPUT.
        message = str(error).replace(f"INPUT {path}", f"--examples {path}")
        raise ConfigurationError(message) from error
    except (OSError, SourceError) as error:
        raise ConfigurationError(f"--examples {path} cannot be read: {error}") from error
    found, reasons = [], []
    known = {one.name for one in archive.fields.fields}
    for line in lines:
        try:
            found.append(_example(source.inputs(line), arguments.gold_field, known))
        except Exception as error:  # The others can be used.
            reasons.append(f"line {line.number}: {reason_of(error)}")
    if not found:
        reason = reasons[0] if reasons else "it is empty"
        raise ConfigurationError(f"--examples {path} has no text to choose from: {reason}")
    return [one for one in found if len(json.dumps(one)) <= _LONGEST]


def _example(inputs: Dict[str, Any], gold_field: Optional[str], known: Any) -> Dict[str, Any]:
    names = [gold_field] if gold_field else [one for one in _GOLD_NAMES if one not in known]
    gold = next((inputs[name] for name in names if inputs.get(name) is not None), None)
    rest = {name: value for name, value in inputs.items() if name not in names}
    return {"inputs": rest} if gold is None else {"inputs": rest, "gold": gold}
