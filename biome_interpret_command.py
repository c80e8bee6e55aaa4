"""
The way in of the console script `biome-interpret`, apart from the package, whose import brings in
AllenNLP: what that says and does in its seconds is told from here on.
"""

import signal
import warnings


def main() -> None:
    # It speaks to developers, of the end of support for a version of Python.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
    # Ctrl-C ends the process without a traceback through a dozen half-imported modules.
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from biome_interpret.commands.main import main as run

    signal.signal(signal.SIGINT, handler)
    run()
