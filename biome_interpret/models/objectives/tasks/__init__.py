"""The objectives of the tasks, one file each. Importing them registers their classes."""

from biome_interpret.models.objectives.tasks import (  # noqa: F401
    labels,
    loss_only,
    sequences,
    spans,
    tags,
    trees,
    words,
)
