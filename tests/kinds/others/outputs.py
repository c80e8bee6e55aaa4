"""Classifiers whose output or loss has another form."""

from typing import Any, Dict, List, Optional, Type

import torch
from allennlp.data import Vocabulary
from allennlp.predictors import Predictor, TextClassifierPredictor

from tests.kinds.others.records import (
    Classifier,
    Other,
    Outputs,
    Said,
    Says,
    maker,
    says_best,
    says_log_probability,
)

BINARY = {"labels": ["neg", "pos"]}


class OneLogit(Classifier):
    """One logit and its sigmoid. Shapes: (rows, 1)."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=1)

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "probs": logits.sigmoid()}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(
            logits.reshape(-1), label.to(logits)
        )

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        positive = (output_dict["probs"].reshape(-1) > 0.5).long().tolist()
        output_dict["label"] = [self.vocab.get_token_from_index(i, "labels") for i in positive]
        return output_dict


class OneNumber(OneLogit):
    """The same with shapes (rows,)."""

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        return super().scores(vector).squeeze(-1)


class OneLogitTwoProbabilities(OneLogit):
    """One logit, and a probability for each label."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        positive = logits.sigmoid()
        return {"logits": logits, "probs": torch.cat([1 - positive, positive], dim=-1)}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return Classifier.make_output_human_readable(self, output_dict)


class OneLogitOnly(OneLogit):
    """No probabilities."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        positive = (output_dict["logits"].reshape(-1) > 0).long().tolist()
        output_dict["label"] = [self.vocab.get_token_from_index(i, "labels") for i in positive]
        return output_dict


def says_one_logit(log: bool = False) -> Says:
    """The logit for "pos", minus the logit for "neg"; or their log-probabilities."""

    def says(predictor: Predictor, at: Outputs) -> List[Said]:
        logit = float(at["logits"].reshape(-1)[0])
        sign = 1 if logit > 0 else -1

        def explained(out: Outputs) -> torch.Tensor:
            value = sign * out["logits"].reshape(-1)[0]
            return torch.nn.functional.logsigmoid(value) if log else value

        probability = float(torch.sigmoid(torch.tensor(sign * logit)))
        return [Said(at["label"][0], probability, explained)]

    return says


class Threshold(Classifier):
    """Two classes. The label is "pos" from a probability of 0.3 on."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        positive = (output_dict["probs"][:, 1] > 0.3).long().tolist()
        output_dict["label"] = [self.vocab.get_token_from_index(i, "labels") for i in positive]
        return output_dict


def says_threshold(predictor: Predictor, at: Outputs) -> List[Said]:
    index = predictor._model.vocab.get_token_index(at["label"][0], "labels")
    return [Said(at["label"][0], float(at["probs"][0, index]), lambda out: out["logits"][0, index])]


class Regression(Classifier):
    """One number, which is no label. Shape: (rows, 1)."""

    def __init__(self, vocab: Vocabulary, name: str = "logits", flat: bool = False) -> None:
        super().__init__(vocab, num_labels=1)
        self.name = name
        self.flat = flat

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        value = self.scores(self.vector(tokens))
        output = {self.name: value.squeeze(-1) if self.flat else value}
        if label is not None:
            output["loss"] = torch.nn.functional.mse_loss(value.reshape(-1), label.to(value))
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


def says_value(name: str) -> Says:
    return lambda predictor, at: [Said(None, None, lambda out: out[name].reshape(-1)[0])]


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


UNCLEAR = r"(?i)logits|probabilit|label|loss|objective|class"
LOSS = {"options": {"inference_mode": "loss"}, "right": says_loss}
ONE = {"right": says_one_logit(), "noted_as": says_one_logit(log=True)}
NUMBER: Dict[str, Any] = {"refused": UNCLEAR}
LOG = says_log_probability()


def one_logit(name: str, model: Type[OneLogit]) -> Other:
    return Other(name, maker(model, vocab=BINARY), refused=UNCLEAR, **ONE)


def number(name: str, logits: str, flat: bool) -> Other:
    model = maker(Regression, name=logits, flat=flat)
    return Other(name, model, right=says_value(logits), refused=UNCLEAR)


KINDS = [
    one_logit("one logit", OneLogit),
    one_logit("one number", OneNumber),
    one_logit("one logit, two probabilities", OneLogitTwoProbabilities),
    one_logit("one logit only", OneLogitOnly),
    Other(
        "threshold",
        maker(Threshold, TextClassifierPredictor, vocab=BINARY),
        right=says_threshold,
        noted_as=says_best(label=None),
        noted_as_note=r"(?i)label",
        refused=UNCLEAR,
    ),
    number("regression called logits", "logits", False),
    number("regression called logits, flat", "logits", True),
    number("regression called score", "score", False),
    number("regression called value, flat", "value", True),
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
    Other("probabilities as logits", maker(ProbabilitiesAsLogits), refused=UNCLEAR),
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
