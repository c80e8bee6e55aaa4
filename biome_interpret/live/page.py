"""The files of the page. They are put together in memory, at the start."""

from typing import Dict, NamedTuple

import jinja2

from biome_interpret import __version__
from biome_interpret.visualization.shades import LEVELS

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}


class PageFile(NamedTuple):
    content: bytes
    media_type: str


def page_files() -> Dict[str, PageFile]:
    """By their address. What the page shares with the report comes from the report's templates."""
    loaders = [
        jinja2.PackageLoader("biome_interpret.live"),
        jinja2.PackageLoader("biome_interpret.visualization"),
    ]
    templates = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return {
        address: PageFile(
            templates.get_template(name).render(levels=LEVELS, version=__version__).encode("utf-8"),
            media_type,
        )
        for address, (name, media_type) in _FILES.items()
    }
