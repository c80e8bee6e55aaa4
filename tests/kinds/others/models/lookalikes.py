"""Models with an output that has the size of logits, but holds something else."""

from typing import Any, Dict, List, Optional, Sequence

import torch
from allennlp.data import Instance, Vocabulary
from allennlp.data.fields import SequenceLabelField
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor

from tests.kinds.others.models.outputs import says_loss
from tests.kinds.others.records import (
    LABELS,
    Classifier,
    Other,
    Outputs,
    Said,
    Says,
    maker,
    own_instances,
    says_best,
)

F = torch.nn.functional


class Unnamed(Classifier):
    """It names no label and gives no probabilities."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class Values(Unnamed):
    """A regression with as many numbers as the vocabulary has labels."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(logits, label.to(logits).reshape(-1, 1).expand_as(logits))


class AbsoluteValues(Unnamed):
    """The gradient of its loss is the same for most labels."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.l1_loss(logits, label.to(logits).reshape(-1, 1).expand_as(logits))


class UnnamedEnergies(Unnamed):
    """The smallest number is best. Nothing but the loss says so."""

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(-logits, label)


class Coded(Classifier):
    """Each label has a code of as many bits as there are labels. The nearest code is best."""

    codes = [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]

    def outputs(self, logits: torch.Tensor) -> Outputs:
        # Shape: (rows, labels)
        far = (logits.sigmoid().unsqueeze(1) - self._codes(logits)).abs().sum(dim=-1)
        return {"logits": logits, "best": far.argmin(dim=-1)}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(logits, self._codes(logits)[label])

    def _codes(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.tensor(self.codes).to(logits)

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output_dict["label"] = [LABELS[index] for index in output_dict["best"].tolist()]
        return output_dict


class Thresholds(Coded):
    """An ordinal model: bit k says that the label is above label k. The last bit is spare."""

    codes = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]


def says_coded(predictor: Predictor, at: Outputs) -> List[Said]:
    model: Any = predictor._model
    best = at["best"]
    return [Said(at["label"][0], None, lambda out: -model.loss(out["logits"], best))]


class Mixed(Classifier):
    """The probabilities are those of mixed logits, in another order."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        mix = torch.tensor([[0.2, 1.0, 0.0], [1.0, -0.3, 0.1], [0.0, 0.5, 2.0]]).to(logits)
        return {"logits": logits, "probs": (logits @ mix).softmax(dim=-1)}


class Experts(Classifier):
    """`gate_logits` weigh as many experts as there are labels. The scores follow."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.gate = torch.nn.Linear(4, 3)
        self.experts = torch.nn.Linear(4, 9)

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        vector = self.vector(tokens).tanh()
        gate, experts = self.gate(vector), self.experts(vector).view(-1, 3, 3)
        scores = (gate.softmax(dim=-1).unsqueeze(-1) * experts).sum(dim=1)
        output = {"gate_logits": gate, "class_scores": scores}
        if label is not None:
            output["loss"] = self.loss(scores, label)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["class_scores"].argmax(dim=-1).tolist()
        output_dict["label"] = [LABELS[index] for index in best]
        return output_dict


class Helped(Classifier):
    """Another head is trained on the same label. The label is read from `main_logits`."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.second = torch.nn.Linear(4, 3)
        self.third = torch.nn.Linear(4, 3)

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        vector = self.vector(tokens).tanh()
        output = {"aux_logits": self.second(vector), "main_logits": self.linear(vector)}
        if label is not None:
            output["loss"] = sum(self.loss(one, label) for one in [*output.values()])
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["main_logits"].argmax(dim=-1).tolist()
        output_dict["label"] = [LABELS[index] for index in best]
        return output_dict


class Voting(Helped):
    """The label is that of most of three heads."""

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        vector = self.vector(tokens).tanh()
        heads = [self.linear(vector), self.second(vector), self.third(vector)]
        votes = sum(F.one_hot(head.argmax(dim=-1), 3) for head in heads)
        output: Outputs = {f"{name}_logits": head for name, head in zip("abc", heads)}
        if label is not None:
            output["loss"] = sum(self.loss(head, label) for head in heads)
        return {**output, "votes": votes}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["votes"].argmax(dim=-1).tolist()
        output_dict["label"] = [LABELS[index] for index in best]
        return output_dict


