"""Models that tag the tokens of a text, with random fields or several heads."""

from typing import Any, Dict, List, Optional, Sequence

import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Token, Vocabulary
from allennlp.data.fields import Field, LabelField, SequenceLabelField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.modules.conditional_random_field import ConditionalRandomField
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor

from tests.kinds.others.records import DIM, INPUTS, Classifier, Other, Outputs, Said, Says, maker

# Each head and its tags.
TAGS = {"part": ["noun", "verb", "other"], "name": ["O", "U-who", "U-what"]}
SPACES = {f"{head}_labels": names for head, names in TAGS.items()}
LONG = [one for one in INPUTS if " " in one["sentence"]]


class Reader(DatasetReader):
    """Splits at spaces. With a feature, the part of speech of each token by its length."""

    def __init__(self, has_feature: bool = False) -> None:
        super().__init__()
        self._has_feature = has_feature

    def text_to_instance(self, text: str) -> Instance:  # type: ignore[override]
        indexers = {"tokens": SingleIdTokenIndexer()}
        tokens = TextField([Token(word) for word in text.split()], indexers)
        fields: Dict[str, Field[Any]] = {"tokens": tokens}
        if self._has_feature:
            parts = [TAGS["part"][len(word) % 3] for word in text.split()]
            fields["part"] = SequenceLabelField(parts, tokens, "part_labels")
        return Instance(fields)


class Plain(Predictor):
    """Labels nothing."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])


class LabelsName(Plain):
    labels: Sequence[str] = ("name",)

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new, text = instance.duplicate(), instance["tokens"]
        for head in self.labels:
            tags = outputs[head][: len(text)]  # type: ignore[arg-type]
            label = SequenceLabelField(tags, text, f"{head}_labels")  # type: ignore[arg-type]
            new.add_field(head, label, self._model.vocab)
        return [new]


class LabelsPart(LabelsName):
    labels = ("part",)


class LabelsBoth(LabelsName):
    labels = ("part", "name")


class ByIndex(Plain):
    """Labels with indices, as AllenNLP's classifiers do."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new, text = instance.duplicate(), instance["tokens"]
        tags = outputs["name_logits"].argmax(-1)[: len(text)].tolist()  # type: ignore[arg-type]
        new.add_field("name", SequenceLabelField(tags, text))  # type: ignore[arg-type]
        return [new]


class Tagger(Classifier):
    """A linear layer over each token and those before it, for each head."""

    namespace = "name_labels"

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.heads = torch.nn.ModuleDict({head: torch.nn.Linear(DIM, 3) for head in TAGS})

    def encoded(self, tokens: TextFieldTensors) -> torch.Tensor:
        vectors = self.hidden(self.embedder(tokens)).tanh()
        mask = get_text_field_mask(tokens).unsqueeze(-1)
        encoded: torch.Tensor = vectors + 0.5 * (vectors * mask).cumsum(dim=1).tanh()
        return encoded

    def loss_of(
        self, head: str, logits: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tags, reduction="none")
        return (losses * mask).sum() / mask.sum()

    def best(self, head: str, logits: torch.Tensor, mask: torch.Tensor) -> List[List[int]]:
        rows = zip(logits.argmax(dim=-1).tolist(), mask.sum(dim=1).tolist())
        return [row[:length] for row, length in rows]

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        part: Optional[torch.Tensor] = None,
        name: Optional[torch.Tensor] = None,
    ) -> Outputs:
        encoded, mask = self.encoded(tokens), get_text_field_mask(tokens)
        output: Outputs = {}
        losses = []
        for head, tags in (("part", part), ("name", name)):
            logits = self.heads[head](encoded)
            output[f"{head}_logits"] = logits
            output[head] = self.best(head, logits, mask)
            if tags is not None:
                losses.append(self.loss_of(head, logits, tags, mask))
        return {**output, "loss": sum(losses)} if losses else output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        for head in TAGS:
            output_dict[head] = [[TAGS[head][tag] for tag in row] for row in output_dict[head]]
        return output_dict


