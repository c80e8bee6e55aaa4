"""Explains the texts of a Ray Dataset with a pool of actors, each with a model of its own."""

import os
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Union

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.loading import DEFAULT_INTERPRETER, interpreter_configs
from biome_interpret.commands.places import require
from biome_interpret.distributed.actor import Explanation, Interpreting
from biome_interpret.distributed.attempts import new_attempts
from biome_interpret.models.labelling import TargetSpec

if TYPE_CHECKING:
    from ray.data import Dataset

Interpreter = Union[str, Dict[str, Any]]

# The options of the model, and their defaults on the command line.
MODEL_OPTIONS: Dict[str, Any] = {
    "weights_file": None,
    "overrides": "",
    "predictor": None,
    "predictor_args": "",
    "dataset_reader_choice": "validation",
}
# What an actor needs to know of the environment, since a cluster was started in another one.
_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "OMP_NUM_THREADS", "ALLENNLP_CACHE_ROOT")


def interpret_dataset(
    dataset: "Dataset",
    archive: str,
    interpreter: Union[Interpreter, Sequence[Interpreter]] = DEFAULT_INTERPRETER,
    target: Union[TargetSpec, List[TargetSpec]] = None,
    target_field: Optional[str] = None,
    gold_field: Optional[str] = None,
    fields: Optional[Mapping[str, str]] = None,
    json_column: Optional[str] = None,
    batch_size: int = 128,
    actors: Optional[int] = None,
    gpus_per_actor: float = 0.0,
    threads: Optional[int] = None,
    include_packages: Sequence[str] = (),
    counter: Any = None,
    **model: Any,
) -> "Dataset":
    """
    Explains each row of a Ray Dataset. Nothing runs before the result is read or written.

    # Parameters

    dataset : `ray.data.Dataset`
        Each row holds the keys that the predictor needs, as its JSON does. The columns `id`, `file`
        and `line` are copied to the result. To resume by ids, they must be unique.
    archive : `str`
        The path or URL of the model. Each machine must be able to read it.
    interpreter : `Union[str, Dict[str, Any], Sequence]`, optional
        A registered name, the parameters of an interpreter with their `type`, or several of these.
    target : `Union[str, int, List[Union[str, int]]]`, optional
        The label to explain, or a list of them. Default: the predicted label.
    target_field : `str`, optional
        The key of each row that holds its target or a list of targets, in place of `target`.
    gold_field : `str`, optional
        The key of each row that holds its own label. The result keeps it.
    fields : `Mapping[str, str]`, optional
        The keys that the predictor needs, if they have other names in the rows, and these names:
        `{"sentence": "review"}`.
    json_column : `str`, optional
        The column that holds a text's JSON as bytes. Default: a row's columns are its JSON.
    batch_size : `int`, optional (default = `128`)
        The number of texts that an actor explains together.
    actors : `int`, optional
        The number of actors. Default: one for each CPU or GPU, but one CPU is left for reading.
    gpus_per_actor : `float`, optional (default = `0.0`)
        The part of a GPU that each actor gets, such as 1 or 0.5. Default: actors run on the CPU.
    threads : `int`, optional
        The number of CPU threads of each actor. Default: that of Ray, which is 1.
    include_packages : `Sequence[str]`, optional
        Packages that register the classes of the model. Actors import them first.
    counter : `Any`, optional
        An actor of Ray with a method `add(texts, failed)`, which is called for each batch.
    model : `Any`
        `weights_file`, `overrides`, `predictor`, `predictor_args` (as JSON) and
        `dataset_reader_choice`, as on the command line.

    # Returns

    `ray.data.Dataset`
        A row for each text, labelled instance and target. A text that fails has one row, with its
        `error`. docs/scale.md lists the columns.

    # Raises

    `ConfigurationError`
        For a wrong option, or if the cluster has too few CPUs or GPUs. What an actor cannot load
        ends the job later, with an error of Ray.
    """
    require("ray", "pyarrow")
    from ray.data import ActorPoolStrategy

    unknown = sorted({*model} - {*MODEL_OPTIONS})
    if unknown:
        raise ConfigurationError(
            f"interpret_dataset has no option {unknown[0]!r}; of the model, its options are "
            f"{', '.join(MODEL_OPTIONS)}"
        )
    if target is not None and target_field is not None:
        raise ConfigurationError("target_field names each row's target: leave out target")
    given = [interpreter] if isinstance(interpreter, (str, dict)) else [*interpreter]
    options = Namespace(interpreter=given, output=None, granularity=None, tolerance=None)
    explanation = Explanation(
        model={
            **MODEL_OPTIONS,
            **model,
            "archive_file": archive,
            "cuda_device": 0 if gpus_per_actor else -1,
        },
        interpreters=interpreter_configs(options),
        targets=target if isinstance(target, list) else [target] * (target is not None),
        target_field=target_field,
        gold_field=gold_field,
        renamings=[*(fields or {}).items()],
        threads=threads,
        packages=tuple(include_packages),
        json_column=json_column,
    )
    size = number_of_actors(actors, gpus_per_actor)
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return dataset.repartition(target_num_rows_per_block=batch_size).map_batches(
        Interpreting,
        fn_constructor_args=(explanation, counter, new_attempts()),
        batch_size=batch_size,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=ActorPoolStrategy(size=size),
        num_cpus=1,
        num_gpus=gpus_per_actor,
        runtime_env={"env_vars": environment},
    )


def number_of_actors(wanted: Optional[int], gpus_per_actor: float = 0.0, cpus_left: int = 1) -> int:
    """
    The number of actors that the cluster has room for. Raises `ConfigurationError` if it has too
    little. `cpus_left` are left for other tasks: without a CPU for reading, a job waits for ever.
    """
    import ray

    if not ray.is_initialized():
        ray.init()
    resources = ray.cluster_resources()
    cpus, gpus = int(resources.get("CPU", 0)), resources.get("GPU", 0)
    room = cpus - cpus_left
    if gpus_per_actor:
        room = min(room, int(gpus / gpus_per_actor + 1e-9))
    if room < max(wanted or 1, 1):
        has = f"{cpus} CPUs" + (f" and {gpus:g} GPUs" if gpus_per_actor else "")
        needs = f"{wanted or 1} actors need one CPU each"
        if gpus_per_actor:
            needs += f" and {gpus_per_actor:g} GPUs each"
        raise ConfigurationError(
            f"the cluster has {has} now; {needs}, and {cpus_left} CPUs are left for reading and "
            f"writing: take at most {max(room, 0)} actors, or start Ray with more CPUs"
        )
    return wanted or room
