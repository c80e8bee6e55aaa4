"""How an input becomes labelled instances, and how these are given another target."""

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple
from weakref import WeakKeyDictionary

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import Field
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.registry import latest_first
from biome_interpret.models.signatures import forward_signature

# What code raises that is given something else than it expects. Anything else is the model's own
# failure, such as too little memory, and no matter of the input.
_MISTAKEN = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    ConfigurationError,
)

# For each predictor the kinds that were asked, and which fits. Asked for again with each text.
_found: "WeakKeyDictionary[Predictor, Tuple[Any, Labelling]]" = WeakKeyDictionary()

# A model's output for one instance, made human-readable.
Output = Dict[str, Any]


class Labelling(Registrable):
    """
    Makes labelled instances for one kind of predictor, of the latest registered class that fits it.
    """

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        raise NotImplementedError

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        """
        An instance with what the model says of it as its label: one for each thing that is
        explained apart.
        """
        raise NotImplementedError

    def reads_alike(self, outputs: Outputs, readable: Output) -> bool:
        """
        Whether it finds the same in a model's outputs, of a batch of one, as in them made
        human-readable. Making them so may then be left out.
        """
        return False

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        """The instances that the predictor makes of an input."""
        # A copy, since some predictors take things out of it.
        return [predictor._json_to_instance(dict(inputs))]

    def apply_indexers(self, predictor: Predictor, instance: Instance) -> None:
        predictor._dataset_reader.apply_token_indexers(instance)

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        """
        An instance that a dataset reader labelled, for its own label: one for each thing that
        would be explained apart, had the model predicted it.
        """
        return [instance]

    @classmethod
    def of(cls, predictor: Predictor) -> "Labelling":
        """
        # Raises

        `InterpretationError`
            If no class fits the predictor.
        """
        known = latest_first(cls)
        kinds, found = _found.get(predictor, ((), None))
        if found is None or kinds is not known:
            found = next((kind() for kind in known if kind.fits(predictor)), None)
            if found is not None:
                _found[predictor] = known, found
        if found is not None:
            return found
        raise InterpretationError(
            f"{type(predictor).__name__} does not implement `predictions_to_labeled_instances`, "
            f"and what {type(predictor._model).__name__} predicts is of no known kind, so that "
            f"there is no labelled instance to interpret: register a `Labelling` for it"
        )


@Labelling.register("predictor")
class PredictorLabelling(Labelling):
    """The predictor's own."""

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labelled_by(predictor) != "Predictor"

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        return predictor.predictions_to_labeled_instances(instance, output)


def instances_of(predictor: Predictor, inputs: JsonDict) -> List[Instance]:
    """
    What a predictor makes of an input, without labels: for most one instance.

    # Raises

    `InterpretationError`
        If the predictor does not take the input, or if nothing labels what it predicts.
    """
    labelling = Labelling.of(predictor)
    has = ", ".join(repr(name) for name in inputs) or "nothing"
    with _in_words(predictor, f"does not take this input, which has {has}"):
        return labelling.instances(predictor, inputs)


def apply_indexers(predictor: Predictor, instance: Instance) -> None:
    """Gives the instance's texts the indexers of the predictor's reader."""
    labelling = Labelling.of(predictor)
    with _in_words(predictor, "does not take this instance"):
        labelling.apply_indexers(predictor, instance)


def labelled_instances(predictor: Predictor, instance: Instance, outputs: Output) -> List[Instance]:
    """
    What the model predicted for an instance, as labels.

    # Parameters

    outputs : `Dict[str, Any]`
        As `Model.forward_on_instance` gives them.

    # Raises

    `InterpretationError`
        If nothing labels what the model predicts.
    """
    labelling = Labelling.of(predictor)
    with _in_words(predictor, "cannot label what the model predicts"):
        return labelling.labelled(predictor, instance, outputs)


@contextmanager
def _in_words(predictor: Predictor, what: str) -> Iterator[None]:
    try:
        yield
    except InterpretationError:
        raise
    except _MISTAKEN as error:
        reason = f"{type(error).__name__}: {error}"
        raise InterpretationError(f"{type(predictor).__name__} {what} ({reason})") from error


def with_fields(predictor: Predictor, instance: Instance, **fields: Field) -> Instance:
    """A copy of an instance that has these fields besides, or in the place of its own."""
    new = instance.duplicate()
    for name, field in fields.items():
        new.add_field(name, field, predictor._model.vocab)
    return new


def labelled_by(predictor: Predictor) -> str:
    """The name of the class whose `predictions_to_labeled_instances` a predictor has."""
    method = type(predictor).predictions_to_labeled_instances
    return method.__qualname__.rpartition(".")[0]


def takes(model: Model, *names: str) -> bool:
    """Whether a model's forward method has such parameters, and can do without them."""
    return set(names) <= set(forward_signature(model).can_do_without)
