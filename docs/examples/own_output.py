from biome_interpret import InferenceMode


@InferenceMode.register("margin")
class Margin(InferenceMode):
    """How far the target's logit is above the best of the others."""

    def __call__(self, outputs, choices):
        # Shape: (rows, classes); one choice for each row, the text's label.
        logits = choices.logits.squeeze(1)
        others = logits.scatter(1, choices.indices, float("-inf"))
        return choices.total_of(choices.logits) - others.max(dim=1).values
