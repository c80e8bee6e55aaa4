"""`biome-interpret report`: makes a page from a file of records."""

import argparse
import os
from pathlib import Path, PurePath
from random import Random
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Set, Union

from biome_interpret.commands.places import is_url, lies_in

# The number of texts of an --output-dir that a page shows. It takes about 1 KB for each.
_LARGEST_SAMPLE = 10_000

DESCRIPTION = """\
Makes an HTML page from an --output-file or --output-dir of `interpret`. A line
that cannot be shown is named, with the reason, and the exit status is 1. The
others are shown. Of an --output-dir with more than 10,000 texts, a random
sample of these is shown. The summary covers all texts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("records_file", metavar="FILE", help="an --output-file or --output-dir")
    parser.add_argument("--html", metavar="OUT", required=True, help="the page to write")
    parser.add_argument("--title", help="the page's heading. Default: the name of FILE")


def run(arguments: argparse.Namespace) -> int:
    from allennlp.common.checks import ConfigurationError

    from biome_interpret.commands.jobs.files import NamedFile, job_file, refuse_overwriting

    name = arguments.records_file
    records, html = Path(name), arguments.html
    if _is_folder(name):
        if lies_in(html, name):
            raise ConfigurationError(f"--html {html} lies in {name}, which holds rows only")
        return make_report(name, html, arguments.title or PurePath(name).name)
    read = [NamedFile("FILE", records), NamedFile("the job file of FILE", job_file(records))]
    refuse_overwriting(read, [NamedFile("--html", Path(html))])
    return make_report(records, html, arguments.title or records.name)


def make_report(
    records: Union[str, Path],
    html: Union[str, Path],
    title: Optional[str] = None,
    about: Optional[Mapping[str, str]] = None,
) -> int:
    """
    Makes a page from an `--output-file` or `--output-dir` of `interpret`. `about` describes the
    job; by default it is read from the job file. Returns the exit status: 1 if some records cannot
    be shown. Raises `ConfigurationError` if `records` is something else, and `WriteError` if the
    page cannot be written.
    """
    from allennlp.common.checks import ConfigurationError

    from biome_interpret.commands.description import PREDICTED
    from biome_interpret.commands.jobs.messages import FAILED, say
    from biome_interpret.commands.jobs.sinks import WriteError
    from biome_interpret.visualization.report import NothingToShow, write_report

    content = _content(str(records))
    try:
        about = content.about if about is None else about
        is_predicted = about.get("Explained", PREDICTED) == PREDICTED
        refused = write_report(content.records, html, title, about, content.sample, is_predicted)
    except NothingToShow as error:
        raise ConfigurationError(
            f"{records} was not written by `interpret --output-file`: {error}"
        ) from error
    except OSError as error:
        raise WriteError(str(html), error) from error
    for number, reason in refused.reasons:
        say(f"line {number} of {records} cannot be shown: {reason}")
    more = refused.count - len(refused.reasons)
    if more:
        say(f"and {more} more line{'s' * (more > 1)} cannot be shown")
    return FAILED if refused.count else 0


class _Content(NamedTuple):
    """
    about : what is said of the job.
    sample : the numbers of the records to show, if they are too many for a page.
    """

    records: Iterator[Any]
    about: Mapping[str, str]
    sample: Optional[Set[int]] = None


def _content(name: str) -> _Content:
    from biome_interpret.commands.jobs.fingerprint import described
    from biome_interpret.commands.jobs.records import read_records
    from biome_interpret.commands.tables import Folder

    if not _is_folder(name):
        return _Content(read_records(name), described(Path(name)))
    folder = Folder(name)
    number = folder.num_texts()
    records = folder.records(with_place=folder.has_several_files())
    if number <= _LARGEST_SAMPLE:
        return _Content(records, folder.about())
    sample = {*Random(0).sample(range(1, number + 1), _LARGEST_SAMPLE)}
    return _Content(records, folder.about(), sample)


def _is_folder(name: str) -> bool:
    return is_url(name) or os.path.isdir(name)
