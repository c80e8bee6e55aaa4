"""The arguments of `interpret` for `--engine ray`, and those that it does not take."""

import argparse
import os

from biome_interpret.commands import values
from biome_interpret.commands.places import is_url, lies_in

LOCAL, RAY = "local", "ray"
# Options of the engine `ray` alone, with their names in the parsed arguments.
_OWN = ("output_dir", "actors", "gpus_per_actor", "ray_address", "rows_per_file")
# Options of the local engine alone, with their defaults and what to do instead.
_LOCAL = {
    "output_file": (None, "name a folder with --output-dir"),
    "overwrite": (False, "delete the folder of --output-dir, or name another one"),
    "input_format": (None, "it reads JSON lines and Parquet, by the suffix"),
    "silent": (False, "it prints no texts"),
    "fail_fast": (False, "a text that fails becomes a row with its error"),
    "use_dataset_reader": (False, "actors read JSON lines or Parquet, as for `allennlp predict`"),
    "cuda_device": (-1, "use --gpus-per-actor"),
}
_ROWS_PER_FILE = 10_000
# The number of lines that are explained together. Handing a batch over takes Ray some milliseconds.
_BATCH_SIZES = {LOCAL: 32, RAY: 128}


def add_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--engine",
        choices=[LOCAL, RAY],
        default=LOCAL,
        help="ray: explain with Ray Data, in several processes of this machine or on a cluster. "
        "INPUT may then be several files, folders and URLs (s3://, gs://) of JSON lines or "
        "Parquet. It needs pip install 'biome-interpret[ray]'. Default: local, one process",
    )
    add(
        "--output-dir",
        metavar="DIR",
        help="the folder or URL for the Parquet files: one row for each text, labelled instance "
        "and target. With --resume, the rows that are missing are added",
    )
    add(
        "--actors",
        type=values.positive,
        metavar="N",
        help="the number of processes with a model of their own. Default: one for each core or "
        "GPU, but one core is left for reading. Each has --threads threads, 1 by default",
    )
    add(
        "--gpus-per-actor",
        type=_share,
        default=0.0,
        metavar="G",
        help="the part of a GPU for each actor: 1, or less if actors share GPUs. Default: 0, the "
        "CPU",
    )
    add(
        "--ray-address",
        metavar="ADDRESS",
        help="the cluster: HOST:PORT, or auto for the one that this machine belongs to. Default: "
        "the variable RAY_ADDRESS. Without it, Ray is started on this machine for this job",
    )
    add(
        "--rows-per-file",
        type=values.positive,
        default=_ROWS_PER_FILE,
        metavar="N",
        help="the least number of rows of a Parquet file. After a crash, --resume explains all "
        f"texts that are not in a file yet. Default: {_ROWS_PER_FILE}",
    )


def check(arguments: argparse.Namespace) -> None:
    """
    Raises `ConfigurationError` if the arguments do not go with their engine. Fills in the size of a
    batch.
    """
    if arguments.batch_size is None:
        arguments.batch_size = _BATCH_SIZES[arguments.engine]
    from allennlp.common.checks import ConfigurationError

    if arguments.engine == LOCAL:
        defaults = {"gpus_per_actor": 0.0, "rows_per_file": _ROWS_PER_FILE}
        for name in _OWN:
            if getattr(arguments, name) != defaults.get(name):
                raise ConfigurationError(f"{_flag(name)} requires --engine ray")
        if arguments.more_input_files:
            raise ConfigurationError("more than one INPUT requires --engine ray")
        return
    for name, (default, advice) in _LOCAL.items():
        if getattr(arguments, name) != default:
            raise ConfigurationError(f"{_flag(name)} is not for --engine ray: {advice}")
    if arguments.output_dir is None:
        raise ConfigurationError("--engine ray requires --output-dir, the folder for its files")
    if "-" in [arguments.input_file, *arguments.more_input_files]:
        raise ConfigurationError("--engine ray cannot read standard input: put the texts in a file")
    if (arguments.ray_address or "").startswith("ray://"):
        raise ConfigurationError(
            "--ray-address takes HOST:PORT or auto: run the command on a machine of the cluster"
        )
    _check_output(arguments)


def _check_output(arguments: argparse.Namespace) -> None:
    from allennlp.common.checks import ConfigurationError

    name = arguments.output_dir
    if not is_url(name) and os.path.exists(name) and not os.path.isdir(name):
        raise ConfigurationError(f"--output-dir {name} is a file: name a folder")
    for flag, path in (("ARCHIVE", arguments.archive_file), ("--html", arguments.html)):
        if path is not None and lies_in(path, name):
            raise ConfigurationError(f"{flag} {path} lies in --output-dir {name}: name another one")
    for path in [arguments.input_file, *arguments.more_input_files]:
        if lies_in(name, path):
            raise ConfigurationError(
                f"--output-dir {name} lies in the input {path}: name a folder outside of it"
            )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a number from 0 to 1: a model runs on one GPU"
        )
    return value
