"""The command line: `allennlp interpret`, and `biome-interpret` with what belongs to it."""

from biome_interpret.commands.interpret import Interpret

__all__ = ["Interpret"]
