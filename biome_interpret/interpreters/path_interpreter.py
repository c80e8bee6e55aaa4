"""The base class of the methods that take gradients along paths."""

from typing import Any, Union

from allennlp.predictors import Predictor

from biome_interpret.attribution.aggregation import REDUCTIONS, STRATEGIES
from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.interpreters import options
from biome_interpret.interpreters.engine.batch_explainer import Plan
from biome_interpret.interpreters.planned_interpreter import PlannedInterpreter


class PathInterpreter(PlannedInterpreter):
    """
    The base of the interpreters that integrate gradients along straight paths in embedding space.
    A subclass chooses the points of the paths, in `path_measure`.

    # Parameters

    predictor : `Predictor`
    input_x_gradient : `bool`, optional (default = `True`)
        Multiply the averaged gradients by (x − x'). If not, use a `reduction` other than `"sum"`
        for a transformer: its layer norms make the plain sum of a gradient vanish.
    reduction : `str`, optional (default = `"sum"`)
        Over the embedding dimension: `"sum"`, `"l2"` or `"mean_abs"`.
    granularity_aggregation_strategy : `str`, optional (default = `"mean"`)
        How the scores of tokens make the score of a word or sentence: `"mean"`, `"sum"`, `"max"`,
        `"min"` or `"signed_max"` (the score with the largest absolute value).
    autocast : `bool`, optional (default = `False`)
        Take the gradients in bfloat16: less accurate, and faster for a large model on a GPU. The
        result says by how much the output differs.
    **kwargs
        The options of `PlannedInterpreter`.

    # Raises

    `ConfigurationError`
        For an unknown option, or a value that an option does not take.
    """

    # Whether scores add up to f(x) − f(x') if all of the gradient times (x − x') is summed.
    is_complete = True

    def __init__(
        self,
        predictor: Predictor,
        input_x_gradient: bool = True,
        reduction: str = "sum",
        granularity_aggregation_strategy: str = "mean",
        autocast: bool = False,
        **kwargs: Any,
    ) -> None:
        self._own_settings = {
            "input_x_gradient": options.flag("input_x_gradient", input_x_gradient),
            "reduction": options.one_of("reduction", reduction, REDUCTIONS),
            "strategy": options.one_of(
                "granularity_aggregation_strategy", granularity_aggregation_strategy, STRATEGIES
            ),
            "autocast": options.flag("autocast", autocast),
            "is_complete": self.is_complete,
        }
        super().__init__(predictor, **kwargs)

    def plan(self, num_background: int) -> Plan:
        return self.path_measure(num_background)

    def most_evaluations(self, num_units: int) -> int:
        measure = self.path_measure(len(self._settings.background or []))
        return len(measure.nodes) if isinstance(measure, PathMeasure) else measure.max_evaluations

    def path_measure(self, num_background: int) -> Union[PathMeasure, AdaptiveMeasure]:
        """
        The points of the paths, and their weights.

        # Parameters

        num_background : `int`
            The number of background texts to start from; 0 for the baseline.
        """
        raise NotImplementedError
