"""Traces one forward pass: the calls of the sites with the text of a field."""

from typing import Any, Container, Dict, List, NamedTuple, Optional, Sequence

import torch
from allennlp.data import Instance, Vocabulary

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.text_fields import FieldText, texts_of
from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED, owners_of_ids
from biome_interpret.models.embedding.call_matching import (
    SHAPE,
    CallMatcher,
    Match,
)
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.embedding.id_positions import by_row
from biome_interpret.models.embedding.other_words import other_words
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.embedding.verification import (
    Run,
    TracedCall,
    is_certain,
    verified,
    with_own_ids,
)
from biome_interpret.models.tensors import TensorDict, fresh


class Trace(NamedTuple):
    """
    calls : the calls of the sites with the text of a field, in order.
    outputs : the model's output.
    outputs_for_other_words : its output for other words with the same embeddings, if it was run.
    """

    calls: List[SiteCall]
    outputs: Dict[str, Any]
    outputs_for_other_words: Optional[Dict[str, Any]] = None


def trace(
    run: Run,
    sites: Sequence[EmbeddingSite],
    instances: Sequence[Instance],
    tensors: TensorDict,
    arguments: TensorDict,
    vocabulary: Vocabulary,
    label_fields: Container[str] = (),
    verify: bool = False,
) -> Trace:
    """
    Traces a pass.

    # Parameters

    run : `Callable[[TensorDict], Dict[str, Any]]`
        Runs the model.
    sites : `Sequence[EmbeddingSite]`
    instances : `Sequence[Instance]`
    tensors : `TensorDict`
        The batch of the instances.
    arguments : `TensorDict`
        The part of it that the model is called with.
    vocabulary : `Vocabulary`
    label_fields : `Container[str]`, optional
        Fields of text that are a label: their calls do not count.
    verify : `bool`, optional (default = `False`)
        Whether the trace is verified (see `verification`) although every call is certain. It
        always is if one is not.

    # Raises

    `InterpretationError`
        If there are no such calls, or if it is not certain which ids a call gets.
    """
    given = fresh(arguments)
    recorder = CallRecorder(sites, instances, tensors, given)
    with torch.no_grad(), patched_sites(sites, recorder.record):
        outputs = run(given)
    calls, outputs_for_other_words = recorder.calls, None
    if recorder.traced and (verify or not recorder.is_certain):
        words = other_words(instances, tensors, vocabulary, label_fields)
        verification = verified(run, sites, recorder.traced, arguments, words)
        if verification is not None:
            calls, outputs_for_other_words = verification
    calls = [call for call in calls if call.key.field not in label_fields]
    if not calls:
        names = ", ".join(site.name for site in sites)
        raise InterpretationError(
            f"the model never calls {names} with the text of a field. If it keeps the embeddings "
            f"of texts that it saw, switch that off. If this embedder was replaced, make the "
            f"interpreter anew. Or else register a `SiteFinder` for the module that embeds the text"
        )
    return Trace(calls, outputs, outputs_for_other_words)


class CallRecorder:
    """
    Collects the calls of one forward pass over a batch of instances. The model is called with
    `arguments`, a copy of tensors of the batch.
    """

    def __init__(
        self,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        tensors: TensorDict,
        arguments: TensorDict,
    ) -> None:
        self._sites = sites
        self._instances = instances
        self._matcher = CallMatcher(instances[0], tensors, arguments, len(instances))
        # All calls of the sites, also those that are not with the text of a field.
        self.traced: List[TracedCall] = []

    @property
    def calls(self) -> List[SiteCall]:
        """Those with the text of a field, in order."""
        return [one.call for one in self.traced if one.call is not None]

    @property
    def is_certain(self) -> bool:
        """Whether all of them got the field's own tensor, and other calls of sites got no ids."""
        return all(is_certain(one) for one in self.traced)

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        """The output if the call is one with the text of a field."""
        match = self._matcher.match(site, given)
        call = None
        # Copies, since some models write into their embeddings and ids.
        copied, own = output.detach().clone(), with_own_ids(given)
        if match is not None:
            ids = own[match.given_index]
            try:
                call = _site_call(match, self._sites[site], ids, copied, self._instances)
            except InterpretationError:
                if match.how != SHAPE:
                    raise
                match = None
        self.traced.append(TracedCall(site, own, copied, match, call))
        return None if match is None else output


