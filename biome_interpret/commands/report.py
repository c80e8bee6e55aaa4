"""`biome-interpret report`: makes a page from a file of records."""

import argparse
from pathlib import Path
from typing import Mapping, Optional, Union

DESCRIPTION = """\
Makes an HTML page from an --output-file of `interpret`. A line that cannot be
shown is named, with the reason, and the exit status is 1. The others are shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("records_file", metavar="FILE", help="an --output-file of `interpret`")
    parser.add_argument("--html", metavar="OUT", required=True, help="the page to write")
    parser.add_argument("--title", help="the page's heading. Default: the name of FILE")


def run(arguments: argparse.Namespace) -> int:
    from biome_interpret.commands.jobs.files import NamedFile, job_file, refuse_overwriting

    records = Path(arguments.records_file)
    read = [NamedFile("FILE", records), NamedFile("the job file of FILE", job_file(records))]
    refuse_overwriting(read, [NamedFile("--html", Path(arguments.html))])
    return make_report(records, arguments.html, arguments.title or records.name)


def make_report(
    records: Union[str, Path],
    html: Union[str, Path],
    title: Optional[str] = None,
    about: Optional[Mapping[str, str]] = None,
) -> int:
    """
    Makes a page from an `--output-file` of `interpret`. `about` describes the job; by default it is
    read from the job file. Returns the exit status: 1 if some records cannot be shown. Raises
    `ConfigurationError` if `records` is another file, and `WriteError` if the page cannot be
    written.
    """
    from allennlp.common.checks import ConfigurationError

    from biome_interpret.commands.jobs.fingerprint import described
    from biome_interpret.commands.jobs.messages import FAILED, say
    from biome_interpret.commands.jobs.records import read_records
    from biome_interpret.commands.jobs.sinks import WriteError
    from biome_interpret.visualization.report import NothingToShow, write_report

    try:
        about = described(Path(records)) if about is None else about
        refused = write_report(read_records(records), html, title, about)
    except NothingToShow as error:
        raise ConfigurationError(
            f"{records} was not written by `interpret --output-file`: {error}"
        ) from error
    except OSError as error:
        raise WriteError(str(html), error) from error
    for number, reason in refused.reasons:
        say(f"line {number} of {records} cannot be shown: {reason}")
    if refused.count > len(refused.reasons):
        say(f"and {refused.count - len(refused.reasons)} more lines cannot be shown")
    return FAILED if refused.count else 0
