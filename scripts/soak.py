"""
Interprets many odd inputs in one process, and checks every outcome.

Each outcome must be a result that keeps the contract, or an error in words. Some outcomes are
compared with those of new interpreters in new processes. At the end, the predictors must be as they
were, and the process must not have grown.
"""

import argparse
import gc
import json
import logging
import math
import multiprocessing
import os
import random
import re
import resource
import sys
import time
import warnings
from collections import Counter
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
os.environ.update(TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy  # noqa: E402
import torch  # noqa: E402
from allennlp.common.checks import ConfigurationError  # noqa: E402
from allennlp.data.fields import TextField  # noqa: E402
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter  # noqa: E402
from allennlp.predictors import Predictor  # noqa: E402
from soak_inputs import input_of, target_of  # noqa: E402

from biome_interpret import Interpretation, InterpretationError  # noqa: E402
from tests.kinds import predictors as kinds  # noqa: E402
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor  # noqa: E402

BIDAF = "span of a passage, BiDAF"
EXAMPLES = {**EXAMPLE_INPUTS, BIDAF: kinds.QUESTION}

IG, SHAP = "biome-integrated-gradient", "biome-gradient-shap"
BACKGROUND = [{"sentence": "a boring film"}, {"sentence": "the story is good , but long"}]
FEW = {"max_evaluations": 12}
# The model, the method, and its options.
SETTINGS: Sequence[Tuple[str, str, Dict[str, Any]]] = [
    ("lstm", IG, FEW),
    ("lstm", SHAP, {"n_perturbations": 4, "background": BACKGROUND}),
    ("lstm", IG, {"n_steps": 4, "granularity": "sentence", "inference_mode": "softmax"}),
    ("cnn", IG, {**FEW, "background": BACKGROUND, "target": 1}),
    ("embedding_and_characters", IG, {"n_steps": 3, "inference_mode": "log_softmax"}),
    ("linear_averaged", SHAP, {"n_perturbations": 5, "baseline": "mean", "reduction": "l2"}),
    ("esim", IG, {"n_steps": 4, "quadrature": "trapezoid"}),
    ("esim", SHAP, {"n_perturbations": 3, "sampling": "independent"}),
    ("decomposable_attention", IG, {**FEW, "inference_mode": "loss"}),
    ("simple_tagger", IG, {"n_steps": 3}),
    ("crf_tagger", SHAP, {"n_perturbations": 3, "inference_mode": "log_softmax"}),
    ("bert", IG, {"n_steps": 3, "granularity": "word", "hold_special_tokens": True}),
    ("bert_mismatched", IG, {"n_steps": 3, "baseline": "mask"}),
    ("roberta", SHAP, {"n_perturbations": 3, "granularity": "token"}),
    (BIDAF, IG, {"n_steps": 3}),
    (BIDAF, SHAP, {"n_perturbations": 3, "noise_std": 0.2}),
]

BATCH_SIZES = [1, 1, 1, 2, 3, 7, 16]
ROUNDING = 1e-5  # Of the largest score.
WARM = 6000  # Inputs. By then, each model has had batches of its longest texts.
GROWTH = 100  # MB from then on.


class Batch(NamedTuple):
    """
    Inputs that are interpreted together. Each is made anew from its number. The door is that for
    many inputs, or that for a single one: they refuse what is no input in words of their own.
    """

    seed: int
    setting: int
    numbers: range
    is_single: bool

    def item(self, number: int) -> Tuple[Any, Any]:
        """An input and its target."""
        rng = random.Random(f"{self.seed} {number}")
        return input_of(rng, EXAMPLES[SETTINGS[self.setting][0]]), target_of(rng)

    def each(self) -> Iterator["Batch"]:
        """A batch for each of the inputs."""
        for number in self.numbers:
            yield self._replace(numbers=range(number, number + 1))

    @property
    def name(self) -> str:
        model, method, options = SETTINGS[self.setting]
        return f"input {self.numbers[0]} ({model}, {method}, {options})"

    def outcomes(self) -> List["Outcome"]:
        interpreter: Any = interpreter_of(self.setting)
        inputs, targets = zip(*map(self.item, self.numbers))
        if not self.is_single:
            return [*map(outcome_of, interpreter.interpret_each(inputs, targets))]
        try:
            return [outcome_of(interpreter.interpret_json(inputs[0], targets[0]))]
        except Exception as error:
            return [outcome_of(error)]


class Outcome(NamedTuple):
    """Results as JSON, or the class and the words of an error."""

    results: Optional[List[Dict[str, Any]]] = None
    error: str = ""
    is_in_words: bool = True


def outcome_of(found: Union[List[Interpretation], Exception]) -> Outcome:
    if isinstance(found, Exception):
        is_ours = isinstance(found, (InterpretationError, ConfigurationError))
        words = str(found)
        is_clean = bool(words.strip()) and words.isprintable() and len(words) < 2000
        is_in_words = is_ours and is_clean and "Traceback" not in words and 'File "' not in words
        return Outcome(error=f"{type(found).__name__}: {words}", is_in_words=is_in_words)
    return Outcome(results=[one.to_json() for one in found])


def batches(seed: int, count: int) -> Iterator[Batch]:
    rng = random.Random(seed)
    first = 0
    while first < count:
        end = min(first + rng.choice(BATCH_SIZES), count)
        yield Batch(seed, rng.randrange(len(SETTINGS)), range(first, end), end == first + 1)
        first = end


@lru_cache(maxsize=None)
def predictor_of(model: str) -> Predictor:
    return kinds.KINDS.kinds[model].build() if model == BIDAF else build_predictor(model)


@lru_cache(maxsize=None)
def interpreter_of(setting: int) -> SaliencyInterpreter:
    model, method, options = SETTINGS[setting]
    return SaliencyInterpreter.by_name(method)(predictor_of(model), **options)


def faults_of(outcome: Outcome, batch: Batch) -> Iterator[str]:
    """What breaks the contract in the outcome of a batch of one."""
    if not outcome.is_in_words:
        yield f"has no error in words: {outcome.error[:300]!r}"
    for result in outcome.results or []:
        try:
            one = Interpretation.from_json(json.loads(json.dumps(result, allow_nan=False)))
        except ValueError as error:
            yield f"has no valid JSON: {error}"
            continue
        for shares in (field.shares() for field in one.fields.values()):
            adds_up = abs(math.fsum(shares) - 1) < 1e-9 or not any(shares)
            if not adds_up or not all(0 <= share <= 1 for share in shares):
                yield f"has the shares {shares}"
        model, _, options = SETTINGS[batch.setting]
        if "granularity" in options:
            continue
        units = {name: field.tokens for name, field in one.fields.items()}
        inputs, _ = batch.item(batch.numbers[0])
        if units != tokens_of(model, inputs):
            yield f"has the units {units}"
        if one.convergence_delta is not None and one.baseline_output is not None:
            scores = [score for field in one.fields.values() for score in field.scores]
            parts = [*scores, one.unassigned, one.convergence_delta, one.baseline_output]
            if abs(math.fsum(parts) - one.output) > ROUNDING * max(map(abs, parts)):
                yield f"has f(x) {one.output}, but {math.fsum(parts)} as the sum of its parts"


def tokens_of(model: str, inputs: Any) -> Dict[str, List[str]]:
    """The tokens of each field, as the predictor itself reads the input."""
    predictor = predictor_of(model)
    fields = predictor._json_to_instance(dict(inputs)).fields.items()
    texts = {name: field for name, field in fields if isinstance(field, TextField)}
    return {name: [str(token) for token in field.tokens] for name, field in texts.items()}


def difference(found: Outcome, new: Outcome) -> Optional[str]:
    """What an outcome has that is not that of a new process."""
    if found.error != new.error:
        return f"has the error {found.error[:300]!r} and not {new.error[:300]!r}"
    ours, others = found.results or [], new.results or []
    if len(ours) != len(others):
        return f"has {len(ours)} results and not {len(others)}"
    for one, other in zip(ours, others):
        # The numbers in notes are rounded differently. They follow from the scores.
        for key in ("notes", "n_evaluations"):
            if without_decimals(one[key]) != without_decimals(other[key]):
                return f"has the {key} {one[key]} and not {other[key]}"
        if one["target"]["label"] != other["target"]["label"]:
            return f"has the target {one['target']} and not {other['target']}"
        scores, expected = scores_in(one), scores_in(other)
        bound = ROUNDING * max(map(abs, expected), default=0.0)
        if len(scores) != len(expected) or any(
            abs(a - b) > bound for a, b in zip(scores, expected)
        ):
            return f"has the scores {scores} and not {expected}"
    return None


def without_decimals(value: Any) -> str:
    return re.sub(r"\d+\.\d+(e-?\d+)?", "0.0", str(value))


def scores_in(result: Dict[str, Any]) -> List[float]:
    return [score for field in result["fields"].values() for score in field["scores"]]


def serve_new_processes(connection: Connection, other_end: Connection) -> None:
    """In a process that has interpreted nothing: each batch that it gets has one of its own."""
    other_end.close()  # Or this process would wait for ever if the first one is killed.
    alone = connection.recv()
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        connection.send(pool.map(Batch.outcomes, alone, chunksize=1))


def state_of(predictor: Predictor) -> List[Any]:
    """All that interpreting must leave as it is."""
    model = predictor._model
    state: List[Any] = [
        (name, tensor.requires_grad, tensor.grad, tensor.detach().numpy().tobytes())
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]
    ]
    for name, module in model.named_modules():
        hooks = [len(value) for key, value in vars(module).items() if key.endswith("_hooks")]
        state.append((name, type(module), sorted(vars(module)), module.training, hooks))
    return [*state, str(model.get_metrics()), model.vocab.get_vocab_size("tokens")]


