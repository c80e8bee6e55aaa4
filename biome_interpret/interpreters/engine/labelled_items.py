"""Makes the labelled instances of a text, each with the objective that explains it."""

from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import Inquiry, Units
from biome_interpret.errors import InterpretationError
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.evidence.evidence import Evidence
from biome_interpret.models.evidence.label_names import places_of
from biome_interpret.models.labelling.base import labelled_instances
from biome_interpret.models.labelling.own_forward import note_on_own_forward
from biome_interpret.models.labelling.own_label import (
    OwnLabel,
    contradiction,
    doubts,
    has_logits,
    has_usual_probabilities,
    with_own_label,
)
from biome_interpret.models.labelling.targets import TargetSpec, targeted
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import Objective, Target, objective_for
from biome_interpret.models.objectives.inference_modes import (
    InferenceMode,
    Logits,
    LogSoftmax,
    Loss,
)
from biome_interpret.models.objectives.reading import VALUE, Reading

# Makes what is asked of a text.
Ask = Callable[[Units], "Inquiry[Any]"]


class Job(NamedTuple):
    """
    A text, and the targets to explain. Or, in place of an explanation, what is asked of its first
    labelled instance.
    """

    text: InputText
    targets: List[TargetSpec]
    ask: Optional[Ask] = None


class Item(NamedTuple):
    """A labelled instance, the index of its job in the group, and notes for its result."""

    job: int
    instance: Instance
    objective: Objective
    notes: List[str]

    @property
    def target(self) -> Target:
        """What is explained. Its probability is not known yet."""
        return self.objective.target_of(self.instance, None)


class _Labelled(NamedTuple):
    """A labelled instance, how it is read, and what the model says of it."""

    instance: Instance
    objective: Objective
    own: OwnLabel


