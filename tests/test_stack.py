"""What differs between versions of torch and transformers, and that none of them warns of us."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.models.archival import archive_model
from allennlp.predictors import Predictor

from biome_interpret.stack import (
    autocast_states,
    set_autocast_states,
    storage_address,
    storage_bytes,
)
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor, load_params

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


TRANSFORMER = "_text_field_embedder.token_embedder_tokens.transformer_model"


def archived(predictor: Predictor, folder: Path, **others: torch.Tensor) -> Path:
    """The archive of the model `bert`, with other tensors beside its weights."""
    (folder / "config.json").write_text(json.dumps(load_params("bert").as_dict()))
    predictor._model.vocab.save_to_files(str(folder / "vocabulary"))
    weights: Any = predictor._model.state_dict()
    weights.update(others)
    torch.save(weights, folder / "weights.th")
    archive_model(folder, weights="weights.th")
    return folder / "model.tar.gz"


@pytest.mark.parametrize(
    "name",
    [
        "embeddings.position_ids",
        "h.0.attn.bias",
        "h.0.attn.attention.masked_bias",
        "layers.0.attention.bias",
        "layers.0.attention.rotary_emb.inv_freq",
    ],
)
def test_an_archive_with_the_constants_of_an_older_transformer_is_loaded(
    tmp_path: Path, name: str
) -> None:
    predictor = build_predictor("bert")
    constants = {f"{TRANSFORMER}.{name}": torch.arange(64).expand(1, 64)}
    loaded = Predictor.from_path(archived(predictor, tmp_path, **constants))
    inputs = EXAMPLE_INPUTS["bert"]
    assert loaded.predict_json(inputs)["logits"] == predictor.predict_json(inputs)["logits"]


@pytest.mark.parametrize(
    "name", ["_classification_layer.position_ids", f"{TRANSFORMER}.embeddings.more"]
)
def test_an_archive_with_another_name_is_refused(tmp_path: Path, name: str) -> None:
    archive = archived(build_predictor("bert"), tmp_path, **{name: torch.zeros(1)})
    with pytest.raises(RuntimeError, match=name):
        Predictor.from_path(archive)


def test_the_storage_of_a_view_is_that_of_the_whole() -> None:
    whole = torch.zeros(6, 4)
    assert storage_bytes(whole[2:3]) == storage_bytes(whole) == 96


FLOAT32_SCRIPT = """
import torch
from biome_interpret.stack import exact_float32, float32_flags, set_flags
{setting}
before, parts = float32_flags(), {reading}
set_flags(exact_float32(before))
print([value for _, _, value in float32_flags()])
set_flags(before)
print(float32_flags() == before, {reading} == parts)
"""

CUDNN = "torch.backends.cudnn"


@pytest.mark.parametrize(
    "setting, reading",
    [
        (f"{CUDNN}.allow_tf32 = True", f"{CUDNN}.allow_tf32"),
        *(
            (
                f"torch.set_float32_matmul_precision('{name}')",
                "torch.get_float32_matmul_precision()",
            )
            for name in ("medium", "high", "highest")
        ),
        (
            f"{CUDNN}.rnn.fp32_precision = 'ieee'",
            f"({CUDNN}.rnn.fp32_precision, {CUDNN}.conv.fp32_precision)",
        ),
    ],
    ids=["old names", "medium", "high", "highest", "new names"],
)
def test_rounding_to_tf32_can_be_switched_off(setting: str, reading: str) -> None:
    if "fp32_precision" in setting and not hasattr(torch.backends.cudnn, "rnn"):
        pytest.skip("this torch has no such names")
    script = FLOAT32_SCRIPT.format(setting=setting, reading=reading)
    # In a process of its own: old and new names do not go together.
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    switched, restored = ran.stdout.splitlines()
    assert set(eval(switched)) <= {False, "ieee", "highest"}
    assert restored == "True True"
