"""Explains a corpus on many machines, with Ray Data. It needs the extra `ray`."""

from biome_interpret.commands.interpret import ENGINES
from biome_interpret.distributed.dataset import interpret_dataset
from biome_interpret.distributed.job import run

# The command is on a floor below.
ENGINES["ray"] = run

__all__ = ["interpret_dataset"]
