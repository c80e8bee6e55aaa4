import torch
from allennlp.data.fields import LabelField

from biome_interpret import Objective
from biome_interpret.models.objectives import Choices, LabelObjective


@Objective.register("scored_label")
class ScoredLabelObjective(LabelObjective):
    """For models that return their logits as `scores`."""

    @classmethod
    def fits(cls, model, label):
        return isinstance(label, LabelField) and type(model).__name__ == "ScoringClassifier"

    def choices(self, outputs, tensors):
        # Shape: (rows, 1)
        indices = tensors[self.label_name].unsqueeze(-1)
        mask = torch.ones_like(indices, dtype=torch.bool)
        return Choices(outputs["scores"].unsqueeze(1), indices, mask)
