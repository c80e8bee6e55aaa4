"""Random scores: what a figure is worth if nothing is known."""

from typing import List, Sequence

import numpy

from biome_interpret.evaluation.methods.base import Outcome, Row, Scores, Text


class RandomRow(Row):
    """
    Standard normal scores, drawn anew for each seed. Figures are means over the seeds.

    # Parameters

    seed : `int`
    num_seeds : `int`
    """

    def __init__(self, seed: int, num_seeds: int) -> None:
        super().__init__(
            "random", "one seed" if num_seeds == 1 else f"the mean over {num_seeds} seeds"
        )
        self._seed = seed
        self._num_seeds = num_seeds

    def scores(self, texts: Sequence[Text]) -> List[Outcome]:
        return [self._of(text) for text in texts]

    def _of(self, text: Text) -> Scores:
        # By the line, so that other texts and a restart change nothing.
        generators = [
            numpy.random.default_rng([self._seed, text.line, draw])
            for draw in range(self._num_seeds)
        ]
        return Scores([one.standard_normal(text.units.num).tolist() for one in generators])
