"""Models that cut, turn or recompute gradients, or run a part without them."""

from typing import Any, Tuple

import torch
from torch.utils.checkpoint import checkpoint

from tests.kinds.others.records import INPUTS, Classifier, IdsClassifier, Other, maker, plain_matrix


class Frozen(Classifier):
    """The embedder runs without gradients."""

    def vector(self, tokens: Any) -> torch.Tensor:
        with torch.no_grad():
            vectors = self.embedder(tokens)
        return self.pooled(vectors, tokens["tokens"]["tokens"] != 0)


class FrozenInferenceMode(Classifier):
    """The same in inference mode, and copied out of it."""

    def vector(self, tokens: Any) -> torch.Tensor:
        with torch.inference_mode():
            vectors = self.embedder(tokens)
        return self.pooled(vectors.clone(), tokens["tokens"]["tokens"] != 0)


class FrozenDetach(Classifier):
    """The embeddings are detached."""

    def vector(self, tokens: Any) -> torch.Tensor:
        return self.pooled(self.embedder(tokens).detach(), tokens["tokens"]["tokens"] != 0)


class FrozenDeeper(Classifier):
    """The embedder and the layer above it run without gradients."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            hidden = self.hidden(vectors.tanh())
        return (hidden * mask.unsqueeze(-1)).sum(dim=1)


class PartlyDetached(Classifier):
    """A gate without a gradient, beside a part with one."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = super().pooled(vectors, mask)
        return found * found.detach().sigmoid()


class Argmax(Classifier):
    """Each token becomes the nearest of its dimensions: nothing has a gradient."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        best = torch.nn.functional.one_hot(vectors.argmax(dim=-1), vectors.size(-1))
        return super().pooled(best.to(vectors), mask)


class ArgmaxThatChanges(Argmax):
    """The same with a bias: what is nearest changes on the path."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        bias = torch.tensor([0.0, 0.1, 0.2, 0.3]).to(vectors)
        return super().pooled(vectors + bias, mask)


class HardGate(Classifier):
    """
    A token counts if its first dimension is positive. Scaling a vector leaves its sign, so that
    the scores are right.
    """

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().pooled(vectors * (vectors[..., :1] > 0), mask)


class Steps(Classifier):
    """A threshold on the path: the output jumps, and no gradient says so."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = super().pooled(vectors, mask)
        return found + (vectors.abs().sum(dim=-1) > 1.0).to(found).sum(dim=1, keepdim=True)


class StraightThrough(Classifier):
    """Rounds, with the gradient of the identity."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = super().pooled(vectors, mask)
        return found + (found.round() - found).detach()


class Reversal(torch.autograd.Function):
    """The gradient changes its sign."""

    @staticmethod
    def forward(ctx: Any, given: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return given.view_as(given)

    @staticmethod
    def backward(ctx: Any, given: torch.Tensor) -> Tuple[torch.Tensor]:  # type: ignore[override]
        return (-0.7 * given,)


class Reversed(Classifier):
    """All that the head sees has passed a gradient reversal."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return Reversal.apply(super().pooled(vectors, mask))


class ReversedElsewhere(Classifier):
    """As domain adaptation has it: another head is trained against the text."""

    def __init__(self, vocab: Any) -> None:
        super().__init__(vocab)
        self.domain = torch.nn.Linear(4, 3)

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Any:  # type: ignore
        vector = self.vector(tokens)
        output = self.outputs(self.scores(vector))
        output["domain_logits"] = self.domain(Reversal.apply(vector).tanh())
        return output


class Clipped(Classifier):
    """A hook on a tensor clips its gradient."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = super().pooled(vectors, mask)
        if found.requires_grad:
            found.register_hook(lambda gradient: gradient.clamp(-1e-3, 1e-3))
        return found


class Checkpointed(Classifier):
    """Reentrant checkpointing, which does not allow `torch.autograd.grad`."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return checkpoint(super().pooled, vectors, mask)


class CheckpointedWithoutReentry(Classifier):
    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return checkpoint(super().pooled, vectors, mask, use_reentrant=False)


class CheckpointedEmbedding(IdsClassifier):
    """The embedding is called again in the backward pass."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return checkpoint(self.words, ids, use_reentrant=False)


class GradientPenalty(Classifier):
    """The model takes a gradient of its own, by its embeddings."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            given = vectors if vectors.requires_grad else vectors.detach().requires_grad_()
            energy = super().pooled(given, mask).tanh().sum()
            (slope,) = torch.autograd.grad(energy, given, create_graph=True)
        return super().pooled(vectors - 0.5 * slope, mask)


class WritesIntoItsStates(Classifier):
    """It changes in place what its gradient needs, as a model may that keeps states."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = vectors.sigmoid()
        found = super().pooled(states, mask)
        states.zero_()
        return found


CUT_OFF = r"(?i)gradient|detach|no_grad|inference"
# The gradient is not that of the output. A note may say that the scores do not add up.
WRONG = {
    "right": None,
    "refused": r"(?i)gradient|add up|differ",
    "noted_only": r"(?i)gradient|add up|differ",
}

KINDS = [
    Other("frozen", maker(Frozen)),
    Other("frozen in inference mode", maker(FrozenInferenceMode), refused=CUT_OFF),
    Other("frozen by detach", maker(FrozenDetach), refused=CUT_OFF),
    Other("frozen deeper", maker(FrozenDeeper), right=None, refused=CUT_OFF),
    Other("partly detached", maker(PartlyDetached), **WRONG),
    Other("argmax", maker(Argmax), refused=CUT_OFF),
    Other(
        "argmax that changes",
        maker(ArgmaxThatChanges),
        right=None,
        refused=CUT_OFF,
        inputs=[{"sentence": "plot"}, *INPUTS[1:]],
    ),
    Other("hard gate", maker(HardGate)),
    Other("steps", maker(Steps), shows_in_many_samples=True, **WRONG),
    Other("straight-through", maker(StraightThrough), **WRONG),
    Other("gradient reversal", maker(Reversed), **WRONG),
    Other("gradient reversal in another head", maker(ReversedElsewhere)),
    Other("clipped gradient", maker(Clipped), **WRONG),
    Other("reentrant checkpointing", maker(Checkpointed), refused="(?i)checkpoint"),
    Other("checkpointing", maker(CheckpointedWithoutReentry)),
    Other("checkpointed embedding", maker(CheckpointedEmbedding), matrices=plain_matrix),
    Other("gradient in the forward pass", maker(GradientPenalty)),
    Other(
        "writes into its states",
        maker(WritesIntoItsStates),
        right=None,
        refused="gradient cannot be computed.*'biome-occlusion'",
    ),
]
