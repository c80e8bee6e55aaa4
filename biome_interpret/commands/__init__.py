"""The command line: `allennlp interpret`, and `biome-interpret` with its smaller commands."""

from biome_interpret.commands.interpret import Interpret

__all__ = ["Interpret"]
