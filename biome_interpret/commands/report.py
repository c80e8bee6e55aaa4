"""`biome-interpret report`: makes a page from a file of records."""

import argparse
from pathlib import Path
from typing import Optional, Union

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.records import read_records
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.errors import reason_of

DESCRIPTION = "Makes an HTML page from an --output-file of `interpret`."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("records_file", metavar="FILE", help="an --output-file of `interpret`")
    parser.add_argument("--html", metavar="OUT", required=True, help="the page to write")
    parser.add_argument("--title", help="the page's heading. Default: the name of FILE")


def run(arguments: argparse.Namespace) -> None:
    records = Path(arguments.records_file)
    make_report(records, arguments.html, arguments.title or records.name)


def make_report(
    records: Union[str, Path], html: Union[str, Path], title: Optional[str] = None
) -> None:
    """
    Makes a page from an `--output-file` of `interpret`. Raises `ConfigurationError` if `records` is
    another file, and `WriteError` if the page cannot be written.
    """
    # Only a report needs the template engine.
    from biome_interpret.visualization.report import write_report

    try:
        write_report(read_records(records), html, title)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{records} was not written by `interpret --output-file`: {reason_of(error)}"
        ) from error
    except OSError as error:
        raise WriteError(str(html), error) from error
