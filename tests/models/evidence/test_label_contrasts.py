"""Whether the labels of a text differ in a loss as their logits do."""

from typing import Any, Callable, Optional

import pytest
import torch

from biome_interpret.models.evidence.label_contrasts import adds_up_to_zero, rise_with, tell_apart

F = torch.nn.functional
Losses = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

CODES = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]])


def told_apart(loss: Losses, numbers: Any = (0.4, 1.3, -0.8)) -> Optional[bool]:
    logits = torch.tensor([numbers], requires_grad=True)
    found = []
    for label in range(3):
        [gradient] = torch.autograd.grad(loss(logits, torch.tensor([label])).sum(), [logits])
        found.append(gradient)
    return tell_apart(found, [one.unsqueeze(0) for one in torch.eye(3)])


def focal(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    log_probability = logits.log_softmax(dim=-1)[:, label]
    return -((1 - log_probability.exp()) ** 2) * log_probability


def smoothed(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, label, label_smoothing=0.8) + 5 * (logits**2).sum()


def brier(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return (logits.softmax(dim=-1) - F.one_hot(label, 3)) ** 2


def clamped(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """The loss is cut off where a probability is small."""
    return F.nll_loss(logits.softmax(dim=-1).clamp(1e-3, 1).log(), label)


@pytest.mark.parametrize("numbers", [(0.4, 1.3, -0.8), (40.0, 130.0, -80.0)])
@pytest.mark.parametrize("loss", [F.cross_entropy, F.multi_margin_loss, focal, smoothed])
def test_losses_of_classifiers_do(loss: Losses, numbers: Any) -> None:
    assert told_apart(loss, numbers) is True
    assert told_apart(lambda logits, label: loss(-logits, label), numbers) is False


def test_a_loss_of_probabilities_does() -> None:
    assert told_apart(brier) is True


@pytest.mark.parametrize(
    "loss",
    [
        lambda numbers, label: F.mse_loss(numbers, label.to(numbers).expand_as(numbers)),
        lambda numbers, label: F.l1_loss(numbers, label.to(numbers).expand_as(numbers)),
        lambda bits, label: F.binary_cross_entropy_with_logits(bits, CODES[label]),
        lambda numbers, label: F.cross_entropy(numbers[:, [1, 2, 0]], label),
        lambda numbers, label: (numbers**2).sum(),
    ],
    ids=["values", "absolute values", "bits", "another order", "a penalty"],
)
def test_other_losses_do_not(loss: Losses) -> None:
    assert told_apart(loss) is False


def test_nothing_is_known_without_a_gradient() -> None:
    assert told_apart(lambda numbers, label: 0 * numbers) is None
    assert told_apart(clamped, (40.0, 130.0, -80.0)) is None
    assert told_apart(clamped, (0.0, 4.0, 8.0)) is True
    assert told_apart(lambda numbers, label: numbers / 0.0) is None


def test_probabilities_that_rise_with_their_logits() -> None:
    logits = torch.tensor([[0.4, 1.3, -0.8]], requires_grad=True)
    shifted = logits - torch.tensor([0.7, 0.2, 0.1]).log()
    assert rise_with((5 * shifted).softmax(dim=-1), logits, logits) is True
    assert rise_with(logits[:, [1, 2, 0]].softmax(dim=-1), logits, logits) is False
    assert rise_with(logits.softmax(dim=-1).detach(), logits, logits) is None
    assert rise_with(logits.softmax(dim=-1)[:, :2], logits, logits) is None


@pytest.mark.parametrize("precision", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_gradient_of_a_softmax_adds_up_to_zero_up_to_rounding(precision: torch.dtype) -> None:
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(4, generator=generator, dtype=torch.float64)
        gradient = logits.softmax(dim=0) - torch.eye(4, dtype=torch.float64)[0]
        assert adds_up_to_zero(gradient.to(precision))
        each = logits.sigmoid() - torch.eye(4, dtype=torch.float64)[0]
        assert not adds_up_to_zero(each.to(precision))
