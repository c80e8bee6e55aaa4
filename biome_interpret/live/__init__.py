"""
A page to ask models in the browser: `biome-interpret serve`.

Importing this adds the command to `biome-interpret`. It is done before AllenNLP is imported.
"""

import argparse

from biome_interpret.commands.main import COMMANDS, Command
from biome_interpret.live import arguments


def _serve(given: argparse.Namespace) -> int:
    from biome_interpret.live.command import serve

    return serve(given)


COMMANDS.append(
    Command(
        "serve",
        "Open a page in the browser, to type texts and see them explained.",
        arguments.DESCRIPTION,
        arguments.add_arguments,
        _serve,
    )
)
