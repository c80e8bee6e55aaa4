"""What runs in the process whose memory is measured, with little else imported."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import torch
from allennlp.common import JsonDict
from allennlp.predictors import Predictor

from benchmarks.models import MODELS
from biome_interpret import IntegratedGradient

# The recurrent backward pass of torch 1.12 takes seconds for each row of 5,000 tokens.
FIXED = 4
PREDICTING, INTERPRETING = "the prediction alone", "interpreting"


def measure(model: str, positions: int, action: str, threads: int) -> List[float]:
    """Peak resident memory in bytes, and seconds."""
    torch.set_num_threads(threads)
    predictor = MODELS[model].load()
    text = text_of(predictor, MODELS[model].inputs(), positions)
    options: Dict[str, Any] = {} if MODELS[model].is_transformer else {"n_steps": FIXED}
    start = time.perf_counter()
    if action == PREDICTING:
        predictor.predict_json(text)
    else:
        IntegratedGradient(predictor, **options).saliency_interpret_from_json(text)
    seconds = time.perf_counter() - start
    return [float(peak_memory()), seconds]


def peak_memory() -> int:
    """
    Bytes. Not `ru_maxrss` where it can be helped: Linux hands a parent's size down to its child.
    """
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
        return 1024 * int(line.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def text_of(predictor: Predictor, inputs: List[JsonDict], positions: int) -> JsonDict:
    """As many dev sentences, the last one cut, as make so many tokens or pieces."""
    words: List[str] = []
    while len(words) < positions:
        words += [word for one in inputs for word in one["sentence"].split()]
    tokenizer = predictor._dataset_reader._tokenizer  # type: ignore[attr-defined]

    def text(number: int) -> str:
        return " ".join(words[:number])

    fits, too_many = 0, positions + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if len(tokenizer.tokenize(text(middle))) <= positions:
            fits = middle
        else:
            too_many = middle
    return {"sentence": text(fits)}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
