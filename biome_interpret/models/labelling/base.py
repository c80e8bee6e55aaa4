"""The base class of labellings, and the calls that turn an input into labelled instances."""

from contextlib import contextmanager
from typing import Any, Iterator, List, Tuple

from allennlp.common import Registrable
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import Field
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError, is_out_of_memory
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.read_instance import ReadInstance
from biome_interpret.models.registry import by_priority
from biome_interpret.models.signatures import forward_signature


class NotLabelled(InterpretationError):
    """Nothing labels what a model predicts. `why` is more about it."""

    def __init__(self, predictor: Predictor, why: str = "") -> None:
        super().__init__(
            f"{type(predictor).__name__} does not implement `predictions_to_labeled_instances`, "
            f"and no `Labelling` knows what {type(predictor._model).__name__} predicts, so that "
            f"there is no labelled instance to interpret{why}: register a `Labelling` for it"
        )


class Labelling(Registrable):
    """
    Makes labelled instances for a type of predictor. The first registered class that fits the
    predictor is used.
    """

    # As in `Objective`: a class that sets none has 0, and is tried before ours.
    priority = 0
    # It labels for a predictor that labels nothing if these are optional arguments of its model.
    model_arguments: Tuple[str, ...] = ()
    # It labels in place of these predictors, given by the names of their classes.
    replaces: Tuple[str, ...] = ()

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        if not (cls.model_arguments or cls.replaces):
            raise NotImplementedError
        if labels_nothing(predictor):
            return bool(cls.model_arguments) and takes(predictor._model, *cls.model_arguments)
        return labelled_by(predictor) in cls.replaces

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        """The instance, labelled with the prediction, for each thing explained separately."""
        raise NotImplementedError

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        """The instances that the predictor makes of an input."""
        # A copy, since some predictors remove items from it.
        try:
            found: Any = predictor._json_to_instance(dict(inputs))
        except NotImplementedError:
            if not overrides(predictor, "_batch_json_to_instances"):
                raise
            found = predictor._batch_json_to_instances([dict(inputs)])
        # Some predictors make several instances of one input.
        return found if isinstance(found, list) else [found]

    def apply_indexers(self, predictor: Predictor, instance: Instance) -> None:
        predictor._dataset_reader.apply_token_indexers(instance)

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        """As `labelled`, with the label that a dataset reader gave the instance."""
        return [instance]

    @classmethod
    def of(cls, predictor: Predictor) -> "Labelling":
        for labelling in by_priority(cls):
            if labelling.fits(predictor):
                return labelling()
        raise NotLabelled(predictor)


@Labelling.register("predictor")
class PredictorLabelling(Labelling):
    """The predictor's own `predictions_to_labeled_instances`."""

    priority = -160

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return not labels_nothing(predictor)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        return predictor.predictions_to_labeled_instances(instance, output)


def labelled_instances(predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
    """
    The instance, labelled with what the model predicted: the output of `forward_on_instance`.

    # Raises

    `InterpretationError`
        If nothing labels what the model predicts.
    """
    labelling = Labelling.of(predictor)
    with refused(predictor, "cannot label what the model predicts"):
        found = labelling.labelled(predictor, instance, output)
        if not isinstance(found, list):
            raise TypeError(f"it gives {type(found).__name__} in place of a list of instances")
        return [_known(predictor, labelling, instance, one) for one in found]


def _known(
    predictor: Predictor, labelling: Labelling, instance: Instance, labelled: Instance
) -> ReadInstance:
    """A labelled instance that knows which fields label it. The predictor may have made it anew."""
    if isinstance(labelled, ReadInstance):
        return labelled
    if not labelled.indexed:
        labelling.apply_indexers(predictor, labelled)
        labelled.index_fields(predictor._model.vocab)
    new = ReadInstance(dict(labelled.fields))
    new.indexed = True
    return new.labelled_by([name for name in new.fields if name not in instance.fields])


@contextmanager
def refused(predictor: Predictor, what: str) -> Iterator[None]:
    """Raises an `InterpretationError` that says `what` if the predictor fails on its input."""
    try:
        yield
    except (InterpretationError, MemoryError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise InterpretationError(f"{type(predictor).__name__} {what} ({reason})") from error


def with_fields(predictor: Predictor, instance: Instance, **fields: Field[Any]) -> Instance:
    """A copy of an instance. These fields are added, or replace those of the same names."""
    new = instance.duplicate()
    for name, field in fields.items():
        new.add_field(name, field, predictor._model.vocab)
    return new


def overrides(predictor: Predictor, method: str) -> bool:
    """Whether the predictor's class has a method of its own in place of `Predictor`'s."""
    return getattr(type(predictor), method) is not getattr(Predictor, method)


def labelled_by(predictor: Predictor) -> str:
    """The name of the class that defines the predictor's `predictions_to_labeled_instances`."""
    method = type(predictor).predictions_to_labeled_instances
    return method.__qualname__.rpartition(".")[0]


def labels_nothing(predictor: Predictor) -> bool:
    """Whether the predictor lacks `predictions_to_labeled_instances`."""
    return labelled_by(predictor) == "Predictor"


def takes(model: Model, *names: str) -> bool:
    """Whether a model's forward method has these parameters, and they are optional."""
    return set(names) <= set(forward_signature(model).optional)
