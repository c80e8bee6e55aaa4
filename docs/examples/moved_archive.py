import re
import sys
import tarfile
import tempfile
from pathlib import Path

import torch

# Constants that transformers 4.20 saved among the weights, and today's makes anew.
CONSTANT = re.compile(r"(^|\.)position_ids$|\.attn\.(attention\.)?(masked_)?bias$")

old, new = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    with tarfile.open(old) as archive:
        archive.extractall(folder)
    path = Path(folder, "weights.th")
    weights = torch.load(path, map_location="cpu")
    torch.save({name: weights[name] for name in weights if not CONSTANT.search(name)}, path)
    with tarfile.open(new, "w:gz") as archive:
        archive.add(folder, arcname=".")
