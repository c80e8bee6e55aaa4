"""Models with several heads: the head of the instance's task labels it."""

from typing import Any, List

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import MetadataField
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import (
    Labelling,
    labelled_by,
    labels_nothing,
    with_fields,
)
from biome_interpret.models.labelling.tasks.labels import LABEL_PREDICTORS, predicted_labels
from biome_interpret.models.objectives.base import has_class_named
from biome_interpret.models.objectives.inference_modes import Outputs


@Labelling.register("multitask")
class MultiTaskLabelling(Labelling):
    """
    The prediction of the head for the instance's task. The head's own predictor labels it, if it
    can. Otherwise it is labelled by the head's scores.
    """

    priority = -130

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return labels_nothing(predictor) and has_class_named(predictor, "MultiTaskPredictor")

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        task = inputs.get("task")
        tasks = predictor.predictors  # type: ignore[attr-defined]
        if task not in tasks:
            raise InterpretationError(f"unknown task {task!r}: the model's are {sorted(tasks)}")
        return super().instances(predictor, inputs)

    def apply_indexers(self, predictor: Predictor, instance: Instance) -> None:
        readers = predictor._dataset_reader.readers  # type: ignore[attr-defined]
        readers[_task(instance)].apply_token_indexers(instance)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        task = _task(instance)
        own: Predictor = predictor.predictors[task]  # type: ignore[attr-defined]
        prefix = f"{task}_"
        head_output = {
            key[len(prefix) :]: value for key, value in output.items() if key.startswith(prefix)
        }
        if not labels_nothing(own) and labelled_by(own) not in LABEL_PREDICTORS:
            return own.predictions_to_labeled_instances(instance, head_output)
        model: Any = predictor._model
        name = _label_name(model, task, instance)
        labels = predicted_labels(model._heads[task], instance.fields.get(name), head_output)
        return [with_fields(predictor, instance, **{name: label}) for label in labels]


def _task(instance: Instance) -> str:
    field = instance.fields.get("task")
    if not isinstance(field, MetadataField):
        raise InterpretationError("an instance of a multi-task model must say its 'task'")
    task: str = field.metadata
    return task


def _label_name(model: Any, task: str, instance: Instance) -> str:
    """The field that the model passes to the head as its `label`."""
    renamed = model._arg_name_mapping.get(task, {})
    names = [old for old, new in renamed.items() if new == "label"]
    return next((name for name in names if name in instance.fields), "label")
