"""Models with one number: a logit for two labels, or a value that is no label."""

from typing import Any, List, Optional, Type

import torch
from allennlp.data import Vocabulary
from allennlp.predictors import Predictor

from tests.kinds.others.records import (
    UNCLEAR,
    Classifier,
    Other,
    Outputs,
    Said,
    Says,
    maker,
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


def says_most_probable(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["probs"][0].argmax())
    label = predictor._model.vocab.get_token_from_index(best, "labels")
    return [Said(label, float(at["probs"][0, best]), lambda out: out["logits"][0, best])]


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


ONE = {"right": says_one_logit(), "noted_as": says_one_logit(log=True)}


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
        maker(Threshold, vocab=BINARY),
        right=says_threshold,
        noted_as=says_most_probable,
        noted_as_note=r"(?i)label",
        refused=UNCLEAR,
    ),
    number("regression called logits", "logits", False),
    number("regression called logits, flat", "logits", True),
    number("regression called score", "score", False),
    number("regression called value, flat", "value", True),
]