class FewerParts(Tagger):
    """The other head has fewer tags than the label."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.heads["part"] = torch.nn.Linear(DIM, 2)


class TwoFields(Tagger):
    """A random field for each head."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.fields = torch.nn.ModuleDict({head: ConditionalRandomField(3) for head in TAGS})

    def loss_of(
        self, head: str, logits: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        loss: torch.Tensor = -self.fields[head](logits, tags, mask)
        return loss

    def best(self, head: str, logits: torch.Tensor, mask: torch.Tensor) -> List[List[int]]:
        return [tags for tags, _ in self.fields[head].viterbi_tags(logits, mask)]


class FieldOfOneHead(TwoFields):
    """The parts of speech have no random field."""

    def loss_of(
        self, head: str, logits: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        used = TwoFields if head == "name" else Tagger
        return used.loss_of(self, head, logits, tags, mask)

    def best(self, head: str, logits: torch.Tensor, mask: torch.Tensor) -> List[List[int]]:
        return (TwoFields if head == "name" else Tagger).best(self, head, logits, mask)


class CalibratedTags(Tagger):
    """The probabilities are sharper than those of the logits."""

    def forward(self, *arguments: Any, **options: Any) -> Outputs:
        output = super().forward(*arguments, **options)
        return {**output, "name_probs": (2 * output["name_logits"]).softmax(dim=-1)}


class OwnField(Tagger):
    """A random field of the user's own. It is tagged greedily."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.transitions = torch.nn.Parameter(torch.randn(3, 3))

    def loss_of(
        self, head: str, logits: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        rows = zip(logits, tags, mask.sum(dim=1).tolist())
        return -torch.stack([self.likelihood(*row) for row in rows]).sum()

    def likelihood(self, logits: torch.Tensor, tags: torch.Tensor, length: int) -> torch.Tensor:
        total, score = logits[0], logits[0, tags[0]]
        for i in range(1, length):
            total = (total.unsqueeze(1) + self.transitions).logsumexp(dim=0) + logits[i]
            score = score + self.transitions[tags[i - 1], tags[i]] + logits[i, tags[i]]
        return score - total.logsumexp(dim=0)


class Featured(Tagger):
    """The part of speech is a feature, and may be missing."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.parts = torch.nn.Embedding(3, DIM)

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        part: Optional[torch.Tensor] = None,
        name: Optional[torch.Tensor] = None,
    ) -> Outputs:
        encoded, mask = self.encoded(tokens), get_text_field_mask(tokens)
        encoded = encoded if part is None else encoded + self.parts(part)
        logits = self.heads["name"](encoded)
        output = {"name_logits": logits, "name": self.best("name", logits, mask)}
        if name is not None:
            output["loss"] = self.loss_of("name", logits, name, mask)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        rows = output_dict["name"]
        output_dict["name"] = [[TAGS["name"][tag] for tag in row] for row in rows]
        return output_dict


class WithContext(Featured):
    """The text before it comes first. In a batch, both may be padded to the same length."""

    def forward(  # type: ignore[override]
        self,
        context: TextFieldTensors,
        tokens: TextFieldTensors,
        name: Optional[torch.Tensor] = None,
    ) -> Outputs:
        output = super().forward(tokens, None, name)
        shift = self.vector(context).sum(dim=-1)
        output["name_logits"] = output["name_logits"] + shift[:, None, None]
        return output


class ContextReader(DatasetReader):
    def text_to_instance(self, text: str) -> Instance:  # type: ignore[override]
        words = [Token(word) for word in text.split()]
        indexers = {"tokens": SingleIdTokenIndexer()}
        # As long as what is left to 12 tokens.
        context = [Token("film")] * (12 - len(words))
        return Instance(
            {"context": TextField(context, indexers), "tokens": TextField(words, indexers)}
        )


class TagsAsLabels(Tagger):
    """Its tags are called `labels`."""

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, labels: Optional[torch.Tensor] = None
    ) -> Outputs:
        return super().forward(tokens, None, labels)

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output_dict["tags"] = super().make_output_human_readable(output_dict)["name"]
        return output_dict


