"""
Compares two stacks: a model's predictions and scores must not depend on the versions of PyTorch,
transformers and spaCy that run it.

    OLD_PYTHON scripts/compare_stacks.py write FOLDER
    NEW_PYTHON scripts/compare_stacks.py check FOLDER

`write` makes each model of tests/kinds and each archive of tests/kinds/archives.py, and keeps its
weights, its prediction and its scores. `check` gives the weights to the same models on its own
stack, opens the archives, and compares.
"""

import argparse
import json
import logging
import math
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
os.environ.update(
    TOKENIZERS_PARALLELISM="false",
    TQDM_DISABLE="1",
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
import transformers  # noqa: E402
from allennlp.common.util import sanitize  # noqa: E402
from allennlp.predictors import Predictor  # noqa: E402

from biome_interpret import GradientShap, IntegratedGradient  # noqa: E402
from tests.kinds import archives, embedders, predictors  # noqa: E402

# How far two stacks may be apart: of a predicted number in units of the largest one beside it or
# of 1, and of scores in units of the sum of their absolute values.
PREDICTIONS, SCORES = 1e-5, 1e-4
ARCHIVE = "archive: "
METHODS: Dict[str, Any] = {
    "integrated gradient": (IntegratedGradient, {"n_steps": 20}),
    "gradient shap": (GradientShap, {"n_perturbations": 6}),
}


class Compared(NamedTuple):
    """
    build : makes the predictor; from the file of its archive, if it is given one.
    refused : whether the kind cannot be interpreted.
    missing : packages that it needs and that are not there.
    """

    name: str
    build: Callable[[Optional[Path]], Predictor]
    inputs: Any
    options: Dict[str, Any]
    is_archive: bool = False
    refused: bool = False
    missing: List[str] = []


def compared() -> Iterator[Compared]:
    for registry in (embedders.KINDS, predictors.KINDS):
        for kind in registry.kinds.values():
            yield Compared(
                kind.name,
                lambda _, build=kind.build: build(),
                kind.inputs,
                kind.options,
                refused=kind.refused is not None,
                missing=kind.missing,
            )
    for name, archived in archives.ARCHIVES.items():
        yield Compared(
            ARCHIVE + name,
            lambda file, archived=archived: archives.load(archived, file),
            archived.inputs,
            {},
            is_archive=True,
        )


def said_of(one: Compared, predictor: Predictor) -> Dict[str, Any]:
    """The prediction, and the scores of each method, as JSON holds them."""
    predictor._model.eval()
    said: Dict[str, Any] = {"prediction": prediction_of(predictor, one.inputs)}
    for method, (interpreter, options) in METHODS.items():
        torch.manual_seed(0)
        results = interpreter(predictor, **{**options, **one.options}).interpret_json(one.inputs)
        said[method] = [
            {
                "label": str(result.target.label),
                "output": result.output,
                "fields": {
                    name: [[*map(str, field.tokens)], [*field.scores]]
                    for name, field in result.fields.items()
                },
            }
            for result in results
        ]
    return json.loads(json.dumps(said))


def prediction_of(predictor: Predictor, inputs: Any) -> Any:
    try:
        return sanitize(predictor.predict_json(dict(inputs)))
    except ValueError as error:  # AllenNLP draws no tree for a parse without a root.
        return str(error)


def write(folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = {}
    for number, one in enumerate(compared()):
        if one.refused or one.missing:
            continue
        try:
            predictor = one.build(None)
            written[one.name] = {"number": number, **said_of(one, predictor)}
        except Exception as error:
            print(f"{one.name}: {type(error).__name__}: {error}")
            return 1
        if one.is_archive:
            archived = archives.ARCHIVES[one.name[len(ARCHIVE) :]]
            shutil.copy(archives.written_archive(archived), folder / f"{number}.tar.gz")
        else:
            torch.save(predictor._model.state_dict(), folder / f"{number}.th")
    (folder / "said.json").write_text(json.dumps({"stack": stack(), "models": written}))
    print(f"{stack()}: wrote {len(written)} models")
    return 0


def check(folder: Path) -> int:
    said = json.loads((folder / "said.json").read_text())
    differ, num_checked, worst = [], 0, {"predictions": 0.0, "scores": 0.0}
    for one in compared():
        before = said["models"].get(one.name)
        if before is None or one.missing:
            continue
        number = before["number"]
        try:
            predictor = one.build(folder / f"{number}.tar.gz" if one.is_archive else None)
            if not one.is_archive:
                predictor._model.load_state_dict(torch.load(folder / f"{number}.th"))
            now = said_of(one, predictor)
            found = {
                "predictions": distance(before["prediction"], now["prediction"]),
                "scores": max(scores_apart(before[name], now[name]) for name in METHODS),
            }
        except Exception as error:
            differ.append(f"{one.name}: {type(error).__name__}: {error}")
            continue
        num_checked += 1
        worst = {key: max(worst[key], found[key]) for key in worst}
        if found["predictions"] > PREDICTIONS or found["scores"] > SCORES:
            differ.append(f"{one.name}: {found}")
    print(f"{said['stack']}\n{stack()}")
    print(f"{num_checked} models: predictions differ by at most {worst['predictions']:.1e},")
    print(f"scores by {worst['scores']:.1e} of their sum")
    for line in differ:
        print(f"  differs: {line}")
    return 1 if differ or not num_checked else 0


def distance(before: Any, now: Any) -> float:
    """How far numbers are apart, in units of the largest beside them or of 1; else infinity."""
    if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
        return max((distance(before[key], now[key]) for key in before), default=0.0)
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        if all(isinstance(value, (int, float)) for value in (*before, *now)):
            return largest_difference(before, now)
        return max((distance(*pair) for pair in zip(before, now)), default=0.0)
    if isinstance(before, float) and isinstance(now, float):
        return largest_difference([before], [now])
    return 0.0 if before == now else math.inf


def largest_difference(before: List[float], now: List[float]) -> float:
    # No number is larger than a limit if it is a NaN.
    if [*map(math.isnan, before)] != [*map(math.isnan, now)]:
        return math.inf
    size = max([1.0, *(abs(value) for value in before if math.isfinite(value))])
    pairs = [(a, b) for a, b in zip(before, now) if a != b and not math.isnan(a)]
    return max((abs(a - b) / size for a, b in pairs), default=0.0)


def scores_apart(before: List[Any], now: List[Any]) -> float:
    if len(before) != len(now):
        return math.inf
    return max((fields_apart(a, b) for a, b in zip(before, now)), default=0.0)


def fields_apart(before: Dict[str, Any], now: Dict[str, Any]) -> float:
    """Σ |score − score| / Σ |score|; infinity if labels, fields or tokens are others."""
    tokens = [{name: words for name, (words, _) in one["fields"].items()} for one in (before, now)]
    if before["label"] != now["label"] or tokens[0] != tokens[1]:
        return math.inf
    a, b = (
        [score for _, scores in one["fields"].values() for score in scores] for one in (before, now)
    )
    size = math.fsum(map(abs, a))
    return math.fsum(abs(x - y) for x, y in zip(a, b)) / size if size else math.inf


def stack() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Python {python}, torch {torch.__version__}, transformers {transformers.__version__}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=["write", "check"])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    return {"write": write, "check": check}[arguments.command](arguments.folder)


if __name__ == "__main__":
    sys.exit(main())
