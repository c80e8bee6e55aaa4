"""Sequences that a decoder writes, word by word."""

from typing import Any, List, Optional, Tuple

import torch
from allennlp.data import Instance
from allennlp.data.fields import Field, TextField
from allennlp.models import Model
from allennlp.nn.util import (
    get_text_field_mask,
    get_token_ids_from_text_field_tensors,
    sequence_cross_entropy_with_logits,
)

from biome_interpret.models.isolation.patching import patched
from biome_interpret.models.isolation.recording import Records, run_recording
from biome_interpret.models.objectives.base import (
    Objective,
    Target,
    has_class_named,
    joined,
)
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.tensors import TensorDict

LABEL = "target_tokens"


@Objective.register("sequence")
class SequenceObjective(Objective):
    """
    The words of a target sequence, each a choice after those before it: the sum of their logits.
    They are recorded at the decoder's projection on its vocabulary. The pass ends before the beam
    search, which does not change them.
    """

    priority = -120
    label_fields = (LABEL,)
    label_class = TextField
    reads_prediction = False
    needs_label = True
    why_loss = (
        "{model} gives no logits for the words that it writes: what is explained is minus its "
        "loss, the log-likelihood of the predicted sequence"
    )
    # The position of the target's first predicted token. The start symbol comes before it.
    _first = 1

    def run(self, arguments: TensorDict) -> Outputs:
        projection = _projection_of(self.model)
        if projection is None:
            return super().run(arguments)
        num_words = self._predicted(arguments)[0].size(1)

        def logits_in(records: Records) -> List[torch.Tensor]:
            # (rows, classes) is one step, (rows, steps, classes) several.
            return [one if one.dim() == 3 else one.unsqueeze(1) for one in records["logits"]]

        def enough(records: Records) -> bool:
            return sum(logits.size(1) for logits in logits_in(records)) >= num_words

        outputs, records = run_recording(self.model, arguments, {"logits": projection}, enough)
        if not records["logits"] or not enough(records):
            return outputs
        return {**outputs, "logits": torch.cat(logits_in(records), dim=1)}

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        words, mask = self._predicted(tensors)
        logits = outputs.get("logits")
        if logits is None or logits.shape[:2] != words.shape:
            return None
        return Choices(logits, words, mask)

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        tokens = instance.fields[self.label_name].tokens  # type: ignore[attr-defined]
        return Target(joined(tokens[self._first :]) or None, None, probability)

    def _predicted(self, tensors: TensorDict) -> Tuple[torch.Tensor, torch.Tensor]:
        """The predicted words and their mask. Shape: (rows, words)."""
        target = tensors[self.label_name]
        words = get_token_ids_from_text_field_tensors(target)
        return words[:, self._first :], get_text_field_mask(target)[:, self._first :]


@Objective.register("t5_sequence")
class T5Objective(SequenceObjective):
    """T5 adds the start symbol itself: all tokens of the target are predicted."""

    priority = -110
    model_attributes = ("t5",)
    _first = 0


@Objective.register("bart_sequence")
class BartObjective(SequenceObjective):
    """
    BART adds the start symbol itself, too. AllenNLP's model ignores the target in evaluation, so
    its decoder is run here, with the target as its input.
    """

    priority = -100
    _first = 0

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        return super().fits(model, label) and has_class_named(model, "Bart")

    def run(self, arguments: TensorDict) -> Outputs:
        model: Any = self.model
        source = arguments["source_tokens"]
        words, _ = self._predicted(arguments)
        starts = words.new_full((len(words), 1), model._decoder_start_id)
        outputs = model.bart(
            input_ids=get_token_ids_from_text_field_tensors(source),
            attention_mask=get_text_field_mask(source),
            decoder_input_ids=torch.cat([starts, words[:, :-1]], dim=1),
            use_cache=False,
            return_dict=True,
        )
        return {"logits": outputs.logits}

    def run_for_loss(self, arguments: TensorDict) -> Outputs:
        outputs = self.run(arguments)
        words, mask = self._predicted(arguments)
        # Its annotations want subclasses of `Tensor`.
        cross_entropy: Any = sequence_cross_entropy_with_logits
        loss = cross_entropy(outputs["logits"], words, mask, average="token")
        return {**outputs, "loss": loss}


@Objective.register("copied_sequence")
class CopyNetObjective(SequenceObjective):
    """
    CopyNet writes words or copies them. Its output gives only the likelihood of the sequence, as
    the loss. The pass ends before the beam search.
    """

    priority = -90

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        return super().fits(model, label) and has_class_named(model, "CopyNetSeq2Seq")

    def run(self, arguments: TensorDict) -> Outputs:
        def compute_loss(forward_loss: Any, *args: Any, **kwargs: Any) -> Any:
            raise _LossComputed(forward_loss(*args, **kwargs))

        with patched(self.model, compute_loss, "_forward_loss"):
            try:
                return super().run_for_loss(arguments)
            except _LossComputed as computed:
                outputs: Outputs = computed.args[0]
                return outputs

    run_for_loss = run


class _LossComputed(Exception):
    """Ends a forward pass once its loss is known. Its argument is the output."""


def _projection_of(model: Model) -> Optional[torch.nn.Module]:
    """The module that puts out the logits of the words that the model writes."""
    for path in ("_output_projection_layer", "_decoder._output_projection_layer", "t5.lm_head"):
        part: object = model
        for name in path.split("."):
            part = getattr(part, name, None)
        if isinstance(part, torch.nn.Module):
            return part
    return None
