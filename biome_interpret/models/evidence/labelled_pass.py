"""A forward pass with a label, and the graph from its embeddings over its outputs to its loss."""

from typing import Any, Dict, List, Optional, Sequence

import torch
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.models import Model

from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.isolation.lookups import checked_lookups
from biome_interpret.models.isolation.recurrent import differentiable_recurrence, recurrent_layers
from biome_interpret.models.objectives import Objective, forward_arguments
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import device_of, fresh, to_tensors

# A relative difference of gradients of at most this is rounding.
_ROUNDING = 1e-3


class LabelledPass:
    """
    # Parameters

    model : `Model`
        In evaluation mode.
    sites : `Sequence[EmbeddingSite]`
    instance : `Instance`
    objective : `Objective`
    """

    def __init__(
        self,
        model: Model,
        sites: Sequence[EmbeddingSite],
        instance: Instance,
        objective: Objective,
    ) -> None:
        self._model, self._sites = model, sites
        self._instance, self._objective = instance, objective
        self.tensors = to_tensors([instance], model)
        self._embedded: List[torch.Tensor] = []
        self._growing: Dict[str, bool] = {}
        accepts = forward_signature(model).accepts
        arguments = {name: value for name, value in self.tensors.items() if accepts(name)}
        # A GPU differentiates recurrent layers only if they were run for it.
        recurrence = differentiable_recurrence(recurrent_layers(model))
        with torch.enable_grad(), recurrence, patched_sites(sites, self._with_graph):
            try:
                self.outputs = objective.run_for_loss(fresh(arguments))
            except Exception:  # The loss, or a metric that goes with it, may fail for the label.
                self.outputs = objective.run(forward_arguments(objective, arguments))

    def _with_graph(self, site: int, given: Any, output: torch.Tensor) -> torch.Tensor:
        leaf = output.detach().clone().requires_grad_(output.is_floating_point())
        if leaf.requires_grad:
            self._embedded.append(leaf)
        return leaf.clone()  # The model may write into it.

    def with_other_labels(self, count: int) -> List["LabelledPass"]:
        """
        Of the same text, each with another one of the first `count` labels. Empty if its label is
        not a `LabelField`.
        """
        name = self._objective.label_name
        label = self._instance.fields.get(name)
        if not isinstance(label, LabelField):
            return []
        found = []
        for index in range(count):
            if index != int(label.as_tensor({})):
                fields = {**self._instance.fields, name: LabelField(index, skip_indexing=True)}
                other = Instance(fields)
                other.indexed = self._instance.indexed
                found.append(LabelledPass(self._model, self._sites, other, self._objective))
        return found

    def is_detached(self, name: str) -> bool:
        """Whether an output has no gradient, although the loss has one."""
        loss = self.outputs.get("loss")
        has_loss = isinstance(loss, torch.Tensor) and loss.requires_grad
        return has_loss and not self.outputs[name].requires_grad

    def grows_with_text(self, name: str) -> bool:
        """
        Whether an output has more numbers if the text is padded: one for each of its parts, such as
        the answers to choose from.
        """
        if name not in self._growing:
            size = self.outputs[name].size(-1)
            lengths = self._instance.get_padding_lengths().values()
            may_grow = any(size in field.values() for field in lengths)
            self._growing[name] = may_grow and self._padded_size(name) not in (None, size)
        return self._growing[name]

    def _padded_size(self, name: str) -> Optional[int]:
        """`None` if the model does not run with padding."""
        tensors = to_tensors([self._instance], self._model, padding=1)
        accepts, labels = forward_signature(self._model).accepts, self._objective.label_names
        given = {n: value for n, value in tensors.items() if accepts(n) and n not in labels}
        try:
            with torch.no_grad(), checked_lookups(device_of(self._model)):
                return int(self._model(**given)[name].size(-1))
        except Exception:  # The text may be as long as the model allows.
            return None

    def is_computed_from(self, name: str, other: str) -> bool:
        """Whether the model computes an output from another one."""
        value, before = self.outputs[name], self.outputs[other]
        return name != other and _gradients(value.sum(), [before]) != [None]

    def loss_gradient(self, name: str) -> Optional[torch.Tensor]:
        """By an output, in its shape. `None` if the loss does not depend on the output."""
        loss = self.outputs.get("loss")
        if not isinstance(loss, torch.Tensor):
            return None
        [gradient] = _gradients(loss.sum(), [self.outputs[name]])
        return gradient

    def has_linear_loss(self, name: str) -> Optional[bool]:
        """
        Whether the loss is linear in an output, at and near this text, as a margin loss is. `None`
        if the loss does not say.
        """
        loss, output = self.outputs.get("loss"), self.outputs[name]
        if self.loss_gradient(name) is None or not isinstance(loss, torch.Tensor):
            return None
        [slopes] = torch.autograd.grad(loss.sum(), [output], create_graph=True)
        weights = torch.linspace(1.0, 2.0, slopes.numel()).to(slopes).reshape(slopes.shape)
        try:
            second = gradient_by((weights * slopes).sum(), output)
        except RuntimeError as error:
            # PyTorch's own margin losses have no second derivative. A user's function may lack one.
            return True if "is not implemented" in str(error) else None
        rounding = 8 * torch.finfo(slopes.dtype).eps * float(slopes.detach().abs().max())
        return second is None or float(second.abs().max()) <= rounding

    def mixes_positions(self, name: str) -> Optional[bool]:
        """
        Whether the loss of one position of an output depends on others, as that of a random field
        does. Shape of the output: (1, positions, ...). `None` if the loss does not say.
        """
        loss, output = self.outputs["loss"], self.outputs[name]
        if output.size(1) < 2:
            return None
        [slopes] = torch.autograd.grad(loss.sum(), [output], create_graph=True)
        # Shape: (positions,)
        sizes = slopes.detach().abs().flatten(start_dim=2).amax(dim=(0, 2))
        place = int(sizes.argmax())
        weights = torch.linspace(1.0, 2.0, slopes[:, place].numel()).to(slopes)
        try:
            second = gradient_by((weights * slopes[:, place].flatten()).sum(), output)
        except RuntimeError:  # A function of the user's own has no second derivative.
            return None
        if second is None or not second.any():
            return None
        # Shape: (positions,)
        sizes = second.abs().flatten(start_dim=2).amax(dim=(0, 2))
        others = torch.arange(len(sizes)).to(sizes.device) != place
        return bool(sizes[others].max() > _ROUNDING * sizes.max())

    def follows_from(self, value: torch.Tensor, name: str) -> Optional[bool]:
        """
        Whether a value is a function of an output alone: its gradient by the embeddings is that by
        way of the output. `None` if the graph does not say.
        """
        before = self.outputs[name]
        weights = torch.linspace(1.0, 2.0, value.numel()).to(value).reshape(value.shape)
        [by_other] = _gradients((weights * value).sum(), [before])
        whole = _gradients((weights * value).sum(), self._embedded)
        if by_other is None or all(gradient is None for gradient in whole):
            return None
        part = _gradients((by_other.detach() * before).sum(), self._embedded)
        pairs = [(w, p) for w, p in zip(whole, part) if w is not None]
        size = max(float(w.abs().max()) for w, _ in pairs)
        rest = max(float((w if p is None else w - p).abs().max()) for w, p in pairs)
        return rest <= _ROUNDING * size


def gradient_by(value: torch.Tensor, tensor: torch.Tensor) -> Optional[torch.Tensor]:
    """`None` if the value does not depend on the tensor."""
    return _gradients(value, [tensor])[0]


def _gradients(
    value: torch.Tensor, tensors: Sequence[torch.Tensor]
) -> List[Optional[torch.Tensor]]:
    known = [tensor for tensor in tensors if tensor.requires_grad]
    if not value.requires_grad or not known:
        return [None] * len(tensors)
    found = iter(torch.autograd.grad(value, known, retain_graph=True, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in tensors]
