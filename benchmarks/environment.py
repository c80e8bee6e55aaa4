"""What the figures were taken with: versions and the number of cores."""

import os
import platform
from typing import Any, Dict

import allennlp
import captum
import numpy
import torch
import transformers

import biome_interpret


def describe() -> Dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "allennlp": getattr(allennlp, "__version__", ""),
        "captum": captum.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
        "biome_interpret": biome_interpret.__version__,
    }
