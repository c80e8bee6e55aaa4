"""From a file of records to a page."""

import argparse
from pathlib import Path
from typing import Optional, Union

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.records import read_records, reason_of
from biome_interpret.commands.jobs.sinks import WriteError


def make_report(
    records: Union[str, Path], html: Union[str, Path], title: Optional[str] = None
) -> None:
    """
    Writes the report of a file of records, as `interpret --output-file` makes them.

    # Raises

    `ConfigurationError`
        If the file holds something else.
    `WriteError`
        If the page cannot be written.
    """
    # What draws pages is only needed here.
    from biome_interpret.visualization.report import write_report

    try:
        write_report(read_records(records), html, title)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{records} holds no records as `interpret --output-file` writes them: "
            f"{reason_of(error)}"
        ) from error
    except OSError as error:
        raise WriteError(str(html), error) from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "records_file", metavar="FILE", help="what `interpret --output-file` has written"
    )
    parser.add_argument("--html", metavar="OUT", required=True, help="where the page goes")
    parser.add_argument("--title", help="its heading. Default: the name of FILE")
