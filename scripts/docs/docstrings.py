"""Docstrings in AllenNLP's Markdown, made to read well in the documentation."""

import re
from typing import Any, List

import griffe

_HEADING = re.compile(r"^#+ (.+)$")
# "name : `type`, optional", "**kwargs", or in "# Returns" and "# Raises" a type alone.
_TERM = re.compile(r"^(?P<name>\*{0,2}\w+)(?P<rest> : .+)?$|^(?P<type>`[^`]+`)$")
_SECTIONS = ("Parameters", "Returns", "Raises", "Yields")


class AllenNLPMarkdown(griffe.Extension):
    """
    Turns the headings of a docstring into bold words, lest they crowd the table of contents, and
    the items of its lists of parameters into terms with their definitions.
    """

    def on_instance(self, *, obj: Any, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = converted(obj.docstring.value)


def converted(docstring: str) -> str:
    out: List[str] = []
    section = ""
    for line in docstring.splitlines():
        heading = _HEADING.match(line)
        term = _TERM.match(line) if section in _SECTIONS else None
        if heading:
            section = heading.group(1)
            out += ["", f"**{section}**", ""]
        elif term:
            name = f"`{term['name']}`" if term["name"] else term["type"]
            out += ["", name + (term["rest"] or "")]
        elif section in _SECTIONS and line.startswith("    "):
            is_first = out[-1] != "" and not out[-1].startswith((":   ", "    "))
            out.append((":   " if is_first else "    ") + line[4:])
        else:
            out.append(line)
    return "\n".join(out)
