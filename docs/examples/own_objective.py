import torch
from allennlp.data.fields import LabelField

from biome_interpret import Objective
from biome_interpret.models.objectives import Choices, LabelObjective


@Objective.register("energy_label")
class EnergyLabelObjective(LabelObjective):
    """For models that return energies: the smallest one is best."""

    @classmethod
    def fits(cls, model, label):
        return isinstance(label, LabelField) and type(model).__name__ == "EnergyClassifier"

    def choices(self, outputs, tensors):
        # Shape: (rows, 1)
        indices = tensors[self.label_name].unsqueeze(-1)
        mask = torch.ones_like(indices, dtype=torch.bool)
        return Choices(-outputs["energies"].unsqueeze(1), indices, mask)
