"""The command `biome-interpret`, also as `python -m biome_interpret`."""

import os
import signal
import sys
import warnings


def main() -> None:
    _open_closed_streams()
    # It warns that it will drop this version of Python. Users cannot act on that.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    # Until AllenNLP is imported, Ctrl-C ends the process without a traceback.
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    import biome_interpret.live  # noqa: F401 (it adds a command)
    from biome_interpret import import_all, require_allennlp
    from biome_interpret.commands.main import parse, run

    try:
        require_allennlp()
    except ModuleNotFoundError as error:
        sys.exit(f"biome-interpret: {error}")
    arguments = parse()  # `--help` ends here, before the import that takes seconds.
    import_all()
    signal.signal(signal.SIGINT, handler)
    try:
        run(arguments)
    finally:  # Its status is known.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _open_closed_streams() -> None:
    """
    A standard stream that was closed before the start (`2>&-`) becomes the null device. Otherwise
    the next file that is opened would take its place.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))


if __name__ == "__main__":
    main()
