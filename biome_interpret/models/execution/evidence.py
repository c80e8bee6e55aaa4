"""Finds out which output of a model holds the logits of a label, and what they mean."""

import math
from functools import cached_property
from typing import Any, Dict, List, Mapping, Optional, Sequence

import torch
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.objectives import Choices, LabelObjective, Objective
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.reading import (
    EACH,
    FITS,
    LARGER,
    SECOND,
    SMALLER,
    VALUE,
    Candidate,
    Reading,
    agree,
    choose,
    named_output,
    namespaces_of_labels,
    own_names,
    with_dimensions,
)
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import TensorDict, to_tensors


class Evidence:
    """
    What a model says of one labelled instance, with the graph from its outputs to its loss.

    # Parameters

    model : `Model`
        In evaluation mode.
    sites : `Sequence[EmbeddingSite]`
    instance : `Instance`
        Labelled.
    objective : `Objective`
        For its label. Left as it is.
    said : `Mapping[str, Any]`
        The model's readable output for the instance: that of `forward_on_instance`.
    """

    def __init__(
        self,
        model: Model,
        sites: Sequence[EmbeddingSite],
        instance: Instance,
        objective: Objective,
        said: Mapping[str, Any],
    ) -> None:
        self._model = model
        self._vocabulary: Any = model.vocab
        self._sites = sites
        self._instance = instance
        self._objective = objective
        self._said = said
        self._tensors = to_tensors([instance], model)
        self._outputs = self._run(self._tensors)
        self._given_namespace = objective.namespace
        self._namespaces = namespaces_of_labels(model.vocab, str(objective.namespace))
        shaped = {name: self._as_logits(name) for name in self._outputs if "prob" not in name}
        # Whether an output has the shape of logits, of this label or of another.
        self.has_candidates = any(logits is not None for logits in shaped.values())
        self._logits: Dict[str, torch.Tensor] = {}
        for name, logits in shaped.items():
            # One tensor may have several names.
            known = [self._outputs[other] for other in self._logits]
            is_new = logits is not None and all(self._outputs[name] is not one for one in known)
            if logits is not None and is_new and self._choices(name, logits) is not None:
                self._logits[name] = logits

    def reading(self, output: Optional[str] = None) -> Reading:
        """
        How the logits are read. `output` is their name, if a user gives it.

        # Raises

        `InterpretationError`
            If there is no such output, or if several fit alike.
        """
        model = type(self._model).__name__
        if output is None:
            name = choose([self._candidate(name) for name in self._logits], model)
        else:
            name = named_output(self._logits, output, model)
        if name is None:
            return Reading(None)
        logits = self._logits[name]
        meaning = self._meaning(name)
        return Reading(
            logits=name,
            meaning=meaning,
            sign=-1 if meaning == SECOND and self._lowers_loss(name) is False else 1,
            num_classes=2 if meaning == SECOND else logits.size(-1),
            namespace=self._namespace(name),
            probabilities=self._own_probabilities(name, meaning),
        )

    def _run(self, tensors: TensorDict) -> Outputs:
        """The outputs, with the loss if the model has one."""
        accepts = forward_signature(self._model).accepts
        arguments = {name: value for name, value in tensors.items() if accepts(name)}

        def with_graph(site: int, given: Any, output: torch.Tensor) -> torch.Tensor:
            leaf = output.detach().clone().requires_grad_(output.is_floating_point())
            return leaf.clone()  # The model may write into it.

        with torch.enable_grad(), patched_sites(self._sites, with_graph):
            try:
                return self._objective.run_for_loss(arguments)
            except Exception:  # The loss, or a metric that goes with it, may fail for the label.
                labels = self._objective.label_names
                rest = {name: value for name, value in arguments.items() if name not in labels}
                return self._objective.run(rest)

    def _as_logits(self, name: str) -> Optional[torch.Tensor]:
        """The output of that name with the dimensions of logits; `None` if it has others."""
        value, dims = self._outputs[name], self._objective.logit_dims
        if name == "loss" or dims is None or not isinstance(value, torch.Tensor):
            return None
        if not value.is_floating_point() or not value.numel() or not value.dim() or len(value) != 1:
            return None
        return with_dimensions(value, dims)

    def _choices(self, name: str, logits: torch.Tensor, outputs: Any = None) -> Optional[Choices]:
        """The choices if the output of that name has the logits; `None` if they are not there."""
        meaning = SECOND if self._is_one(logits) else EACH
        self._objective.read_as(
            Reading(name, meaning, num_classes=logits.size(-1), namespace=self._given_namespace)
        )
        try:
            return self._objective.choices(outputs or self._outputs, self._tensors)
        except InterpretationError:  # The label is none of them.
            return None
        finally:
            self._objective.read_as(None)

    def _candidate(self, name: str) -> Candidate:
        logits = self._logits[name]
        return Candidate(
            name,
            is_called_logits=name.endswith("logits"),
            size=self._size(logits),
            lowers_loss=self._matters_for_loss(name),
            gives_probabilities=self._gives_probabilities(name),
            gives_label=self._gives_label(name),
            above=tuple(other for other in self._logits if self._is_above(other, name)),
        )

    def _is_above(self, name: str, below: str) -> bool:
        """Whether the model computes an output from another one."""
        if name == below:
            return False
        return _gradient(self._outputs[name].sum(), self._outputs[below]) is not None

    def _size(self, logits: torch.Tensor) -> int:
        sizes = {one: self._vocabulary.get_vocab_size(one) for one in self._namespaces}
        expected = sizes.get(str(self._given_namespace), 0)
        size = logits.size(-1)
        if size == 1 or not expected or size in sizes.values():
            return FITS
        return LARGER if size > expected else SMALLER

    def _matters_for_loss(self, name: str) -> Optional[bool]:
        """As `_lowers_loss`; a single logit may speak for either label."""
        lowers = self._lowers_loss(name)
        return True if self._is_one(self._logits[name]) and lowers is False else lowers

    def _is_one(self, logits: torch.Tensor) -> bool:
        return self._objective.takes_one_logit and logits.size(-1) == 1

    def _lowers_loss(self, name: str) -> Optional[bool]:
        """Whether the loss falls if the explained logit rises; `None` if it does not say."""
        slope = self._slope(name, self._outputs)
        if slope is None or slope < 0:
            return None if slope is None else True
        # With label smoothing the loss may rise with any label, but not as much as for another.
        other = self._outputs_for_another_label
        opposite = None if other is None else self._slope(name, other)
        return None if opposite is None or opposite == slope else opposite > slope

    def _slope(self, name: str, outputs: Outputs) -> Optional[float]:
        """How the loss changes with the explained logit; `None` if it does not depend on it."""
        loss, logits = outputs.get("loss"), self._logits[name]
        choices = self._choices(name, logits, outputs)
        if not isinstance(loss, torch.Tensor) or not loss.requires_grad or choices is None:
            return None
        gradient = _gradient(loss.sum(), outputs[name])
        direction = _gradient(choices.total_of(choices.logits).sum(), outputs[name])
        if gradient is None or direction is None:
            return None
        slope = float((gradient * direction).sum())
        return slope if slope and math.isfinite(slope) else None

    @cached_property
    def _outputs_for_another_label(self) -> Optional[Outputs]:
        """Those of the same text; `None` if the label is not a single one."""
        name = self._objective.label_name
        label = self._instance.fields.get(name)
        if not isinstance(label, LabelField):
            return None
        index = 0 if int(label.as_tensor({})) else 1
        fields: Dict[str, Any] = dict(self._instance.fields)
        fields[name] = LabelField(index, skip_indexing=True)
        other = Instance(fields)
        other.indexed = self._instance.indexed
        return self._run(to_tensors([other], self._model))

    def _own_names(self, name: str) -> List[str]:
        return own_names(self._said, self._objective.label_name, name)

    def _agrees(self, name: str, namespace: str) -> bool:
        """Whether the model's own names are those of the largest logits."""
        names, own = (
            self._vocabulary.get_index_to_token_vocabulary(namespace),
            self._own_names(name),
        )
        found = [names.get(index) for index in self._objective.predicted(self._logits[name])]
        # Of the tags of a batch, those of padding may be missing or there.
        count = min(len(found), len(own))
        return count > 0 and found[:count] == own[:count]

    def _gives_label(self, name: str) -> Optional[bool]:
        if any(self._agrees(name, namespace) for namespace in self._namespaces):
            return True
        # A model may choose its tags in another way, as by a search.
        is_said = bool(self._own_names(name)) and self._objective.logit_dims == 2
        return False if is_said and self._logits[name].isfinite().all() else None

    def _namespace(self, name: str) -> Optional[str]:
        """
        The first one that fits what the model says. If it says nothing: that of the label, or the
        only one for labels with as many names.
        """
        size = max(2, self._logits[name].size(-1))
        sizes = {one: self._vocabulary.get_vocab_size(one) for one in self._namespaces}
        by_size = sorted(self._namespaces, key=lambda one: sizes[one] != size)
        for namespace in by_size:
            if self._agrees(name, namespace):
                return namespace
        given = str(self._given_namespace)
        if sizes.get(given) == size:
            return given
        fitting = [one for one in by_size if sizes[one] == size and one.endswith("labels")]
        if len(fitting) == 1:
            return fitting[0]
        return given if given in sizes and not fitting else None

    def _name_of_own(self, name: str) -> Optional[str]:
        """The output with the model's own probabilities for these logits, by their names."""
        outputs = self._outputs.items()
        names = [n for n, v in outputs if "prob" in n and isinstance(v, torch.Tensor)]
        prefix = name[: -len("logits")] if name.endswith("logits") else name
        same = [other for other in names if other.partition("prob")[0] == prefix]
        return next(iter([*same, *(names if len(names) == 1 else [])]), None)

    def _own(self, name: str) -> Optional[torch.Tensor]:
        own = self._name_of_own(name)
        dims = self._logits[name].dim()
        return None if own is None else with_dimensions(self._outputs[own].detach(), dims)

    def _expected(self, name: str) -> List[torch.Tensor]:
        """The probabilities that may follow from the logits."""
        logits = self._logits[name].detach()
        if logits.size(-1) > 1:
            return [logits.softmax(dim=-1), logits.sigmoid()]
        second = logits.sigmoid()
        return [second, torch.cat([1 - second, second], dim=-1)]

    def _gives_probabilities(self, name: str) -> Optional[bool]:
        own, logits = self._own(name), self._logits[name]
        if own is None or own.shape[:-1] != logits.shape[:-1] or not own.isfinite().all():
            return None
        if any(agree(own, expected) for expected in self._expected(name)):
            return True
        is_same = torch.equal(own.argmax(dim=-1), logits.argmax(dim=-1))
        # Those of calibrated logits have the same order.
        return None if is_same or logits.size(-1) == 1 else False

    def _own_probabilities(self, name: str, meaning: str) -> Optional[str]:
        """The name of the model's own probabilities, if they do not follow from its logits."""
        own, logits = self._own(name), self._logits[name]
        if own is None or meaning == VALUE or self._objective.logit_dims != 2:
            return None
        if own.min() < 0 or own.max() > 1 or (meaning == EACH and own.shape != logits.shape):
            return None
        expected = self._expected(name)
        if meaning == EACH:
            is_one = isinstance(self._objective, LabelObjective)
            expected = expected[:1] if is_one else expected[1:]
            if is_one and int(own.argmax()) != int(logits.argmax()):
                return None
        return None if any(agree(own, one) for one in expected) else self._name_of_own(name)

    def _meaning(self, name: str) -> str:
        """What the output means."""
        logits = self._logits[name]
        if not self._is_one(logits):
            return EACH
        namespace = self._namespace(name)
        if namespace is None or self._vocabulary.get_vocab_size(namespace) != 2:
            return VALUE
        is_said = bool(self._own_names(name)) or bool(self._gives_probabilities(name))
        return SECOND if is_said or self._is_cross_entropy(name) else VALUE

    def _is_cross_entropy(self, name: str) -> bool:
        """Whether the loss is that of a logit: its slope is minus the other label's probability."""
        slope, logit = self._slope(name, self._outputs), float(self._logits[name])
        if slope is None:
            return False
        index = int(self._tensors[self._objective.label_name].reshape(-1)[0])
        for sign in (1, -1):
            explained = sign * (logit if index == 1 else -logit)
            expected = -sign * float(torch.tensor(-explained).sigmoid())
            if abs(slope - expected) <= 1e-3 * abs(expected):
                return True
        return False


def _gradient(value: torch.Tensor, of: torch.Tensor) -> Optional[torch.Tensor]:
    """`None` if the value does not depend on the tensor."""
    if not value.requires_grad or not of.requires_grad:
        return None
    [gradient] = torch.autograd.grad(value, [of], retain_graph=True, allow_unused=True)
    return gradient
