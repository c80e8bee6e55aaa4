"""Models with one number: a logit for two labels, or a value that is no label."""

import math
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


class LogitOfTheFirst(OneLogit):
    """The logit speaks for "neg". The probability is calibrated, that of "neg" or of "pos"."""

    def __init__(self, vocab: Vocabulary, of_first: bool) -> None:
        super().__init__(vocab)
        self.of_first = of_first

    def outputs(self, logits: torch.Tensor) -> Outputs:
        first = (logits / 2).sigmoid()
        return {"logits": logits, "probs": first if self.of_first else 1 - first}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return super().loss(logits, 1 - label)

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class MadeProbability(OneLogitOnly):
    """Its probability is made without a gradient, and has another threshold than its label."""

    def __init__(self, vocab: Vocabulary, of_first: bool, is_array: bool) -> None:
        super().__init__(vocab)
        self.of_first, self.is_array = of_first, is_array

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output = super().make_output_human_readable(output_dict)
        second = (output["logits"].detach().reshape(-1, 1) - 1).sigmoid()
        found = 1 - second if self.of_first else second
        output["probs"] = found.numpy() if self.is_array else found
        return output


def says_made(predictor: Predictor, at: Outputs) -> List[Said]:
    logit = float(at["logits"].reshape(-1)[0])
    sign = 1 if logit > 0 else -1
    second = float(torch.tensor(logit - 1).sigmoid())

    def explained(out: Outputs) -> torch.Tensor:
        return sign * out["logits"].reshape(-1)[0]

    return [Said(at["label"][0], second if sign > 0 else 1 - second, explained)]


def says_first(explains: str = "logit") -> Says:
    """The logit, or the log-probability that is calibrated or not."""

    def says(predictor: Predictor, at: Outputs) -> List[Said]:
        sign = 1 if float(at["logits"].reshape(-1)[0]) > 0 else -1

        def explained(out: Outputs) -> torch.Tensor:
            value = sign * out["logits"].reshape(-1)[0]
            if explains == "logit":
                return value
            return torch.nn.functional.logsigmoid(value / 2 if explains == "calibrated" else value)

        probability = math.exp(
            float(
                torch.nn.functional.logsigmoid(
                    torch.tensor(sign * float(at["logits"].reshape(-1)[0]) / 2)
                )
            )
        )
        return [Said("neg" if sign > 0 else "pos", probability, explained)]

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
    *(
        Other(
            f"logit of the first label, {name}, {mode}",
            maker(LogitOfTheFirst, vocab=BINARY, of_first=of_first),
            right=says_first(explains),
            options={"inference_mode": mode},
        )
        for name, of_first in (("its probability", True), ("the other's probability", False))
        for mode, explains in (
            ("logits", "logit"),
            ("log_softmax", "calibrated"),
            ("loss", "not calibrated"),
        )
    ),
    *(
        Other(
            f"made probability of the {'first' if of_first else 'second'}, {kind}",
            maker(MadeProbability, vocab=BINARY, of_first=of_first, is_array=kind == "array"),
            right=says_made,
        )
        for of_first in (True, False)
        for kind in ("array", "tensor")
    ),
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
