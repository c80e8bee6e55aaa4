"""The command `biome-interpret`, also as `python -m biome_interpret`."""

import signal
import warnings


def main() -> None:
    # It warns that it will drop this version of Python. Users cannot act on that.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    # Until AllenNLP is imported, Ctrl-C ends the process without a traceback.
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from biome_interpret import import_all
    from biome_interpret.commands.main import main as run

    import_all()

    signal.signal(signal.SIGINT, handler)
    run()


if __name__ == "__main__":
    main()
