"""Classifiers whose output or loss has another form."""

from typing import Any, List

import torch
from allennlp.data import Vocabulary
from allennlp.predictors import Predictor

from tests.kinds.others.records import (
    LABELS,
    UNCLEAR,
    Classifier,
    IdsClassifier,
    Other,
    Outputs,
    Said,
    maker,
    plain_matrix,
    says_best,
    says_log_probability,
)


class Calibrated(Classifier):
    """The probabilities are sharper than those of the logits."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "probs": (5 * logits).softmax(dim=-1)}


class Smoothed(Classifier):
    """Label smoothing in the loss."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, label, label_smoothing=0.2)


class Weighted(Classifier):
    """Class weights in the loss."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        weight = torch.tensor([0.2, 1.0, 3.0]).to(logits)
        return torch.nn.functional.cross_entropy(logits, label, weight=weight)


class WeightedSum(Classifier):
    """The same as a sum over the rows."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        weight = torch.tensor([0.2, 1.0, 3.0]).to(logits)
        return torch.nn.functional.cross_entropy(logits, label, weight=weight, reduction="sum")


class Focal(Classifier):
    """A loss for hard texts."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        log_probability = logits.log_softmax(dim=-1).gather(1, label.unsqueeze(1))
        return -((1 - log_probability.exp()) ** 2 * log_probability).mean()


class Penalised(Classifier):
    """A penalty on the weights in the loss."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return super().loss(logits, label) + 0.01 * (self.linear.weight**2).sum()


class Margin(Classifier):
    """A hinge loss."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.multi_margin_loss(logits, label, margin=2.0)


def says_loss(predictor: Predictor, at: Outputs) -> List[Said]:
    """Minus the model's own loss for its prediction."""
    model: Any = predictor._model
    best = at["probs"].argmax(dim=-1)
    probability = float(at["probs"].max())
    return [Said(at["label"][0], probability, lambda out: -model.loss(out["logits"], best))]


class Renamed(Classifier):
    """The logits have another name."""

    def __init__(self, vocab: Vocabulary, name: str) -> None:
        super().__init__(vocab)
        self.name = name

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {self.name: logits, "probs": logits.softmax(dim=-1)}


class LogProbabilities(Classifier):
    """What is called logits are log-probabilities."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits.log_softmax(dim=-1), "probs": logits.softmax(dim=-1)}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.nll_loss(logits.log_softmax(dim=-1), label)


class ProbabilitiesAsLogits(Classifier):
    """What is called logits are probabilities."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits.softmax(dim=-1), "probs": logits.softmax(dim=-1)}


class ProbabilitiesOnly(Classifier):
    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"probs": logits.softmax(dim=-1)}


class SortedProbabilities(Classifier):
    """The probabilities are sorted, and the labels with them."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        best = logits.softmax(dim=-1).topk(3)
        return {"probs": best.values, "classes": best.indices}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        names = [
            [self.vocab.get_token_from_index(i, "labels") for i in row]
            for row in output_dict["classes"].tolist()
        ]
        output_dict["label"] = [row[0] for row in names]
        return output_dict


def says_sorted(predictor: Predictor, at: Outputs) -> List[Said]:
    """The log-probability of the best class, wherever it stands."""
    best = int(at["classes"][0, 0])

    def explained(out: Outputs) -> torch.Tensor:
        place = out["classes"][0].tolist().index(best)
        return out["probs"][0, place].log()

    return [Said(at["label"][0], float(at["probs"][0, 0]), explained)]


class ExtraDimension(Classifier):
    """Shape: (rows, 1, labels)."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits.unsqueeze(1), "probs": logits.softmax(dim=-1)}


class Negated(Classifier):
    """Energies: the smallest one is best."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": -logits, "probs": logits.softmax(dim=-1)}


class LossAlways(Classifier):
    """The loss is there without a label too: it is zero."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Outputs:  # type: ignore
        output = super().forward(tokens, label)
        output.setdefault("loss", torch.zeros(()))
        return output


def says_energy(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["probs"][0].argmax())
    return [Said(at["label"][0], float(at["probs"][0, best]), lambda out: -out["logits"][0, best])]


