"""
The command line: `allennlp interpret`, and `biome-interpret` with its smaller commands.

The arguments are parsed before AllenNLP is imported, which takes seconds: modules that declare
arguments import it inside their functions.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biome_interpret.commands.interpret import Interpret as Interpret

__all__ = ["Interpret"]


def __getattr__(name: str) -> Any:
    if name != "Interpret":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from biome_interpret.commands.interpret import Interpret

    return Interpret
