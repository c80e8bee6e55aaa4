"""Models of several heads, of which one is asked."""

from typing import Any, List

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import MetadataField
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import Labelling, Output, labelled_by, with_fields
from biome_interpret.models.labelling.labels import LABEL_PREDICTORS, labels_of
from biome_interpret.models.objectives.base import is_kind


@Labelling.register("multitask")
class MultiTaskLabelling(Labelling):
    """
    What the head of the instance's task predicts: as the head's own predictor labels it, where that
    does, else the label with the highest score.
    """

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        unlabelled = labelled_by(predictor) == "Predictor"
        return unlabelled and is_kind(predictor, "MultiTaskPredictor")

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        task = inputs.get("task")
        tasks = predictor.predictors  # type: ignore[attr-defined]
        if task not in tasks:
            raise InterpretationError(f"unknown task {task!r}: the model's are {sorted(tasks)}")
        return super().instances(predictor, inputs)

    def apply_indexers(self, predictor: Predictor, instance: Instance) -> None:
        readers = predictor._dataset_reader.readers  # type: ignore[attr-defined]
        readers[_task(instance)].apply_token_indexers(instance)

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        task = _task(instance)
        own: Predictor = predictor.predictors[task]  # type: ignore[attr-defined]
        of_head = {
            key[len(task) + 1 :]: value
            for key, value in output.items()
            if key.startswith(f"{task}_")
        }
        if labelled_by(own) not in ("Predictor", *LABEL_PREDICTORS):
            return own.predictions_to_labeled_instances(instance, of_head)
        model: Any = predictor._model
        name = _name_of_label(model, task, instance)
        labels = labels_of(model._heads[task], instance.fields.get(name), of_head)
        return [with_fields(predictor, instance, **{name: label}) for label in labels]


def _task(instance: Instance) -> str:
    field = instance.fields.get("task")
    if not isinstance(field, MetadataField):
        raise InterpretationError("an instance of a multi-task model must say its 'task'")
    return field.metadata


def _name_of_label(model: Any, task: str, instance: Instance) -> str:
    """What the head calls its label, or what the instance calls it that is mapped to this."""
    renamed = model._arg_name_mapping.get(task, {})
    names = [old for old, new in renamed.items() if new == "label"]
    return next((name for name in names if name in instance.fields), "label")
