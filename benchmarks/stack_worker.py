"""Runs on one of the two stacks, and answers with CPU seconds: what one text or a corpus takes."""

import json
import sys
import time
from typing import Any, Callable, Dict, List

import torch

from benchmarks import data, environment
from benchmarks.models import MODELS
from biome_interpret import IntegratedGradient

PREDICTING, INTERPRETING, CORPUS = "the prediction", "one text", "a corpus"


def serve(model: str, number: int) -> None:
    """Answers each line of standard input, `[action, index of the text]`, with a line."""
    torch.set_num_threads(1)
    predictor = MODELS[model].load()
    interpreter = IntegratedGradient(predictor)
    inputs = data.sample(MODELS[model].inputs(), number)
    actions: Dict[str, Callable[[int], Any]] = {
        PREDICTING: lambda k: predictor.predict_json(inputs[k]),
        INTERPRETING: lambda k: interpreter.saliency_interpret_from_json(inputs[k]),
        CORPUS: lambda _: interpreter.saliency_interpret_batch_json(inputs),
    }
    answer(environment.describe())
    for line in sys.stdin:
        action, index = json.loads(line)
        start = time.process_time()
        actions[action](index)
        answer(time.process_time() - start)


def answer(value: Any) -> None:
    print(json.dumps(value), flush=True)


def main(arguments: List[str]) -> None:
    serve(arguments[0], int(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
