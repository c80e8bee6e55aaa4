"""
Verifies a trace by further passes with other words. The traced embeddings are held, so that
only what the model makes of the ids themselves can change.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.call_matching import COPY, VIEW, IdsName, Match
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.embedding.other_words import OtherWords, with_ids
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite, WordCountSite
from biome_interpret.models.tensors import TensorDict, fresh

Run = Callable[[TensorDict], Dict[str, Any]]


class TracedCall(NamedTuple):
    """
    A call of a site in a pass.

    # Parameters

    site : `int`
    given : `List[torch.Tensor]`
    output : `torch.Tensor`
    match : `Match`, optional
        `None` if the call is not one with the text of a field.
    call : `SiteCall`, optional
    """

    site: int
    given: List[torch.Tensor]
    output: torch.Tensor
    match: Optional[Match]
    call: Optional[SiteCall]


class HeldCall(NamedTuple):
    """What a call of a site is given in a pass with other words, and what it would put out."""

    given: List[torch.Tensor]
    output: torch.Tensor


class Verification(NamedTuple):
    """
    calls : the calls with the text of a field, in order.
    outputs : the model's output for other words with the same embeddings.
    """

    calls: List[SiteCall]
    outputs: Dict[str, Any]


def verified(
    run: Run,
    sites: Sequence[EmbeddingSite],
    traced: Sequence[TracedCall],
    arguments: TensorDict,
    words: Dict[IdsName, OtherWords],
) -> Optional[Verification]:
    """
    The traced calls that get the ids of the text. `None` if the model does not run with other
    words, and every call is certain.

    # Raises

    `InterpretationError`
        If a call gets ids that were made from those of the text in an unknown way, or if its
        vectors do not depend on them.
    """
    runs: List[List[HeldCall]] = []
    outputs: List[Dict[str, Any]] = []
    needs_all = any(one.match is not None and one.match.how != VIEW for one in traced)
    for variant in range(3 if needs_all else 1):
        new = {name: one.variants[variant] for name, one in words.items()}
        try:
            found, output = _run_held(run, sites, traced, fresh(with_ids(arguments, new)))
        except Exception as error:
            if all(map(is_certain, traced)):
                return None
            raise _unknown(sites[traced[0].site], f"it fails with other words: {error}") from error
        runs.append(found)
        outputs.append(output)
    calls: List[SiteCall] = []
    for i, one in enumerate(traced):
        given = [found[i].given for found in runs]
        if one.call is not None and _embeds_no_words(sites[one.site], one, runs[0][i]):
            raise _no_words(sites[one.site])
        if one.match is not None and one.call is not None and _is_right(one, given, words):
            calls.append(one.call)
        elif not _same(one.given, given[0]):
            raise _unknown(sites[one.site], "it changes or rearranges them before")
    return Verification(calls, outputs[0])


def with_own_ids(given: Sequence[torch.Tensor]) -> List[torch.Tensor]:
    """What a call is given, with copies of ids: the model may write into them later."""
    return [one if one.is_floating_point() else one.clone() for one in given]


def is_certain(one: TracedCall) -> bool:
    """Whether a call was given the field's own tensor of ids, or none."""
    if one.match is not None:
        return one.match.how == VIEW
    return all(tensor.is_floating_point() or tensor.dtype == torch.bool for tensor in one.given)


def _unknown(site: EmbeddingSite, why: str) -> InterpretationError:
    return InterpretationError(
        f"the model calls {site.name} with ids that it made from those of the text, so that it is "
        f"not certain which vector belongs to which token: {why}. Embed the ids as the field has "
        f"them, or register a `SiteFinder` for a module above this one"
    )


def _embeds_no_words(site: EmbeddingSite, one: TracedCall, held: HeldCall) -> bool:
    """Whether a call puts out the same for other words. So may a count, or a matrix of zeros."""
    if isinstance(site, WordCountSite) or not torch.equal(one.output, held.output):
        return False
    is_constant = site.weight is not None and bool((site.weight == site.weight[:1]).all())
    return not is_constant and not _same(one.given, held.given)


def _no_words(site: EmbeddingSite) -> InterpretationError:
    return InterpretationError(
        f"the model calls {site.name} with the ids of the text, but its vectors are the same for "
        f"other words: it embeds something else, such as positions. Register a `SiteFinder` that "
        f"finds the embedding of the words alone"
    )


def _run_held(
    run: Run,
    sites: Sequence[EmbeddingSite],
    traced: Sequence[TracedCall],
    arguments: TensorDict,
) -> Tuple[List[HeldCall], Dict[str, Any]]:
    """The calls of a pass with the traced embeddings, and the model's output."""
    found: List[HeldCall] = []

    def hold(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        before = traced[len(found)] if len(found) < len(traced) else None
        if before is None or before.site != site or before.output.shape != output.shape:
            raise InterpretationError("the number of calls depends on the words")
        # Copies: the model may write into its embedding.
        found.append(HeldCall(with_own_ids(given), output.clone()))
        return None if before.match is None else before.output.clone()

    with torch.no_grad(), patched_sites(sites, hold):
        outputs = run(arguments)
    if len(found) != len(traced):
        raise InterpretationError("the number of calls depends on the words")
    return found, outputs


def _same(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    """Whether a call was given the same ids. Other tensors may change, such as vectors."""
    pairs = zip(one, other)
    return all(torch.equal(a, b) for a, b in pairs if not a.is_floating_point())


def _is_right(
    one: TracedCall, given: Sequence[List[torch.Tensor]], words: Dict[IdsName, OtherWords]
) -> bool:
    """Whether the call gets the ids from where its match says."""
    assert one.match is not None
    match = one.match
    if match.how == VIEW:
        return True
    other = words.get(IdsName(*match.key[1:4]))
    if other is None:  # A label, or a vocabulary with hardly a word.
        return match.how == COPY
    before, after = one.given[match.given_index], [now[match.given_index] for now in given]
    if match.how == COPY and _is_copy(match.positions, before, after[0], other):
        return True
    # Ids that were changed one by one may be equal to those of the text.
    is_whole = torch.equal(match.positions.reshape(-1), torch.arange(match.ids.numel()))
    return is_whole and _is_elementwise(before, after, other)


def _is_copy(
    positions: torch.Tensor, before: torch.Tensor, given: torch.Tensor, other: OtherWords
) -> bool:
    """Whether the ids at `positions` are given, and others stay."""
    flat = positions.reshape(-1).to(before.device)
    is_own = flat >= 0
    expected = torch.where(is_own, other.first.reshape(-1)[flat.clamp(min=0)], before.reshape(-1))
    return torch.equal(given.reshape(-1), expected)


def _is_elementwise(before: torch.Tensor, given: Sequence[torch.Tensor], other: OtherWords) -> bool:
    """
    Whether each id is changed by itself: a word that moves takes what the model makes of it along.
    """
    first, second, third = (one.reshape(-1) for one in given)
    changed = other.changed.reshape(-1)
    before = before.reshape(-1)
    if not torch.equal(first[~changed], before[~changed]):
        return False
    if torch.equal(first[changed], before[changed]):
        return False
    is_word = (other.first != other.second).reshape(-1)
    moved = is_word[: -other.shift] & is_word[other.shift :]
    if not (second[: -other.shift] == first[other.shift :])[moved].all():
        return False
    # Of ids that are sorted, one word more or less moves others.
    stays = (other.first == other.third).reshape(-1)
    return torch.equal(third[stays], first[stays])
