"""Models that say something else than the output that they are trained on, or say it late."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.data import Instance, Vocabulary
from allennlp.predictors import Predictor

from tests.kinds.others.models.labels import MultiLabel, MultiLabelReader, PlainMultiLabelPredictor
from tests.kinds.others.records import (
    MAY_REFUSE,
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


class TrainedBefore(Classifier):
    """Trained on `logits`. The label and the probabilities are those of `refined`."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        refined = 2 * logits - 0.5 * logits.roll(1, dims=1)
        return {"logits": logits, "refined": refined, "probs": refined.softmax(dim=-1)}


class Biased(Classifier):
    """A bias for each label makes calibrated probabilities."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        bias = torch.tensor([0.4, -0.4, 0.0]).to(logits)
        return {"logits": logits, "probs": (logits + bias).softmax(dim=-1)}


class BiasedQuietly(Biased):
    """The same without a label in words."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


def says_biased(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["probs"][0].argmax())
    name = predictor._model.vocab.get_token_from_index(best, "labels")
    return [Said(name, float(at["probs"][0, best]), lambda out: out["logits"][0, best])]


class MakesProbabilities(Classifier):
    """The probabilities are made with the label, of sharper logits: `forward` gives none."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits}

    def probabilities(self, logits: torch.Tensor) -> Any:
        return (5 * logits).softmax(dim=-1)

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output_dict["probs"] = self.probabilities(output_dict["logits"])
        return super().make_output_human_readable(output_dict)


class ReplacesProbabilities(MakesProbabilities):
    """`forward` gives those of the logits."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "probs": logits.softmax(dim=-1)}


class CorrectsForPriors(MakesProbabilities):
    """How often a label occurs changes which one is best."""

    def probabilities(self, logits: torch.Tensor) -> Any:
        shares = torch.tensor([0.45, 0.2, 0.35]).to(logits) * logits.exp()
        return shares / shares.sum(dim=-1, keepdim=True)


class MakesArrays(MakesProbabilities):
    """Arrays, which have no gradient."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        super().make_output_human_readable(output_dict)
        output_dict["probs"] = output_dict["probs"].numpy()
        return output_dict


class ScalesAfterForward(Classifier):
    """What AllenNLP returns for a text is no output of `forward`."""

    def forward_on_instances(self, instances: List[Instance]) -> List[Dict[str, Any]]:
        found = super().forward_on_instances(instances)
        for one in found:
            one["logits"] = one["logits"] / 3
            one["probs"] = torch.as_tensor(one["logits"]).softmax(dim=-1).numpy()
        return found


class Probes(Classifier):
    """The output is called `probe_logits`. `base_logits` are of another layer."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.base = torch.nn.Linear(4, 3)

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        vector = self.vector(tokens)
        logits = self.scores(vector)
        output = {"base_logits": self.base(vector.tanh()), "probe_logits": logits}
        output["probs"] = logits.softmax(dim=-1)
        if label is not None:
            output["loss"] = self.loss(logits, label)
        return output


class InSteps(Probes):
    """The probability of a label is that of its group times that in the group."""

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        vector = self.vector(tokens)
        fine, coarse = self.scores(vector), self.base(vector.tanh())[:, :2]
        groups = coarse.log_softmax(dim=-1)[:, [0, 0, 1]]
        pair = fine[:, :2].log_softmax(dim=-1)
        log = groups + torch.cat([pair, torch.zeros_like(pair[:, :1])], dim=-1)
        output = {"coarse_logits": coarse, "fine_logits": fine, "probs": log.exp()}
        if label is not None:
            output["loss"] = torch.nn.functional.nll_loss(log, label)
        return output