def _site_call(
    match: Match,
    site: EmbeddingSite,
    ids: torch.Tensor,
    output: torch.Tensor,
    instances: Sequence[Instance],
) -> SiteCall:
    """
    # Raises

    `InterpretationError`
        If the output does not have one vector for each id or token.
    """
    texts = [texts_of(instance, match.key.field) for instance in instances]
    given = by_row(match.positions, match.ids, len(instances))
    if given is None:
        raise InterpretationError(
            f"the model embeds field '{match.key.field}' in a tensor that cannot be split into the "
            f"texts of a batch"
        )
    owners = _owners(match, given.positions, texts)
    grid = tuple(match.ids.shape[1:])
    embedded = None
    if output.dim() > 1 and output[..., 0].numel() % len(instances) == 0:
        # Shape: (instances, positions, embedding_dim)
        embedded = _by_instance(output, given.order, len(instances))
    reads_characters = len(grid) - len(texts[0][0].place) == 2
    if embedded is not None and embedded.size(1) != owners.size(1) and reads_characters:
        # The site puts characters together: it returns one vector for each token.
        owners = owners.reshape(len(instances), -1, grid[-1])[..., 0]
        grid = grid[:-1]
    if site.boundaries:
        length = match.positions.shape[-2 if reads_characters else -1]
        owners = _with_boundaries(owners, length, site.boundaries)
    if embedded is None or embedded.size(1) != owners.size(1):
        raise InterpretationError(
            f"the output of {site.name} has shape {tuple(output.shape)}: this is not one vector "
            f"for each token of field '{match.key.field}', with ids of shape "
            f"{tuple(match.ids.shape)}"
        )
    return SiteCall(
        key=match.key,
        site=site,
        embedded=embedded,
        grid=grid if torch.Size(grid).numel() == embedded.size(1) else (embedded.size(1),),
        positions=given.positions,
        ids=match.ids.reshape(len(instances), -1),
        given=_in_order(ids.reshape(-1), given.order).reshape(len(instances), -1),
        owners=owners,
        texts=texts,
    )


def _by_instance(
    output: torch.Tensor, order: Optional[torch.Tensor], num_instances: int
) -> Optional[torch.Tensor]:
    """Shape: (instances, positions, embedding_dim). `None` if the order does not fit the output."""
    vectors = output.reshape(-1, output.size(-1))
    if order is not None and len(order) != len(vectors):
        return None
    return _in_order(vectors, order).reshape(num_instances, -1, output.size(-1))


def _in_order(values: torch.Tensor, order: Optional[torch.Tensor]) -> torch.Tensor:
    return values if order is None else values[order.to(values.device)]


def _owners(
    match: Match, positions: torch.Tensor, texts: Sequence[Sequence[FieldText]]
) -> torch.Tensor:
    """Shape: (instances, positions), as that of `positions`."""
    key, shape = match.key, match.ids.shape[1:]
    owners = torch.stack([owners_of_ids(t, key.indexer, key.argument, shape) for t in texts])
    # The negative positions `ADDED` and `NOWHERE` count from the end.
    ends = owners.new_tensor([UNOWNED, PADDING]).expand(len(texts), 2)
    owners = torch.cat([owners.flatten(1), ends], dim=1)
    return owners.gather(1, torch.where(positions < 0, positions + owners.size(1), positions))


def _with_boundaries(owners: torch.Tensor, length: int, size: int) -> torch.Tensor:
    """
    The owners with the `size` pieces that the site itself adds before and after each text.
    (instances, texts * length) -> (instances, texts * (length + 2 * size))
    """
    by_text = owners.reshape(-1, length)
    result = torch.full((by_text.size(0), length + 2 * size), PADDING)
    result[:, size : size + length] = by_text
    lengths = (by_text != PADDING).sum(dim=1)
    texts = torch.arange(by_text.size(0))[lengths > 0]  # The others are padding of a list.
    for step in range(size):
        result[texts, step] = UNOWNED
        result[texts, size + lengths[texts] + step] = UNOWNED
    return result.reshape(owners.size(0), -1)
