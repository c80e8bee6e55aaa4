"""Makes the rows and the removals of a study from the arguments."""

from argparse import Namespace
from typing import Any, Dict, List, NamedTuple, Optional, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.from_params import infer_params
from allennlp.predictors import Predictor

from biome_interpret.commands import loading
from biome_interpret.commands.description import method_names
from biome_interpret.commands.evaluating.arguments import FIGURES, REMOVALS
from biome_interpret.commands.jobs.explaining import NamedInterpreter
from biome_interpret.errors import InterpretationError
from biome_interpret.evaluation import METRICS
from biome_interpret.evaluation.inquiries import Settings
from biome_interpret.evaluation.methods import AllenNLPRow, CaptumRow, OwnRow, RandomRow, Row
from biome_interpret.evaluation.methods.captums import NAME as CAPTUM
from biome_interpret.evaluation.methods.ours import WORDS
from biome_interpret.evaluation.methods.theirs import EVALUATIONS
from biome_interpret.evaluation.studies.robustness import Robustness
from biome_interpret.evaluation.studies.study import Study
from biome_interpret.interpreters import Occlusion
from biome_interpret.interpreters.coalition_interpreter import DELETE
from biome_interpret.interpreters.perturber import Perturber
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.execution.altered import copied
from biome_interpret.predictors.saliency_predictor import interpreter_class

LEAVE_ONE_OUT = "leave-one-out"

Config = Dict[str, Any]


class Named(NamedTuple):
    """
    study : the study, before its first texts.
    interpreters : those of --interpreter and --baseline, by the names of their rows.
    """

    study: Study
    interpreters: Dict[str, NamedInterpreter]


def row_configs(arguments: Namespace) -> List[Config]:
    """
    The parameters of each interpreter, at the granularity of a study: once as they are given, and
    once for each `--baseline`. Raises `ConfigurationError` if they say something else.
    """
    found: List[Config] = []
    is_taken = False
    for config in loading.interpreter_configs(arguments):
        for option in (*WORDS, "target"):
            if option in config:
                raise ConfigurationError(
                    f"--interpreter {config['type']}: leave out {option!r}. `evaluate` scores "
                    f"words, as sums over their tokens, and --target names the label"
                )
        known = infer_params(interpreter_class(Params(dict(config))))
        fixed = {**WORDS, "seed": config.get("seed", arguments.seed)}
        fixed = {option: value for option, value in fixed.items() if option in known}
        takes_baseline = (
            "baseline" in known and "background" not in config and config.get("removal") != DELETE
        )
        is_taken |= takes_baseline
        own = [config]
        if takes_baseline:
            own += [{**config, "baseline": baseline_of(name)} for name in arguments.baselines]
        for one in ({**parameters, **fixed} for parameters in own):
            if one not in found:
                found.append(one)
    if arguments.baselines and not is_taken:
        raise ConfigurationError(
            f"--baseline {arguments.baselines[0]} is given, but no --interpreter takes a baseline"
        )
    return found


def baseline_of(name: str) -> Union[str, float]:
    """A number, or the name of a baseline."""
    try:
        return float(name)
    except ValueError:
        return name


def make_study(arguments: Namespace, configs: List[Config], predictor: Predictor) -> Named:
    """`ConfigurationError` if a name or a value is wrong."""
    refused: Dict[str, str] = {}
    interpreters = dict(zip(method_names(configs), loading.make_interpreters(configs, predictor)))
    rows = _built_in(arguments, predictor, refused)
    rows += [OwnRow(name, named.interpreter) for name, named in interpreters.items()]
    names = _figures(arguments)
    study = Study(
        rows=rows,
        removals=_removals(arguments, predictor),
        settings=Settings(steps=arguments.steps, seed=arguments.seed),
        metrics={name: METRICS[name] for name in METRICS if name in names},
        most_words=arguments.most_words,
        has_oracle="oracle" not in arguments.leave_out and arguments.most_words > 0,
        left_out=refused,
    )

    def again(altered: Predictor) -> List[Row]:
        """The rows for a model with other weights. Random scores would stay as they are."""
        new = _built_in(arguments, altered, {})
        made = loading.make_interpreters(configs, altered)
        new += [OwnRow(name, one.interpreter) for name, one in zip(interpreters, made)]
        used = {row.note for row in study.rows}
        return [
            row.instead if row.instead is not None and row.note not in used else row
            for row in new
            if not isinstance(row, RandomRow)
        ]

    if arguments.randomization or arguments.sensitivity:
        num_stages, num_noisy = arguments.randomization, arguments.sensitivity
        study.robustness = Robustness(predictor, again, num_stages, num_noisy, arguments.seed)
    return Named(study, interpreters)


def _figures(arguments: Namespace) -> List[str]:
    names: List[str] = arguments.figures or [
        name for name, is_default in FIGURES.items() if is_default
    ]
    if arguments.most_words > 0:
        return names
    need_orders = [name for name in names if name.startswith("naopc")]
    if arguments.figures and need_orders:
        raise ConfigurationError(
            f"--figure {need_orders[0]} needs the best and the worst order of the words, and "
            f"--most-words 0 leaves them out: set it to 1 or more"
        )
    return [name for name in names if name not in need_orders]


def _built_in(arguments: Namespace, predictor: Predictor, refused: Dict[str, str]) -> List[Row]:
    """The rows that no option names. Those that cannot be made are `refused`."""
    rows: List[Row] = []
    if "random" not in arguments.leave_out:
        rows.append(RandomRow(arguments.seed, arguments.random_seeds))
    if LEAVE_ONE_OUT not in arguments.leave_out:
        rows.append(_leave_one_out(predictor, arguments.output))
    theirs = [name for name in EVALUATIONS if name not in arguments.leave_out]
    try:
        its_copy = copied(predictor) if theirs else predictor
        rows += [AllenNLPRow(name, its_copy, arguments.seed) for name in theirs]
    except InterpretationError as error:
        refused.update(dict.fromkeys(theirs, str(error)))
    if "captum" not in arguments.leave_out:
        try:
            rows.append(CaptumRow(predictor))
        except (ConfigurationError, InterpretationError) as error:
            refused[CAPTUM] = str(error)
    return rows


def _leave_one_out(predictor: Predictor, output: Optional[str]) -> OwnRow:
    """Words are left out of the text, or become the unknown word where that cannot be done."""
    deleting = Occlusion(predictor, removal=DELETE, output=output, granularity="word")
    unknown = Baseline.of("unknown")
    replacing = Occlusion(predictor, baseline=unknown, output=output, granularity="word")
    instead = OwnRow(LEAVE_ONE_OUT, replacing, "the unknown word takes the place of each word")
    return OwnRow(LEAVE_ONE_OUT, deleting, "each word is left out of the text", instead)


def _removals(arguments: Namespace, predictor: Predictor) -> Dict[str, Perturber]:
    found: Dict[str, Perturber] = {}
    for name in dict.fromkeys(arguments.removals or REMOVALS):
        try:
            found[name] = Perturber(predictor, baseline_of(name), output=arguments.output)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"--removal {name} is neither {DELETE} nor a baseline: {error}"
            ) from error
    return found