class Confident(Classifier):
    """It puts out how certain it is, and its label."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        best = logits.softmax(dim=-1).max(dim=-1)
        return {"confidence": best.values, "best": best.indices}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        names = self.vocab.get_index_to_token_vocabulary("labels")
        output_dict["label"] = [names[index] for index in output_dict["best"].tolist()]
        return output_dict


def says_confident(predictor: Predictor, at: Outputs) -> List[Said]:
    """The loss is the log-probability, which the output has of the best label only."""
    return [Said(at["label"][0], None, lambda out: _log_probability(out, at))]


def _log_probability(out: Outputs, at: Outputs) -> torch.Tensor:
    confidence = out["confidence"][0]
    is_same = int(out["best"]) == int(at["best"])
    return (confidence if is_same else 1 - confidence).log()


class NamedConfidences(Classifier):
    """Its own probabilities have a name of their own, and follow from softer logits."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"confidences": (logits / 3).softmax(dim=-1), "numbers": logits}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["confidences"].argmax(dim=-1).tolist()
        output_dict["label"] = [LABELS[index] for index in best]
        return output_dict


class Hinge(Classifier):
    """One score for two labels. It is no logit: it gives no probability."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=1)

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"score": logits.squeeze(-1).tanh()}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return (1 - logits.squeeze(-1).tanh() * (2 * label - 1)).relu().mean()

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        names = self.vocab.get_index_to_token_vocabulary("labels")
        output_dict["label"] = [names[int(one > 0)] for one in output_dict["score"].tolist()]
        return output_dict


def says_hinge(predictor: Predictor, at: Outputs) -> List[Said]:
    sign = 1 if float(at["score"]) > 0 else -1
    return [Said(at["label"][0], None, lambda out: sign * out["score"][0])]


class OwnTags(Classifier):
    """A tagger with a predictor that labels one tag at a time."""

    namespace = "tags"

    def forward(  # type: ignore[override]
        self, tokens: Any, tags: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        mask = get_text_field_mask(tokens)
        logits = self.linear(self.hidden(self.embedder(tokens)).tanh())
        output = {"logits": logits, "mask": mask}
        if tags is not None:
            output["loss"] = self.loss(logits[mask], tags[mask])
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        rows = zip(output_dict["logits"].argmax(dim=-1), output_dict["mask"])
        output_dict["tags"] = [self._tags(row[mask].tolist()) for row, mask in rows]
        return output_dict

    def _tags(self, indices: Sequence[int]) -> List[str]:
        return [self.vocab.get_token_from_index(index, "tags") for index in indices]


TAGS = ["O", "B-NAME", "B-PLACE"]


class OneTagPredictor(Predictor):
    """It leaves out what AllenNLP's tagger has: that the other tokens do not count."""

    def _json_to_instance(self, json_dict: Dict[str, Any]) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        found = []
        for place, tag in enumerate(outputs["tags"]):
            if tag != "O":
                tags = ["O"] * len(outputs["tags"])
                tags[place] = tag
                new = instance.duplicate()
                field = SequenceLabelField(tags, instance["tokens"], "tags")  # type: ignore
                new.add_field("tags", field, self._model.vocab)
                found.append(new)
        return found


def says_each_tag(predictor: Predictor, at: Outputs) -> List[Said]:
    """The tag, and the "O" of all other tokens."""
    tags = at["tags"][0]
    return [_one_tag(tags, place) for place, tag in enumerate(tags) if tag != "O"]


def _one_tag(tags: Sequence[str], place: int) -> Said:
    names = [tag if i == place else "O" for i, tag in enumerate(tags)]
    indices = [TAGS.index(name) for name in names]
    places = range(len(names))
    return Said(" ".join(names), None, lambda out: out["logits"][0, places, indices].sum())


NO_LABELS = r"nothing says that \w+ chooses between labels"


def lookalike(name: str, model: Any, right: Says, **more: Any) -> Other:
    return Other(name, maker(model), right=right, **more)


KINDS = [
    Other("three values", maker(Values), right=None, refused=NO_LABELS),
    Other("three absolute values", maker(AbsoluteValues), right=None, refused=NO_LABELS),
    Other("energies without a label", maker(UnnamedEnergies), right=None, refused=NO_LABELS),
    Other("bits of codes", maker(Coded), right=None, noted_as=says_coded),
    Other("thresholds of ordinal labels", maker(Thresholds), right=None, noted_as=says_coded),
    Other("probabilities of mixed logits", maker(Mixed), right=None, noted_as=says_loss),
    lookalike("gate of experts", Experts, says_best("class_scores", None)),
    lookalike("auxiliary head", Helped, says_best("main_logits", None), noted="speaks for"),
    Other(
        "confidence only",
        maker(Confident, vocab={"labels": ["neg", "pos"]}),
        right=None,
        noted_as=says_confident,
    ),
    lookalike("named confidences", NamedConfidences, says_best("numbers", "confidences")),
    Other("hinge of one score", maker(Hinge, vocab={"labels": ["neg", "pos"]}), right=says_hinge),
    Other(
        "one tag at a time",
        maker(OwnTags, predictor=OneTagPredictor, vocab={"tags": TAGS}),
        right=says_each_tag,
        instances=own_instances,
    ),
]
