"""What a model calls its label, and which names of the vocabulary its logits have."""

from functools import cached_property
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

import torch
from allennlp.data import Instance
from allennlp.data.fields import LabelField, ListField, TextField
from allennlp.models import Model

from biome_interpret.models.evidence.label_contrasts import falls_with
from biome_interpret.models.evidence.labelled_pass import LabelledPass
from biome_interpret.models.evidence.other_texts import (
    SaidText,
    are_named,
    fall_against,
    said_of_other_words,
)
from biome_interpret.models.objectives import Objective
from biome_interpret.models.objectives.base import own_namespace
from biome_interpret.models.objectives.reading import (
    as_logits,
    keys_of_labels,
    namespaces_of_labels,
    own_names,
    rivals_of,
)


def places_of(
    instance: Instance, objective: Objective, said: Mapping[str, Any]
) -> Tuple[Tuple[str, int], ...]:
    """
    How many texts each field lists, if the label may be the place of one: it is a number that the
    model itself does not name.
    """
    label: Any = objective.label
    is_number = isinstance(label, LabelField) and isinstance(label.label, int)
    if not is_number or any(own_names(said, key) for key in (objective.label_name, "label")):
        return ()
    lists = [(n, f.field_list) for n, f in instance.fields.items() if isinstance(f, ListField)]
    return tuple((n, len(found)) for n, found in lists if isinstance(found[0], TextField))


class LabelNames:
    """
    # Parameters

    model : `Model`
        In evaluation mode.
    instance : `Instance`
        Labelled.
    objective : `Objective`
        For its label.
    labelled : `LabelledPass`
        Of the instance.
    said : `Mapping[str, Any]`
        The model's readable output for the instance.
    logits : `Mapping[str, torch.Tensor]`
        The outputs that may hold the logits, by their names.
    """

    def __init__(
        self,
        model: Model,
        instance: Instance,
        objective: Objective,
        labelled: LabelledPass,
        said: Mapping[str, Any],
        logits: Mapping[str, torch.Tensor],
    ) -> None:
        self._model = model
        self._vocabulary: Any = model.vocab
        self._instance = instance
        self._objective = objective
        self._pass = labelled
        self._said = said
        self._logits = logits
        self._given_namespace = objective.namespace
        self._namespaces = namespaces_of_labels(model.vocab, str(objective.namespace))
        self._places = dict(places_of(instance, objective, said))

    def may_be_places(self, logits: torch.Tensor) -> bool:
        """Whether there are as many as texts in a list: a model may choose one of them."""
        return logits.size(-1) in self._places.values()

    def key(self, name: str) -> Optional[str]:
        """Where the readable output names the label. The usual keys are tried before others."""
        for key in keys_of_labels(self._objective.label_name, name):
            if own_names(self._said, key) or self._said.get(key) == []:
                return key
        if self._objective.logit_dims != 2:
            return None
        names = self._names_of_size(max(2, self._logits[name].size(-1)))
        known = [k for k, v in self._said.items() if isinstance(v, str) and v in names]
        return known[0] if len(known) == 1 else None

    def _names_of_size(self, size: int) -> Set[str]:
        """The names in all namespaces for labels that have this many."""
        spaces = [one for one in self._namespaces if one.endswith(("labels", "tags"))]
        vocabularies = [self._vocabulary.get_token_to_index_vocabulary(one) for one in spaces]
        return {name for names in vocabularies if len(names) == size for name in names}

    def own(self, name: str) -> List[str]:
        return own_names(self._said, self.key(name))

    @cached_property
    def texts(self) -> List[SaidText]:
        """The text itself, and others. Another output may agree with a label by luck."""
        text = SaidText(self._pass.outputs, self._said)
        labels = self._objective.label_names + self._objective.other_labels
        others = said_of_other_words(self._model, self._instance, self._pass.tensors, labels)
        return [text, *others]

    def agree(self, name: str, namespace: str, sign: int = 1, alone: bool = False) -> bool:
        """
        Whether the model's own names are those of the largest logits, for each text, or for the
        text alone.
        """
        key = self.key(name)
        names: Dict[int, str] = self._vocabulary.get_index_to_token_vocabulary(namespace)

        def predicted(outputs: Mapping[str, Any]) -> List[Optional[str]]:
            logits = as_logits(outputs, name, self._objective.logit_dims)
            found = [] if logits is None else self._objective.predicted(sign * logits)
            return [names.get(index) for index in found]

        texts = self.texts[:1] if alone else self.texts
        return key is not None and are_named(texts, key, predicted, names.values())

    def give_label(self, name: str) -> Optional[bool]:
        is_one = self._objective.takes_one_logit and self._logits[name].size(-1) == 1
        signs = (1, -1) if is_one else (1,)
        if any(self.agree(name, one, sign) for one in self._namespaces for sign in signs):
            return True
        # A name that the vocabulary does not know says nothing.
        own = self.own(name)
        names = self._names_of_size(max(2, self._logits[name].size(-1)))
        is_said = len(own) == 1 and own[0] in names
        is_label = is_said and self._objective.logit_dims == 2
        return False if is_label and self._logits[name].isfinite().all() else None

    def namespace(self, name: str) -> Optional[str]:
        """
        The first one that fits what the model says. If it says nothing: that of the label, or the
        only one for labels with as many names.
        """
        if self._pass.grows_with_text(name):
            return None
        size = max(2, self._logits[name].size(-1))
        sizes = {one: self._vocabulary.get_vocab_size(one) for one in self._namespaces}
        by_size = sorted(self._namespaces, key=lambda one: sizes[one] != size)
        # A model may choose its tags in another way, as by a search.
        alone = self._objective.logit_dims == 3
        for namespace in by_size:
            if self.agree(name, namespace, alone=alone):
                return namespace
        given = str(self._given_namespace)
        if sizes.get(given) == size:
            return given
        if self.may_be_places(self._logits[name]):
            return None
        fitting = [one for one in by_size if sizes[one] == size and one.endswith("labels")]
        if len(fitting) == 1:
            return fitting[0]
        return given if given in sizes and not fitting else None

    def falls(self, own_name: str, own: torch.Tensor, name: str) -> bool:
        """Whether a single probability falls as a single logit rises."""
        falls = falls_with(own, self._logits[name], self._pass.outputs[name])
        return fall_against(self.texts, own_name, name, self._model) if falls is None else falls

    def rivals(self, name: str) -> Tuple[str, ...]:
        """Other namespaces that may have the names, if nothing says that they do not."""
        is_said = bool(self.key(name) or own_namespace(self._model))
        if is_said or self._pass.grows_with_text(name) or self._given_namespace != "labels":
            return ()
        size, namespace = max(2, self._logits[name].size(-1)), self.namespace(name)
        places = [one for one, count in self._places.items() if count == size]
        rivals = rivals_of(self._vocabulary, namespace, size)
        return rivals if namespace is None else (*rivals, *places)
