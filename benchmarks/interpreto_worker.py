"""Runs in Interpreto's environment, with the model, the settings and the number of threads."""

import json
import sys
from typing import Any, Dict, List

import numpy
import torch
import transformers
from allennlp.common import JsonDict
from allennlp.predictors import Predictor
from interpreto import GradientShap as InterpretosGradientShap
from interpreto import Granularity
from transformers.models.bert.modeling_bert import BertEmbeddings

from benchmarks import minilm
from benchmarks.bare import BareText, label
from benchmarks.bench import Bench
from benchmarks.estimates import bootstrap, median_ratio
from benchmarks.figures import Figure, figure
from benchmarks.models import MODELS
from benchmarks.parts import shap
from benchmarks.settings import Settings
from benchmarks.timing import side_by_side
from biome_interpret import GradientShap


def bridge_versions() -> None:
    """
    What newer versions of transformers refuse: that AllenNLP hands `add_special_tokens` to the
    tokenizer's constructor (it says it again at each call), and the constant `position_ids` among
    the weights of an archive that an older one wrote.
    """
    load = transformers.AutoTokenizer.from_pretrained

    def load_tokenizer(*args: Any, add_special_tokens: bool = True, **kwargs: Any) -> Any:
        return load(*args, **kwargs)

    def load_weights(
        self: torch.nn.Module, weights: Dict[str, torch.Tensor], prefix: str, *args: Any
    ) -> None:
        weights.pop(f"{prefix}position_ids", None)
        torch.nn.Module._load_from_state_dict(self, weights, prefix, *args)

    transformers.AutoTokenizer.from_pretrained = load_tokenizer
    BertEmbeddings._load_from_state_dict = load_weights


class FirstPosition(torch.nn.Module):
    """The pooler of AllenNLP's `cls_pooler`: the first position's vector as it is."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden[:, 0]


def as_hugging_face(predictor: Predictor) -> transformers.PreTrainedModel:
    """The archive's `BasicClassifier` with the very same weights."""
    classifier = predictor._model
    bert = classifier._text_field_embedder.token_embedder_tokens.transformer_model
    config = transformers.BertConfig(**{**bert.config.to_dict(), "num_labels": 2})
    model = transformers.BertForSequenceClassification(config)
    model.bert.load_state_dict(bert.state_dict(), strict=False)
    model.bert.pooler = FirstPosition()
    model.classifier.load_state_dict(classifier._classification_layer.state_dict())
    return model.eval()


class Interpreto:
    """
    # Parameters

    predictor : `Predictor`
    batch_size : `int`
        4 is its default.
    """

    def __init__(self, predictor: Predictor, batch_size: int, samples: int = shap.SAMPLES) -> None:
        self.model = as_hugging_face(predictor)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(minilm.folder()))
        self._predictor = predictor
        self._explainer: Any = InterpretosGradientShap(
            self.model,
            self.tokenizer,
            batch_size=batch_size,
            granularity=Granularity.ALL_TOKENS,
            n_perturbations=samples,
            device=torch.device("cpu"),
        )

    def set_noise(self, one: JsonDict) -> None:
        """Its noise is absolute: that of ours, for this text."""
        [embedded] = BareText(self._predictor, label(self._predictor, one)[:1]).embedded
        self._explainer.perturbator.std = shap.NOISE * float(embedded.std(unbiased=False))

    def __call__(self, one: JsonDict) -> List[float]:
        [found] = self._explainer(one["sentence"])
        return found.attributions.reshape(-1).tolist()


def check_same_model(predictor: Predictor, rival: Interpreto, one: JsonDict) -> None:
    pieces = rival.tokenizer(one["sentence"], return_tensors="pt")
    with torch.no_grad():
        theirs = rival.model(**pieces).logits[0]
    ours = torch.tensor(predictor.predict_json(one)["logits"])
    if not torch.allclose(theirs, ours, atol=1e-4):
        raise RuntimeError(f"not the same model: {theirs.tolist()} and {ours.tolist()}")


def compared(bench: Bench) -> List[Figure]:
    predictor = bench.predictor()
    inputs = shap.short_enough(bench, bench.model.inputs())
    inputs = inputs[: bench.settings.texts("shap-timing", True)]
    default, whole = Interpreto(predictor, 4), Interpreto(predictor, shap.SAMPLES)
    check_same_model(predictor, default, inputs[0])
    runs: List[float] = []
    for one in inputs[: bench.settings.texts("shap", True)]:
        whole.set_noise(one)

        def theirs(text: JsonDict, seed: int) -> List[float]:
            torch.manual_seed(seed)
            return whole(text)

        seeds = bench.settings.seeds
        rival = shap.spread(shap.scores_by_seed(theirs, one, seeds))
        mine = shap.spread(shap.scores_by_seed(shap.ours(predictor), one, seeds))
        runs.append(shap.SAMPLES * (rival / mine) ** 2)
    needed = bootstrap(runs)
    equal = Interpreto(predictor, shap.SAMPLES, max(1, round(needed.value)))
    for rival in (default, whole, equal):
        rival.set_noise(inputs[0])
    ours = GradientShap(predictor, shap.SAMPLES, noise_std=shap.NOISE, noise_relative=True)
    seconds, _ = side_by_side(
        {
            "ours": ours.saliency_interpret_from_json,
            "default": default,
            "whole": whole,
            "equal": equal,
        },
        inputs,
        label="MiniLM, GradientSHAP against Interpreto",
    )
    texts, at = len(inputs), f"at {shap.SAMPLES} samples each"
    note = f"PyTorch {torch.__version__.split('+')[0]}"
    return [
        figure(
            f"times faster than Interpreto's {at}, its default batches of 4",
            median_ratio(seconds["default"], seconds["ours"]),
            "x",
            texts,
            note=note,
        ),
        figure(
            f"times faster than Interpreto's {at}, all in one batch",
            median_ratio(seconds["whole"], seconds["ours"]),
            "x",
            texts,
            note=note,
        ),
        figure(
            f"samples with which Interpreto's error is that of our {shap.SAMPLES}",
            needed,
            "",
            len(runs),
            note="each around its own mean",
        ),
        figure(
            "times faster than Interpreto's at equal error",
            median_ratio(seconds["equal"], seconds["ours"]),
            "x",
            texts,
            note=note,
        ),
        figure("ours", 1000 * float(numpy.median(seconds["ours"])), "ms", texts, note=note),
    ]


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    bridge_versions()
    worker = Bench(MODELS[sys.argv[1]], Settings(quick=sys.argv[2] == "quick"))
    print(json.dumps([one.to_json() for one in compared(worker)]))
