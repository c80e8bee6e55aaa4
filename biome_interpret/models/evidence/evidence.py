"""Finds out which output of a model holds the logits of a label, and what they mean."""

from functools import cached_property
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.evidence.label_contrasts import LabelLosses, are_in_order, rise_with
from biome_interpret.models.evidence.label_names import LabelNames
from biome_interpret.models.evidence.labelled_pass import LabelledPass
from biome_interpret.models.evidence.other_texts import lie_in_unit_interval
from biome_interpret.models.evidence.tied_tags import Ties, ties_of
from biome_interpret.models.objectives import Choices, MultiLabelObjective, Objective
from biome_interpret.models.objectives.readable import as_numbers, made_readable
from biome_interpret.models.objectives.reading import (
    EACH,
    FITS,
    SECOND,
    VALUE,
    Candidate,
    Reading,
    agree,
    are_probabilities,
    as_logits,
    choose,
    fit_of,
    name_of_probabilities,
    named_output,
    namespaces_of_labels,
    trained_alike,
    usual_probabilities,
)
from biome_interpret.models.tensors import TensorDict


class Evidence:
    """
    What a model says of one labelled instance.

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
    needs_gradients : `bool`, optional (default = `False`)
        Whether an output without a gradient cannot be explained, although the loss has one.
    """

    def __init__(
        self,
        model: Model,
        sites: Sequence[EmbeddingSite],
        instance: Instance,
        objective: Objective,
        said: Mapping[str, Any],
        needs_gradients: bool = False,
    ) -> None:
        self._model = model
        self._vocabulary: Any = model.vocab
        self._sites = sites
        self._instance = instance
        self._objective = objective
        self._said = said
        self._pass = LabelledPass(model, sites, instance, objective)
        self._given_namespace = objective.namespace
        self._namespaces = namespaces_of_labels(model.vocab, str(objective.namespace))
        dims, outputs = objective.logit_dims, self._pass.outputs
        shaped = {name: as_logits(outputs, name, dims) for name in outputs}
        # The outputs that have the shape of logits, of this label or of another.
        self._shaped = {name: logits for name, logits in shaped.items() if logits is not None}
        self._logits: Dict[str, torch.Tensor] = {}
        for name, logits in self._shaped.items():
            is_cut = needs_gradients and self._pass.is_detached(name)
            if not (is_cut or are_probabilities(name, logits)) and self._is_candidate(name, logits):
                self._logits[name] = logits
        self._made = self._made_probabilities()
        # Where the model's own probabilities may be.
        self._own = {**self._shaped, **self._made}
        self._names = LabelNames(model, instance, objective, self._pass, said, self._logits)

    @property
    def has_candidates(self) -> bool:
        """Whether an output has the shape of logits."""
        return bool(self._shaped)

    @property
    def is_against_labels(self) -> bool:
        """Whether the loss speaks against every output, and the model itself names no label."""
        is_named = [bool(self._names.key(n) or self._name_of_own(n)) for n in self._logits]
        is_against = [self._losses.lower_with(name) is False for name in self._logits]
        return bool(is_against) and all(is_against) and not any(is_named)

    @property
    def is_of_one_tag(self) -> bool:
        """Whether the text has a single tag, which says little of others."""
        sizes = [logits.size(1) for logits in self._logits.values()]
        return self._objective.logit_dims == 3 and max(sizes, default=0) < 2

    def reading(self, output: Optional[str] = None) -> Reading:
        """
        How the logits are read. `output` is their name, if a user gives it.

        # Raises

        `InterpretationError`
            If there is no such output, or if several fit alike.
        """
        model = type(self._model).__name__
        alike: Tuple[str, ...] = ()
        if output is None:
            candidates = [self._candidate(name) for name in self._logits]
            name = choose(candidates, model)
            alike = trained_alike(candidates, name)
        else:
            name = named_output(self._shaped, output, model)
            self._logits[name] = self._shaped[name]
        if name is None:
            return Reading(None)
        meaning, own = self._meaning(name), self._name_of_own(name)
        probabilities = self._own_probabilities(name, meaning)
        is_usual = own is not None and bool(self._gives_probabilities(name))
        ties = self._ties(name)
        is_known = own is not None or self._has_known_probability(name, meaning, ties)
        return Reading(
            logits=name,
            meaning=meaning,
            sign=self._sign(name) if meaning == SECOND else 1,
            num_classes=2 if meaning == SECOND else self._logits[name].size(-1),
            namespace=self._names.namespace(name),
            probabilities=None if is_usual else probabilities,
            is_of_first=self._is_of_first(name, meaning, probabilities),
            makes_probabilities=not is_usual and probabilities in self._made,
            usual_probabilities=own if is_usual else None,
            label_key=self._names.key(name),
            rivals=self._names.rivals(name),
            trained_alike=alike,
            gives_probability=is_known,
            random_field=ties.random_field,
        )

    def _has_known_probability(self, name: str, meaning: str, ties: Ties) -> bool:
        """Whether the loss agrees with the usual probability, if the model itself gives none."""
        if meaning == SECOND:
            return self._losses.are_cross_entropy(name)
        is_of_one = self._objective.logit_dims == 2 and meaning == EACH
        if is_of_one and not isinstance(self._objective, MultiLabelObjective):
            return self._losses.may_be_of_a_softmax(name)
        return ties.are_known

    def _ties(self, name: str) -> Ties:
        """Of tags. The labels of texts have none."""
        choices = self._choices(name, self._logits[name], self._pass.tensors)
        if self._objective.logit_dims != 3 or choices is None:
            return Ties()
        return ties_of(self._model, self._pass, name, choices)

    def _is_candidate(self, name: str, logits: torch.Tensor) -> bool:
        # The same numbers may have several names.
        is_new = not any(torch.equal(logits, other) for other in self._logits.values())
        return is_new and self._choices(name, logits, self._pass.tensors) is not None

    def _choices(self, name: str, logits: torch.Tensor, tensors: TensorDict) -> Optional[Choices]:
        """The choices if the output of that name has the logits; `None` if the label is not one."""
        meaning, namespace = SECOND if self._is_one(logits) else EACH, self._given_namespace
        reading = Reading(name, meaning, num_classes=logits.size(-1), namespace=namespace)
        self._objective.read_as(reading)
        try:
            return self._objective.choices(self._pass.outputs, tensors)
        except InterpretationError:  # The label is none of them.
            return None
        finally:
            self._objective.read_as(None)

    def _candidate(self, name: str) -> Candidate:
        logits, is_above = self._logits[name], self._pass.is_computed_from
        lowers, gives_label = self._losses.lower_with(name), self._names.give_label(name)
        if self._is_one(logits) and lowers is not None:
            # A single logit may speak for either label. A number that does not say which may be
            # something else, such as how certain the model is.
            lowers = gives_label is not False or self._losses.are_cross_entropy(name)
        return Candidate(
            name,
            is_called_logits=name.endswith("logits"),
            size=self._size(name),
            lowers_loss=lowers,
            gives_probabilities=self._gives_probabilities(name),
            gives_label=gives_label,
            above=tuple(other for other in self._logits if is_above(other, name)),
            is_squeezed=self._pass.outputs[name].dim() > logits.dim(),
        )

    def _size(self, name: str) -> int:
        size = self._logits[name].size(-1)
        if self._pass.grows_with_text(name) or self._names.may_be_places(self._logits[name]):
            return FITS
        sizes = {one: self._vocabulary.get_vocab_size(one) for one in self._namespaces}
        return fit_of(size, sizes.get(str(self._given_namespace), 0), sizes.values())

    def _is_one(self, logits: torch.Tensor) -> bool:
        return self._objective.takes_one_logit and logits.size(-1) == 1

    @cached_property
    def _losses(self) -> LabelLosses:
        # A label that the model does not have may be an error that CUDA does not recover from.
        own = [value for name, value in self._shaped.items() if are_probabilities(name, value)]
        sizes = [value.size(-1) for value in [*self._logits.values(), *own]]
        sizes += [self._vocabulary.get_vocab_size(str(self._given_namespace))]
        return LabelLosses(
            self._pass,
            num_labels=min([size for size in sizes if size > 1] or [2]),
            choices=lambda name, tensors: self._choices(name, self._logits[name], tensors),
        )

    def _made_probabilities(self) -> Dict[str, torch.Tensor]:
        """Those that the model makes with its readable output, or that it changes then."""
        if self._objective.logit_dims != 2:
            return {}
        try:
            readable = made_readable(self._model, self._pass.outputs)
        except Exception:  # A user's rule for the label may not take this text.
            return {}
        numbers = {name: as_numbers(value, self._model) for name, value in readable.items()}
        shaped = {name: as_logits(numbers, name, 2) for name in numbers}
        return {
            name: value
            for name, value in shaped.items()
            if value is not None
            and are_probabilities(name, value)
            and self._is_new(name, value)
            and self._may_be_of_labels(value)
        }

    def _is_new(self, name: str, value: torch.Tensor) -> bool:
        """Whether `forward` does not give these probabilities."""
        before = self._shaped.get(name)
        if before is None:
            return name not in self._pass.outputs
        return are_probabilities(name, before) and not agree(value, before)

    def _may_be_of_labels(self, value: torch.Tensor) -> bool:
        """False for that of the best label alone, and for those of all labels in another order."""
        if value.size(-1) == 1 and all(one.size(-1) > 1 for one in self._logits.values()):
            return False
        usual = [self._expected(name)[0] for name in self._logits]
        ordered = value.detach().sort().values
        alike = [one for one in usual if agree(ordered, one.sort().values)]
        return not alike or any(agree(value, one) for one in alike)

    def _name_of_own(self, name: str) -> Optional[str]:
        """The output with the model's own probabilities for these logits: first of `forward`."""
        given = {other: self._own[other] for other in self._shaped}
        return self._name_among(given, name) or self._name_among(self._own, name)

    def _name_among(self, values: Mapping[str, torch.Tensor], name: str) -> Optional[str]:
        named = name_of_probabilities(name, values)
        if named is not None:
            return named
        logits, output = self._logits[name], self._pass.outputs[name]
        found = [
            other
            for other, value in values.items()
            if are_probabilities(other, value)
            and self._pass.follows_from(value, name)
            and rise_with(value, logits, output)
        ]
        return found[0] if len(found) == 1 else None

    def _expected(self, name: str) -> List[torch.Tensor]:
        """The probabilities that usually follow from the logits."""
        is_single = self._objective.logit_dims == 3 or self._objective.takes_one_logit
        return usual_probabilities(self._logits[name].detach(), is_single)

    def _gives_probabilities(self, name: str) -> Optional[bool]:
        own_name, logits = self._name_of_own(name), self._logits[name]
        if own_name is None:
            return None
        own = self._own[own_name]
        if own.shape[:-1] != logits.shape[:-1] or not own.isfinite().all():
            return None
        if any(agree(own.detach(), expected) for expected in self._expected(name)):
            return True
        # Probabilities of calibrated logits still follow from these alone, and in their order.
        follows = self._pass.follows_from(own, name)
        rise = rise_with(own, logits, self._pass.outputs[name])
        return False if False in (follows, rise) else None

    def _own_probabilities(self, name: str, meaning: str) -> Optional[str]:
        own_name, logits = self._name_of_own(name), self._logits[name]
        is_several = isinstance(self._objective, MultiLabelObjective)
        if own_name is None and is_several and lie_in_unit_interval(self._names.texts, name):
            return name  # Only its name says that it has logits.
        if own_name is None or meaning == VALUE:
            return None
        if self._objective.logit_dims == 3:
            return own_name if self._are_of_each_tag(own_name, name) else None
        own = self._own[own_name].detach()
        is_each = own.shape == logits.shape
        # Or of the first labels alone, if the last ones are not to be predicted.
        first = logits[..., : own.size(-1)].detach().softmax(dim=-1)
        is_of_some = not is_several and own.size(-1) > 1 and agree(own, first)
        return own_name if is_each or is_of_some or meaning == SECOND else None

    def _are_of_each_tag(self, own_name: str, name: str) -> bool:
        """Whether these follow from the logits of all tags, and in their order."""
        own, logits = self._own[own_name], self._logits[name]
        follows = own.shape == logits.shape and self._pass.follows_from(own, name)
        return bool(follows) and are_in_order(own, logits)

    def _is_of_first(self, name: str, meaning: str, own_name: Optional[str]) -> bool:
        if meaning != SECOND or own_name is None or self._own[own_name].size(-1) > 1:
            return False
        return self._names.falls(own_name, self._own[own_name], name) is (self._sign(name) > 0)

    def _meaning(self, name: str) -> str:
        """What the output means."""
        if not self._is_one(self._logits[name]):
            return EACH
        namespace = self._names.namespace(name)
        if namespace is None or self._vocabulary.get_vocab_size(namespace) != 2:
            return VALUE
        is_said = bool(self._names.own(name)) or self._name_of_own(name) is not None
        return SECOND if is_said or self._losses.are_cross_entropy(name) else VALUE

    def _sign(self, name: str) -> int:
        """
        -1 if a single logit speaks for the first label: by the loss, or else by the probabilities,
        or else by the label.
        """
        lowers, own = self._losses.lower_with(name), self._name_of_own(name)
        if lowers is not None:
            return 1 if lowers else -1
        if own is not None and self._gives_probabilities(name):
            usual = self._expected(name)[:2]
            return 1 if any(agree(self._own[own].detach(), one) for one in usual) else -1
        is_turned = any(self._names.agree(name, namespace, -1) for namespace in self._namespaces)
        return -1 if is_turned else 1
