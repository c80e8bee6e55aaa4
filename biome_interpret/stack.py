"""
What differs between the versions of torch and transformers that the package runs on. Each
difference is seen from what they have, not from a version's number.
"""

import copy
import re
from typing import Any, List, Sequence, Tuple

import torch
from allennlp.models import Model
from transformers import PreTrainedModel

_torch: Any = torch

# torch 2.4 and newer take the type of the device. They warn of the functions for the CPU alone.
_AUTOCAST_TAKES_DEVICE = hasattr(torch, "get_autocast_dtype")


def storage_address(tensor: Any) -> int:
    """Where the memory of a tensor begins. It is the same for all views of a tensor."""
    return int(_storage(tensor).data_ptr())


def storage_bytes(tensor: Any) -> int:
    """The size of the memory of a tensor and of all views of it."""
    return int(_storage(tensor).nbytes())


def _storage(tensor: Any) -> Any:
    # torch 1 has no `untyped_storage`. torch 2 warns of `storage`.
    has_untyped = hasattr(tensor, "untyped_storage")
    return tensor.untyped_storage() if has_untyped else tensor.storage()


def autocast_states() -> Tuple[bool, bool]:
    """Whether autocast is on: on the GPU, on the CPU."""
    if _AUTOCAST_TAKES_DEVICE:
        return _torch.is_autocast_enabled("cuda"), _torch.is_autocast_enabled("cpu")
    return _torch.is_autocast_enabled(), _torch.is_autocast_cpu_enabled()


def set_autocast_states(on_gpu: bool, on_cpu: bool) -> None:
    if _AUTOCAST_TAKES_DEVICE:
        _torch.set_autocast_enabled("cuda", on_gpu)
        _torch.set_autocast_enabled("cpu", on_cpu)
    else:
        _torch.set_autocast_enabled(on_gpu)
        _torch.set_autocast_cpu_enabled(on_cpu)


def lookup_scale(lookup: torch.nn.Module) -> float:
    """
    What an embedding of transformers multiplies its rows by. Those of BART and its relatives do so
    in newer versions. In older ones, the encoder multiplied what it had looked up.
    """
    is_theirs = type(lookup).__module__.startswith("transformers.")
    return float(getattr(lookup, "embed_scale", None) or 1.0) if is_theirs else 1.0


# Positions, their frequencies and causal masks: older versions of transformers saved them with the
# weights.
_CONSTANTS = re.compile(
    r"\.(position_ids|rotary_emb\.inv_freq|(attn|attention)\.(bias|masked_bias))$"
)


def _load_state_dict(model: Model, state_dict: Any, *arguments: Any, **options: Any) -> Any:
    """
    Loads weights without the constants of an older transformer that this one makes itself.
    AllenNLP refuses to load an archive with names that the model does not have.
    """
    own = {*model.state_dict()}
    inside = tuple(
        f"{name}." for name, module in model.named_modules() if isinstance(module, PreTrainedModel)
    )
    kept = copy.copy(state_dict)  # Keeps what PyTorch notes beside the weights.
    for name in state_dict:
        if name not in own and name.startswith(inside) and _CONSTANTS.search(name):
            del kept[name]
    return super(Model, model).load_state_dict(kept, *arguments, **options)


Model.load_state_dict = _load_state_dict  # type: ignore[method-assign, assignment]


# An object, the name of its attribute, and a value.
Flag = Tuple[Any, str, Any]


class _MatmulPrecision:
    """PyTorch's own function, as an attribute. The flag of CUDA would lose "medium"."""

    @property
    def precision(self) -> str:
        found: str = _torch.get_float32_matmul_precision()
        return found

    @precision.setter
    def precision(self, value: str) -> None:
        _torch.set_float32_matmul_precision(value)


_MATMUL = _MatmulPrecision()
# The values that switch the rounding off.
_EXACT = {"allow_tf32": False, "precision": "highest", "fp32_precision": "ieee"}


def float32_flags() -> List[Flag]:
    """The flags by which float32 is rounded to TF32 on a GPU, with their present values."""
    matmul, cudnn = _torch.backends.cuda.matmul, _torch.backends.cudnn
    try:
        if hasattr(_torch, "get_float32_matmul_precision"):
            precision: Flag = (_MATMUL, "precision", _MATMUL.precision)
            return [precision, (cudnn, "allow_tf32", cudnn.allow_tf32)]
        return [(one, "allow_tf32", one.allow_tf32) for one in (matmul, cudnn)]
    except RuntimeError:  # From torch 2.9 on, if they were set by their new names.
        parts = (matmul, cudnn.conv, cudnn.rnn)
        return [(one, "fp32_precision", one.fp32_precision) for one in parts]


def exact_float32(flags: Sequence[Flag]) -> List[Flag]:
    """The same flags with the values that switch the rounding off."""
    return [(owner, name, _EXACT[name]) for owner, name, _ in flags]


def set_flags(flags: Sequence[Flag]) -> None:
    for owner, name, value in flags:
        setattr(owner, name, value)
