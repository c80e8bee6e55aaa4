"""What becomes of scores if the model has other weights."""

from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from allennlp.predictors import Predictor

from biome_interpret.evaluation.methods import Row, Scores, Text
from biome_interpret.evaluation.scores import max_sensitivity, rank_correlation
from biome_interpret.models.execution.altered import with_noisy_embeddings, with_shuffled_layers
from biome_interpret.models.labelling import TargetSpec
from biome_interpret.models.objectives import Target

# Of the noise, in standard deviations of the embedding matrix.
RADIUS = 0.02

Scored = Dict[str, Union[Scores, Exception]]


class Stability(NamedTuple):
    """
    # Parameters

    randomization : `List[Optional[float]]`
        For each stage the rank correlation with the scores of the model whose layers are shuffled
        so far. In the last one all are. Adebayo et al., NeurIPS 2018.
    max_sensitivity : `float`, optional
        See `scores.max_sensitivity`.
    """

    randomization: List[Optional[float]]
    max_sensitivity: Optional[float]


@dataclass(frozen=True)
class Robustness:
    """
    # Parameters

    predictor : `Predictor`
    make_rows : `Callable[[Predictor], List[Row]]`
        Makes the rows for a copy of the predictor, by the names that they have in the study.
    num_stages : `int`
        Of shuffled layers; 0 for none.
    num_noisy : `int`
        The number of copies with noisy embeddings; 0 for none.
    seed : `int`
    """

    predictor: Predictor
    make_rows: Callable[[Predictor], List[Row]]
    num_stages: int = 0
    num_noisy: int = 0
    seed: int = 0

    def of(
        self,
        texts: Sequence[Text],
        scored: Sequence[Scored],
        targets: Sequence[Optional[Target]],
        names: Sequence[str],
    ) -> List[Dict[str, Stability]]:
        """For each text the rows of these names that could be explained again."""
        found: List[Dict[str, Stability]] = [{} for _ in texts]
        # Another model may label other spans. Then there is nothing to compare.
        chosen = [i for i, target in enumerate(targets) if target is None or target.words is None]
        if not chosen or not (self.num_stages or self.num_noisy):
            return found
        pairs = [(texts[i], targets[i]) for i in chosen]
        shuffled = [self._again(one, pairs, names) for one in self._shuffled()]
        noisy = [self._again(one, pairs, names) for one in self._noisy()]
        for place, i in enumerate(chosen):
            for name in names:
                own = scored[i].get(name)
                is_again = any(name in one for one in [*shuffled, *noisy])
                if isinstance(own, Scores) and is_again:
                    found[i][name] = _stability(
                        own,
                        [stage[name][place] for stage in shuffled if name in stage],
                        [stage[name][place] for stage in noisy if name in stage],
                    )
        return found

    def _shuffled(self) -> Iterator[Predictor]:
        if self.num_stages:
            for _, one in with_shuffled_layers(self.predictor, self.num_stages, self.seed):
                yield one

    def _noisy(self) -> Iterator[Predictor]:
        for number in range(self.num_noisy):
            yield with_noisy_embeddings(self.predictor, RADIUS, self.seed + number)

    def _again(
        self,
        predictor: Predictor,
        pairs: Sequence[Tuple[Text, Optional[Target]]],
        names: Sequence[str],
    ) -> Dict[str, List[Union[Scores, Exception]]]:
        """The scores of each row. The label is that which the model itself predicts."""
        with_target = [
            text._replace(target=text.target if target is None else _named(target))
            for text, target in pairs
        ]
        return {
            row.name: row.scores(with_target if row.takes_target else [text for text, _ in pairs])
            for row in self.make_rows(predictor)
            if row.name in names
        }


def _named(target: Target) -> TargetSpec:
    """A label without a name is known by its index only."""
    return target.index if target.label == str(target.index) else target.label


def _stability(
    own: Scores,
    shuffled: Sequence[Union[Scores, Exception]],
    noisy: Sequence[Union[Scores, Exception]],
) -> Stability:
    known = [one.draws[0] for one in noisy if isinstance(one, Scores)]
    return Stability(
        [
            rank_correlation(own.draws[0], one.draws[0]).value if isinstance(one, Scores) else None
            for one in shuffled
        ],
        max_sensitivity(own.draws[0], known) if known else None,
    )