class NeedsBoth(Tagger):
    """Its loss needs the tags and the topic."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.topic = torch.nn.Linear(DIM, 3)

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        name: Optional[torch.Tensor] = None,
        topic: Optional[torch.Tensor] = None,
    ) -> Outputs:
        output = super().forward(tokens, None, name)
        output["topic_logits"] = self.topic(self.vector(tokens).tanh())
        if name is not None:
            assert topic is not None
            loss = torch.nn.functional.cross_entropy(output["topic_logits"], topic)
            output["loss"] = output["loss"] + loss
        return output


class LabelsTopicToo(LabelsName):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        [new] = super().predictions_to_labeled_instances(instance, outputs)
        best = int(outputs["topic_logits"].argmax())
        new.add_field("topic", LabelField(best, skip_indexing=True))
        return [new]


def says(head: str, probability: bool = True, log: bool = False) -> Says:
    """The tags of all tokens."""

    def likelihood(model: Any, out: Outputs, tags: torch.Tensor) -> torch.Tensor:
        mask = torch.ones_like(tags, dtype=torch.bool)
        loss: torch.Tensor = model.loss_of(head, out[f"{head}_logits"], tags, mask)
        # Cross-entropy is a mean over the tokens.
        is_mean = type(model).loss_of is Tagger.loss_of or (
            isinstance(model, FieldOfOneHead) and head == "part"
        )
        return -loss * (tags.numel() if is_mean else 1)

    def found(predictor: Predictor, at: Outputs) -> List[Said]:
        model, names = predictor._model, at[head][0]
        tags = torch.tensor([[TAGS[head].index(name) for name in names]])

        def explained(out: Outputs) -> torch.Tensor:
            logits = out[f"{head}_logits"]
            picked: torch.Tensor = logits.gather(-1, tags.unsqueeze(-1)).sum()
            return likelihood(model, out, tags) if log else picked

        chance = float(likelihood(model, at, tags).exp()) if probability else None
        return [Said(" ".join(names), chance, explained)]

    return found


def says_calibrated(log: bool = False) -> Says:
    """By the model's own probabilities of the tags."""

    def found(predictor: Predictor, at: Outputs) -> List[Said]:
        names = at["name"][0]
        tags = torch.tensor([[[TAGS["name"].index(name)] for name in names]])

        def chance(out: Outputs) -> torch.Tensor:
            return out["name_probs"].gather(-1, tags).log().sum()

        def logit(out: Outputs) -> torch.Tensor:
            return out["name_logits"].gather(-1, tags).sum()

        return [Said(" ".join(names), float(chance(at).exp()), chance if log else logit)]

    return found


def says_each_name(predictor: Predictor, at: Outputs) -> List[Said]:
    """One for each name of one token."""
    found = []
    for position, name in enumerate(at["tags"][0]):
        if name != "O":
            tag = TAGS["name"].index(name)
            chance = float(at["name_logits"][0, position].softmax(dim=-1)[tag])
            found.append(
                Said(name, chance, lambda out, p=position, t=tag: out["name_logits"][0, p, t])
            )
    return found


def made(model: Any, predictor: Any, has_feature: bool = False) -> Any:
    return maker(model, predictor, vocab=SPACES, reader=lambda: Reader(has_feature))


LOG = {"inference_mode": "log_softmax"}

KINDS = [
    Other("names of two heads", made(Tagger, LabelsName), right=says("name")),
    Other("names beside a head of fewer", made(FewerParts, LabelsName), right=says("name")),
    Other("parts of two heads", made(Tagger, LabelsPart), right=says("part")),
    Other(
        "both of two heads",
        made(Tagger, LabelsBoth),
        right=says("part"),
        noted="'name' as well",
        inputs=LONG,
    ),
    Other("tags and a topic", made(NeedsBoth, LabelsTopicToo), says("name"), noted="as well"),
    Other("a feature that may be missing", made(Featured, LabelsName, True), right=says("name")),
    Other("tags by index", made(Tagger, ByIndex), right=says("name")),
    Other("tags called labels", made(TagsAsLabels, Plain), right=says_each_name),
    Other("calibrated tags", made(CalibratedTags, LabelsName), right=says_calibrated()),
    Other(
        "calibrated tags, log",
        made(CalibratedTags, LabelsName),
        right=says_calibrated(log=True),
        options=LOG,
        tolerance=1e-9,
    ),
    Other(
        "random field of its own",
        made(OwnField, LabelsName),
        right=says("name", probability=False),
        noted="scores the tags of a text together",
        inputs=LONG,
    ),
    Other(
        "random field of its own, log",
        made(OwnField, LabelsName),
        right=says("name", probability=False, log=True),
        noted="the loss is explained",
        inputs=LONG,
        options=LOG,
    ),
]
KINDS += [
    Other(
        f"{name}, {head}, {mode}",
        made(model, predictor),
        says(head, log=mode == "log_softmax"),
        options={"inference_mode": mode},
    )
    for name, model in (("two random fields", TwoFields), ("random field besides", FieldOfOneHead))
    for head, predictor in (("part", LabelsPart), ("name", LabelsName))
    for mode in ("logits", "log_softmax")
]