class ItemMaker:
    """
    Remembers how the outputs of a model are read.

    # Parameters

    predictor : `Predictor`
    sites : `Sequence[EmbeddingSite]`
    settings : `Settings`
    needs_gradients : `bool`
        Whether the method does.
    """

    def __init__(
        self,
        predictor: Predictor,
        sites: Sequence[EmbeddingSite],
        settings: Settings,
        needs_gradients: bool,
    ) -> None:
        self._needs_gradients = needs_gradients
        self._predictor = predictor
        self._sites = sites
        self._settings = settings
        self._readings: Dict[Hashable, Reading] = {}
        # A note if the predictor itself predicts in another way; `None` before they are compared.
        self.own_prediction: Optional[List[str]] = None
        # Classes of objectives with a loss that is not a sum over rows.
        self.non_additive: Set[type] = set()

    @property
    def learnt(self) -> Tuple[Any, ...]:
        """As that of `BatchPlanner`."""
        return dict(self._readings), frozenset(self.non_additive), self.own_prediction

    def items(self, index: int, job: Job, said: JsonDict) -> List[Item]:
        """
        # Parameters

        index : `int`
            Of the job.
        job : `Job`
        said : `JsonDict`
            The model's readable output for the text.

        # Raises

        `InterpretationError`
            If nothing labels the prediction, or if the label contradicts the logits.
        """
        predictor, text = self._predictor, job.text
        if text.is_labelled:
            labelled = [self._read_here(text.instance, said)]
        else:
            found = labelled_instances(predictor, text.instance, said)
            labelled = [self._labelled(one, said) for one in found]

        def objective_of(instance: Instance) -> Objective:
            return self._objective(instance, said, Logits())

        predictions = {id(one.instance): one for one in labelled}
        instances = targeted(
            predictor,
            text.instance,
            [one.instance for one in labelled],
            job.targets,
            text.labels,
            objective_of,
        )
        if job.ask is not None:
            instances = instances[:1]
        note = note_on_own_forward(predictor._model, text.instance)
        notes = [one for one in [*(self.own_prediction or []), note] if one is not None]
        return [
            self._item(index, one, predictions.get(id(one)), not text.is_labelled, said, notes)
            for one in instances
        ]

    def _labelled(self, instance: Instance, said: JsonDict) -> _Labelled:
        """The instance with the model's prediction."""
        one = self._read_here(instance, said)
        named = with_own_label(self._predictor, instance, one.objective, one.own)
        return one if named is instance else self._read_label(named, said)

    def _read_label(self, instance: Instance, said: JsonDict) -> _Labelled:
        objective = self._objective(instance, said, self._settings.mode)
        return _Labelled(instance, objective, OwnLabel.of(objective, said))

    def _read_here(self, instance: Instance, said: JsonDict) -> _Labelled:
        """What was read from another text may not hold. What holds here is kept."""
        one = self._read_label(instance, said)
        if _agrees(one, said):
            return one
        before = dict(self._readings)
        self._readings.clear()
        found = self._read_label(instance, said)
        self._readings = {**before, **self._readings}
        if not _agrees(found, said):
            self._readings = before
        return found

    def _item(
        self,
        index: int,
        instance: Instance,
        known: Optional[_Labelled],
        refuse: bool,
        said: JsonDict,
        notes: List[str],
    ) -> Item:
        """
        `known` is what was read of the prediction. It is refused if it contradicts itself: `notes`
        may say why it does.
        """
        _, objective, own = known or self._read_label(instance, said)
        wrong = contradiction(objective, instance, own)
        if wrong is not None and known is not None and refuse:
            raise InterpretationError(
                f"{wrong}: name the label to explain with `target`, or the output that holds its "
                f"logits with `output`{''.join(f'. {note}' for note in notes)}"
            )
        if own.best is not None and own.name is not None:
            objective.name_as((own.best, own.name))
        found = [*doubts(objective, own, said), *notes]
        return Item(index, instance, objective, found if wrong is None else [wrong, *found])

    def _objective(self, instance: Instance, said: JsonDict, mode: InferenceMode) -> Objective:
        objective = objective_for(self._predictor._model, instance, mode, self.non_additive)
        self._read(objective, instance, said)
        reading = objective.reading
        if reading is not None and reading.meaning == VALUE and _needs_label(mode):
            raise InterpretationError(
                f"the model's output '{reading.logits}' is a value, which has no probability and "
                f"no loss of a label: inference_mode must be 'logits'"
            )
        return objective

    def _read(self, objective: Objective, instance: Instance, said: JsonDict) -> None:
        if objective.logit_dims is None or objective.label is None:
            return
        # As many logits as there are texts to choose from are read in another way.
        places = places_of(instance, objective.label_objective, said)
        key = (objective.reading_key, objective.label_name, places)
        if key not in self._readings:
            model: Any = self._predictor._model
            label, gradients = objective.label_objective, self._needs_gradients
            evidence = Evidence(model, self._sites, instance, label, said, gradients)
            reading = evidence.reading(self._settings.output)
            if reading.logits is None and evidence.has_candidates:
                _refuse_values(evidence, objective, type(model).__name__)
            if evidence.is_of_one_tag or (reading.logits is None and evidence.has_candidates):
                objective.read_as(reading)  # Another text may say more.
                return
            self._readings[key] = reading
        objective.read_as(self._readings[key])


def _refuse_values(evidence: Evidence, objective: Objective, model: str) -> None:
    """
    # Raises

    `InterpretationError`
        If the label is a number, and nothing says that the model chooses between labels.
    """
    label: Any = objective.label
    if evidence.is_against_labels and isinstance(getattr(label, "label", None), int):
        raise InterpretationError(
            f"nothing says that {model} chooses between labels: it names none, it gives no "
            f"probabilities, and its loss does not fall with the number of its label. Have it name "
            f"its 'label' in `make_output_human_readable`, or register an `Objective`"
        )


def _needs_label(mode: InferenceMode) -> bool:
    return isinstance(mode, (Loss, LogSoftmax))


def _agrees(one: _Labelled, said: JsonDict) -> bool:
    """Whether what is read from a text agrees with what the model says of it."""
    is_consistent = contradiction(one.objective, one.instance, one.own) is None
    is_shaped = has_logits(one.objective, said)
    return is_consistent and is_shaped and has_usual_probabilities(one.objective, said)