class AnotherHeadForLongTexts(Probes):
    """Long texts are read from another output."""

    def forward(  # type: ignore[override]
        self, tokens: Any, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        output = super().forward(tokens)
        is_long = ((tokens["tokens"]["tokens"] != 0).sum(dim=1, keepdim=True) > 3).double()
        chosen = is_long * output["base_logits"] + (1 - is_long) * output["probe_logits"]
        output = {**output, "probs": chosen.softmax(dim=-1), "chosen": chosen}
        if label is not None:
            output["loss"] = self.loss(chosen, label)
        return output


class ThresholdForEach(MultiLabel):
    """Several labels, from 0.3 on."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        names = self.vocab.get_index_to_token_vocabulary("labels")
        output_dict["labels"] = [
            [names[i] for i, probability in enumerate(row) if probability > 0.3]
            for row in output_dict["probs"].tolist()
        ]
        return output_dict


def says_above(predictor: Predictor, at: Outputs) -> List[Said]:
    vocabulary, probs = predictor._model.vocab, at["probs"][0]
    found = [vocabulary.get_token_index(name, "labels") for name in at["labels"][0]]
    found = sorted(found or [int(probs.argmax())], key=lambda i: -float(probs[i]))
    return [
        Said(
            vocabulary.get_token_from_index(i, "labels"),
            float(probs[i]),
            lambda out, i=i: out["logits"][0, i],
        )
        for i in found
    ]


class LooksAtTheLast(IdsClassifier):
    """Adds the last word to each word. In a text of one word it is the word itself."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        last = ids.gather(1, (ids != 0).sum(dim=1, keepdim=True) - 1)
        return super().embedded(ids) + 0.2 * super().embedded(last)


class SortsDown(IdsClassifier):
    """Embeds the ids from the largest down, and puts the vectors back."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        ordered = ids.sort(dim=1, descending=True)
        vectors = super().embedded(ordered.values)
        return vectors.gather(1, ordered.indices.argsort(dim=1).unsqueeze(-1).expand_as(vectors))


class ChangesItsOutput(Classifier):
    """Makes the output readable in place."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output = super().make_output_human_readable(output_dict)
        output["logits"] -= output["logits"].mean(dim=-1, keepdim=True)
        return output


class HalfLogits(Classifier):
    """The logits of the output are in half precision."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits.half(), "probs": logits.softmax(dim=-1)}


class PrettyNames(Classifier):
    """Names that the vocabulary does not have."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output = super().make_output_human_readable(output_dict)
        output["label"] = [f"It is {name}" for name in output["label"]]
        return output


def says_plain_name(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["logits"][0].argmax())
    name = predictor._model.vocab.get_token_from_index(best, "labels")
    return [Said(name, float(at["probs"][0, best]), lambda out: out["logits"][0, best])]


LOG = says_log_probability()

KINDS = [
    Other("trained before it is refined", maker(TrainedBefore), right=says_best("refined")),
    Other("biased", maker(Biased), right=says_biased),
    Other("biased, no label in words", maker(BiasedQuietly), right=says_biased),
    Other("makes probabilities", maker(MakesProbabilities)),
    Other("replaces probabilities", maker(ReplacesProbabilities)),
    Other("corrects for priors", maker(CorrectsForPriors), right=says_biased),
    Other("makes arrays of probabilities", maker(MakesArrays)),
    Other("scales after forward", maker(ScalesAfterForward), noted="forward_on_instances"),
    Other("probes", maker(Probes), right=says_best("probe_logits")),
    Other("another head for long texts", maker(AnotherHeadForLongTexts), right=says_best("chosen")),
    Other("in steps", maker(InSteps), right=None, noted_as=LOG),
    Other(
        "several labels with a threshold",
        maker(ThresholdForEach, PlainMultiLabelPredictor, reader=MultiLabelReader),
        right=says_above,
    ),
    Other("last word", maker(LooksAtTheLast), matrices=plain_matrix, refused=MAY_REFUSE),
    Other("sorts down", maker(SortsDown), matrices=plain_matrix, refused=MAY_REFUSE),
    Other("changes its output", maker(ChangesItsOutput)),
    Other("half logits", maker(HalfLogits), twin=maker(Classifier), tolerance=2e-3),
    Other("pretty names", maker(PrettyNames), right=says_plain_name),
]
