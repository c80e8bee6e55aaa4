"""What differs between versions of torch and transformers, and that none of them warns of us."""

import subprocess
import sys

import torch

from biome_interpret.stack import autocast_states, set_autocast_states, storage_address

# One text for each way of reading the output, with every warning of this package an error.
SCRIPT = """
import warnings
warnings.filterwarnings("ignore")
warnings.filterwarnings("error", module="biome_interpret")
from biome_interpret import GradientShap, IntegratedGradient
from tests.kinds.others.models import KINDS
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

for name in ("lstm", "simple_tagger", "bert"):
    for mode in ("logits", "loss"):
        for method in (IntegratedGradient, GradientShap):
            interpreter = method(build_predictor(name), inference_mode=mode)
            assert interpreter.interpret_batch_json([EXAMPLE_INPUTS[name]] * 2)
for name in ("one logit", "positions"):
    kind = KINDS[name]
    assert IntegratedGradient(kind.build()).interpret_batch_json(kind.inputs)
"""


def test_nothing_that_this_package_does_is_warned_of() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_views_have_one_address() -> None:
    tensor = torch.arange(6)
    assert storage_address(tensor) == storage_address(tensor.view(2, 3)[1:])
    assert storage_address(tensor) != storage_address(tensor.clone())


def test_autocast_on_the_cpu() -> None:
    assert autocast_states() == (False, False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert autocast_states() == (False, True)
    try:
        set_autocast_states(False, True)
        assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.bfloat16
    finally:
        set_autocast_states(False, False)
    assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == torch.float32