def random_states() -> List[Any]:
    return [random.getstate(), str(numpy.random.get_state()), torch.get_rng_state().tolist()]


def megabytes() -> float:
    """What Linux has in memory for this process now. Elsewhere, the most that it had."""
    gc.collect()
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        return int(sizes.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Soak:
    """Interprets the inputs, and prints each fault when it is found."""

    def __init__(self, seed: int, count: int, num_compared: int) -> None:
        self._seed, self._count, self._num_compared = seed, count, num_compared
        self._tally: Dict[str, int] = Counter()
        self._alone: List[Batch] = []
        self._outcomes: List[Outcome] = []

    def run(self) -> int:
        """The number of faults."""
        predictors = {model: predictor_of(model) for model, _, _ in SETTINGS}
        connection, other_end = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        server = fork.Process(target=serve_new_processes, args=(other_end, connection))
        server.start()
        before = [*map(state_of, predictors.values()), random_states()]
        started = time.monotonic()
        self._interpret_all()
        print(f"{self._count} inputs took {time.monotonic() - started:.0f} s")
        if [*map(state_of, predictors.values()), random_states()] != before:
            self._fault("a predictor or a random state is not as it was")
        connection.send(self._alone)
        for batch, outcome, [new] in zip(self._alone, self._outcomes, connection.recv()):
            other = difference(outcome, new)
            if other is not None:
                self._fault(f"{batch.name} {other}")
        server.join()
        print(f"{len(self._alone)} outcomes were compared with those of new processes")
        print(", ".join(f"{name}: {number}" for name, number in sorted(self._tally.items())))
        return self._tally["faults"]

    def _interpret_all(self) -> None:
        rng = random.Random(self._seed)
        compared = {*rng.sample(range(self._count), min(self._num_compared, self._count))}
        early: Optional[float] = None
        for batch in batches(self._seed, self._count):
            for one, outcome in zip(batch.each(), batch.outcomes()):
                self._tally["errors" if outcome.results is None else "results"] += 1
                for fault in faults_of(outcome, one):
                    self._fault(f"{one.name} {fault}")
                if one.numbers[0] in compared:
                    self._alone.append(one)
                    self._outcomes.append(outcome)
            if early is None and batch.numbers.stop >= WARM:
                early = megabytes()
        late = megabytes()
        print(f"{late:.0f} MB at the end")
        if early is not None and late - early > GROWTH:
            self._fault(f"the process had {early:.0f} MB after {WARM} inputs")

    def _fault(self, what: str) -> None:
        self._tally["faults"] += 1
        print(f"FAULT: {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20000, metavar="N", help="how many inputs")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="they are drawn from it")
    parser.add_argument(
        "--compared",
        type=int,
        default=240,
        metavar="N",
        help="how many outcomes are compared with those of new processes",
    )
    given = parser.parse_args()
    return 1 if Soak(given.seed, given.inputs, given.compared).run() else 0


if __name__ == "__main__":
    sys.exit(main())