def says_extra(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["probs"][0].argmax())
    probability = float(at["probs"][0, best])
    return [Said(at["label"][0], probability, lambda out: out["logits"][0, 0, best])]


class MeanOfTokens(IdsClassifier):
    """
    Each token has logits, and the text the mean of their probabilities. The text of one token,
    which is the first one, has two outputs with the numbers of its labels.
    """

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Outputs:  # type: ignore
        ids = tokens["tokens"]["tokens"]
        # Shape: (rows, tokens, labels)
        logits = self.scores(self.hidden(self.embedded(ids)))
        mask = (ids != 0).unsqueeze(-1)
        probs = (logits.softmax(dim=-1) * mask).sum(dim=1) / mask.sum(dim=1)
        output = {"token_logits": logits, "logits": probs.log(), "probs": probs}
        if label is not None:
            output["loss"] = torch.nn.functional.nll_loss(probs.log(), label)
        return output


LOSS = {"options": {"inference_mode": "loss"}, "right": says_loss}


LOG = says_log_probability()


class Abstains(Classifier):
    """A last class, without a name, takes what belongs to no label. It is never predicted."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=len(LABELS) + 1)

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "probs": logits[:, :-1].softmax(dim=-1)}


class ListsTheBest(Classifier):
    """`labels` are the two best ones of a single label."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "best": logits.topk(2).indices}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output_dict["labels"] = [[LABELS[i] for i in row] for row in output_dict["best"].tolist()]
        return output_dict


def says_first_of_best(predictor: Predictor, at: Outputs) -> List[Said]:
    index, logits = int(at["best"][0, 0]), at["logits"][0]
    chance = float(logits.softmax(dim=-1)[index])
    return [Said(LABELS[index], chance, lambda out: out["logits"][0, index])]


def says_without_the_last(predictor: Predictor, at: Outputs) -> List[Said]:
    index = int(at["probs"][0].argmax())
    chance = float(at["probs"][0, index])
    return [Said(LABELS[index], chance, lambda out: out["logits"][0, index])]


KINDS = [
    Other("abstains", maker(Abstains), right=says_without_the_last, refused=UNCLEAR),
    Other("lists the best labels", maker(ListsTheBest), right=says_first_of_best),
    Other("calibrated", maker(Calibrated)),
    Other("calibrated, its loss", maker(Calibrated), **LOSS),
    Other("label smoothing", maker(Smoothed)),
    Other("label smoothing, its loss", maker(Smoothed), **LOSS),
    Other("class weights", maker(Weighted)),
    Other("class weights, its loss", maker(Weighted), **LOSS),
    Other("summed class weights, its loss", maker(WeightedSum), **LOSS),
    Other("focal loss", maker(Focal)),
    Other("focal loss, its loss", maker(Focal), **LOSS),
    Other("penalty, its loss", maker(Penalised), **LOSS),
    Other("hinge loss", maker(Margin)),
    Other("hinge loss, its loss", maker(Margin), **LOSS),
    Other("log-probabilities as logits", maker(LogProbabilities)),
    Other("log-probabilities as logits, its loss", maker(LogProbabilities), **LOSS),
    Other(
        "probabilities as logits",
        maker(ProbabilitiesAsLogits),
        noted_as=LOG,
        refused=UNCLEAR,
    ),
    Other("probabilities only", maker(ProbabilitiesOnly), right=None, noted_as=LOG),
    Other(
        "sorted probabilities",
        maker(SortedProbabilities),
        right=None,
        noted_as=says_sorted,
        refused=UNCLEAR,
    ),
    Other("extra dimension", maker(ExtraDimension), right=says_extra, noted_as=LOG),
    Other("energies", maker(Negated), right=says_energy, noted_as=LOG, refused=UNCLEAR),
    Other("loss without a label", maker(LossAlways)),
    Other("mean over tokens", maker(MeanOfTokens), matrices=plain_matrix),
]
KINDS += [
    Other(
        f"logits called {name}",
        maker(Renamed, name=name),
        right=says_best(name),
        noted_as=LOG,
        refused=UNCLEAR,
    )
    for name in ("scores", "output", "class_scores", "predictions", "logit")
]
