"""The labellings of the tasks, one file each. Importing them registers their classes."""

from biome_interpret.models.labelling.tasks import (  # noqa: F401
    labels,
    multitask,
    sequences,
    spans,
    tags,
    trees,
    words,
)
